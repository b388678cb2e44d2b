/* Random bytes: the ChaCha20 block function over a key that each request replaces, so that what
 * was given out cannot be worked out from the state later. Seeded from the processor's generator
 * where it has one, and always from cycle counts; anybody may stir in more.
 */
#include "service.h"

#include <cpuid.h>
#include <string.h>

static uint32_t key[8];
static uint64_t block_number;
static bool seeded;

static uint32_t rotate(uint32_t value, unsigned by)
{
	return value << by | value >> (32 - by);
}

static void quarter(uint32_t s[16], unsigned a, unsigned b, unsigned c, unsigned d)
{
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 7);
}

static void block(uint32_t output[16])
{
	uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	memcpy(start + 4, key, sizeof key);
	start[12] = (uint32_t)block_number;
	start[13] = (uint32_t)(block_number >> 32);
	block_number++;
	memcpy(output, start, sizeof start);
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 4; i++)
			quarter(output, i, i + 4, i + 8, i + 12);
		for (unsigned i = 0; i < 4; i++)
			quarter(output, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
	}
	for (unsigned i = 0; i < 16; i++)
		output[i] += start[i];
}

static void change_key(void)
{
	uint32_t output[16];
	block(output);
	memcpy(key, output, sizeof key);
}

void random_seed(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	for (size_t i = 0; i < length; i++) {
		((uint8_t *)key)[i % sizeof key] ^= at[i];
		if (i % sizeof key == sizeof key - 1)
			change_key();
	}
	change_key();
}

static void seed_from_machine(void)
{
	uint32_t a, b, c, d;
	bool hardware = __get_cpuid(1, &a, &b, &c, &d) && c & bit_RDRND;
	for (unsigned i = 0; i < 64; i++) {
		uint64_t words[3] = { __builtin_ia32_rdtsc(), (uint64_t)clock_now(), 0 };
		uint8_t taken = 0;
		if (hardware && i < 8)
			__asm__ volatile("rdrand %0; setc %1" : "=r"(words[2]), "=qm"(taken) : : "cc");
		random_seed(words, sizeof words);
	}
	seeded = true;
}

void random_again(void)
{
	seeded = false;
}

void random_fill(void *buffer, size_t length)
{
	if (!seeded)
		seed_from_machine();
	uint32_t output[16];
	for (uint8_t *at = buffer; length;) {
		block(output);
		size_t part = length < sizeof output ? length : sizeof output;
		memcpy(at, output, part);
		at += part;
		length -= part;
	}
	change_key();
}
