/* Memory objects and address spaces: random operations through the kernel's own calls against a model
 * that says for every page of every space what it shows. Of each page's bytes the model keeps a few. Checked
 * all the time: frames are freed only when nothing shows them (arch/machine.c), writable entries never
 * show a shared frame, quotas and frames all come back. */
#include "kernel_calls.h"
#include "machine.h"
#include "test_spaces.h"
#include <stdio.h>
#include <string.h>

struct model_memory memories[MEMORIES];
struct model_space spaces[SPACES];
static struct pool *pool;

const uint32_t cell_offsets[CELLS] = {0, 1365, 2730, 4095};

static status_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	return machine_call(number, a, b, c, d, e, f);
}

uint64_t address_of(uint32_t page)
{
	if (page < LOW_PAGES)
		return LOW_START + page * PAGE_SIZE;
	return HIGH_START + (page - LOW_PAGES) * PAGE_SIZE;
}

/* PAGES: outside of what the model watches. */
static uint32_t page_of(uint64_t address)
{
	if (address >= LOW_START && address < LOW_START + LOW_PAGES * PAGE_SIZE)
		return (uint32_t)((address - LOW_START) / PAGE_SIZE);
	if (address >= HIGH_START && address < MAP_ANYWHERE_END)
		return LOW_PAGES + (uint32_t)((address - HIGH_START) / PAGE_SIZE);
	return PAGES;
}

/* The first few are chosen much more often, so that operations meet. */
static uint32_t some_of(uint32_t count)
{
	return (uint32_t)machine_random(machine_random(2) ? 6 : count);
}

static uint32_t memory_slot(uint32_t memory)
{
	return 20 + memory;
}

static uint32_t space_slot(uint32_t space)
{
	return 40 + space;
}

static struct space *space_object(uint32_t space)
{
	struct object *object;

	CHECK(captable_lookup(cpu_current()->captable, space_slot(space), OBJECT_SPACE, 0, &object) == STATUS_OK);
	return (struct space *)object;
}

/* The own buffer of the calling thread. */
static void buffer_set(uint8_t value, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		CHECK(machine_touch(cpu_current()->space, BUFFER + i, &value, true) == FAULT_RESOLVED);
}

static uint8_t buffer_get(uint64_t at)
{
	uint8_t value;

	CHECK(machine_touch(cpu_current()->space, BUFFER + at, &value, false) == FAULT_RESOLVED);
	return value;
}

/* After a shortage the kernel may have done a part of the work: the model gives up on the object. */
static void abandon_space(uint32_t space)
{
	CHECK(call(KERNEL_CALL_OBJECT_DESTROY, space_slot(space), 0, 0, 0, 0, 0) == STATUS_OK);
	spaces[space].alive = false;
}

static void abandon_memory(uint32_t memory)
{
	CHECK(call(KERNEL_CALL_OBJECT_DESTROY, memory_slot(memory), 0, 0, 0, 0, 0) == STATUS_OK);
	memory_gone(memory);
}

/* --- memory objects --- */

static void memory_make(uint32_t i)
{
	uint64_t size = machine_random(MEMORY_PAGES + 1) * PAGE_SIZE;
	uint32_t flags = machine_random(4) ? 0 : (uint32_t)machine_random(4);
	bool paged = machine_random(4) == 0;
	status_t status;

	if (paged)
		status = call(KERNEL_CALL_MEMORY_CREATE_PAGED, SLOT_POOL, size, SLOT_GATE, memory_slot(i), 0, 0);
	else
		status = call(KERNEL_CALL_MEMORY_CREATE, SLOT_POOL, size, flags, memory_slot(i), 0, 0);
	if (status == STATUS_NO_MEMORY)
		return;
	CHECK(status == STATUS_OK);
	model_memory_new(i, (uint32_t)(size / PAGE_SIZE), paged, !paged && (flags & MEMORY_PINNED));
}

static void memory_size(uint32_t i)
{
	uint64_t size = machine_random(MEMORY_PAGES * PAGE_SIZE + 1);
	status_t status = call(KERNEL_CALL_MEMORY_RESIZE, memory_slot(i), size, 0, 0, 0, 0);

	if (memories[i].pinned) {
		CHECK(status == STATUS_BAD_ARGUMENT);
	} else if (status == STATUS_NO_MEMORY) {
		abandon_memory(i);
	} else {
		CHECK(status == STATUS_OK);
		model_memory_resize(i, size);
	}
}

