/* Address spaces: regions (what is mapped where) over page tables (what the hardware sees now).
 *
 * A page table entry is only a cache of what the region says: it can always be dropped. Faults
 * fill it in. Private regions have pages of their own, kept by address in `own`; a page is looked for
 * there first, then in the region's memory object, then it is zero.
 *
 * Three locks, taken in this order: the space's (regions and own pages), the memory object's, the
 * table lock (page tables). A frame is released only after it has been unmapped under the table
 * lock of every space that may show it, so whoever holds the table lock and has found a page in the
 * tables may use it. A region's bounds and offset change only under both the space's lock and its memory
 * object's, so that either is enough to read them.
 */
#pragma once

#include "abi/structures.h"
#include "arch/space.h" /* struct arch_space */
#include "mm/memory.h"

struct region {
	uint64_t start, end;    /* page aligned */
	struct list_node in_memory; /* memory->mappers, under memory->lock */
	struct space *space;
	struct memory *memory;  /* shown; NULL: none (zeros); referenced; set at creation */
	uint64_t offset;        /* of start in memory */
	uint32_t flags;         /* enum map_flags: MAP_READ.. PRIVATE_COPY, NOT_CLONED */
	uint32_t allowed;       /* protection bits it may be given */
	bool shown;             /* there may be entries for it in the page tables */
};

struct space {
	struct object object;
	struct spin_lock lock;       /* LOCK_SPACE: regions, own, reflect */
	struct spin_lock table_lock; /* LOCK_TABLE: arch */
	struct arch_space arch;
	struct region_leaf **leaves; /* the regions (region.c): leaves by address, a page of them */
	struct region_leaf *only_leaf; /* or this one alone */
	uint32_t leaf_count, leaf;   /* the one used last */
	uint32_t region_count;
	struct frame_table own;      /* private pages by address >> PAGE_SHIFT */
	struct reflect_config reflect; /* all zero: none */
	bool has_tables;               /* arch is set up */
	bool cleared;                  /* being destroyed: nothing is shown any more */
};

struct fault {
	uint64_t address;
	uint32_t access; /* MAP_READ, MAP_WRITE or MAP_EXECUTE */
	bool alone;      /* do not show the neighbours that are there */
	struct memory *memory; /* out, FAULT_PAGER: ask its pager */
	uint64_t offset;       /* out, FAULT_PAGER: for the page here */
};

struct space *space_create(struct pool *pool);
status_t space_clone(struct pool *pool, struct space *source, struct space **clone);
/* The address, or a status; STATUS_RESTART: call again. The other changes are kernel calls alone. */
status_t space_map(struct space *space, struct memory *memory, uint32_t memory_rights, uint64_t address,
                   uint64_t length, uint64_t offset, uint32_t flags);
enum fault_result space_fault(struct space *space, struct fault *fault);

/* Kernel-addressable bytes behind a user address of any space, faulted in for this access: the
 * address of the byte in the direct map, and how many follow on the same page. Held valid by the
 * space's table lock, which is taken on FAULT_RESOLVED and released by space_release. No lock from
 * LOCK_SPACE to LOCK_TABLE may be held when calling. */
enum fault_result space_access(struct space *space, uint64_t address, uint32_t access, void **bytes,
                               uint64_t *available, struct fault *fault);
void space_release(struct space *space);
/* A copy between a space and another place: a memory object, or (memory NULL) the current thread's own space, which may
 * be the same. */
struct copy {
	struct space *space;
	uint64_t address, length;
	struct memory *memory;
	struct space *own;        /* the current thread's */
	uint64_t offset;          /* in the memory object; the address in the own space */
	bool to_other;
	/* Out, where it is short: why, where, and on which side. FAULT_RESOLVED: the memory object ends there. Of two
	 * faults the space's counts. */
	enum fault_result result;
	struct fault fault;
	bool fault_in_other;
};
/* Page by page, with preemption points; returns bytes done. What is copied stays copied. No lock may be held. */
uint64_t copy_run(struct copy *copy);
/* A debugger's write within one page: private pages whatever their protection, shared ones as the program may. */
enum fault_result space_poke(struct space *space, uint64_t address, const void *bytes, uint64_t length,
                             struct fault *fault);
/* What a futex word is keyed by: the memory object (or the space) and an offset. STATUS_BAD_ADDRESS. */
status_t space_futex_key(struct space *space, uint64_t address, uint64_t *object, uint64_t *offset);
extern const struct object_class space_class;
