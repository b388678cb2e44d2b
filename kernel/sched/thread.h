/* Threads: registers, and the record of the one call a thread can have outstanding.
 *
 * A thread is in one of the states of enum thread_state. A blocked one is waiting for exactly
 * one thing (`wait`), and whoever ends the wait sets its result registers and calls
 * thread_wake. The kernel has one stack per CPU: a thread that blocks has no kernel frames;
 * everything its wait needs is in this structure.
 */
#pragma once

#include "abi/message.h"
#include "abi/structures.h"
#include "arch/thread.h" /* struct arch_thread */
#include "mm/space.h"
#include "obj/captable.h"
#include "sched/timer.h"

enum wait_reason {
	WAIT_NONE,
	WAIT_CALL,         /* its call is queued, delivered or parked */
	WAIT_RECEIVE,      /* endpoint->receiver, or on endpoint->receivers */
	WAIT_NOTIFICATION,
	WAIT_FUTEX,
	WAIT_SLEEP,
};

/* Why a wait is to end early; also word 1 of OPERATION_CANCEL. */
enum cancel_reason { CANCEL_ALERT, CANCEL_DEADLINE, CANCEL_GONE };

/* Capabilities on their way, each held as a capability. */
struct cap_list {
	unsigned count;
	struct object *caps[MESSAGE_CAPS_MAX];
	uint8_t rights[MESSAGE_CAPS_MAX];
};
void cap_list_drop(struct cap_list *list); /* no lock held */
void cap_list_move(struct cap_list *to, struct cap_list *from);

/* The one call of a thread (or the one notice of a gate): see ipc/endpoint.h. */
enum call_state { CALL_NONE, CALL_QUEUED, CALL_DELIVERED, CALL_PARKED };
enum call_source {
	CALL_FROM_THREAD,     /* 0: see call_progress.word */
	CALL_FROM_GATE,       /* OPERATION_GATE_CLOSED */
	CALL_FROM_FAULT,      /* the thread faulted in user mode */
	CALL_FROM_CALL_FAULT, /* a system call of the thread needs a page; it is made again */
};
struct call {
	struct list_node in_endpoint; /* queued, delivered or parked list; endpoint's lock */
	struct list_node in_cancel;   /* cancel requests of the endpoint, or those that a server has; endpoint's lock */
	uint64_t id;                  /* never reused (sched/call_record.h); 0: none */
	uint32_t index;               /* its call record; set at creation */
	union call_progress {         /* endpoint's lock, and so are all below */
		struct {
			uint8_t state;         /* enum call_state */
			uint8_t source;        /* enum call_source */
			bool cancelled;        /* its cancel request is, was or will be on the list */
			uint8_t cancel_reason; /* word 1 of OPERATION_CANCEL */
			bool delivered_before; /* a reset queued it again: the server may have acted on it */
			bool abandoned;        /* the caller is gone; its thread is kept until the answer */
			bool carries;          /* more than words: `extra` is not 0 */
		};
		uint64_t word;                 /* the whole; a state alone where nothing is special */
	} progress;
	struct endpoint *endpoint;    /* while state != CALL_NONE; its end ends the call, so no reference */
	uint64_t label;
	/* Of a message of the kernel; those of a caller stay in its registers. */
	uint64_t header;
	uint64_t words[MESSAGE_WORDS];
	/* In the caller's space. Between two calls the lengths and `extra` are 0. */
	uint64_t send_address, send_length, receive_address, receive_length;
	uint64_t extra;               /* caller's struct message_extra, 0: none */
	uint64_t received_length;     /* bytes of the answer's buffer, for finish_call */
	/* First the call's, kept for a redelivery until the answer; then the answer's, for finish_call. */
	struct cap_list caps;
	uint32_t receive_caps[MESSAGE_CAPS_MAX];
};

/* How a thread stands: one word, so that ipc/direct.h can go from one standing to the next in one step, provided that
 * it is just the one expected and that nobody holds the lock. */
union standing {
	struct {
		struct spin_lock lock;      /* LOCK_THREAD */
		uint8_t state : 4;          /* enum thread_state */
		uint8_t wait : 4;           /* enum wait_reason */
		uint8_t interruptible : 1;  /* the wait: by alerts */
		uint8_t timed : 1;          /* the wait has a deadline */
		uint8_t stop_requested : 1; /* takes effect on the way to user mode, or when a wait ends */
		uint8_t dying : 1;          /* begins no more waits, ends when it is off CPU */
		bool alerted;               /* sticky until thread_alert_clear; its CPU's exit_work is set while it runs */
		bool on_cpu;                /* its registers are in use by a CPU */
	};
	uint64_t standing;
};
_Static_assert(sizeof(union standing) == 8, "a thread's standing is changed in one step");

/* On a list of waiters: a thread, or a place in a futex bucket where somebody goes on (ipc/futex.c). */
struct futex_waiter {
	struct list_node waiting;
	uint64_t futex_object, futex_offset; /* WAIT_FUTEX */
};

