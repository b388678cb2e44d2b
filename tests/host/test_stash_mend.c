/* The stash, damaged between two steps: a bit that was committed. Pointers that it leads out of the stash are found and mended, wherever
 * they are, and nothing else is; a block whose head has a wrong bit can be freed, as what it was; and what is no block can be left. */
#include "stash_host.h"
#include "stash_program.h"
#include <stdio.h>

#define STEPS 400
#define SIZES 40

static unsigned failures, pointers;
static uint64_t seed = 31, step;

static void complain(const char *what, uint64_t where)
{
	if (failures++ < 20)
		fprintf(stderr, "step %lu, at %#lx: %s\n", step, where, what);
}

static void pointer_damage(uint64_t *word)
{
	if (*word - STASH_HEAP >= stash_heap_end() - STASH_HEAP || *word % 8 != 0)
		return;
	unsigned bit = 32 + (unsigned)(random_next(&seed) % 32);
	*word ^= 1ull << bit;
	if (stash_mend_pointers(0) != 0 || stash_mend_pointers((*word ^ 3ull << 32) + 16) != 0)
		complain("one that nobody has followed is mended", (uint64_t)word);
	if (stash_mend_pointers(bit < 47 ? *word + 16 : UINT64_MAX) != 1 || !stash_same_as_snapshot())
		complain("a pointer is not mended", (uint64_t)word);
	pointers++;
}

static void head_damage(size_t size)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		stash_begin();
		char *block = stash_malloc(size);
		*(uint64_t *)(block - 8) ^= 1ull << bit;
		stash_free(block);
		if (stash_malloc(size) != block)
			complain("a block was freed as another", bit);
		roll_back_here();
	}
}

/* For the last attempt at a call. */
static void no_block_free(void)
{
	stash_forgive();
	stash_begin();
	char *block = stash_malloc(500);
	stash_snapshot();
	for (unsigned offset = 1; offset < 500; offset++)
		stash_free(block + offset);
	stash_free((void *)STASH_BASE);
	stash_free((void *)~15ull);
	if (!stash_same_as_snapshot())
		complain("what is no block was freed", (uint64_t)block);
	roll_back_here();
}

int main(void)
{
	for (; step < STEPS; step++) {
		step_whole(program_step, step);
		if (step < STEPS / 2)
			continue;
		stash_snapshot();
		for (unsigned i = 0; i < 100; i++)
			pointer_damage((uint64_t *)(STASH_HEAP + random_next(&seed) % (stash_heap_end() - STASH_HEAP) / 8 * 8));
		if (stash_mend_pointers(1ull << 40 | STASH_HEAP) != 0)
			complain("what was right is mended", 0);
	}
	for (size_t size = 1; size < SIZES * 100; size += 100)
		head_damage(size);
	no_block_free();
	printf("%u pointers mended\n", pointers);
	return failures != 0 || pointers < 100;
}
