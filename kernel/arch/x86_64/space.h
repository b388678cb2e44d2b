/* What an address space looks like to the x86-64 MMU. */
#pragma once

#include "mm/page.h"
#include <stdint.h>

struct pool;

/* All physical memory is seen here, writable and never executable. */
#define DIRECT_MAP_BASE 0xffff800000000000ull

static inline void *arch_direct_map(physical_t physical)
{
	return (void *)(DIRECT_MAP_BASE + physical);
}

/* Of an address in the direct map. */
static inline physical_t arch_direct_physical(const void *address)
{
	return (uint64_t)address - DIRECT_MAP_BASE;
}

struct arch_space {
	physical_t root;       /* top-level table; set at creation */
	physical_t tables, cut; /* the tables below it, a list (page_push); those cut off and to be freed; under the table lock */
	uint64_t serial;       /* never reused: says whose entries a CPU's PCID holds; set at creation */
	uint64_t walked, walked_covers; /* where the last walk went: an address and how many bytes from there; and */
	uint64_t *walked_table;         /* the last level's table for them; NULL: none yet. Under the table lock */
	uint64_t flush_start, flush_end; /* where entries changed that a CPU may still use; under the table lock; end 0: none */
	struct pool *pool;     /* charged for table pages; set at creation, not referenced (the space does) */
	uint64_t active_cpus;  /* atomic: CPUs that have it loaded, or had and were not asked since */
	uint64_t stale_cpus;   /* atomic: CPUs that must drop what they cached of it before they use it */
};