static void memory_clear(uint32_t i)
{
	uint64_t offset = machine_random(MEMORY_PAGES * PAGE_SIZE), length = machine_random(3 * PAGE_SIZE);
	status_t status = call(KERNEL_CALL_MEMORY_DISCARD, memory_slot(i), offset, length, 0, 0, 0);

	if (memories[i].pinned) {
		CHECK(status == STATUS_BAD_ARGUMENT);
	} else if (status == STATUS_NO_MEMORY) {
		abandon_memory(i);
	} else {
		CHECK(status == STATUS_OK);
		model_memory_discard(i, offset, length);
	}
}

static void memory_fill(uint32_t i)
{
	uint32_t first = some_of(MEMORY_PAGES), count = 1 + (uint32_t)machine_random(3);
	uint8_t value = (uint8_t)machine_random(256);
	uint64_t expected = first >= memories[i].pages ? 0 : memories[i].pages - first;
	status_t status;

	expected = (expected < count ? expected : count) * PAGE_SIZE;
	for (uint32_t at = first; at < first + count; at++)
		if (at < memories[i].pages && !memories[i].page[at].present)
			return; /* the thread would wait for the pager */
	buffer_set(value, count * PAGE_SIZE);
	status = call(KERNEL_CALL_MEMORY_WRITE, memory_slot(i), first * PAGE_SIZE, BUFFER, count * PAGE_SIZE, 0, 0);
	if (status == STATUS_NO_MEMORY) {
		abandon_memory(i);
		return;
	}
	CHECK(status == (status_t)expected);
	for (uint32_t at = first; at < first + count && at < memories[i].pages; at++)
		memset(memories[i].page[at].cells, value, CELLS);
}

static void memory_look(uint32_t i)
{
	uint32_t page = some_of(MEMORY_PAGES), cell = (uint32_t)machine_random(CELLS);
	status_t status;

	if (page < memories[i].pages && !memories[i].page[page].present)
		return;
	status = call(KERNEL_CALL_MEMORY_READ, memory_slot(i), page * PAGE_SIZE + cell_offsets[cell], BUFFER, 1, 0, 0);
	CHECK(status == (page < memories[i].pages));
	if (status == 1)
		CHECK(buffer_get(0) == memories[i].page[page].cells[cell]);
}

static void memory_give(uint32_t to, uint32_t from)
{
	uint32_t first = some_of(MEMORY_PAGES), source = some_of(MEMORY_PAGES);
	uint32_t count = 1 + (uint32_t)machine_random(4);
	struct model_memory *target = &memories[to], *origin = &memories[from];
	status_t status = call(KERNEL_CALL_MEMORY_SUPPLY, memory_slot(to), first * PAGE_SIZE, memory_slot(from),
	                       source * PAGE_SIZE, count * PAGE_SIZE, 0);

	if (status == STATUS_NO_MEMORY) {
		abandon_memory(to);
		if (from != to)
			abandon_memory(from);
		return;
	}
	if (!target->paged || origin->paged || origin->pinned || first + count > target->pages ||
	    source + count > origin->pages) {
		CHECK(status == STATUS_BAD_ARGUMENT);
		return;
	}
	CHECK(status == STATUS_OK);
	for (uint32_t at = 0; at < count; at++) {
		if (target->page[first + at].present)
			continue;
		target->page[first + at] = origin->page[source + at];
		memset(origin->page[source + at].cells, 0, CELLS);
	}
}

static void memory_operation(void)
{
	uint32_t i = (uint32_t)machine_random(MEMORIES), j = (uint32_t)machine_random(MEMORIES);
	uint64_t what = machine_random(18);

	if (!memories[i].alive) {
		memory_make(i);
		return;
	}
	switch (what) {
	case 0:
		if (machine_random(3) == 0)
			abandon_memory(i);
		break;
	case 1: case 2: memory_size(i); break;
	case 3: case 4: memory_clear(i); break;
	case 5: case 6: case 7: case 8:
		if (memories[j].alive)
			memory_give(i, j);
		break;
	case 9: case 10: case 11: case 12: memory_fill(i); break;
	default: memory_look(i); break;
	}
}

/* --- spaces --- */

