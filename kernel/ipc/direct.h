/* Straight from one thread to another on this CPU, in the middle of a call or an answer: shared by the fast path and by
 * the messages that carry more (call.c). All in line; all under the endpoint's lock.
 *
 * Two threads' locks are held at once here alone: first that of the one that runs, then the waiting one's. */
#ifndef KERNEL_IPC_DIRECT_H
#define KERNEL_IPC_DIRECT_H

#include "arch/direct.h"
#include "base/trace.h"
#include "ipc/call.h"
#include "ipc/notification.h"
#include "sched/call_record.h"
#include "sched/scheduler.h"

#define INLINE __attribute__((always_inline)) static inline

/* Both want nothing else now, and the one that waits may run here, where it was last. The locks are held on success. */
INLINE bool direct_lock(struct cpu *cpu, struct thread *self, struct thread *other)
{
	spin_lock(&self->lock);
	spin_lock_second(&other->lock);
	if (!(self->stop_requested | self->alerted) && other->cpu == cpu->index &&
	    (other->cpu_mask >> cpu->index & 1) && !(other->on_cpu | other->stop_requested | other->alerted))
		return true;
	spin_unlock(&other->lock);
	spin_unlock(&self->lock);
	return false;
}

/* Under both locks, which end here: `from` waits from now on, `to` runs in its place. */
INLINE void direct_switch(struct cpu *cpu, struct thread *from, enum wait_reason reason, struct spin_lock *lock,
                          bool interruptible, struct thread *to)
{
	trace(TRACE_SWITCH, from->object.number, to->object.number);
	from->state = THREAD_BLOCKED;
	from->wait = (uint8_t)reason;
	from->wait_lock = lock;
	from->wait_interruptible = interruptible;
	to->state = THREAD_RUNNABLE;
	to->wait = WAIT_NONE;
	to->on_cpu = true;
	cpu->current = to;
	arch_switch_directly(cpu, from, to);
	from->on_cpu = false;
	spin_unlock(&to->lock);
	spin_unlock(&from->lock);
}

/* A receiver that waits without a deadline, locked with `self`; NULL: there is none that could take a call at once. One
 * that waits has nothing else to do, and its endpoint's end would have woken it. */
INLINE struct thread *direct_receiver(struct cpu *cpu, struct thread *self, struct endpoint *endpoint)
{
	if (list_empty(&endpoint->receivers))
		return NULL;
	struct thread *receiver = list_first(&endpoint->receivers, struct thread, waiting);
	return !receiver->timer.deadline && direct_lock(cpu, self, receiver) ? receiver : NULL;
}

/* The receiver has the call, as when it was queued and taken at once. */
INLINE void direct_deliver(struct call *call, struct endpoint *endpoint, uint64_t label, struct thread *receiver)
{
	call_record_new_id(call);
	call->endpoint = endpoint;
	call->label = label;
	call->progress = (struct call_progress){ .state = CALL_DELIVERED, .source = CALL_FROM_THREAD };
	list_append(&endpoint->delivered, &call->in_endpoint);
	list_remove(&receiver->waiting);
	receiver->lent_priority = (uint8_t)scheduler_level(call_thread(call));
}

/* May the answer go straight to this caller? Nothing is there for the server's next receive, nothing more urgent than
 * the caller waits for this CPU, nor as urgent where no slice has an end yet, and the server works on the caller's time (or the slow path sees to the
 * times). Both are locked then. */
INLINE bool direct_answer(struct cpu *cpu, struct thread *self, struct endpoint *endpoint, struct thread *caller)
{
	if (!list_empty(&endpoint->queued) || !list_empty(&endpoint->cancels) || cpu->payer == self ||
	    (endpoint->notification && __atomic_load_n(&endpoint->notification->bits, __ATOMIC_ACQUIRE)))
		return false;
	uint32_t others = ((cpu->slice_end ? 1u : 2u) << scheduler_level(caller)) - 1;
	return !(cpu->queue.ready_levels & others) && direct_lock(cpu, self, caller);
}

/* The server waits for its next call. */
INLINE void direct_receive(struct endpoint *endpoint, struct thread *self)
{
	arch_message_set_id(&self->arch, 0);
	self->lent_priority = PRIORITY_LEVELS;
	list_prepend(&endpoint->receivers, &self->waiting);
}

#endif
