/* The fast path: a call of words alone to a server that waits for one, and its answer. A pure optimisation: each of the
 * two first looks for a reason why not, changing nothing (the slow path then does it: call.c), and then
 * does at one go what call.c, endpoint.c, thread.c and scheduler.c would have done.
 *
 * The message words are not copied: the entry code has saved them with the sender's registers, which is where the
 * endpoint finds them if it has to deliver the call again, and the way out loads them from there. The caller's time
 * runs on: it pays for what its server does (struct cpu, payer). */
#include "ipc/direct.h"
#include "kernel_calls.h"

#define WORDS_ALONE(header, flags) (!((header) & ~(0xffffffffull | (flags))))

/* Argument 0; NULL: no such capability. */
INLINE void *target(struct thread *self, enum object_type type, uint32_t right)
{
	return captable_find(self->captable, arch_call_argument(&self->arch, 0), type, right);
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
	struct thread *receiver = direct_receiver(cpu, self, endpoint);
	if (!receiver) {
		spin_unlock(&endpoint->lock);
		return NULL;
	}

	uint64_t label = gate->label;
	direct_deliver(&self->call, endpoint, label, receiver);
	uint64_t id = self->call.id;
	trace(TRACE_MESSAGE_SEND, id, label);
	trace(TRACE_MESSAGE_RECEIVE, id, header);
	direct_switch(cpu, self, WAIT_CALL, &endpoint->lock, header & MESSAGE_INTERRUPTIBLE, receiver);
	spin_unlock(&endpoint->lock);
	lock_assert_none_held();
	return arch_leave(receiver, self, label, (uint32_t)header, id);
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

struct thread *fastpath_reply_receive(struct thread *self, struct cpu *cpu)
{
	uint64_t header = arch_message_header(&self->arch);
	if (!WORDS_ALONE(header, MESSAGE_EXTRA_RECEIVES) ||
	    (arch_message_extra(&self->arch) && !(header & MESSAGE_EXTRA_RECEIVES)))
		return NULL;
	struct endpoint *endpoint = target(self, OBJECT_ENDPOINT, RIGHT_READ);
	if (!endpoint)
		return NULL;
	spin_lock(&endpoint->lock);
	struct thread *caller = plain_caller(endpoint, arch_message_id(&self->arch));
	if (!caller || !direct_answer(cpu, self, endpoint, caller)) {
		spin_unlock(&endpoint->lock);
		return NULL;
	}

	trace(TRACE_MESSAGE_REPLY, caller->call.id, header);
	list_remove(&caller->call.in_endpoint);
	caller->call.progress.state = CALL_NONE;
	caller->call.endpoint = NULL;
	direct_receive(endpoint, self);
	direct_switch(cpu, self, WAIT_RECEIVE, &endpoint->lock, true, caller);
	spin_unlock(&endpoint->lock);
	lock_assert_none_held();
	return arch_leave(caller, self, 0, (uint32_t)header, 0);
}
