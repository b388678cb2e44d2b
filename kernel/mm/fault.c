/* Faults: what a region says becomes a page table entry.
 *
 * Under the space's lock the region is found and its frame decided on; the entry is written under the
 * table lock (and, for a frame of a memory object, still under the object's lock, so that the object
 * cannot lose the frame in between).
 */
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/string.h"
#include "mm/region.h"

/* A fault on a page of a memory object also maps its neighbours that are there. */
/* Aligned to its size in the object, so that the faults of a walk through a file are one in eight, and the frames stand
 * together in its table. */
#define AROUND_PAGES 8u

/* Write an entry, or none where nothing may be accessed. */
/* Under the space's lock, and the memory object's if the frame is one of an object: both keep the
 * frame where it is until the entry is written, and after that whoever takes the frame away takes
 * the entry away first. Until the flush another CPU may go on reading a frame that was shown here before. */
static inline enum fault_result show(struct space *space, uint64_t address, physical_t page, uint32_t protection, bool uncached)
{
	status_t status = STATUS_OK;

	spin_lock(&space->table_lock);
	if (protection)
		status = arch_space_map(&space->arch, address, page, protection, uncached);
	else
		arch_space_restrict(&space->arch, address, address + PAGE_SIZE, 0);
	arch_space_flush(&space->arch);
	spin_unlock(&space->table_lock);
	return status == STATUS_OK ? FAULT_RESOLVED : FAULT_NO_MEMORY;
}

/* The space's own page, made this space's alone if it is to be written. */
/* A frame with more than one reference is shared with a clone and is never written. The one who
 * writes first goes on with a copy; the last one left finds a count of 1 and writes the frame
 * itself. Nobody can raise the count from 1 meanwhile: a clone takes this space's lock. */
static enum fault_result own_page(struct space *space, uint64_t address, physical_t *entry, bool write,
                                  uint32_t protection)
{
	bool shared = page_references(*entry) > 1;

	if (shared && write) {
		physical_t copy = page_copy(*entry), old = *entry;

		if (!copy)
			return FAULT_NO_MEMORY;
		*entry = copy;
		enum fault_result result = show(space, address, copy, protection, false); /* fails where no table shows the old one either */
		page_release(old);
		return result;
	}
	return show(space, address, *entry, shared ? protection & ~MAP_WRITE : protection, false);
}

/* The space's own copy of what a private region's memory object shows, or of zeros. */
/* The object's lock is held over the copy, since the object could lose the frame else. It is let go
 * before the own page is recorded: `own` is the space's. Between the two the object may change; the
 * copy is then of a moment that the fault lasted, which is all a private mapping promises. */
static enum fault_result new_own_page(struct space *space, struct region *region, struct fault *fault,
                                      uint32_t protection)
{
	uint64_t address = page_down(fault->address);
	enum fault_result result = FAULT_RESOLVED;
	physical_t page = 0, copy = 0;

	if (region->memory) {
		fault->memory = region->memory;
		fault->offset = region->offset + address - region->start;
		spin_lock(&region->memory->lock);
		result = memory_page(region->memory, fault->offset, false, &page);
	}
	if (result == FAULT_RESOLVED)
		copy = page ? page_copy(page) : page_allocate(true);
	if (region->memory)
		spin_unlock(&region->memory->lock);
	if (result != FAULT_RESOLVED)
		return result;
	if (!copy || !frame_table_insert(&space->own, address / PAGE_SIZE, copy))
		return FAULT_NO_MEMORY;
	return show(space, address, copy, protection, false);
}

/* Under the memory object's lock: entries for its frames around an address, up to the first page that the space has of
 * its own. */
/* Only frames that are there already: nothing is allocated for a guess, nothing is asked of a
 * pager. A table page that cannot be had is no error either. */
static void show_around(struct space *space, struct region *region, uint64_t address, uint32_t protection)
{
	struct memory *memory = region->memory;
	uint64_t by = region->offset / PAGE_SIZE - region->start / PAGE_SIZE; /* page to place in memory, modulo 2^64 */
	uint64_t first = (address / PAGE_SIZE + by) & ~(AROUND_PAGES - 1ull), end = first + AROUND_PAGES, own;

	first = first > region->start / PAGE_SIZE + by ? first : region->start / PAGE_SIZE + by;
	end = end < region->end / PAGE_SIZE + by ? end : region->end / PAGE_SIZE + by;
	end = end < memory->size / PAGE_SIZE ? end : memory->size / PAGE_SIZE;
	own = first - by;
	if (frame_table_next(&space->own, &own, end - by))
		end = own + by;
	physical_t *entry = frame_table_next(&memory->frames, &first, end);
	if (!entry || memory->hide_end)
		return;
	spin_lock(&space->table_lock);
	arch_space_fill(&space->arch, (first - by) * PAGE_SIZE, entry, (uint32_t)(end - first), protection);
	spin_unlock(&space->table_lock);
}

