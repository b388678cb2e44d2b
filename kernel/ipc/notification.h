/* Notifications: a word of signal bits, with waiters, a timer, and at most one bound endpoint. */
#pragma once

#include "sched/thread.h"

struct notification {
	struct object object;
	struct spin_lock lock;      /* LOCK_NOTIFICATION */
	uint64_t bits;              /* atomic */
	struct list_node waiters;   /* struct thread.waiting */
	struct endpoint *bound;     /* weak: cleared by the endpoint's end */
	struct timer timer;
	uint64_t timer_bits;
};

void notification_signal(struct notification *notification, uint64_t bits);

/* Whom an event tells. It may be let go of as soon as the lock that protects it is released, but stays in memory
 * until this CPU leaves the kernel. */
struct signal_target {
	struct notification *notification; /* referenced; NULL: nobody */
	uint64_t bits;
};
void signal_target_set(struct signal_target *target, struct spin_lock *lock, struct notification *notification,
                       uint64_t bits);
extern const struct object_class notification_class;