static void space_make(uint32_t i, uint32_t from)
{
	status_t status;

	if (from != i && spaces[from].alive && machine_random(4)) {
		status = call(KERNEL_CALL_SPACE_CLONE, SLOT_POOL, space_slot(from), space_slot(i), 0, 0, 0);
		if (status == STATUS_OK)
			model_space_clone(i, from);
	} else {
		status = call(KERNEL_CALL_SPACE_CREATE, SLOT_POOL, space_slot(i), 0, 0, 0, 0);
		if (status == STATUS_OK)
			model_space_new(i);
	}
	CHECK(status == STATUS_OK || status == STATUS_NO_MEMORY);
}

static bool range_free(struct model_space *space, uint32_t page, uint32_t count)
{
	for (uint32_t i = page; i < page + count; i++)
		if (space->page[i].mapped)
			return false;
	return true;
}

static bool range_in_window(uint32_t page, uint32_t count)
{
	return page + count <= LOW_PAGES || (page >= LOW_PAGES && page + count <= PAGES);
}

static void map_expect(uint32_t i, status_t status, uint32_t page, uint32_t count, uint32_t flags, int memory,
                       uint32_t rights)
{
	struct model_space *space = &spaces[i];
	uint32_t allowed = memory < 0 ? 7 : rights & 7;

	if (flags & MAP_PRIVATE_COPY)
		allowed |= MAP_WRITE;
	if (flags & 7 & ~allowed) {
		CHECK(status == STATUS_NO_RIGHT);
		return;
	}
	if (!(flags & (MAP_ANYWHERE | MAP_REPLACE)) && !range_free(space, page, count)) {
		CHECK(status == STATUS_BUSY);
		return;
	}
	if (status == STATUS_NO_MEMORY) {
		abandon_space(i);
		return;
	}
	CHECK(status > 0);
	if (flags & MAP_ANYWHERE) {
		page = page_of((uint64_t)status);
		if (page == PAGES || !range_in_window(page, count)) {
			CHECK(call(KERNEL_CALL_SPACE_UNMAP, space_slot(i), (uint64_t)status, count * PAGE_SIZE, 0, 0, 0) == 0);
			return;
		}
		CHECK(range_free(space, page, count));
	} else {
		CHECK((uint64_t)status == address_of(page));
	}
	model_map(space, page, count, flags, memory, allowed);
}

static void space_map_some(uint32_t i)
{
	uint32_t page = some_of(PAGES), count = 1 + (uint32_t)machine_random(machine_random(4) ? 6 : 40);
	uint32_t flags = (uint32_t)machine_random(8) | (machine_random(2) ? MAP_WRITE | MAP_READ : 0), rights = 0;
	int memory = machine_random(3) ? (int)machine_random(MEMORIES) : -1;
	uint32_t slot = 0, offset = 0;
	status_t status;

	flags |= (machine_random(2) ? MAP_PRIVATE_COPY : 0) | (machine_random(2) ? MAP_REPLACE : 0) |
	         (machine_random(4) ? 0 : MAP_ANYWHERE) | (machine_random(6) ? 0 : MAP_NOT_CLONED);
	if (!range_in_window(page, count) || (memory >= 0 && !memories[memory].alive))
		return;
	if (memory < 0) {
		flags |= MAP_PRIVATE_COPY;
	} else {
		offset = some_of(MEMORY_PAGES);
		rights = RIGHT_READ | (machine_random(4) ? RIGHTS_ALL : 0);
		slot = 6;
		CHECK(call(KERNEL_CALL_CAP_COPY, SLOT_TABLE, 6, SLOT_TABLE, memory_slot((uint32_t)memory), rights, 0) == 0);
	}
	status = call(KERNEL_CALL_SPACE_MAP, space_slot(i), slot, address_of(page), count * PAGE_SIZE - 17 * (count & 1),
	              offset * PAGE_SIZE, flags);
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, 6, 0, 0, 0, 0) == STATUS_OK);
	spaces[i].map_offset = offset;
	map_expect(i, status, page, count, flags, memory, rights);
}

