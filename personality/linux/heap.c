/* The personality's own memory: pieces of a power of two, free ones listed by size, carved from an arena
 * that grows in its own part of the address space. The first arena is in the image, so that a small
 * program never grows it. Pieces above 64 KiB are mappings of their own. */
#include "thread.h"

#define HEADER 16u
#define CLASS_FIRST 5u /* 32 bytes */
#define CLASS_LAST 16u /* 64 KiB */
#define ARENA_FIRST 32768u
#define ARENA_GROWTH 0x40000u
#define CLASS_MAPPED 255u

struct piece {
	uint64_t class; /* CLASS_MAPPED: its own mapping */
	uint64_t size;  /* of such a mapping */
	struct piece *next; /* while free; the caller's memory starts here */
};

static struct lock lock;
static struct piece *free_pieces[CLASS_LAST + 1];
static uint8_t first_arena[ARENA_FIRST] __attribute__((aligned(64)));
static uint8_t *arena = first_arena, *arena_end = first_arena + ARENA_FIRST;
static uint64_t area_next = HEAP_AREA;

void heap_lock(void)
{
	lock_take(&lock);
}

void heap_unlock(void)
{
	lock_release(&lock);
}

void heap_reset_lock(void)
{
	lock.word = 0;
}

static void *area_map(uint64_t size)
{
	if (size > HEAP_AREA_END - area_next)
		return NULL;
	int64_t address = space_map(PROCESS_SPACE, 0, area_next, size, 0, MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY);
	if (address < 0)
		return NULL;
	area_next += size;
	return (void *)address;
}

static struct piece *piece_carve(unsigned class)
{
	uint64_t size = 1ull << class;
	if ((uint64_t)(arena_end - arena) < size) {
		uint8_t *more = area_map(ARENA_GROWTH);
		if (!more)
			return NULL;
		arena = more;
		arena_end = more + ARENA_GROWTH;
	}
	struct piece *piece = (struct piece *)arena;
	arena += size;
	piece->class = class;
	return piece;
}

static struct piece *piece_map(uint64_t size)
{
	size = PAGE_UP(size + HEADER);
	struct piece *piece = area_map(size);
	if (!piece)
		return NULL;
	piece->class = CLASS_MAPPED;
	piece->size = size;
	return piece;
}

void *heap_allocate(uint64_t size)
{
	void *memory = heap_allocate_raw(size);
	return memory ? memset(memory, 0, size) : NULL;
}

void *heap_allocate_raw(uint64_t size)
{
	unsigned class = CLASS_FIRST;
	while (class <= CLASS_LAST && (1ull << class) < size + HEADER)
		class++;
	lock_take(&lock);
	struct piece *piece;
	if (class > CLASS_LAST)
		piece = piece_map(size);
	else if ((piece = free_pieces[class]))
		free_pieces[class] = piece->next;
	else
		piece = piece_carve(class);
	lock_release(&lock);
	return piece ? &piece->next : NULL;
}

void heap_free(void *memory)
{
	if (!memory)
		return;
	struct piece *piece = (struct piece *)((uint8_t *)memory - HEADER);
	if (piece->class == CLASS_MAPPED) {
		space_unmap(PROCESS_SPACE, (uint64_t)piece, piece->size);
		return;
	}
	lock_take(&lock);
	piece->next = free_pieces[piece->class];
	free_pieces[piece->class] = piece;
	lock_release(&lock);
}
