/* Address spaces: making and ending them, mapping and unmapping. */
#include "mm/space.h"
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"
#include "kernel_calls.h"
#include "mm/pool.h"
#include "mm/region.h"

#define LOW_END (1ull << 31)
#define UNMAP_AT_ONCE 192u /* pages in one step of unmapping, */
#define UNMAP_REGION 32u   /* and what a region counts for */

/* The root table is made at once: a thread may be switched to a space that nothing is mapped in
 * yet. */
struct space *space_create(struct pool *pool)
{
	struct space *space = (struct space *)object_create(pool, OBJECT_SPACE);

	if (!space)
		return NULL;
	spin_lock_init(&space->lock, LOCK_SPACE);
	spin_lock_init(&space->table_lock, LOCK_TABLE);
	space->leaves = &space->only_leaf;
	space->own.pool = pool;
	space->has_tables = arch_space_init(&space->arch, pool) == STATUS_OK;
	if (space->has_tables)
		return space;
	object_unreference(&space->object);
	return NULL;
}

/* Checked in an order in which nothing can wrap: the address first, then the length against what is
 * left above it. */
bool range_check(uint64_t address, uint64_t *length)
{
	if (address % PAGE_SIZE || address < USER_ADDRESS_FIRST || address >= RANGE_END)
		return false;
	if (*length == 0 || *length > RANGE_END - address)
		return false;
	*length = page_up(*length);
	return true;
}

/* After it no CPU has more of the range in its tables or its TLB, and none can get it back before the
 * caller allows faults. */
uint64_t range_restrict_some(struct space *space, uint64_t start, uint64_t end, uint32_t protection)
{
	spin_lock(&space->table_lock);
	uint64_t stop = arch_space_restrict(&space->arch, start, end, protection);
	arch_space_flush(&space->arch);
	spin_unlock(&space->table_lock);
	return stop;
}

void range_drop_entries(struct space *space, uint64_t start, uint64_t end)
{
	while (start < end)
		start = range_restrict_some(space, start, end, 0);
}

/* Entries go on every CPU before the frames do. */
uint64_t range_free_some(struct space *space, uint64_t start, uint64_t end, bool shown)
{
	physical_t frames[FRAMES_TOGETHER];
	uint64_t index = start / PAGE_SIZE;
	uint32_t count = 0;

	if (frame_table_next(&space->own, &index, end / PAGE_SIZE))
		end = frames_stop(index, end / PAGE_SIZE) * PAGE_SIZE;
	else
		index = UINT64_MAX;
	if (shown)
		end = range_restrict_some(space, start, end, 0);
	if (index < end / PAGE_SIZE)
		count = frame_table_take(&space->own, index, end / PAGE_SIZE, frames);
	for (uint32_t i = 0; i < count; i++)
		page_release(frames[i]);
	return end;
}

/* Regions lose their part of the range from its lower end on, a bounded number of pages of it.
 *
 * A region says where a page is shown for as long as any CPU may still use it: first the entries go, then the region
 * gives up the range. The other way round a memory object that loses a page at that moment would not know that it is
 * still shown here. Faults cannot bring entries back meanwhile: they need the space's lock, which is held. */
status_t range_unmap_some(struct space *space, uint64_t start, uint64_t end)
{
	struct region *region = region_find(space, start);

	if (region && region->start < start && region->start < end) {
		if (!region_split(region, start))
			return STATUS_NO_MEMORY;
		region = region_find(space, start); /* the part that was split off */
	}
	for (uint64_t work = 0; region && region->start < end; region = region_find(space, start)) {
		uint64_t from = region->start, to = smaller(region->end, end);

		if (work >= UNMAP_AT_ONCE)
			return STATUS_RESTART;
		bool there = region->shown || (region->flags & MAP_PRIVATE_COPY);
		start = there ? range_free_some(space, from, to, region->shown && !space->cleared) : to;
		region_cut(region, start);
		if (start == end)
			break;
		work += UNMAP_REGION + (start - from) / PAGE_SIZE;
	}
	return STATUS_OK;
}

/* A step at a time with the lock let go between: other threads of the space fault and map
 * meanwhile, and may even map into the range, as they might have right after the call. */
status_t handle_space_unmap(struct space *space, uint64_t address, uint64_t length)
{
	status_t status;

	if (!range_check(address, &length))
		return STATUS_BAD_ARGUMENT;
	do {
		spin_lock(&space->lock);
		status = range_unmap_some(space, address, address + length);
		spin_unlock(&space->lock);
	} while (status == STATUS_RESTART && !preempt_wanted());
	return status;
}

