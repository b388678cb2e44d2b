/* Memory objects: pages, indexed by offset.
 *
 * anonymous  zero-filled on first touch
 * paged      missing pages are asked of the pager's gate
 * physical   a window on device memory; its frames are not counted
 *
 * A frame belongs to one object, which is charged for it. `mappers` and `hidden` list the regions that map it, so that
 * a page can be taken out of all page tables: in steps, since there may be any number of them. While that lasts, faults
 * on the pages in question do a step themselves and then try again (memory_hide_some).
 */
#pragma once

#include "mm/frame_table.h"
#include "obj/object.h"

enum memory_kind { MEMORY_ANONYMOUS, MEMORY_PAGED, MEMORY_PHYSICAL };

struct memory {
	struct object object;
	struct spin_lock lock;     /* LOCK_MEMORY: everything below */
	enum memory_kind kind;     /* set at creation */
	bool pinned, uncached;     /* set at creation */
	uint64_t size;             /* bytes, whole pages */
	struct frame_table frames; /* by page number */
	physical_t physical;       /* of the first page of a physical one */
	struct object *pager;      /* gate; held as a capability */
	struct list_node mappers;  /* struct region.in_memory */
	struct list_node hidden;   /* the same, of those that show nothing of the pages being hidden */
	uint64_t hide_first, hide_end; /* those pages; equal: none */
};

#define MEMORY_SIZE_MAX (1ull << 46)

enum fault_result {
	FAULT_RESOLVED,  /* the page is there: try again */
	FAULT_BAD,       /* not mapped for this; past the object's end, or it is dead */
	FAULT_PAGER,     /* a pager must supply it */
	FAULT_HIDDEN,    /* inside the kernel alone: it is being hidden, try again */
	FAULT_NO_MEMORY,
};

/* The frame behind an offset; the caller holds memory->lock, which keeps it in place. A page never touched gives
 * *page = 0 (zeros) unless `allocate`. */
enum fault_result memory_page(struct memory *memory, uint64_t offset, bool allocate, physical_t *page);
physical_t page_copy(physical_t page); /* a new frame with the same bytes; 0: none */
struct memory *memory_create(struct pool *pool, uint64_t size, uint32_t flags);
struct memory *memory_create_paged(struct pool *pool, uint64_t size, struct object *pager);
/* Device registers (mapped uncached, never touched by the kernel), or ordinary memory that is not free: the boot
 * archive, cached, and can be copied from. */
struct memory *memory_create_physical(struct pool *pool, physical_t start, uint64_t size, bool device);
/* Copy kernel bytes into an anonymous object (NULL: only make the pages); returns bytes done, short at the end or
 * without memory. For user memory see copy_run (mm/space.h): nothing of a space may be locked here. */
uint64_t memory_copy_in(struct memory *memory, uint64_t offset, const void *bytes, uint64_t length);
/* Under memory->lock: a step towards no region showing these pages, at most HIDE_PAGES_MAX of them, before their frames
 * go. True: none does, as long as the lock is held. False: let the lock go and call again. */
#define HIDE_PAGES_MAX 512u
bool memory_hide_some(struct memory *memory, uint64_t first, uint64_t end);
/* Under memory->lock: may not be shown at this moment. */
static inline bool memory_hides(const struct memory *memory, uint64_t index)
{
	return index >= memory->hide_first && index < memory->hide_end;
}
/* Under memory->lock. A region came or went; the last one to leave an unnamed object ends it. */
void memory_region_gone(struct memory *memory);
extern const struct object_class memory_class;
