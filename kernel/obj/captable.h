/* Captables: flat tables of capabilities.
 *
 * A slot is one 64-bit word: the object's address with the rights in its low bits (objects are
 * aligned to 32 bytes), so a lookup is one atomic load and takes no lock. Writers hold the table's lock.
 * A table of n slots is a directory of page-sized blocks, made on first use.
 */
#pragma once

#include "obj/object.h"

#define CAPTABLE_SLOTS_MAX 65536u
#define CAPTABLE_BLOCK_SLOTS 512u

struct captable {
	struct object object;
	struct spin_lock lock; /* LOCK_CAPTABLE */
	uint32_t slots;        /* set at creation; what is left of a table that ends */
	uint32_t top;          /* no slot from here on was ever used; grows under lock */
	uint64_t *blocks[CAPTABLE_SLOTS_MAX / CAPTABLE_BLOCK_SLOTS]; /* pages: the first made at creation, others under lock; kept to the end */
};

/* STATUS_OK and the object, or BAD_HANDLE, WRONG_TYPE, NO_RIGHT, DESTROYED. type OBJECT_NONE: any.
 * The object stays valid until this CPU leaves the kernel; no reference is taken. */
status_t captable_lookup(struct captable *table, uint32_t slot, enum object_type type, uint32_t rights,
                         struct object **object);
/* The same, and the capability's rights. */
status_t captable_lookup_rights(struct captable *table, uint32_t slot, struct object **object,
                                uint32_t *rights);
/* The same lookup in line, where no reason is needed: NULL for any. */
static inline void *captable_find(const struct captable *table, uint64_t slot, enum object_type type, uint32_t rights)
{
	const uint64_t *block = __atomic_load_n(&table->blocks[0], __ATOMIC_ACQUIRE);
	if (__builtin_expect(slot >= CAPTABLE_BLOCK_SLOTS, 0)) {
		block = slot < table->slots ? __atomic_load_n(&table->blocks[slot / CAPTABLE_BLOCK_SLOTS], __ATOMIC_ACQUIRE) : NULL;
		if (!block)
			return NULL;
		slot %= CAPTABLE_BLOCK_SLOTS;
	}
	uint64_t word = __atomic_load_n(&block[slot], __ATOMIC_ACQUIRE);
	struct object *object = (struct object *)(word & ~(uint64_t)RIGHTS_ALL);
	if ((word & rights) != rights || !object_is_live(object, type))
		return NULL;
	if (!object) /* a right without an object is never stored */
		__builtin_unreachable();
	return object;
}
/* Store a capability, replacing what was there. NO_MEMORY, BAD_HANDLE (slot out of range or 0). */
status_t captable_install(struct captable *table, uint32_t slot, struct object *object, uint32_t rights);
status_t captable_drop(struct captable *table, uint32_t slot); /* the kernel call cap_drop */
struct captable *captable_create(struct pool *pool, uint32_t slots);
status_t captable_clone(struct pool *pool, struct captable *source, struct captable **clone);
extern const struct object_class captable_class;