static void space_change(uint32_t i, uint32_t page, uint32_t count)
{
	struct model_space *space = &spaces[i];
	uint32_t protection = (uint32_t)machine_random(8);
	uint64_t address = address_of(page), length = count * PAGE_SIZE;
	status_t status, expected = STATUS_OK;
	bool gap = false, refused = false;

	for (uint32_t at = page; at < page + count; at++) {
		gap |= !space->page[at].mapped;
		refused |= space->page[at].mapped && !gap && (protection & ~space->page[at].allowed);
	}
	switch (machine_random(4)) {
	case 0:
		status = call(KERNEL_CALL_SPACE_UNMAP, space_slot(i), address, length, 0, 0, 0);
		if (status == STATUS_OK)
			memset(&space->page[page], 0, count * sizeof(space->page[0]));
		break;
	case 1:
		expected = gap ? STATUS_BAD_ADDRESS : STATUS_OK;
		status = call(KERNEL_CALL_SPACE_DISCARD, space_slot(i), address, length, 0, 0, 0);
		for (uint32_t at = page; status == STATUS_OK && at < page + count; at++)
			space->page[at].own = false;
		break;
	default:
		expected = refused ? STATUS_NO_RIGHT : gap ? STATUS_BAD_ADDRESS : STATUS_OK; /* whichever comes first */
		status = call(KERNEL_CALL_SPACE_PROTECT, space_slot(i), address, length, protection, 0, 0);
		for (uint32_t at = page; status == STATUS_OK && at < page + count; at++)
			space->page[at].flags = (space->page[at].flags & ~7u) | protection;
		break;
	}
	if (status == STATUS_NO_MEMORY)
		abandon_space(i);
	else
		CHECK(status == expected);
}

static void move_expect(uint32_t i, status_t status, uint32_t page, uint32_t count, uint32_t new_count, bool forced,
                        uint32_t target)
{
	struct model_space *space = &spaces[i];
	struct model_page old[PAGES];
	uint32_t to = page_of((uint64_t)status);

	CHECK(status > 0);
	if (forced)
		CHECK(to == target);
	memcpy(old, space->page, sizeof(old));
	memset(&space->page[page], 0, count * sizeof(old[0]));
	if (to == PAGES || !range_in_window(to, new_count)) {
		CHECK(call(KERNEL_CALL_SPACE_UNMAP, space_slot(i), (uint64_t)status, new_count * PAGE_SIZE, 0, 0, 0) == 0);
		return;
	}
	if (!forced)
		CHECK(range_free(space, to, new_count));
	for (uint32_t at = 0; at < new_count; at++) {
		struct model_page *moved = &space->page[to + at];

		*moved = at < count ? old[page + at] : old[page];
		moved->memory_page = old[page].memory_page + at;
		if (at >= count)
			moved->own = false;
	}
}

static void space_move_some(uint32_t i)
{
	uint32_t page = some_of(PAGES), target = some_of(PAGES);
	uint32_t count = 1 + (uint32_t)machine_random(6), new_count = 1 + (uint32_t)machine_random(8);
	uint32_t flags = (uint32_t)machine_random(2) + (machine_random(2) ? 2 : 0);
	bool forced = flags == 3, overlap = target < page + count && page < target + new_count, gap = false, one = true;
	struct model_page *pages = spaces[i].page;
	status_t status;

	if (!range_in_window(page, count) || !range_in_window(target, new_count))
		return;
	for (uint32_t at = page; at < page + count; at++) {
		gap |= !pages[at].mapped;
		one &= at == page || model_one_region(&pages[at - 1], &pages[at]);
	}
	status = call(KERNEL_CALL_SPACE_MOVE, space_slot(i), address_of(page), count * PAGE_SIZE,
	              flags ? address_of(target) : 0, new_count * PAGE_SIZE, flags);
	if (status == STATUS_NO_MEMORY) {
		abandon_space(i);
	} else if (flags == 2 || (forced && overlap)) {
		CHECK(status == STATUS_BAD_ARGUMENT);
	} else if (gap) {
		CHECK(status == STATUS_BAD_ADDRESS);
	} else if (!forced && new_count <= count) {
		CHECK(status == (status_t)address_of(page));
		memset(&pages[page + new_count], 0, (count - new_count) * sizeof(*pages));
	} else if (!one) {
		/* What a forced move has cleared is cleared, and so may the tail be. */
		abandon_space(i);
	} else if (status == STATUS_NO_SPACE) {
		CHECK(flags == 0);
	} else {
		if (forced) {
			memset(&pages[target], 0, new_count * sizeof(*pages));
			if (new_count < count)
				memset(&pages[page + new_count], 0, (count - new_count) * sizeof(*pages));
			count = new_count < count ? new_count : count;
		}
		move_expect(i, status, page, count, new_count, forced, target);
	}
}

