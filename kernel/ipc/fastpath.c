/* The fast path: a call of words alone to a server that waits for one, and its answer, straight from one thread to
 * the other on this CPU. A pure optimisation: each of the two first looks for a reason why not, changing
 * nothing (the slow path then does it: call.c, endpoint.c, thread.c, scheduler.c), and then does at one go what
 * these would have done.
 *
 * The message words are never copied: the entry code has saved them with the sender's registers, which is where the
 * endpoint finds them if it has to deliver the call again, and loads them from there on the way out.
 * The caller's time runs on: it pays for what its server does (struct cpu, payer). */
#include "arch/arch.h"
#include "base/trace.h"
#include "ipc/call.h"
#include "ipc/notification.h"
#include "kernel_calls.h"
#include "sched/call_record.h"
#include "sched/scheduler.h"

#define CALL_FLAGS_FAST MESSAGE_INTERRUPTIBLE
#define REPLY_FLAGS_FAST MESSAGE_EXTRA_RECEIVES

/* Argument 0; NULL: no such capability. */
static inline struct object *target(struct thread *self, enum object_type type, uint32_t right)
{
	uint64_t slot = arch_call_argument(&self->arch, 0);
	struct object *object;
	return slot >> 32 == 0 && captable_lookup(self->captable, (uint32_t)slot, type, right, &object) == STATUS_OK ?
	           object : NULL;
}

/* It can be made to wait: nobody wants anything of it. */
static inline bool may_leave(const struct thread *self)
{
	return !(self->stop_requested | self->alerted);
}

/* It waits, may run at once, and was here last. */
static inline bool may_run(const struct thread *thread, const struct cpu *cpu)
{
	return !(thread->on_cpu | thread->stop_requested | thread->alerted) && thread->cpu == cpu->index &&
	       (thread->cpu_mask >> cpu->index & 1);
}

/* Both locks are held. */
static inline void switch_directly(struct cpu *cpu, struct thread *from, struct thread *to)
{
	trace(TRACE_SWITCH, from->object.number, to->object.number);
	to->state = THREAD_RUNNABLE;
	to->wait = WAIT_NONE;
	to->on_cpu = true;
	arch_thread_switch(from, to);
	__atomic_store_n(&cpu->current, to, __ATOMIC_SEQ_CST);
	cpu->context_switches++;
	from->on_cpu = false;
}

static inline void wait_for(struct thread *self, enum wait_reason reason, struct spin_lock *lock, bool interruptible)
{
	self->state = THREAD_BLOCKED;
	self->wait = (uint8_t)reason;
	self->wait_lock = lock;
	self->wait_interruptible = interruptible;
}

static inline void deliver(struct endpoint *endpoint, struct gate *gate, struct thread *self, struct thread *receiver)
{
	struct call *call = &self->call;
	struct arch_thread *registers = &receiver->arch;
	call_record_new_id(call);
	call->endpoint = endpoint;
	call->label = gate->label;
	call->source = CALL_FROM_THREAD;
	call->state = CALL_DELIVERED;
	call->cancel = CANCEL_NONE;
	call->delivered_before = false;
	list_append(&endpoint->delivered, &call->in_endpoint);
	list_remove(&receiver->waiting);
	receiver->lent_priority = (uint8_t)scheduler_level(self);
	arch_message_set_label(registers, gate->label);
	arch_message_set_header(registers, MESSAGE_CARRIED(arch_message_header(&self->arch)));
	arch_message_set_id(registers, call->id);
	arch_set_result(registers, STATUS_OK);
	trace(TRACE_MESSAGE_SEND, call->id, gate->label);
	trace(TRACE_MESSAGE_RECEIVE, call->id, arch_message_header(registers));
}