struct thread {
	struct object object;
	struct arch_thread arch; /* registers and extended state */

	/* Set at creation, or while it cannot run */
	struct space *space;       /* referenced; NULL once dead */
	struct captable *captable; /* referenced; NULL once dead */
	struct object *exception;  /* gate or NULL; held as a capability */
	uint32_t flags;            /* enum thread_flags */
	bool by_place;             /* a system call from outside the space's library reflects: see thread_enters */

	union standing;            /* with the lock that protects all from here to the next comment */
	bool alert_shown;          /* reflected or written to the library's alert word already */
	void (*finish)(struct thread *thread); /* finish_receive or another; set by whoever ends the wait, taken by itself */
	struct spin_lock *wait_lock; /* of what it waits for (futex: its bucket; sleep: one for all) */
	struct futex_waiter;       /* receivers, notification waiters or futex bucket: under *wait_lock */
	uint64_t finish_id;        /* finish_receive: the call it was given; 0: a message without answer */
	struct timer timer;        /* deadline of the wait */

	struct call call; /* its outstanding call */

	/* Of a page fault in user mode that is its pager's now, for finish_fault and finish_page */
	uint64_t fault_vector, fault_error, fault_address;
	uint32_t fault_access;

	/* Under the run queue's lock of `cpu` */
	struct list_node runnable;
	uint8_t priority;       /* level, 0 most urgent */
	uint8_t lent_priority;  /* from a caller; PRIORITY_LEVELS: none */
	uint32_t weight;
	uint32_t cpu;
	uint64_t cpu_mask;
	uint64_t virtual_time;  /* fair share within the level */

	/* Written by the CPU where it runs or pays, and read by any */
	uint64_t run_cycles;    /* of its own, and of servers that worked for it; up to cpu->charged */
	uint64_t system_cycles; /* of them in the kernel */
	uint64_t switches;
	uint64_t destroying; /* number of the object whose destruction it makes again from the top */
};

extern const struct object_class thread_class;
/* It is in this space now: one with a library? (A library that comes later is noticed by whoever brings it.) */
static inline void thread_enters(struct thread *thread, struct space *space)
{
	thread->space = space;
	thread->by_place = (thread->flags & THREAD_REFLECT) && space->reflect.library_end;
}
/* A stopped thread with one reference, its own: dropped when it ends. The space and the captable are referenced.
 * NULL: no memory, with *status. */
struct thread *thread_create(struct pool *pool, struct space *space, struct captable *captable,
                             struct object *exception, struct thread *like,
                             const struct thread_parameters *parameters, status_t *status);
status_t thread_start(struct thread *thread); /* the kernel call */
/* The current thread ends: it is taken apart once it is off its CPU. */
status_t thread_exit(void); /* the kernel call */

/* Begin a wait of the current thread. The caller holds `lock`, that of the thing waited for (or NULL), and
 * puts the thread on its list if the answer is STATUS_BLOCKED. Otherwise nothing has begun: STATUS_INTERRUPTED
 * (interruptible, and alerted), STATUS_TIMED_OUT, STATUS_DESTROYED (it is to end). `deadline` 0: none. */
status_t thread_block(enum wait_reason reason, struct spin_lock *lock, uint64_t deadline, bool interruptible);
/* End a wait, with *wait_lock held; the caller has taken the thread from the list and set its results. Here: the
 * current thread is likely to wait next, and this CPU then goes straight to `thread`. */
void thread_wake(struct thread *thread, bool here);
/* The same, taking it from its list, with no more to tell than this. */
void thread_wake_with(struct thread *thread, status_t result);
/* End a wait early, if the reason still holds; a call may first have to be asked of its server. */
void thread_cancel_wait(struct thread *thread, enum cancel_reason reason);
/* Does this thread's wait still have to end for this reason? Its wait_lock is held. */
bool thread_cancel_applies(struct thread *thread, enum cancel_reason reason);
/* Give a finished new object (NULL: no memory for it) to a slot of the current thread's captable; the creator's
 * reference goes. */
status_t thread_install_new(struct object *object, uint32_t slot);

/* What this floor asks of those above (ipc, entry). */
bool call_cancel(struct thread *thread, enum cancel_reason reason, status_t result); /* false: no call stands */
void receivers_settle(struct spin_lock *lock); /* a WAIT_RECEIVE's wait_lock is held: it is on its list from now on */
/* What a thread does for itself on its way to user mode, in its own space, after a wait ended: */
void finish_receive(struct thread *thread); /* fetch buffer and capabilities of the call it was given; write its message_extra */
void finish_call(struct thread *thread); /* store the capabilities of the answer; write its message_extra */
void finish_fault(struct thread *thread); /* its pager refused the page: it takes the exception */
void finish_page(struct thread *thread); /* its pager supplied the page: shown at once, it would fault again else */