/* What the model says a page shows; NULL: an access fails. */
static uint8_t *shown(struct model_page *page)
{
	static uint8_t zeros[CELLS];
	struct model_memory *memory = page->memory < 0 ? NULL : &memories[page->memory];

	if (page->own)
		return page->cells;
	if (page->memory < 0) {
		memset(zeros, 0, CELLS);
		return zeros;
	}
	if (!memory->alive || memory->serial != page->serial || page->memory_page >= memory->pages ||
	    !memory->page[page->memory_page].present)
		return NULL;
	return memory->page[page->memory_page].cells;
}

static void model_write(struct model_page *page, uint32_t cell, uint8_t value)
{
	uint8_t *cells = shown(page);

	if (page->flags & MAP_PRIVATE_COPY) {
		memmove(page->cells, cells, CELLS);
		page->own = true;
		cells = page->cells;
	}
	cells[cell] = value;
}

/* What the pager owes is no fault of the kernel's; what a shortage refused may have been done by half. */
static bool refused(enum fault_result result, uint32_t i, bool write)
{
	if (result == FAULT_NO_MEMORY && write)
		abandon_space(i);
	return result == FAULT_NO_MEMORY;
}

static void space_touch(uint32_t i)
{
	uint32_t at = some_of(PAGES), cell = (uint32_t)machine_random(CELLS);
	struct model_page *page = &spaces[i].page[at];
	uint64_t address = address_of(at) + cell_offsets[cell];
	bool write = machine_random(2);
	uint8_t value = (uint8_t)machine_random(256), *cells = page->mapped ? shown(page) : NULL;
	enum fault_result result = machine_touch(space_object(i), address, &value, write);

	if (refused(result, i, write))
		return;
	CHECK((result == FAULT_RESOLVED) == (cells && (page->flags & (write ? MAP_WRITE : 7u))));
	if (result == FAULT_RESOLVED && write)
		model_write(page, cell, value);
	else if (result == FAULT_RESOLVED)
		CHECK(value == cells[cell]);
}

static void space_debug(uint32_t i)
{
	uint32_t at = some_of(PAGES), cell = (uint32_t)machine_random(CELLS);
	struct model_page *page = &spaces[i].page[at];
	uint64_t address = address_of(at) + cell_offsets[cell];
	bool write = machine_random(2), good;
	uint8_t value = (uint8_t)machine_random(256), *cells = page->mapped ? shown(page) : NULL;
	status_t status;

	if (page->mapped && page->memory >= 0 && !cells && memories[page->memory].paged)
		return;
	good = cells && (write ? page->flags & (MAP_WRITE | MAP_PRIVATE_COPY) : page->flags & 7);
	if (write)
		buffer_set(value, 1);
	status = call(write ? KERNEL_CALL_SPACE_WRITE : KERNEL_CALL_SPACE_READ, space_slot(i), address, BUFFER, 1, 0, 0);
	if (refused(status == STATUS_NO_MEMORY ? FAULT_NO_MEMORY : FAULT_RESOLVED, i, write))
		return;
	CHECK(status == (good ? STATUS_OK : STATUS_BAD_ADDRESS));
	if (good && write)
		model_write(page, cell, value);
	else if (good)
		CHECK(buffer_get(0) == cells[cell]);
}

static void space_describe(uint32_t i)
{
	uint32_t at = some_of(PAGES);
	struct region_info info;
	status_t status = call(KERNEL_CALL_SPACE_QUERY, space_slot(i), address_of(at), BUFFER, 0, 0, 0);

	if (status == STATUS_AGAIN) {
		for (; at < PAGES; at++)
			CHECK(!spaces[i].page[at].mapped);
		return;
	}
	CHECK(status == STATUS_OK);
	for (uint32_t byte = 0; byte < sizeof(info); byte++)
		((uint8_t *)&info)[byte] = buffer_get(byte);
	CHECK((info.address <= address_of(at)) == spaces[i].page[at].mapped);
	for (; at < PAGES && address_of(at) < info.address; at++)
		CHECK(!spaces[i].page[at].mapped);
	CHECK(at < PAGES && spaces[i].page[at].mapped && info.flags == spaces[i].page[at].flags);
	CHECK(info.resident <= info.length);
}