static inline struct thread *call_fast(struct cpu *cpu, struct thread *self)
{
	uint64_t header = arch_message_header(&self->arch);
	if (header & ~(0xffffffffull | CALL_FLAGS_FAST) || MESSAGE_OPERATION(header) < OPERATION_PROTOCOL_FIRST)
		return NULL;
	if (arch_message_extra(&self->arch))
		return NULL;
	struct gate *gate = (struct gate *)target(self, OBJECT_GATE, RIGHT_WRITE);
	if (!gate)
		return NULL;
	struct endpoint *endpoint = gate->endpoint;
	struct thread *receiver = NULL;
	spin_lock(&endpoint->lock);
	/* One that waits has nothing else to do. */
	if (!list_empty(&endpoint->receivers) && !object_is_dead(&endpoint->object))
		receiver = list_first(&endpoint->receivers, struct thread, waiting);
	if (receiver) {
		spin_lock_pair(&self->lock, &receiver->lock);
		bool good = may_leave(self) && may_run(receiver, cpu) && !receiver->timer.deadline;
		if (good) {
			deliver(endpoint, gate, self, receiver);
			wait_for(self, WAIT_CALL, &endpoint->lock, header & MESSAGE_INTERRUPTIBLE);
			switch_directly(cpu, self, receiver);
		}
		spin_unlock_pair(&self->lock, &receiver->lock);
		if (!good)
			receiver = NULL;
	}
	spin_unlock(&endpoint->lock);
	return receiver;
}

/* The delivered call of words alone that a thread waits in; NULL: it is none. */
static inline struct thread *plain_caller(struct endpoint *endpoint, struct call *call, uint64_t id)
{
	bool plain = call->id == id && call->endpoint == endpoint && call->state == CALL_DELIVERED &&
	             call->source == CALL_FROM_THREAD && call->cancel == CANCEL_NONE && !call->extra;
	return plain ? call_thread(call) : NULL;
}

/* Something else than the answer's next call is there for the receiver. */
static inline bool has_more(const struct endpoint *endpoint)
{
	return !list_empty(&endpoint->queued) || !list_empty(&endpoint->cancels) ||
	       (endpoint->notification && __atomic_load_n(&endpoint->notification->bits, __ATOMIC_ACQUIRE)) ||
	       object_is_dead(&endpoint->object);
}

static inline void answer(struct endpoint *endpoint, struct thread *self, struct thread *caller)
{
	struct call *call = &caller->call;
	trace(TRACE_MESSAGE_REPLY, call->id, arch_message_header(&self->arch));
	list_remove(&call->in_endpoint);
	call->state = CALL_NONE;
	call->endpoint = NULL;
	arch_message_set_header(&caller->arch, MESSAGE_CARRIED(arch_message_header(&self->arch)));
	arch_set_result(&caller->arch, STATUS_OK);
	arch_message_set_id(&self->arch, 0);
	self->lent_priority = PRIORITY_LEVELS;
	list_prepend(&endpoint->receivers, &self->waiting);
}

static inline struct thread *reply_receive_fast(struct cpu *cpu, struct thread *self)
{
	uint64_t header = arch_message_header(&self->arch), id = arch_message_id(&self->arch);
	if (header & ~(0xffffffffull | REPLY_FLAGS_FAST) || cpu->payer == self)
		return NULL;
	if (arch_message_extra(&self->arch) && !(header & MESSAGE_EXTRA_RECEIVES))
		return NULL;
	struct endpoint *endpoint = (struct endpoint *)target(self, OBJECT_ENDPOINT, RIGHT_READ);
	struct call *call = call_record_find(id);
	if (!endpoint || !call)
		return NULL;
	spin_lock(&endpoint->lock);
	struct thread *caller = plain_caller(endpoint, call, id);
	if (caller && has_more(endpoint))
		caller = NULL;
	if (caller) {
		spin_lock_pair(&self->lock, &caller->lock);
		bool good = may_leave(self) && may_run(caller, cpu) &&
		            !(cpu->queue.ready_levels & ((1u << scheduler_level(caller)) - 1));
		if (good) {
			answer(endpoint, self, caller);
			wait_for(self, WAIT_RECEIVE, &endpoint->lock, true);
			switch_directly(cpu, self, caller);
		}
		spin_unlock_pair(&self->lock, &caller->lock);
		if (!good)
			caller = NULL;
	}
	spin_unlock(&endpoint->lock);
	return caller;
}

struct thread *fastpath(struct cpu *cpu, struct thread *self)
{
	uint64_t number = arch_call_number(&self->arch);
	if (__atomic_load_n(&cpu->attention, __ATOMIC_RELAXED))
		return NULL;
	if (number == (NATIVE_CALL | KERNEL_CALL_CALL))
		return call_fast(cpu, self);
	if (number == (NATIVE_CALL | KERNEL_CALL_REPLY_RECEIVE))
		return reply_receive_fast(cpu, self);
	return NULL;
}
