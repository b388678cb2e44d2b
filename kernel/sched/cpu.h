/* What each CPU knows of itself. Reached through cpu_self() (arch/cpu.h). */
#pragma once

#include "arch/cpu.h"
#include "base/lock.h"
#include "sched/thread.h"

struct run_queue {
	struct spin_lock lock; /* LOCK_RUN_QUEUE */
	uint32_t ready_levels; /* bit per non-empty level */
	struct list_node level[PRIORITY_LEVELS]; /* by virtual_time */
	uint64_t virtual_now[PRIORITY_LEVELS];
};

struct cpu {
	/* Offsets of the first four are known to the architecture (arch/x86_64/cpu.h, entry.S); it sets
	 * the next three and `index`, before this CPU runs portable code. */
	struct thread *current; /* NULL: idle */
	uint64_t kernel_stack;  /* its top */
	uint64_t scratch;       /* user rsp during entry */
	struct cpu *self;
	uint32_t index;
	bool online, in_idle;
	bool in_system_call;    /* a handler runs: a missing page restarts its call */
	union {
		struct {
			bool need_reschedule; /* look at the queue before going on; set by any CPU */
			bool exit_work;       /* something else is to be done on the way out; set by any CPU */
			bool no_fast_path;    /* ipc/fastpath.c is switched off */
			bool turn_due;        /* the slice ended while something more urgent ran */
		};
		uint16_t exit_attention; /* the first two */
		uint32_t attention; /* all of them in one look: 0, nothing stands against the fast path */
	};
	struct thread *payer;   /* whose time runs: the current thread, or the caller it works for; NULL: current */
	uint64_t charged;       /* cycles up to which it is paid */
	struct thread *next;    /* runnable, on no queue: where this CPU goes when the current thread waits */
	struct arch_cpu arch;
	struct run_queue queue;
	struct spin_lock timer_lock;
	struct timer *timers;     /* under timer_lock */
	uint64_t timer_first;     /* its earliest deadline, 0: none; atomic */
	uint64_t timer_programmed; /* what the hardware was told, 0: nothing */
	uint32_t entered;       /* cycles (the low half) when it left user mode; 0: it is there */
	uint64_t online_since, idle_time, idle_since; /* nanoseconds */
	uint64_t slice_end;       /* when another of the same level has its turn; 0: nobody waits for one */
	uint64_t interrupts, context_switches;
} __attribute__((aligned(64))); /* no two CPUs write to one cache line */

extern struct cpu cpus[];
extern uint32_t cpu_count;