static void space_operation(void)
{
	uint32_t i = (uint32_t)machine_random(SPACES), page = some_of(PAGES);
	uint32_t count = 1 + (uint32_t)machine_random(machine_random(8) ? 8 : 64);

	if (!spaces[i].alive) {
		space_make(i, (uint32_t)machine_random(SPACES));
		return;
	}
	switch (machine_random(24)) {
	case 0:
		if (machine_random(4) == 0)
			abandon_space(i);
		break;
	case 1: case 2: case 3: space_map_some(i); break;
	case 4: case 5: case 6: space_move_some(i); break;
	case 7: case 8: case 9:
		if (range_in_window(page, count))
			space_change(i, page, count);
		break;
	case 10: case 11: space_debug(i); break;
	case 12: space_describe(i); break;
	default: space_touch(i); break;
	}
}

static void refuse_nonsense(void)
{
	const uint64_t odd[] = {1, PAGE_SIZE - 1, USER_ADDRESS_END, USER_ADDRESS_END - PAGE_SIZE, 1ull << 63, ~0ull,
	                        ~0ull - PAGE_SIZE + 1, TIME_PAGE_ADDRESS, 0};

	CHECK(call(KERNEL_CALL_SPACE_CREATE, SLOT_POOL, 7, 0, 0, 0, 0) == STATUS_OK);
	CHECK(call(KERNEL_CALL_MEMORY_CREATE, SLOT_POOL, 1ull << 40, 0, 8, 0, 0) == STATUS_OK);
	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (uint64_t length = PAGE_SIZE; length; length <<= 1) {
			CHECK(call(KERNEL_CALL_SPACE_UNMAP, 7, odd[i], length, 0, 0, 0) == STATUS_BAD_ARGUMENT);
			CHECK(call(KERNEL_CALL_SPACE_MAP, 7, 0, odd[i], length, 0, MAP_READ) == STATUS_BAD_ARGUMENT);
			CHECK(call(KERNEL_CALL_SPACE_DISCARD, 7, odd[i], length, 0, 0, 0) == STATUS_BAD_ARGUMENT);
			CHECK(call(KERNEL_CALL_SPACE_PROTECT, 7, odd[i], length, 0, 0, 0) == STATUS_BAD_ARGUMENT);
			CHECK(call(KERNEL_CALL_SPACE_MOVE, 7, odd[i], PAGE_SIZE, 0, length, 1) == STATUS_BAD_ARGUMENT);
		}
		CHECK(call(KERNEL_CALL_SPACE_MAP, 7, 0, LOW_START, odd[i] | USER_ADDRESS_END, 0, MAP_READ) == STATUS_BAD_ARGUMENT);
		CHECK(call(KERNEL_CALL_SPACE_READ, 7, odd[i], BUFFER, 8, 0, 0) ==
		      (odd[i] == TIME_PAGE_ADDRESS || odd[i] == USER_ADDRESS_END - PAGE_SIZE ? STATUS_OK : STATUS_BAD_ADDRESS));
		CHECK(call(KERNEL_CALL_SPACE_WRITE, 7, odd[i], BUFFER, 8, 0, 0) == STATUS_BAD_ADDRESS);
		CHECK(call(KERNEL_CALL_MEMORY_READ, 8, 0, odd[i], 8, 0, 0) == STATUS_BAD_ADDRESS);
		CHECK(call(KERNEL_CALL_MEMORY_READ, 8, odd[i] | 1ull << 46, BUFFER, 8, 0, 0) == 0);
		CHECK(call(KERNEL_CALL_MEMORY_CREATE, SLOT_POOL, odd[i] | 1ull << 47, 0, 9, 0, 0) == STATUS_BAD_ARGUMENT);
		CHECK(call(KERNEL_CALL_MEMORY_DISCARD, 8, odd[i], ~0ull, 0, 0, 0) == STATUS_OK);
	}
	/* Sparse costs next to nothing, wherever its pages are. */
	CHECK(call(KERNEL_CALL_SPACE_MAP, 7, 8, 1ull << 40, 1ull << 40, 0, MAP_READ | MAP_WRITE) == 1ll << 40);
	for (uint64_t at = 1; at < 1ull << 40; at <<= 3) {
		uint8_t byte = 1;

		CHECK(machine_touch((struct space *)cpu_current()->space, BUFFER, &byte, true) == FAULT_RESOLVED);
		CHECK(call(KERNEL_CALL_SPACE_WRITE, 7, (1ull << 40) + at, BUFFER, 1, 0, 0) == STATUS_OK);
		CHECK(call(KERNEL_CALL_MEMORY_READ, 8, at, BUFFER, 1, 0, 0) == 1 && buffer_get(0) == 1);
	}
	/* A private mapping that showed zeros shows what is written to the object later. */
	CHECK(call(KERNEL_CALL_SPACE_MAP, 7, 8, LOW_START, PAGE_SIZE, 5 * PAGE_SIZE, MAP_READ | MAP_PRIVATE_COPY) == LOW_START);
	CHECK(call(KERNEL_CALL_SPACE_READ, 7, LOW_START, BUFFER, 1, 0, 0) == STATUS_OK && buffer_get(0) == 0);
	buffer_set(3, 1);
	CHECK(call(KERNEL_CALL_MEMORY_WRITE, 8, 5 * PAGE_SIZE, BUFFER, 1, 0, 0) == 1);
	CHECK(call(KERNEL_CALL_SPACE_READ, 7, LOW_START, BUFFER, 1, 0, 0) == STATUS_OK && buffer_get(0) == 3);
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, 8, 0, 0, 0, 0) == STATUS_OK);
	CHECK(call(KERNEL_CALL_SPACE_UNMAP, 7, 1ull << 40, 1ull << 40, 0, 0, 0) == STATUS_OK);
	CHECK(call(KERNEL_CALL_OBJECT_DESTROY, 7, 0, 0, 0, 0, 0) == STATUS_OK);
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, 7, 0, 0, 0, 0) == STATUS_OK);
}

