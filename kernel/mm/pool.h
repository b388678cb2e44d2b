/* Pools: quotas of physical memory, nested. A charge counts in the pool and in every pool above. */
#pragma once

#include "obj/object.h"

struct pool {
	struct object object;
	struct pool *parent;      /* set at creation; NULL for the root; referenced */
	uint64_t left;            /* set at creation: bytes of the machine's memory that others may still have */
	uint64_t limit, used;     /* bytes; atomic */
	struct spin_lock lock;    /* LOCK_POOL */
	struct list_node objects; /* alive ones made from it; under lock */
	uint64_t object_total;
};

bool pool_charge(struct pool *pool, uint64_t bytes); /* false: some limit reached, nothing charged */
void pool_credit(struct pool *pool, uint64_t bytes);
/* NULL: no memory, or too deep below the root. The root pool alone has no parent; it is charged to nobody. */
struct pool *pool_create(struct pool *parent, uint64_t limit);
extern const struct object_class pool_class;
