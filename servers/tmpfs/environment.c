/* The tree's surroundings in the server: the kernel's memory objects, the clock, parked calls.
 *
 * File contents are charged to a pool of their own, smaller than the server's: when it is full,
 * writing fails with ENOSPC, and names, opens and removals still have memory to work with.
 */
#include "environment.h"

#include "server/server.h"
#include "service.h"

#include <errno.h>

#define RESERVE_LEAST (4ull << 20)

static slot_t data_pool;

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
	    pool_create(SELF_POOL, limit > reserve ? limit - reserve : limit / 2, data_pool) != STATUS_OK)
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

void *shared_page_make(handle_t *handle)
{
	handle_t object = memory_object_make(CONTENT_PAGE);
	if (!object)
		return NULL;
	int64_t address = space_map(SELF_SPACE, object, 0, CONTENT_PAGE, 0, MAP_READ | MAP_WRITE | MAP_ANYWHERE);
	if (address < 0) {
		slot_free(object);
		return NULL;
	}
	*handle = object;
	return (void *)address;
}

void shared_page_drop(void *page, handle_t handle)
{
	space_unmap(SELF_SPACE, (uint64_t)page, CONTENT_PAGE);
	slot_free(handle);
}

void handle_drop(handle_t handle)
{
	slot_free(handle);
}

int64_t clock_now(void)
{
	return (int64_t)time_real();
}

void lock_answer(uint64_t call, int status)
{
	parked_answer(call, status, NULL, NULL, 0, NULL, 0);
}
