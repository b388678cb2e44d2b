/* In place of the generated kernel calls, for lib/server on the building machine: no capabilities, memory is there. */
#ifndef ATOLL_CALLS_H
#define ATOLL_CALLS_H

#include "abi/structures.h"
#include <stdint.h>
#include <string.h>

#ifndef KERNEL_WRITES
#define KERNEL_WRITES(address, length) ((void)0)
#endif

static inline int64_t calls_nothing(uint64_t first, ...)
{
	(void)first;
	return 0;
}
#define cap_drop calls_nothing
#define cap_info calls_nothing
#define object_destroy calls_nothing
#define memory_discard calls_nothing
#define space_protect calls_nothing
#define endpoint_bind calls_nothing
#define gate_create calls_nothing
#define notification_create calls_nothing
#define notification_signal calls_nothing
#define call_park calls_nothing
#define endpoint_reset calls_nothing
#define call_read calls_nothing
#define call_write calls_nothing
#define call_read_memory calls_nothing
#define call_write_memory calls_nothing
#define memory_read(memory, offset, to, length) \
	((void)memcpy(to, (void *)((offset) < STASH_SIZE ? STASH_BASE + (offset) : STASH_JOURNAL + (offset) - STASH_SIZE), length))
#define memory_write(memory, offset, from, length) ((void)(offset), (void)(from), (int64_t)(length))

#endif