/* Where the mapping goes: there, with that range free, or a status. */
/* Under the lock under which the mapping is then made, so the place stays free until it is. With
 * MAP_REPLACE a range of many steps is emptied over several rounds of the caller's loop; the last
 * one empties it and keeps the lock. */
static status_t choose_place(struct space *space, struct region *like, uint32_t flags)
{
	uint64_t length = like->end - like->start;

	if (object_is_dead(&space->object))
		return STATUS_DESTROYED;
	if (flags & MAP_ANYWHERE) {
		like->start = region_gap(space, like->start, length, flags & MAP_LOW ? LOW_END : MAP_ANYWHERE_END);
		like->end = like->start + length;
		return like->start == GAP_AGAIN ? STATUS_RESTART : like->start ? STATUS_OK : STATUS_NO_SPACE;
	}
	if (flags & MAP_REPLACE)
		return range_unmap_some(space, like->start, like->end);
	return region_none(space, like->start, like->end) ? STATUS_OK : STATUS_BUSY;
}

static status_t map_check(const struct region *like, uint64_t address, uint64_t *length, uint32_t flags)
{
	const struct memory *memory = like->memory;

	if (flags & ~(PROTECTION_BITS | MAP_PRIVATE_COPY | MAP_REPLACE | MAP_ANYWHERE | MAP_LOW | MAP_NOT_CLONED))
		return STATUS_BAD_ARGUMENT;
	if ((flags & MAP_LOW) && !(flags & MAP_ANYWHERE))
		return STATUS_BAD_ARGUMENT;
	if (!range_check(flags & MAP_ANYWHERE ? USER_ADDRESS_FIRST : address, length) ||
	    like->offset % PAGE_SIZE || like->offset > MEMORY_SIZE_MAX)
		return STATUS_BAD_ARGUMENT;
	if (memory && memory->uncached && (flags & MAP_PRIVATE_COPY))
		return STATUS_BAD_ARGUMENT;
	return flags & PROTECTION_BITS & ~like->allowed ? STATUS_NO_RIGHT : STATUS_OK;
}

/* `allowed` is fixed here from the capability's rights and never grows: space_protect needs no
 * capability to the memory object, and dropping the right to write must mean something. */
status_t space_map(struct space *space, struct memory *memory, uint32_t memory_rights, uint64_t address,
                   uint64_t length, uint64_t offset, uint32_t flags)
{
	struct region like;

	if (!memory)
		flags |= MAP_PRIVATE_COPY;
	like.memory = memory;
	like.shown = false;
	like.offset = memory ? offset : 0;
	like.allowed = memory ? memory_rights & PROTECTION_BITS : PROTECTION_BITS; /* what it may become */
	if (flags & MAP_PRIVATE_COPY)
		like.allowed |= MAP_WRITE;
	status_t status = map_check(&like, address, &length, flags);
	if (status != STATUS_OK)
		return status;
	like.flags = flags & ~(MAP_REPLACE | MAP_ANYWHERE | MAP_LOW);
	like.start = address;
	like.end = address + length;
	do {
		spin_lock(&space->lock);
		status = choose_place(space, &like, flags);
		if (status == STATUS_OK)
			status = region_add(space, &like) ? (status_t)like.start : STATUS_NO_MEMORY;
		spin_unlock(&space->lock);
	} while (status == STATUS_RESTART && !preempt_wanted());
	return status;
}

/* `dead` keeps new regions out, `cleared` new entries. The root table stays until no thread can run here. */
static status_t space_destroy(struct object *object)
{
	struct space *space = (struct space *)object;
	status_t status;

	do {
		spin_lock(&space->lock);
		space->cleared = true;
		spin_lock(&space->table_lock);
		status = space->has_tables && !arch_space_clear(&space->arch) ? STATUS_RESTART : STATUS_OK;
		spin_unlock(&space->table_lock);
		if (status == STATUS_OK)
			status = range_unmap_some(space, 0, RANGE_END);
		spin_unlock(&space->lock);
	} while (status == STATUS_RESTART && !preempt_wanted());
	ASSERT(status == STATUS_RESTART || (!space->region_count && !space->own.root));
	return status;
}

/* Not at destruction: a CPU may still run on the root table, of a thread that has not noticed yet,
 * or idle on it. Here every CPU has left the kernel since, and arch_space_release sees to the idle
 * ones. */
static void space_free(struct object *object)
{
	struct space *space = (struct space *)object;

	if (space->has_tables)
		arch_space_release(&space->arch);
}

const struct object_class space_class = {
	.size = sizeof(struct space), .destroy = space_destroy, .release = space_free,
};
