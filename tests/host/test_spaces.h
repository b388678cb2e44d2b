/* The model of test_spaces: what memory objects hold and what spaces show, page by page. */
#ifndef TESTS_HOST_TEST_SPACES_H
#define TESTS_HOST_TEST_SPACES_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORIES 8
#define MEMORY_PAGES 24
#define SPACES 4
#define CELLS 4
#define LOW_PAGES 96u
#define HIGH_PAGES 160u
#define PAGES (LOW_PAGES + HIGH_PAGES)
#define LOW_START 0x10000000ull
#define HIGH_START (MAP_ANYWHERE_END - HIGH_PAGES * PAGE_SIZE)
#define BUFFER 0x200000ull

enum { SLOT_TABLE = 1, SLOT_POOL = 2, SLOT_GATE = 3, SLOT_ROOT_POOL = 4, SLOT_SPACE = 61 };

struct model_memory {
	bool alive, paged, pinned;
	uint64_t serial; /* a page of a space remembers which object it was mapped from */
	uint32_t pages;
	struct {
		bool present; /* an anonymous page always is */
		uint8_t cells[CELLS];
	} page[MEMORY_PAGES];
};

struct model_page {
	bool mapped, own; /* own: `cells` are the space's */
	uint32_t flags, allowed;
	int memory; /* -1: none */
	uint64_t serial;
	uint32_t memory_page;
	uint8_t cells[CELLS];
};

struct model_space {
	bool alive;
	uint32_t map_offset; /* of the mapping being made */
	struct model_page page[PAGES];
};

extern struct model_memory memories[MEMORIES];
extern struct model_space spaces[SPACES];
extern const uint32_t cell_offsets[CELLS];

void model_memory_new(uint32_t memory, uint32_t pages, bool paged, bool pinned);
void memory_gone(uint32_t memory);
void model_memory_resize(uint32_t memory, uint64_t size);
void model_memory_discard(uint32_t memory, uint64_t offset, uint64_t length);
void model_space_new(uint32_t space);
void model_space_clone(uint32_t space, uint32_t from);
void model_map(struct model_space *space, uint32_t page, uint32_t count, uint32_t flags, int memory, uint32_t allowed);
bool model_one_region(const struct model_page *low, const struct model_page *high);
uint64_t address_of(uint32_t page);

#endif
