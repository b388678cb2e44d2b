/* Endpoints and gates: where calls live.
 *
 * An endpoint owns every call made to it until that call is answered:
 *
 *   queued --receive--> delivered --reply--> answered
 *      ^                  |    |
 *      +------reset-------+    +--park--> parked --reply--> answered
 *
 * The record of a call is in the calling thread (struct call), that of a "last capability gone" notice
 * in the gate, so nothing is ever allocated. Whoever may receive may answer any call by its id.
 * When a caller dies or is alerted: a queued call leaves; for a delivered or parked one an
 * OPERATION_CANCEL is queued. A dead caller's thread stays, charged to its own pool, until answered. A call
 * that a reset has queued again may have been acted on: it is cancelled through the server like a delivered one.
 *
 * Lock: endpoint->lock protects the lists, the state of every call in them, the notices of its gates,
 * and the receivers. It is taken before any thread's lock.
 */
#pragma once

#include "sched/thread.h"

struct notification;

struct endpoint {
	struct object object;
	struct spin_lock lock; /* LOCK_ENDPOINT: all below; see endpoint_lock */
	bool pending;          /* a receiver has to look: a call or a cancel request may be queued, or a bit set */
	/* One of these two at most: */
	struct thread *receiver; /* goes before those on the list of receivers; NULL: none */
	struct call *newest;     /* goes behind those on the list of delivered calls; NULL: none */
	struct list_node queued, delivered, parked; /* struct call.in_endpoint, oldest first */
	struct list_node cancels, cancels_delivered; /* struct call.in_cancel: not yet received, and of calls not yet answered */
	struct list_node receivers;                 /* struct thread.waiting */
	struct notification *notification;          /* bound; referenced */
};

struct gate {
	struct object object;
	struct endpoint *endpoint; /* set at creation; referenced */
	uint64_t label;            /* set at creation */
	struct call notice;        /* OPERATION_GATE_CLOSED */
};

extern const struct object_class endpoint_class, gate_class;
/* The receiver and the call that stand beside their lists go onto them. */
void endpoint_settle(struct endpoint *endpoint);
/* Whoever looks at the lists of receivers and delivered calls takes the lock so; ipc/direct.h does without the lists. */
static inline void endpoint_lock(struct endpoint *endpoint)
{
	spin_lock(&endpoint->lock);
	endpoint_settle(endpoint);
}
/* Make a call of the kernel on behalf of the current thread. The thread blocks;
 * an answer of 0 lets it retry (CALL_FROM_CALL_FAULT: its system call). False: there is no live gate. */
bool endpoint_call_fault(struct gate *gate, enum call_source source, uint32_t operation,
                         const uint64_t words[MESSAGE_WORDS]);
bool endpoint_call_pager(const struct fault *fault, enum call_source source); /* the same, for a missing page */
/* The endpoint is bound to no notification any more, or not to this one. No lock held. */
void endpoint_unbind(struct endpoint *endpoint, const struct notification *only);
/* Something was signalled on a bound notification. */
void endpoint_notify(struct endpoint *endpoint);
