/* The upper half of a 64-bit linear congruential sequence (Knuth, MMIX). */
#include "injector.h"

static uint64_t state;

void random_seed(uint64_t seed)
{
	state = seed;
}

uint64_t random_below(uint64_t limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint64_t)(((state >> 32) * (unsigned __int128)limit) >> 32);
}
