/* The host's physical memory is one array; its page tables are lists of entries, with a model of the TLB
 * beside them: an entry taken away stays there until it is flushed, and a frame that is freed while
 * an entry or the TLB still shows it is an error at once. */
#ifndef ARCH_SPACE_H
#define ARCH_SPACE_H

#include "mm/page.h"
#include <stdint.h>

struct pool;
struct machine_entry;

extern char *machine_memory;

static inline void *arch_direct_map(physical_t physical)
{
	return machine_memory + physical;
}

static inline physical_t arch_direct_physical(const void *address)
{
	return (physical_t)((const char *)address - machine_memory);
}

#define MACHINE_BUCKETS 64

struct arch_space {
	struct machine_entry *entries[MACHINE_BUCKETS]; /* by page number */
	struct machine_entry *stale;                    /* taken away, not flushed yet */
	struct arch_space *next;                        /* all spaces */
	struct pool *pool;
	physical_t root; /* stands for the table pages, which are charged */
};

#endif
