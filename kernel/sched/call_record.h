/* Call records: which struct call an id means.
 *
 * Every record (in a thread or a gate) has a place in one table for as long as it lives. An id is
 * that place and a number that the place counts up, also from one owner to the next, so an id is
 * found in one step and never comes again (44 bits: 200 days of a million calls a second by one thread).
 */
#pragma once

#include "sched/thread.h"

#define CALL_INDEX_BITS 20 /* of an id: the record's place in the table */

bool call_record_init(struct call *call); /* false: no memory */
void call_record_release(struct call *call);
/* The record has its next id. */
static inline void call_record_new_id(struct call *call)
{
	call->id += 1ull << CALL_INDEX_BITS; /* read by others, compared as a whole */
}
/* The record with this id, or NULL. It says nothing about the call's state: take the lock of the endpoint it
 * should be at, and ask again. The record stays valid until this CPU leaves the kernel. */
struct call *call_record_find(uint64_t id);
