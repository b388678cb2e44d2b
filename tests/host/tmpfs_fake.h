/* tmpfs's surroundings on the host: memory objects in the C library's heap with a quota, a clock
 * that ticks, allocations that can be made to fail, and a record of answered lock calls. */
#ifndef TEST_TMPFS_FAKE_H
#define TEST_TMPFS_FAKE_H

#include "servers/tmpfs/environment.h"
#include <stdbool.h>

extern uint64_t fake_quota;         /* bytes that memory objects may still take */
extern unsigned fake_fail_after;    /* the n-th allocation from now fails; 0: none does */
extern uint64_t fake_heap_blocks, fake_objects; /* alive */
extern uint64_t fake_answered_call; /* the last lock call answered, and how */
extern int fake_answer;

uint64_t fake_memory_read(handle_t object, uint64_t offset, void *to, uint64_t length);
uint64_t fake_memory_size(handle_t object);

#endif
