/* Memory objects: pages, indexed by offset.
 *
 * anonymous  zero-filled on first touch; clones share frames until one side writes (a frame with
 *            more than one reference is never written)
 * paged      missing pages are asked of the pager's gate
 * physical   a window on device memory; its frames are not counted
 *
 * Each object is charged for every page it holds, shared or not, so copying on write never fails for
 * lack of quota. `mappers` lists the regions that map it, so that a page can be unmapped everywhere.
 */
#pragma once

#include "mm/frame_table.h"
#include "obj/object.h"

enum memory_kind { MEMORY_ANONYMOUS, MEMORY_PAGED, MEMORY_PHYSICAL };

struct memory {
	struct object object;
	struct spin_lock lock;     /* LOCK_MEMORY: everything below */
	enum memory_kind kind;     /* set at creation */
	bool contiguous, uncached; /* set at creation */
	bool zero_mapped;          /* someone may map the zero page where a frame is missing */
	uint64_t size;             /* bytes, whole pages */
	struct frame_table frames; /* by page number */
	physical_t physical;       /* contiguous and physical */
	struct object *pager;      /* gate; held as a capability */
	struct list_node mappers;  /* struct region.in_memory */
};

#define MEMORY_SIZE_MAX (1ull << 46)

enum fault_result {
	FAULT_RESOLVED,  /* the page is there: try again */
	FAULT_BAD,       /* not mapped for this; past the object's end, or it is dead */
	FAULT_PAGER,     /* a pager must supply it */
	FAULT_NO_MEMORY,
};

/* The frame behind an offset; the caller holds memory->lock, which keeps it in place. For writing,
 * a page is made or copied so that it is this object's alone. Reading a page never touched gives
 * *page = 0 (zeros) unless `allocate`. */
enum fault_result memory_page(struct memory *memory, uint64_t offset, bool write, bool allocate, physical_t *page);
physical_t page_copy(physical_t page); /* a new frame with the same bytes; 0: none */
struct memory *memory_create(struct pool *pool, uint64_t size, uint32_t flags);
struct memory *memory_create_paged(struct pool *pool, uint64_t size, struct object *pager);
/* Device registers (mapped uncached, never touched by the kernel), or ordinary memory that is not free: the boot
 * archive, cached, and can be copied from. */
struct memory *memory_create_physical(struct pool *pool, physical_t start, uint64_t size, bool device);
/* Copy kernel bytes into an anonymous object (NULL: only make the pages); returns bytes done, short at the end or
 * without memory. For user memory see copy_run (mm/space.h): nothing of a space may be locked here. */
uint64_t memory_copy_in(struct memory *memory, uint64_t offset, const void *bytes, uint64_t length);
/* Under memory->lock. No region shows these pages any more: before their frames go. */
void memory_unmap(struct memory *memory, uint64_t first_page, uint64_t end_page);
/* Under memory->lock. A region came or went; the last one to leave an unnamed object ends it. */
void memory_region_gone(struct memory *memory);
extern const struct object_class memory_class;
