/* The heap of the stash. Recoverable code like any other: what a step allocated is free again when it is taken back.
 *
 * A block is a multiple of 16 bytes: a head of 8 and what the program gets, aligned to 16. Free blocks are kept by size:
 * exact up to SMALL_MAX, above that in classes that grow by an eighth to a quarter. A block keeps its size for life, unless
 * memory runs out: then a larger free one is split. What is never free again comes from the top of the heap, for
 * which memory is asked in pieces of SUPPLY, so that exhaustion is a NULL and not a fault. */
#include "stash/not_state.h"
#include "stash/stash.h"
#include <errno.h>
#include <string.h>

#define SMALL_MAX 1024u
#define SMALL_CLASSES (SMALL_MAX / 16 + 1)
#define LARGE_CLASSES 80u /* four for each doubling from SMALL_MAX to STASH_SIZE */
#define CLASSES (SMALL_CLASSES + LARGE_CLASSES)
#define SUPPLY 0x2000u
#define HEAP_END (STASH_BASE + STASH_SIZE)
#define FIRST_BLOCK (STASH_HEAP + 8ull) /* so that what follows a head is aligned */

/* A head tells whether its block is allocated, that it is a head, and its size twice: another size makes most bits of the mark others. */
#define MARK_ALLOCATED 0x5354a110u
#define MARK_FREE 0x5354f4eeu
struct block {
	uint32_t size, mark;
	struct block *next; /* of its class, while free; else the program's first bytes */
};

static uint32_t mark_of(uint32_t size, uint32_t kind)
{
	return size * 0x9e3779b1u ^ kind;
}

static struct {
	struct block *free[CLASSES];
	uint64_t top;      /* no block from here on; 0: the heap has not been used */
	uint64_t supplied; /* memory is there up to here */
} heap;

static unsigned class_of(uint64_t size)
{
	if (size <= SMALL_MAX)
		return (unsigned)(size / 16);
	unsigned doubling = 63 - (unsigned)__builtin_clzll(size - 1);
	return SMALL_CLASSES + (doubling - 10) * 4 + (unsigned)((size - 1) >> (doubling - 2) & 3);
}

/* The size of a block for this many bytes: the largest of its class. 0: it cannot be. */
static uint64_t block_size(size_t bytes)
{
	if (bytes > STASH_SIZE / 2)
		return 0;
	uint64_t size = bytes < 24 ? 32 : (bytes + 8 + 15) & ~15ull;
	if (size <= SMALL_MAX)
		return size;
	uint64_t step = 1ull << (63 - __builtin_clzll(size - 1)) >> 2;
	return (size + step - 1) & ~(step - 1);
}

static bool heap_supply(uint64_t end)
{
	if (end <= heap.supplied)
		return true;
	uint64_t to = (end + SUPPLY - 1) & ~(SUPPLY - 1ull);
	if (to > HEAP_END || !stash_supply(heap.supplied - STASH_BASE, to - heap.supplied))
		return false;
	heap.supplied = to;
	return true;
}

static struct block *block_from_top(uint64_t size)
{
	if (heap.top == 0) {
		heap.top = FIRST_BLOCK;
		heap.supplied = STASH_HEAP;
	}
	if (size > HEAP_END - heap.top || !heap_supply(heap.top + size))
		return NULL;
	struct block *block = (struct block *)heap.top;
	heap.top += size;
	block->size = (uint32_t)size;
	return block;
}

static void block_give_back(struct block *block)
{
	struct block **list = &heap.free[class_of(block->size)];
	block->mark = mark_of(block->size, MARK_FREE);
	block->next = *list;
	*list = block;
}

/* The last resort: a free block of a class whose blocks are all large enough, less what is over. */
static struct block *block_split(uint64_t size)
{
	unsigned class = class_of(size) + 1;
	while (class < CLASSES && !heap.free[class])
		class++;
	if (class == CLASSES)
		return NULL;
	struct block *block = heap.free[class];
	heap.free[class] = block->next;
	if (block->size - size >= 32) {
		struct block *rest = (struct block *)((uint64_t)block + size);
		/* Not larger than the blocks of its class are: what is over that is lost until the larger one is free. */
		rest->size = block->size - (uint32_t)size;
		block->size = (uint32_t)size;
		block_give_back(rest);
	}
	return block;
}

/* Blocks that were split off may be smaller than their class promises. */
static struct block *block_from_class(uint64_t size)
{
	struct block **link = &heap.free[class_of(size)];
	while (*link && (*link)->size < size)
		link = &(*link)->next;
	struct block *block = *link;
	if (block)
		*link = block->next;
	return block;
}

uint64_t stash_heap_end(void)
{
	return heap.supplied;
}

uint64_t stash_heap_end_of_twin(void)
{
	return *(const uint64_t *)((uint64_t)&heap.supplied - STASH_SIZE);
}

bool stash_has_block(const void *address, uint64_t size)
{
	uint64_t start = (uint64_t)address;
	return start % 16 == 0 && start >= FIRST_BLOCK && start < heap.top && size <= heap.top - start;
}

void *stash_malloc(size_t bytes)
{
	uint64_t size = block_size(bytes);
	struct block *block = size ? block_from_class(size) : NULL;
	if (!block && size)
		block = block_from_top(size);
	if (!block && size)
		block = block_split(size);
	if (!block) {
		errno = ENOMEM;
		return NULL;
	}
	block->mark = mark_of(block->size, MARK_ALLOCATED);
	return &block->next;
}

/* A mark is what it says but for a bit, or the size is. */
static bool block_mend(struct block *block)
{
	uint32_t wrong = block->mark ^ mark_of(block->size, MARK_ALLOCATED);
	if ((wrong & (wrong - 1)) == 0 && block->size <= STASH_SIZE / 2)
		return true;
	for (unsigned bit = 0; bit < 32; bit++)
		if (block->mark == mark_of(block->size ^ 1u << bit, MARK_ALLOCATED)) {
			block->size ^= 1u << bit;
			return true;
		}
	return false;
}

/* The head of an allocated block; NULL: this is none. */
static struct block *block_of(void *bytes)
{
	struct block *block = (struct block *)((uint64_t)bytes - offsetof(struct block, next));
	if (!stash_has_block(bytes, 0))
		return NULL;
	return block->mark == mark_of(block->size, MARK_ALLOCATED) || block_mend(block) ? block : NULL;
}

static NOT_STATE bool forgiving;

void stash_forgive(void)
{
	forgiving = true;
}

/* What is no block ends the server before it does harm. */
void stash_free(void *bytes)
{
	struct block *block = bytes ? block_of(bytes) : NULL;
	if (block)
		block_give_back(block);
	else if (bytes && !forgiving)
		__builtin_trap();
}

void *stash_calloc(size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	void *block = stash_malloc(bytes);
	return block ? memset(block, 0, bytes) : NULL;
}

void *stash_realloc(void *bytes, size_t size)
{
	if (!bytes)
		return stash_malloc(size);
	struct block *block = block_of(bytes);
	if (!block)
		__builtin_trap();
	uint64_t room = block->size - offsetof(struct block, next);
	if (size <= room && (size >= room / 2 || room <= 64))
		return bytes;
	void *to = stash_malloc(size);
	if (!to)
		return size <= room ? bytes : NULL;
	memcpy(to, bytes, size < room ? size : room);
	block_give_back(block);
	return to;
}

char *stash_strdup(const char *text)
{
	size_t length = strlen(text) + 1;
	char *copy = stash_malloc(length);
	return copy ? memcpy(copy, text, length) : NULL;
}
