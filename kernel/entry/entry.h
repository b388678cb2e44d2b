/* The ways into the kernel, and the root server: the only program the kernel starts, and starts again. What the
 * architecture calls is in arch/arch.h. */
#pragma once

#include "sched/thread.h"

void entry_init(void); /* every floor's structures: once, before all else */
/* From the boot archive's first file; panics when there is none or it is no program. */
void root_start(struct pool *pool, const struct boot_info *boot, physical_t archive);
bool root_owns(const struct thread *thread); /* runs in the root server's space */
/* The root server has faulted, or hangs: end its threads' space, and start it from its image with the same captable. */
void root_restart(void);
/* Nanoseconds within which this must be called again, or the root server hangs; 0: never. */
void root_watch(uint64_t patience);
