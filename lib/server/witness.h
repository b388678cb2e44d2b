/* What a handler does at once to others, through the kernel, is no part of its state, so where answers are verified (verify.h) it is told here: two
 * incarnations must have done the same. For whoever does such things; the calls keep their names. Left out is what a server does to
 * its own space, captable and stash: what it keeps there beside its state differs from incarnation to incarnation. */
#ifndef SERVER_WITNESS_H
#define SERVER_WITNESS_H

#include "server/server.h"

static inline int64_t witnessed_space_map(slot_t space, slot_t memory, uint64_t address, uint64_t length, uint64_t offset, uint32_t flags)
{
	if (space != SELF_SPACE)
		WITNESS(space, memory, address, length, offset, flags);
	return space_map(space, memory, address, length, offset, flags);
}
#define space_map witnessed_space_map

static inline int64_t witnessed_space_clone(slot_t pool, slot_t source, slot_t slot)
{
	WITNESS(pool, source, slot);
	return space_clone(pool, source, slot);
}
#define space_clone witnessed_space_clone

static inline int64_t witnessed_space_write(slot_t space, uint64_t address, const void *bytes, uint64_t length)
{
	WITNESS_BYTES(bytes, length, space, address, length);
	return space_write(space, address, bytes, length);
}
#define space_write witnessed_space_write

static inline int64_t witnessed_memory_write(slot_t memory, uint64_t offset, const void *bytes, uint64_t length)
{
	WITNESS_BYTES(bytes, length, memory, offset, length);
	return memory_write(memory, offset, bytes, length);
}
#define memory_write witnessed_memory_write

static inline int64_t witnessed_memory_resize(slot_t memory, uint64_t size)
{
	WITNESS(memory, size);
	return memory_resize(memory, size);
}
#define memory_resize witnessed_memory_resize

static inline int64_t witnessed_captable_clone(slot_t pool, slot_t source, slot_t slot)
{
	WITNESS(pool, source, slot);
	return captable_clone(pool, source, slot);
}
#define captable_clone witnessed_captable_clone

static inline int64_t witnessed_cap_copy(slot_t to, uint32_t to_slot, slot_t from, uint32_t from_slot, uint32_t rights)
{
	WITNESS(to, to_slot, from, from_slot, rights);
	return cap_copy(to, to_slot, from, from_slot, rights);
}
#define cap_copy witnessed_cap_copy

static inline int64_t witnessed_cap_drop(slot_t table, uint32_t slot)
{
	if (table != SELF_CAPTABLE)
		WITNESS(table, slot);
	return cap_drop(table, slot);
}
#define cap_drop witnessed_cap_drop

#endif
