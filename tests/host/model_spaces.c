/* The model of test_spaces: the simplest thing that can be right. */
#include "abi/structures.h"
#include "machine.h"
#include "test_spaces.h"
#include <string.h>

void model_memory_new(uint32_t i, uint32_t pages, bool paged, bool pinned)
{
	static uint64_t serials;
	struct model_memory *memory = &memories[i];

	memset(memory, 0, sizeof(*memory));
	memory->alive = true;
	memory->serial = ++serials;
	memory->paged = paged;
	memory->pinned = pinned;
	memory->pages = pages;
	for (uint32_t page = 0; page < MEMORY_PAGES; page++)
		memory->page[page].present = !paged;
}

void memory_gone(uint32_t i)
{
	memories[i].alive = false;
}

static void lose(struct model_memory *memory, uint32_t page)
{
	memset(memory->page[page].cells, 0, CELLS);
	memory->page[page].present = !memory->paged;
}

static void clear_cells(struct model_memory *memory, uint64_t start, uint64_t end)
{
	for (uint32_t page = 0; page < memory->pages; page++)
		for (uint32_t cell = 0; cell < CELLS; cell++)
			if (page * PAGE_SIZE + cell_offsets[cell] >= start && page * PAGE_SIZE + cell_offsets[cell] < end)
				memory->page[page].cells[cell] = 0;
}

void model_memory_resize(uint32_t i, uint64_t size)
{
	struct model_memory *memory = &memories[i];
	uint32_t pages = (uint32_t)((size + PAGE_SIZE - 1) / PAGE_SIZE);

	clear_cells(memory, size, MEMORY_PAGES * PAGE_SIZE);
	for (uint32_t page = pages; page < MEMORY_PAGES; page++)
		lose(memory, page);
	memory->pages = pages;
}

void model_memory_discard(uint32_t i, uint64_t offset, uint64_t length)
{
	struct model_memory *memory = &memories[i];
	uint64_t size = memory->pages * PAGE_SIZE, end = offset + length < size ? offset + length : size;

	clear_cells(memory, offset, end);
	for (uint32_t page = 0; page < memory->pages; page++)
		if (page * PAGE_SIZE >= offset && (page + 1) * PAGE_SIZE <= end)
			lose(memory, page);
}

void model_space_new(uint32_t i)
{
	memset(&spaces[i], 0, sizeof(spaces[i]));
	spaces[i].alive = true;
}

void model_space_clone(uint32_t i, uint32_t from)
{
	spaces[i] = spaces[from];
	for (uint32_t page = 0; page < PAGES; page++)
		if (spaces[i].page[page].flags & MAP_NOT_CLONED)
			memset(&spaces[i].page[page], 0, sizeof(spaces[i].page[page]));
}

void model_map(struct model_space *space, uint32_t page, uint32_t count, uint32_t flags, int memory, uint32_t allowed)
{
	for (uint32_t at = 0; at < count; at++)
		space->page[page + at] = (struct model_page){
			.mapped = true, .flags = flags & ~(MAP_REPLACE | MAP_ANYWHERE | MAP_LOW), .allowed = allowed,
			.memory = memory, .serial = memory < 0 ? 0 : memories[memory].serial,
			.memory_page = memory < 0 ? 0 : space->map_offset + at,
		};
}

bool model_one_region(const struct model_page *low, const struct model_page *high)
{
	return low->mapped && high->mapped && low->flags == high->flags && low->allowed == high->allowed &&
	       low->memory == high->memory && low->serial == high->serial &&
	       (low->memory < 0 || low->memory_page + 1 == high->memory_page);
}
