/* Small blocks: free lists by size, carved from chunks that are never given back. The sizes a file
 * system uses are few and come again, and its callers know them, so a block needs no header and
 * making or freeing one is a handful of instructions. Larger blocks are the C library's.
 */
#include "environment.h"

#include <stdlib.h>
#include <string.h>

#define GRAIN 16u
#define SMALL_MAX 512u
#define CHUNK (64u * 1024 - GRAIN) /* 64 KiB with its head */

struct free_block {
	struct free_block *next;
};

static struct free_block *free_blocks[SMALL_MAX / GRAIN + 1];
static char *chunk_at, *chunk_end;

static void *carve(size_t size)
{
	if ((size_t)(chunk_end - chunk_at) < size) {
		char *chunk = malloc(CHUNK);
		if (!chunk)
			return NULL;
		chunk_at = chunk;
		chunk_end = chunk + CHUNK;
	}
	void *block = chunk_at;
	chunk_at += size;
	return block;
}

void *heap_allocate(size_t size)
{
	if (size > SMALL_MAX)
		return calloc(1, size);
	size_t grains = size ? (size + GRAIN - 1) / GRAIN : 1;
	struct free_block *block = free_blocks[grains];
	if (block)
		free_blocks[grains] = block->next;
	else
		block = carve(grains * GRAIN);
	if (!block)
		return NULL;
	return memset(block, 0, grains * GRAIN);
}

void heap_free(void *pointer, size_t size)
{
	if (size > SMALL_MAX) {
		free(pointer);
		return;
	}
	size_t grains = size ? (size + GRAIN - 1) / GRAIN : 1;
	struct free_block *block = pointer;
	block->next = free_blocks[grains];
	free_blocks[grains] = block;
}
