/* Recoverable code that uses the allocator well, badly, and to its end. */
#include "stash_program.h"
#include "stash_host.h"
#include <stdlib.h>
#include <string.h>

#define BLOCKS 700
#define CHECK(condition) do { if (!(condition)) return __LINE__; } while (0)

static unsigned char *blocks[BLOCKS];
static size_t sizes[BLOCKS];

static unsigned contents_check(unsigned i, size_t size)
{
	for (size_t k = 0; blocks[i] && k < size; k += 61)
		CHECK(blocks[i][k] == (unsigned char)(i + k));
	return 0;
}

static unsigned block_replace(unsigned i, size_t size, unsigned how)
{
	if (how == 0) {
		blocks[i] = realloc(blocks[i], size);
		CHECK(blocks[i] && contents_check(i, size < sizes[i] ? size : sizes[i]) == 0);
		return 0;
	}
	free(blocks[i]);
	blocks[i] = how == 1 ? malloc(size) : calloc(1, size);
	CHECK(blocks[i]);
	for (size_t k = 0; how == 2 && k < size; k++)
		CHECK(blocks[i][k] == 0);
	return 0;
}

unsigned heap_random(void)
{
	uint64_t seed = 99;
	for (unsigned n = 0; n < 20000; n++) {
		unsigned i = random_next(&seed) % BLOCKS;
		size_t size = random_next(&seed) % 4 ? random_next(&seed) % 200 : random_next(&seed) % 9000;
		CHECK(contents_check(i, sizes[i]) == 0);
		unsigned line = block_replace(i, size, random_next(&seed) % 3);
		CHECK(line == 0 && (uint64_t)blocks[i] % 16 == 0);
		sizes[i] = size;
		for (size_t k = 0; k < size; k++)
			blocks[i][k] = (unsigned char)(i + k);
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		CHECK(contents_check(i, sizes[i]) == 0);
		free(blocks[i]);
	}
	return 0;
}

void heap_bad_free(uint64_t which)
{
	static char *volatile block; /* the compiler is not to see what is done */
	block = malloc(100);
	switch (which) {
	case 0:
		free(block);
		break;
	case 1:
		block += 16;
		break;
	case 2:
		block += 8;
		break;
	case 3:
		block = (char *)&which;
		break;
	case 4:
		block = (char *)STASH_BASE + STASH_SIZE - 64;
		break;
	default:
		block = (char *)STASH_BASE;
	}
	if (which & 1)
		free(block);
	else
		block = realloc(block, 5);
}

unsigned heap_limits(void)
{
	volatile size_t most = SIZE_MAX, large = 0x100000001;
	CHECK(malloc(most) == NULL && malloc(STASH_SIZE) == NULL);
	CHECK(calloc(most / 2, 3) == NULL && calloc(large, large) == NULL);
	char *block = malloc(10);
	CHECK(block);
	memcpy(block, "unchanged", 10);
	CHECK(realloc(block, STASH_SIZE) == NULL && strcmp(block, "unchanged") == 0);
	char *empty = malloc(0), *other = malloc(0), *copy = strdup(block);
	CHECK(empty && other && empty != other && copy && strcmp(copy, block) == 0);
	free(NULL);
	free(empty);
	free(other);
	free(copy);
	free(block);
	return 0;
}

/* When there is no more, what was freed can still be had, and nothing is lost by asking. */
unsigned heap_exhaustion(void)
{
	void **first = NULL, **block;
	unsigned count = 0, again = 0;
	while ((block = malloc(5000))) {
		*block = first;
		first = block;
		count++;
	}
	CHECK(count > 500);
	while ((block = first)) {
		first = *block;
		free(block);
	}
	while ((block = malloc(1000))) { /* out of the larger ones */
		*block = first;
		first = block;
		again++;
	}
	CHECK(again >= count * 4);
	while ((block = first)) {
		first = *block;
		free(block);
	}
	return 0;
}
