/* The fast path: a call of words alone to a server that waits for one, and its answer, straight from one thread to
 * the other on this CPU. A pure optimisation: each of the two first looks for a reason why not, changing
 * nothing (the slow path then does it: call.c, endpoint.c, thread.c, scheduler.c), and then does at one go what
 * these would have done.
 *
 * The message words are not copied: the entry code has saved them with the sender's registers, which is where the
 * endpoint finds them if it has to deliver the call again, and the way out loads them from there. The caller's time
 * runs on: it pays for what its server does (struct cpu, payer).
 *
 * A waiting receiver has nothing else to do, and one at a dead endpoint is woken by its end, so finding one says
 * both. Two threads' locks are held at once here alone: first that of the one that runs, then the waiting one's. */
#include "arch/arch.h"
#include "arch/direct.h"
#include "base/trace.h"
#include "ipc/call.h"
#include "ipc/notification.h"
#include "kernel_calls.h"
#include "sched/call_record.h"
#include "sched/scheduler.h"

#define INLINE __attribute__((always_inline)) static inline
#define WORDS_ALONE(header, flags) (!((header) & ~(0xffffffffull | (flags))))

/* Argument 0; NULL: no such capability. */
INLINE void *target(struct thread *self, enum object_type type, uint32_t right)
{
	return captable_find(self->captable, arch_call_argument(&self->arch, 0), type, right);
}

/* Under both locks: one waits from now on, the other runs in its place. */
INLINE void change_places(struct cpu *cpu, struct thread *from, enum wait_reason reason, struct spin_lock *lock,
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
}

/* Both want nothing else now, and the one that waits may run here, where it was last. The locks are held on success. */
INLINE bool lock_both(struct cpu *cpu, struct thread *self, struct thread *other)
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

INLINE void unlock_all(struct thread *self, struct thread *other, struct endpoint *endpoint)
{
	spin_unlock(&other->lock);
	spin_unlock(&self->lock);
	spin_unlock(&endpoint->lock);
	lock_assert_none_held();
}

/* The record of the call, as when it was queued and taken at once. */
INLINE void record_delivered(struct call *call, struct endpoint *endpoint, uint64_t label)
{
	call_record_new_id(call);
	call->endpoint = endpoint;
	call->label = label;
	call->progress = (struct call_progress){ .state = CALL_DELIVERED, .source = CALL_FROM_THREAD };
	list_append(&endpoint->delivered, &call->in_endpoint);
}

struct thread *fastpath_call(struct thread *self, struct cpu *cpu)
{
	uint64_t header = arch_message_header(&self->arch);
	if (!WORDS_ALONE(header, MESSAGE_INTERRUPTIBLE) || MESSAGE_OPERATION(header) < OPERATION_PROTOCOL_FIRST ||
	    arch_message_extra(&self->arch))
		return NULL;
	struct gate *gate = target(self, OBJECT_GATE, RIGHT_WRITE);
	if (!gate)
		return NULL;
	struct endpoint *endpoint = gate->endpoint;
	spin_lock(&endpoint->lock);
	if (list_empty(&endpoint->receivers))
		goto slow;
	struct thread *receiver = list_first(&endpoint->receivers, struct thread, waiting);
	if (receiver->timer.deadline || !lock_both(cpu, self, receiver))
		goto slow;

	struct call *call = &self->call;
	uint64_t label = gate->label;
	record_delivered(call, endpoint, label);
	list_remove(&receiver->waiting);
	receiver->lent_priority = (uint8_t)scheduler_level(self);
	change_places(cpu, self, WAIT_CALL, &endpoint->lock, header & MESSAGE_INTERRUPTIBLE, receiver);
	unlock_all(self, receiver, endpoint);
	trace(TRACE_MESSAGE_SEND, call->id, label);
	trace(TRACE_MESSAGE_RECEIVE, call->id, header);
	return arch_leave(receiver, self, label, (uint32_t)header, call->id);
slow:
	spin_unlock(&endpoint->lock);
	return NULL;
}

/* The call that was delivered last, if it is the one meant, of words alone, and wanted; NULL: it is not. */
INLINE struct thread *plain_caller(struct endpoint *endpoint, uint64_t id)
{
	struct call *call = container_of(endpoint->delivered.previous, struct call, in_endpoint);
	if (list_empty(&endpoint->delivered) || call->id != id || call->extra)
		return NULL;
	if (call->progress.source != CALL_FROM_THREAD || call->progress.cancel != CANCEL_NONE)
		return NULL;
	return call_thread(call);
}

/* There is something for the next receive. */
INLINE bool has_more(const struct endpoint *endpoint)
{
	return !list_empty(&endpoint->queued) || !list_empty(&endpoint->cancels) ||
	       (endpoint->notification && __atomic_load_n(&endpoint->notification->bits, __ATOMIC_ACQUIRE));
}

/* A server that runs on its own account has been on its own since the call: the slow path sees to the times. */
struct thread *fastpath_reply_receive(struct thread *self, struct cpu *cpu)
{
	uint64_t header = arch_message_header(&self->arch);
	if (!WORDS_ALONE(header, MESSAGE_EXTRA_RECEIVES) || cpu->payer == self ||
	    (arch_message_extra(&self->arch) && !(header & MESSAGE_EXTRA_RECEIVES)))
		return NULL;
	struct endpoint *endpoint = target(self, OBJECT_ENDPOINT, RIGHT_READ);
	if (!endpoint)
		return NULL;
	spin_lock(&endpoint->lock);
	struct thread *caller = plain_caller(endpoint, arch_message_id(&self->arch));
	if (!caller || has_more(endpoint) || cpu->queue.ready_levels & ((1u << scheduler_level(caller)) - 1) ||
	    !lock_both(cpu, self, caller))
		goto slow;

	trace(TRACE_MESSAGE_REPLY, caller->call.id, header);
	list_remove(&caller->call.in_endpoint);
	caller->call.progress.state = CALL_NONE;
	caller->call.endpoint = NULL;
	arch_message_set_id(&self->arch, 0);
	self->lent_priority = PRIORITY_LEVELS;
	list_prepend(&endpoint->receivers, &self->waiting);
	change_places(cpu, self, WAIT_RECEIVE, &endpoint->lock, true, caller);
	unlock_all(self, caller, endpoint);
	return arch_leave(caller, self, 0, (uint32_t)header, 0);
slow:
	spin_unlock(&endpoint->lock);
	return NULL;
}
