/* The fast path: a call of words alone to a server that waits for one, and its answer. A pure optimisation: each of the
 * two first looks for a reason why not, changing nothing (the slow path then does it: call.c), and then
 * does at one go what call.c, endpoint.c, thread.c and scheduler.c would have done.
 *
 * The message words stay in their registers from the one program to the other: this file is compiled without the use of
 * those (meson.build). A call's words are also kept with the caller's registers, which is where the endpoint finds them if it
 * has to deliver the call again. The caller's time runs on: it pays for what its server does (struct cpu, payer). */
#include "ipc/direct.h"
#include "kernel_calls.h"

/* Where arch_leave has come back: out by the long way, with the message in memory. */
static __attribute__((noinline)) struct thread *leave_slowly(struct thread *from, enum wait_reason reason,
                                                             struct endpoint *endpoint, uint64_t label, uint64_t header,
                                                             uint64_t id)
{
	struct thread *to = cpu_current();
	uint64_t words[MESSAGE_WORDS];
	arch_message_get_words(&from->arch, words);
	endpoint_put_message(to, id, label, header, words);
	endpoint_wait_late(endpoint, from, reason, reason == WAIT_RECEIVE || arch_message_header(&from->arch) & MESSAGE_INTERRUPTIBLE);
	kernel_enter();
	return to;
}

struct thread *fastpath_call(uint64_t slot, uint64_t header)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu_current();
	bool interruptible = header & MESSAGE_INTERRUPTIBLE;
	if (cpu->attention || arch_direct_extra(self))
		return NULL;
	if ((header - OPERATION_PROTOCOL_FIRST) >> 32 & ~(MESSAGE_INTERRUPTIBLE >> 32)) /* another flag, or a lower operation */
		return NULL;
	struct gate *gate = captable_find(self->captable, slot, OBJECT_GATE, RIGHT_WRITE);
	if (!gate)
		return NULL;
	struct endpoint *endpoint = gate->endpoint;
	if (!spin_lock_try(&endpoint->lock))
		return NULL;
	struct thread *receiver = direct_receiver(cpu, endpoint);
	if (!receiver) {
		spin_unlock(&endpoint->lock);
		return NULL;
	}

	struct call *call = &self->call;
	arch_direct_keep_words(self);
	direct_deliver(call, endpoint, gate->label, receiver);
	trace(TRACE_MESSAGE_SEND, call->id, call->label);
	trace(TRACE_MESSAGE_RECEIVE, call->id, header);
	direct_switch(cpu, self, &endpoint->lock, receiver, true);
	arch_leave(receiver, self, STANDING_RUNS, STANDING_WAITS(WAIT_CALL, interruptible), call->label, (uint32_t)header, call->id);
	return leave_slowly(self, WAIT_CALL, call->endpoint, call->label, (uint32_t)header, call->id);
}

/* The call that was delivered last, if it is the one meant, of words alone, and wanted; NULL: it is not. */
INLINE struct thread *plain_caller(struct endpoint *endpoint, uint64_t id)
{
	struct call *call = endpoint->newest;
	if (!call || call->id != id || call->progress.word != CALL_DELIVERED)
		return NULL;
	return call_thread(call);
}

/* The page that a thread has missed is there. (A refusal has more to it: endpoint.c.) */
INLINE bool answers_page(const struct call *call, uint64_t header)
{
	union call_progress asked = { .state = CALL_DELIVERED, .source = CALL_FROM_FAULT };
	return call->progress.word == asked.word && MESSAGE_OPERATION(call->header) == OPERATION_PAGE && !MESSAGE_STATUS(header);
}

/* The same for a page that a thread has missed, if it is there now: it is shown at once, or the thread would fault
 * again, which goes on with all its registers as they were. */
/* (Of two arguments: the third would go by a register that holds a word.) */
static __attribute__((noinline)) struct thread *answer_page(struct endpoint *endpoint, uint64_t header)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu->current;
	struct call *call = endpoint->newest;
	if (!call || call->id != arch_direct_id(self) || !answers_page(call, header) ||
	    !direct_answer(cpu, self, endpoint, call_thread(call))) {
		spin_unlock(&endpoint->lock);
		return NULL;
	}

	struct thread *caller = call_thread(call);
	direct_receive(endpoint, self, call, header);
	direct_switch_wholly(cpu, self, endpoint, caller, WAIT_RECEIVE, true);
	finish_page(caller);
	lock_assert_none_held();
	if (!cpu->attention)
		arch_leave_whole(caller);
	kernel_enter();
	return caller;
}

struct thread *fastpath_reply_receive(uint64_t slot, uint64_t header)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu_current();
	if (cpu->attention || (header & ~MESSAGE_EXTRA_RECEIVES) > UINT32_MAX)
		return NULL;
	if (arch_direct_extra(self) && !(header & MESSAGE_EXTRA_RECEIVES))
		return NULL;
	struct endpoint *endpoint = captable_find(self->captable, slot, OBJECT_ENDPOINT, RIGHT_READ);
	if (!endpoint || !spin_lock_try(&endpoint->lock))
		return NULL;
	struct thread *caller = plain_caller(endpoint, arch_direct_id(self));
	if (!caller)
		return answer_page(endpoint, header);
	if (!direct_answer(cpu, self, endpoint, caller)) {
		spin_unlock(&endpoint->lock);
		return NULL;
	}

	direct_receive(endpoint, self, &caller->call, header);
	direct_switch(cpu, self, &endpoint->lock, caller, true);
	arch_leave(caller, self, STANDING_RUNS, STANDING_WAITS(WAIT_RECEIVE, true), 0, (uint32_t)header, 0);
	arch_direct_keep_words(self);
	return leave_slowly(self, WAIT_RECEIVE, container_of(self->wait_lock, struct endpoint, lock), 0, (uint32_t)header, 0);
}
