/* What the floors below the scheduler ask of it (sched/scheduler.c). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* No lock may be held. Serves pending interrupts, then says whether something more urgent wants
 * this CPU: work that can be made again from the top then returns STATUS_RESTART; other work goes on,
 * and has at least bounded the interrupt latency. */
bool preempt_wanted(void);
/* There is something to be done on these CPUs' ways out of the kernel: a bit per CPU. */
void exit_work_set(uint64_t mask);
uint32_t cpu_number(void);
uint64_t thread_current_number(void); /* 0: this CPU idles */