/* A page of the region's memory object, as it is. */
/* One that was never touched gets its frame also if it is only read: everything that is shown of an object is in its
 * frame table, and is found there when it is to be hidden. */
static inline enum fault_result shown_page(struct space *space, struct region *region, struct fault *fault,
                                    uint32_t protection)
{
	struct memory *memory = region->memory;
	uint64_t address = page_down(fault->address);
	physical_t page;

	if (region->flags & MAP_PRIVATE_COPY)
		protection &= ~MAP_WRITE;
	fault->memory = memory;
	fault->offset = region->offset + address - region->start;
	spin_lock(&memory->lock);
	enum fault_result result = memory_page(memory, fault->offset, true, &page);
	if (result == FAULT_RESOLVED && memory_hides(memory, fault->offset / PAGE_SIZE)) {
		memory_hide_some(memory, memory->hide_first, memory->hide_end);
		result = FAULT_HIDDEN;
	}
	if (result == FAULT_RESOLVED)
		result = show(space, address, page, protection, memory->uncached);
	if (result == FAULT_RESOLVED && !(fault->access & MAP_WRITE) && !fault->alone && protection && memory->frames.count > 1)
		show_around(space, region, address, protection);
	spin_unlock(&memory->lock);
	return result;
}

/* In the order in which a page is looked for (mm/space.h): the space's own, the object's, zeros. */
enum fault_result region_fault(struct space *space, struct region *region, struct fault *fault)
{
	uint64_t address = page_down(fault->address);
	uint32_t protection = protection_shown(region->flags);
	bool write = fault->access & MAP_WRITE;

	region->shown = true;
	physical_t *entry = region->flags & MAP_PRIVATE_COPY ? frame_table_find(&space->own, address / PAGE_SIZE) : NULL;
	if (entry)
		return own_page(space, address, entry, write, protection);
	if (region->memory && !(write && (region->flags & MAP_PRIVATE_COPY)))
		return shown_page(space, region, fault, protection);
	if (write)
		return new_own_page(space, region, fault, protection);
	return show(space, address, page_zero(), protection & ~MAP_WRITE, false);
}

/* The time page is in every space, without a region. */
static __attribute__((noinline)) enum fault_result time_page_fault(struct space *space, const struct fault *fault)
{
	if (fault->access != MAP_READ || fault->address < TIME_PAGE_ADDRESS || fault->address >= USER_ADDRESS_END)
		return FAULT_BAD;
	return show(space, TIME_PAGE_ADDRESS, arch_time_page(), MAP_READ, false);
}

/* Called with no lock held, from exceptions and from the kernel's own accesses alike. The space's
 * lock is held over the whole decision: faults of one space are one after the other, faults of
 * different spaces meet only at an object. */
enum fault_result space_fault(struct space *space, struct fault *fault)
{
	enum fault_result result = FAULT_BAD;

	if (fault->address - USER_ADDRESS_FIRST >= TIME_PAGE_ADDRESS - USER_ADDRESS_FIRST)
		return time_page_fault(space, fault);
	spin_lock(&space->lock);
	struct region *region = region_find(space, fault->address);
	if (region && region->start <= fault->address && !space->cleared &&
	    (region->flags & (fault->access == MAP_READ ? PROTECTION_BITS : fault->access)))
		result = region_fault(space, region, fault);
	spin_unlock(&space->lock);
	if (result != FAULT_HIDDEN)
		return result;
	preempt_wanted(); /* a step was made; the next look finds the page, or makes another */
	return FAULT_RESOLVED;
}

/* Two words are the same futex if they are the same bytes: a shared one by its object and offset,
 * wherever it is mapped; a private one by its space and address, also before it is written and gets
 * a page of its own. Numbers of objects are never reused, so a key that outlives its object matches
 * nothing. */
status_t space_futex_key(struct space *space, uint64_t address, uint64_t *object, uint64_t *offset)
{
	spin_lock(&space->lock);
	struct region *region = region_at(space, address);
	if (region && (!region->memory || (region->flags & MAP_PRIVATE_COPY))) {
		*object = space->object.number;
		*offset = address;
	} else if (region) {
		*object = region->memory->object.number;
		*offset = region->offset + address - region->start;
	}
	spin_unlock(&space->lock);
	return region ? STATUS_OK : STATUS_BAD_ADDRESS;
}
