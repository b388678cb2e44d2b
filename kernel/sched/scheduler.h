/* Which thread runs: priority levels; within a level, the smallest virtual time (run time divided
 * by weight) first. One queue per CPU. */
#pragma once

#include "obj/quiesce.h"
#include "sched/cpu.h"

#define TIME_SLICE 4000000ull /* nanoseconds */

void scheduler_init_cpu(struct cpu *cpu);
/* These three under the thread's lock. */
void scheduler_enqueue(struct thread *thread); /* runnable and not on a CPU; kicks an idle or lower CPU */
void scheduler_remove(struct thread *thread);
void scheduler_kick(struct thread *thread);    /* if it is on a CPU, that CPU looks at it again soon */
static inline unsigned scheduler_level(const struct thread *thread)
{
	return thread->lent_priority < thread->priority ? thread->lent_priority : thread->priority;
}
/* A thread in a call may pay for what its server does. It wakes, and the server goes on for itself; or it ends. */
void scheduler_payer_wakes(struct thread *payer);
/* `to`, which is claimed (ipc/direct.h) and more urgent, runs here from now on; the current thread goes back to its queue. */
void scheduler_preempt(struct cpu *cpu, struct thread *to);
void scheduler_payer_gone(struct thread *payer);
/* The way out of the kernel: account, work off deferred destruction, pick a thread (idling while there
 * is none), switch space and extended state, show a pending alert. The returned thread's registers
 * are then loaded. */
struct thread *kernel_exit(void);
void thread_finish(struct thread *thread); /* what is left to do for a wait that has ended; it is the current one */
void thread_off_cpu(struct thread *thread); /* thread.c: this CPU has left it for another */
