/* The tree's surroundings in the server: the kernel's memory objects, the clock, parked calls.
 *
 * File contents are charged to a pool of their own, smaller than the server's: when it is full,
 * writing fails with ENOSPC, and names, opens and removals still have memory to work with.
 */
#include "environment.h"

#include "server/server.h"
#include "server/witness.h"
#include "service.h"

#include <errno.h>

#define RESERVE_LEAST (4ull << 20)

#define SHARED_PAGES_MAX 1024u /* nobody pays for them but the server */
#define SHARED_PAGES_AT 0x200000000ull
#define ARCHIVE_AT 0x400000000ull

static slot_t data_pool;
static struct {
	slot_t memory;
	uint64_t start, size; /* of the part that is mapped */
} archive;
static struct shared_page {
	handle_t handle;    /* 0: there is none of this number */
	uint32_t next_free; /* number */
} shared_pages[SHARED_PAGES_MAX + 1];
static uint32_t shared_page_count, shared_page_free; /* numbers given out ever; 0: none is free */
static NOT_STATE uint8_t shared_page_mapped[SHARED_PAGES_MAX + 1]; /* by this incarnation, where it needed them */

int environment_start(slot_t system)
{
	struct pool_info pool;
	struct system_info machine;
	if (pool_info(SELF_POOL, &pool) != STATUS_OK)
		return -EINVAL;
	uint64_t limit = pool.limit;
	if (system && system_info(system, &machine) == STATUS_OK && limit > machine.memory_free)
		limit = machine.memory_free;
	uint64_t reserve = limit / 8 > RESERVE_LEAST ? limit / 8 : RESERVE_LEAST;
	data_pool = slot_allocate();
	if (!data_pool ||
	    pool_create(SELF_POOL, (limit > reserve ? limit - reserve : limit / 2) | POOL_SPARING, data_pool) != STATUS_OK)
		return -ENOMEM;
	return 0;
}

void memory_quota(uint64_t *total, uint64_t *left)
{
	struct pool_info pool = { 0 };
	pool_info(data_pool, &pool);
	*total = pool.limit;
	*left = pool.limit > pool.used ? pool.limit - pool.used : 0;
}

handle_t memory_object_make(uint64_t size)
{
	slot_t slot = slot_allocate();
	if (slot && memory_create(data_pool, size, MEMORY_ZERO, slot) != STATUS_OK) {
		slot_free(slot);
		slot = 0;
	}
	return slot;
}

static void object_cut(uint64_t object, uint64_t size, uint64_t unused)
{
	(void)unused;
	memory_resize((slot_t)object, size); /* what is left of the last page is cleared */
	if (size == 0)
		memory_resize((slot_t)object, CONTENT_PAGE);
}

bool memory_object_guard(handle_t object, uint64_t size)
{
	return step_undo(object_cut, object, size, 0);
}

void memory_object_cut(handle_t object, uint64_t size)
{
	step_then(object_cut, object, size, 0);
}

int memory_object_resize(handle_t object, uint64_t size)
{
	int64_t status = memory_resize(object, size);
	if (status == STATUS_BAD_ARGUMENT)
		return -EFBIG;
	return status < 0 ? -ENOSPC : 0;
}

void memory_object_discard(handle_t object, uint64_t offset, uint64_t length)
{
	memory_discard(object, offset, length);
}

int memory_object_populate(handle_t object, uint64_t offset, uint64_t length, bool fresh)
{
	static const uint8_t zeros[65536];
	for (uint64_t done = 0; done < length;) {
		uint8_t byte;
		uint64_t part = fresh ? sizeof zeros : CONTENT_PAGE - (offset + done) % CONTENT_PAGE;
		if (part > length - done)
			part = length - done;
		if (!fresh && memory_read(object, offset + done, &byte, 1) != 1)
			return -ENOSPC;
		uint64_t wanted = fresh ? part : 1;
		if (memory_write(object, offset + done, fresh ? zeros : &byte, wanted) != (int64_t)wanted)
			return -ENOSPC;
		done += part;
	}
	return 0;
}

int64_t memory_object_write(handle_t object, uint64_t offset, const void *data, uint64_t length)
{
	int64_t done = memory_write(object, offset, data, length);
	return done < 0 ? status_to_errno(done) : done;
}

int64_t memory_object_read(handle_t object, uint64_t offset, void *data, uint64_t length)
{
	int64_t done = memory_read(object, offset, data, length);
	return done < 0 ? status_to_errno(done) : done;
}

uint64_t memory_object_resident(handle_t object)
{
	struct memory_info info = { 0 };
	memory_info(object, &info);
	return info.resident;
}

/* It is touched at once, or there might be no memory when it must be written. */
static handle_t shared_page_object(void)
{
	static const uint64_t zero;
	handle_t object = memory_object_make(CONTENT_PAGE);
	if (object && memory_write(object, 0, &zero, sizeof zero) != (int64_t)sizeof zero) {
		slot_free(object);
		return 0;
	}
	return object;
}

uint32_t shared_page_make(void)
{
	if (!shared_page_free && shared_page_count == SHARED_PAGES_MAX)
		return 0;
	handle_t object = shared_page_object();
	if (!object)
		return 0;
	uint32_t page = shared_page_free ? shared_page_free : ++shared_page_count;
	shared_page_free = shared_pages[page].next_free;
	shared_pages[page] = (struct shared_page){ .handle = object };
	return page;
}

handle_t shared_page_handle(uint32_t page)
{
	return shared_pages[page].handle;
}

static uint64_t shared_page_address(uint32_t page)
{
	return SHARED_PAGES_AT + page * CONTENT_PAGE;
}

void *shared_page_at(uint32_t page)
{
	uint64_t address = shared_page_address(page);
	if (!shared_page_mapped[page]) {
		if (space_map(SELF_SPACE, shared_pages[page].handle, address, CONTENT_PAGE, 0,
		              MAP_READ | MAP_WRITE | MAP_REPLACE) < 0)
			__builtin_trap(); /* no memory for it: when this step runs again there may be some */
		shared_page_mapped[page] = true;
	}
	return (void *)address;
}

void shared_page_drop(uint32_t page)
{
	if (shared_page_mapped[page])
		space_unmap(SELF_SPACE, shared_page_address(page), CONTENT_PAGE);
	shared_page_mapped[page] = false;
	slot_free(shared_pages[page].handle);
	shared_pages[page] = (struct shared_page){ .next_free = shared_page_free };
	shared_page_free = page;
}

int64_t archive_map(void)
{
	if (!archive.memory)
		return 0;
	return space_map(SELF_SPACE, archive.memory, ARCHIVE_AT, archive.size, archive.start, MAP_READ | MAP_REPLACE);
}

int archive_keep(slot_t memory, uint64_t offset, uint64_t length, const uint8_t **bytes)
{
	if (archive.memory)
		return -EBUSY;
	archive.memory = memory;
	archive.start = offset & ~(CONTENT_PAGE - 1);
	archive.size = (offset + length - archive.start + CONTENT_PAGE - 1) & ~(CONTENT_PAGE - 1);
	int64_t status = archive_map();
	if (status < 0) {
		archive.memory = 0;
		return status_to_errno(status);
	}
	*bytes = (const uint8_t *)ARCHIVE_AT + (offset - archive.start);
	return 0;
}

void handle_drop(handle_t handle)
{
	slot_free(handle);
}

int64_t clock_now(void)
{
	return (int64_t)step_recall(time_real());
}

void lock_answer(uint64_t call, int status)
{
	parked_answer(call, status, NULL, NULL, 0, NULL, 0);
}
