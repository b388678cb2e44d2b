/* Memory objects: making them, their pages, copying to and from them. See memory_change.c for what
 * changes many pages at a time.
 *
 * A frame leaves an object only when no region shows it any more (memory_hide_some), without the object's lock being let
 * go between. So whoever holds that lock, or the table lock of a space whose tables show the frame, may use it.
 */
#include "mm/memory.h"
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/string.h"
#include "mm/pool.h"
#include "mm/region.h"

/* The size has been bounded before it is rounded: page_up cannot wrap. */
static struct memory *memory_make(struct pool *pool, enum memory_kind kind, uint64_t size)
{
	if (size > MEMORY_SIZE_MAX)
		return NULL;
	struct memory *memory = (struct memory *)object_create(pool, OBJECT_MEMORY);
	if (!memory)
		return NULL;
	spin_lock_init(&memory->lock, LOCK_MEMORY);
	list_init(&memory->mappers);
	list_init(&memory->hidden);
	memory->kind = kind;
	memory->size = page_up(size);
	memory->frames.pool = pool;
	return memory;
}

struct memory *memory_create(struct pool *pool, uint64_t size, uint32_t flags)
{
	struct memory *memory = memory_make(pool, MEMORY_ANONYMOUS, size);

	if (!memory)
		return NULL;
	memory->pinned = flags & MEMORY_PINNED;
	if (!flags || memory_copy_in(memory, 0, NULL, memory->size) == memory->size)
		return memory;
	object_unreference(&memory->object);
	return NULL;
}

struct memory *memory_create_paged(struct pool *pool, uint64_t size, struct object *pager)
{
	struct memory *memory = memory_make(pool, MEMORY_PAGED, size);

	if (memory && object_capability_take(pager))
		memory->pager = pager;
	return memory;
}

struct memory *memory_create_physical(struct pool *pool, physical_t start, uint64_t size, bool device)
{
	struct memory *memory = memory_make(pool, MEMORY_PHYSICAL, size);

	if (!memory)
		return NULL;
	memory->physical = start;
	memory->uncached = device;
	if (!device)
		page_adopt_range(start, start + memory->size);
	return memory;
}

/* Pages of one region, and the region itself for this many, in one step of hiding. */
#define HIDE_AT_ONCE 256u
#define HIDE_REGION 16u

/* Takes the table lock of one space after the other, and never the space's own, which stands before the memory object's
 * in the order: a region's bounds are stable under this lock too. A region that comes or whose bounds change goes to
 * `mappers`, and is looked at (again). Whoever comes while other pages are being hidden first gets on with those; should
 * nobody come back for them, they are found as they were once that is done. */
bool memory_hide_some(struct memory *memory, uint64_t first, uint64_t end)
{
	DEBUG_ASSERT(spin_lock_held(&memory->lock) && end - first <= HIDE_PAGES_MAX);
	if (memory->hide_first == memory->hide_end) {
		memory->hide_first = first;
		memory->hide_end = end;
	}
	for (uint64_t work = 0; !list_empty(&memory->mappers); work += HIDE_REGION) {
		struct region *region = list_first(&memory->mappers, struct region, in_memory);
		uint64_t begin = region->offset / PAGE_SIZE, stop = begin + (region->end - region->start) / PAGE_SIZE;
		uint64_t low = larger(begin, memory->hide_first), high = smaller(stop, memory->hide_end);

		if (work >= HIDE_AT_ONCE)
			return false;
		if (low < high)
			range_drop_entries(region->space, region->start + (low - begin) * PAGE_SIZE,
			                   region->start + (high - begin) * PAGE_SIZE);
		work += low < high ? high - low : 0;
		list_remove(&region->in_memory);
		list_append(&memory->hidden, &region->in_memory);
	}
	bool these = memory->hide_first == first && memory->hide_end == end;
	list_append_all(&memory->mappers, &memory->hidden);
	memory->hide_first = memory->hide_end = 0;
	return these;
}

/* Mapped memory lives on without a name; here the last mapping of such an object goes. The end
 * itself is left for the way out of the kernel: the caller holds locks. */
void memory_region_gone(struct memory *memory)
{
	if (list_empty(&memory->mappers) && list_empty(&memory->hidden) && !object_is_dead(&memory->object) &&
	    (__atomic_load_n(&memory->object.capabilities, __ATOMIC_ACQUIRE) & OBJECT_UNNAMED))
		object_destroy_later(&memory->object);
}

physical_t page_copy(physical_t page)
{
	physical_t copy = page_allocate(false);

	if (copy)
		memcpy(arch_direct_map(copy), arch_direct_map(page), PAGE_SIZE);
	return copy;
}

enum fault_result memory_page(struct memory *memory, uint64_t offset, bool allocate, physical_t *page)
{
	uint64_t index = offset / PAGE_SIZE;

	DEBUG_ASSERT(spin_lock_held(&memory->lock));
	if (object_is_dead(&memory->object) || offset >= memory->size)
		return FAULT_BAD;
	if (memory->kind == MEMORY_PHYSICAL) {
		*page = memory->physical + index * PAGE_SIZE;
		return FAULT_RESOLVED;
	}
	physical_t *entry = frame_table_find(&memory->frames, index);
	if (!entry && memory->kind == MEMORY_PAGED)
		return FAULT_PAGER;
	*page = entry ? *entry : allocate ? page_allocate(true) : 0;
	if (!entry && allocate && !(*page && frame_table_insert(&memory->frames, index, *page)))
		return FAULT_NO_MEMORY;
	return FAULT_RESOLVED;
}

/* Page by page, so that the lock is never held for long. Nobody else writes a fresh object's pages,
 * and for any other the result is as if two writers had raced. */
uint64_t memory_copy_in(struct memory *memory, uint64_t offset, const void *bytes, uint64_t length)
{
	uint64_t done = 0;

	while (done < length) {
		uint64_t within = (offset + done) % PAGE_SIZE;
		uint64_t part = PAGE_SIZE - within < length - done ? PAGE_SIZE - within : length - done;
		physical_t page;

		spin_lock(&memory->lock);
		enum fault_result result = memory_page(memory, offset + done, true, &page);
		if (bytes && result == FAULT_RESOLVED)
			memcpy((char *)arch_direct_map(page) + within, (const char *)bytes + done, part);
		spin_unlock(&memory->lock);
		if (result != FAULT_RESOLVED)
			break;
		done += part;
		if ((offset + done) / PAGE_SIZE % PAGES_CLEARED_AT_ONCE == 0)
			preempt_wanted();
	}
	return done;
}
