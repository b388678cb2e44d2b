/* Deferred freeing: memory that lookups without locks may still see is freed only when every CPU
 * has left the kernel once since. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct object;
void quiesce_free(struct object *object); /* no references left: release its memory when that is safe */
void quiesce_kernel_exit(uint32_t cpu);   /* this CPU leaves the kernel, or is about to idle; no lock held */
/* Between the two an idle CPU looks nothing up; every CPU begins as an idle one. */
void quiesce_set_idle(uint32_t cpu, bool idle);
bool quiesce_pending(void);               /* objects could be freed by calling that again now */
bool quiesce_waits(void);                 /* or will be, once other CPUs have left the kernel */
extern uint64_t quiesce_owing;            /* a bit per CPU that has to leave the kernel; atomic */

/* Does something wait for this CPU's quiesce_kernel_exit? */
static inline bool quiesce_owes(uint32_t cpu)
{
	return __atomic_load_n(&quiesce_owing, __ATOMIC_RELAXED) >> cpu & 1;
}
