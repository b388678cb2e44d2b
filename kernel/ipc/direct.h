/* Straight from one thread to another on this CPU, in the middle of a call or an answer: shared by the fast path and by
 * the messages that carry more (call.c). All in line; all under the endpoint's lock.
 *
 * No thread's lock is taken. Each of the two goes from one standing (struct thread) to the next by one atomic exchange,
 * which fails where anything is other than expected: where somebody holds the lock, or wants the thread to stop, or
 * alerts it. The waiting one is claimed first. From then on it counts as running here, so whoever wants something of it
 * kicks this CPU. The running one is let go of last, when nothing of it is in this CPU any more: as soon as the endpoint's
 * lock is free another CPU may run it. */
#pragma once

#include "arch/direct.h"
#include "base/string.h"
#include "base/trace.h"
#include "ipc/call.h"
#include "ipc/notification.h"
#include "sched/call_record.h"
#include "sched/scheduler.h"

#define INLINE __attribute__((always_inline)) static inline

/* Nobody holds its lock and nobody wants anything of it. */
INLINE uint64_t standing_word(enum thread_state state, enum wait_reason wait, bool interruptible, bool on_cpu)
{
	return (union standing){ .lock = SPIN_LOCK(LOCK_THREAD), .state = state, .wait = wait,
	                         .interruptible = interruptible, .on_cpu = on_cpu }.standing;
}
#define STANDING_RUNS standing_word(THREAD_RUNNABLE, WAIT_NONE, false, true)

INLINE bool standing_change(struct thread *thread, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(&thread->standing, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* A thread that waits, where it was last, for nothing but this, runs here from now on. False: it does not. */
INLINE bool direct_claim(struct cpu *cpu, struct thread *thread, enum wait_reason wait, bool interruptible)
{
	return thread->cpu == cpu->index && standing_change(thread, standing_word(THREAD_BLOCKED, wait, interruptible, false),
	                                                    STANDING_RUNS);
}

/* `to`, which is claimed, runs in the place of `from`, which waits as soon as the step to STANDING_WAITS is done too: by
 * direct_switch_wholly or, on the fast path, by arch_leave. Where that fails, something has come up for `from` in the meantime,
 * and endpoint_wait_late sees to it. */
INLINE void direct_switch(struct cpu *cpu, struct thread *from, struct spin_lock *lock, struct thread *to, bool leaves)
{
	trace(TRACE_SWITCH, from->object.number, to->object.number);
	from->wait_lock = lock;
	cpu->current = to;
	arch_switch_directly(cpu, from, to, leaves);
}
#define STANDING_WAITS(reason, interruptible) standing_word(THREAD_BLOCKED, reason, interruptible, false)

/* Both steps, for the current thread `from`. The endpoint's lock is free afterwards. */
INLINE void direct_switch_wholly(struct cpu *cpu, struct thread *from, struct endpoint *endpoint, struct thread *to,
                                 enum wait_reason reason, bool interruptible)
{
	direct_switch(cpu, from, &endpoint->lock, to, false);
	if (standing_change(from, STANDING_RUNS, STANDING_WAITS(reason, interruptible)))
		spin_unlock(&endpoint->lock);
	else
		endpoint_wait_late(endpoint, from, reason, interruptible);
}

/* The receiver that waits without a deadline, claimed; NULL: there is none that could take a call at once. One
 * that waits has nothing else to do, and its endpoint's end would have woken it. */
INLINE struct thread *direct_receiver(struct cpu *cpu, struct endpoint *endpoint)
{
	struct thread *receiver = endpoint->receiver;
	return receiver && direct_claim(cpu, receiver, WAIT_RECEIVE, true) ? receiver : NULL;
}

/* The receiver has the call, as when it was queued and taken at once. */
INLINE void direct_deliver(struct call *call, struct endpoint *endpoint, uint64_t label, struct thread *receiver)
{
	call_record_new_id(call);
	call->endpoint = endpoint;
	call->label = label;
	call->progress.word = CALL_DELIVERED;
	endpoint->newest = call;
	endpoint->receiver = NULL;
	receiver->lent_priority = (uint8_t)scheduler_level(call_thread(call));
}

/* Commit: from here on the record says everything about the call. */
INLINE void direct_fill_call(struct call *call, uint64_t address, const struct message_extra *extra, struct cap_list *caps)
{
	call->extra = address;
	if (!address)
		return;
	call->send_length = extra->send_length;
	call->receive_length = extra->receive_length;
	call->send_address = extra->send_address;
	call->receive_address = extra->receive_address;
	if (caps->count)
		cap_list_move(&call->caps, caps);
	__builtin_memcpy(call->receive_caps, extra->receive_caps, sizeof(call->receive_caps));
}

/* May the answer go straight to this caller? Nothing is there for the server's next receive, nothing more urgent than
 * the caller waits for this CPU, nor as urgent where no slice has an end yet, and the server works on the caller's time
 * (or the slow path sees to the times). The caller is claimed then. */
INLINE bool direct_answer(struct cpu *cpu, struct thread *self, struct endpoint *endpoint, struct thread *caller)
{
	if (endpoint->pending || cpu->payer == self)
		return false;
	if (cpu->queue.ready_levels &&
	    (cpu->queue.ready_levels & (((cpu->slice_end ? 1u : 2u) << scheduler_level(caller)) - 1)))
		return false;
	return direct_claim(cpu, caller, WAIT_CALL, false) || direct_claim(cpu, caller, WAIT_CALL, true);
}

/* The call that the current thread answers, if it was delivered last, is a thread's, nothing has come up for it, and its
 * caller may run now, which is claimed then; NULL: not so. `plain`: nor one that has brought capabilities. */
INLINE struct call *direct_answered(struct cpu *cpu, struct thread *self, struct endpoint *endpoint, bool plain)
{
	struct call *call = endpoint->newest;
	if (!call || call->id != arch_message_id(&self->arch) || (plain && call->caps.count))
		return NULL;
	union call_progress progress = call->progress;
	progress.carries = false;
	return progress.word == CALL_DELIVERED && direct_answer(cpu, self, endpoint, call_thread(call)) ? call : NULL;
}

/* The words of a message from one thread's registers to another's, and what the other sees of the header. */
INLINE void direct_words(struct thread *to, const struct thread *from, uint64_t header)
{
	uint64_t words[MESSAGE_WORDS];
	arch_message_get_words(&from->arch, words);
	arch_message_set_words(&to->arch, words);
	arch_message_set_header(&to->arch, header);
	arch_set_result(&to->arch, STATUS_OK);
}

/* The call, the newest, is answered with this header, and the server waits for its next. */
INLINE void direct_receive(struct endpoint *endpoint, struct thread *self, struct call *call, uint64_t header)
{
	trace(TRACE_MESSAGE_REPLY, call->id, header);
	endpoint->newest = NULL;
	call->progress.word = CALL_NONE;
	call->endpoint = NULL;
	arch_message_set_id(&self->arch, 0);
	self->lent_priority = PRIORITY_LEVELS;
	endpoint->receiver = self;
}