static void end_all(uint64_t base_objects, uint64_t base_free, uint64_t base_used)
{
	bool whole = machine_random(2);

	CHECK(call(KERNEL_CALL_SPACE_UNMAP, SLOT_SPACE, BUFFER, 4 * PAGE_SIZE, 0, 0, 0) == STATUS_OK);
	if (whole)
		CHECK(call(KERNEL_CALL_OBJECT_DESTROY, SLOT_POOL, 0, 0, 0, 0, 0) == STATUS_OK);
	for (uint64_t slot = 6; slot < 60; slot++)
		CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, slot, 0, 0, 0, 0) == STATUS_OK);
	machine_settle();
	CHECK(object_count() == base_objects - whole);
	CHECK(page_free() == base_free && pool->used == base_used);
}

int main(int argc, char **argv)
{
	uint64_t steps = 30000, base_objects, base_free, base_used;
	struct thread *thread;

	machine_arguments(argc, argv, &steps);
	pool = pool_create(machine_pool, (machine_random(2) ? 6 << 20 : 1 << 20) + machine_random(1 << 20));
	thread = machine_thread(machine_pool, 64);
	CHECK(captable_install(thread->captable, SLOT_TABLE, &thread->captable->object, RIGHTS_ALL) == STATUS_OK);
	CHECK(captable_install(thread->captable, SLOT_POOL, &pool->object, RIGHTS_ALL) == STATUS_OK);
	CHECK(captable_install(thread->captable, SLOT_ROOT_POOL, &machine_pool->object, RIGHTS_ALL) == STATUS_OK);
	CHECK(call(KERNEL_CALL_ENDPOINT_CREATE, SLOT_ROOT_POOL, 5, 0, 0, 0, 0) == STATUS_OK);
	CHECK(call(KERNEL_CALL_GATE_CREATE, SLOT_ROOT_POOL, 5, 1, SLOT_GATE, 0, 0) == STATUS_OK);
	CHECK(captable_install(thread->captable, SLOT_SPACE, &thread->space->object, RIGHTS_ALL) == STATUS_OK);
	base_objects = object_count();
	base_free = page_free();
	base_used = pool->used;
	CHECK(space_map(thread->space, NULL, 0, BUFFER, 4 * PAGE_SIZE, 0, MAP_READ | MAP_WRITE) == BUFFER);
	buffer_set(0, 4 * PAGE_SIZE);
	refuse_nonsense();
	machine_preempt_rate = 5;
	for (uint64_t step = 0; step < steps; step++) {
		if (machine_random(3))
			space_operation();
		else
			memory_operation();
		machine_check_entries();
		if (step % 8 == 0)
			machine_settle();
	}
	machine_preempt_rate = 0;
	end_all(base_objects, base_free, base_used);
	printf("ok\n");
	return 0;
}
