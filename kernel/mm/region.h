/* What the parts of the space's implementation share: the regions of a space, a tree by address, and what
 * is done with ranges. Everything here is under the space's lock unless said. */
#pragma once

#include "mm/space.h"

/* Programs map below the page that the kernel shows in every space. */
#define RANGE_END TIME_PAGE_ADDRESS
#define REGIONS_AT_ONCE 8u /* changed in one step */
#define PROTECTION_BITS (MAP_READ | MAP_WRITE | MAP_EXECUTE)

/* What the hardware is told: what may be written or executed can also be read. */
static inline uint32_t protection_shown(uint32_t flags)
{
	return flags & PROTECTION_BITS ? (flags & PROTECTION_BITS) | MAP_READ : 0;
}

/* The region that holds an address, or the first above it; NULL: none. */
struct region *region_find(struct space *space, uint64_t address);
/* The region that holds the address, or NULL. */
struct region *region_at(struct space *space, uint64_t address);
/* Nothing is mapped in a range. */
bool region_none(struct space *space, uint64_t start, uint64_t end);
/* `length` free bytes below `end`: at the hint (rounded down to a page) if they are free there, else as high as
 * possible; 0: none; GAP_AGAIN: some of the search is done, let the lock go and call again. */
#define GAP_AGAIN 1u
uint64_t region_gap(struct space *space, uint64_t hint, uint64_t length, uint64_t end);
/* Map [like->start, like->end) as `like` says, grown into a neighbour where that is the same. The range
 * must be free. False: quota or memory is at its end. */
bool region_add(struct space *space, const struct region *like);
/* Cut a region in two at an address inside it. False: quota or memory is at its end. */
bool region_split(struct region *region, uint64_t at);
/* Make one of the regions that meet at an address if they are the same. */
void region_merge_at(struct space *space, uint64_t address);
/* The region loses what is below `start`: all of it, if that is its end. */
void region_cut(struct region *region, uint64_t start);

/* --- ranges --- */
/* Validate and round a range up to whole pages. No lock needed. */
bool range_check(uint64_t address, uint64_t *length);
/* STATUS_OK, NO_MEMORY (nothing done in this step), or RESTART: let the lock go and call again. */
status_t range_unmap_some(struct space *space, uint64_t start, uint64_t end);
/* Restrict the entries of a range (arch/arch.h) and flush; returns where it stopped. No lock needed. */
uint64_t range_restrict_some(struct space *space, uint64_t start, uint64_t end, uint32_t protection);
void range_drop_entries(struct space *space, uint64_t start, uint64_t end); /* flushed; no lock needed */
/* What a range shows and has of its own goes, from its lower end on; `shown`: there may be entries. Returns where it
 * stopped. */
uint64_t range_free_some(struct space *space, uint64_t start, uint64_t end, bool shown);

/* Resolve a fault in a region without asking whether it permits the access. */
enum fault_result region_fault(struct space *space, struct region *region, struct fault *fault);
