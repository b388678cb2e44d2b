/* Endpoints: the states of calls, and the lists they stand on.
 *
 * Everything here happens under the endpoint's lock and allocates nothing. A receiver only waits
 * while there is nothing for it, so a new message always finds either a waiting receiver or the
 * queue. What a receiver gets first: cancel requests, then signals of the bound notification, then calls,
 * oldest first.
 *
 * What ends with a call (capabilities in flight, a dead caller's thread, an answered gate) is
 * collected as its remains and let go of after the lock, since that may run into this very
 * endpoint again: the last capability to one of its gates may have been in flight. */
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/trace.h"
#include "ipc/direct.h"

#define RESET_AT_ONCE 64 /* calls queued again between two preemption points */

void endpoint_settle(struct endpoint *endpoint)
{
	DEBUG_ASSERT(!endpoint->receiver || !endpoint->newest);
	if (endpoint->receiver)
		list_prepend(&endpoint->receivers, &endpoint->receiver->waiting);
	if (endpoint->newest)
		list_append(&endpoint->delivered, &endpoint->newest->in_endpoint);
	endpoint->receiver = NULL;
	endpoint->newest = NULL;
}

void receivers_settle(struct spin_lock *lock)
{
	endpoint_settle(container_of(lock, struct endpoint, lock));
}

/* --- delivering --- */

void endpoint_put_message(struct thread *receiver, uint64_t id, uint64_t label, uint64_t header,
                        const uint64_t words[MESSAGE_WORDS])
{
	struct arch_thread *registers = &receiver->arch;
	arch_message_set_label(registers, label);
	arch_message_set_header(registers, header);
	arch_message_set_words(registers, words);
	arch_message_set_id(registers, id);
	arch_set_result(registers, STATUS_OK);
}

static void put_cancel(struct endpoint *endpoint, struct thread *receiver)
{
	struct call *call = list_first(&endpoint->cancels, struct call, in_cancel);
	uint64_t words[MESSAGE_WORDS] = { call->id, call->progress.cancel_reason };
	list_remove(&call->in_cancel);
	list_append(&endpoint->cancels_delivered, &call->in_cancel);
	endpoint_put_message(receiver, 0, call->label, OPERATION_CANCEL, words);
}

void endpoint_give(struct call *call, struct thread *receiver)
{
	if (call->progress.source != CALL_FROM_THREAD) {
		endpoint_put_message(receiver, call->id, call->label, call->header, call->words);
	} else {
		const struct arch_thread *sent = &call_thread(call)->arch;
		uint64_t words[MESSAGE_WORDS];
		arch_message_get_words(sent, words);
		endpoint_put_message(receiver, call->id, call->label, MESSAGE_CARRIED(arch_message_header(sent)), words);
	}
	if (call->extra && arch_message_extra(&receiver->arch)) {
		receiver->finish = finish_receive;
		receiver->finish_id = call->id;
		if (receiver == cpu_current())
			cpu_self()->exit_work = true;
	}
	trace(TRACE_MESSAGE_RECEIVE, call->id, arch_message_header(&receiver->arch));
}

static void put_call(struct endpoint *endpoint, struct thread *receiver)
{
	struct call *call = list_first(&endpoint->queued, struct call, in_endpoint);
	list_remove(&call->in_endpoint);
	endpoint_settle(endpoint);
	endpoint->newest = call;
	call->progress.state = CALL_DELIVERED;
	if (call->progress.cancelled)
		list_append(&endpoint->cancels, &call->in_cancel);
	if (call->progress.source != CALL_FROM_GATE)
		receiver->lent_priority = (uint8_t)scheduler_level(call_thread(call));
	endpoint_give(call, receiver);
}

/* Whoever signals the bound notification comes here after it has set the bits, and sets `pending` again. */
static uint64_t *bits_of(struct endpoint *endpoint)
{
	static uint64_t none;
	return endpoint->notification ? &endpoint->notification->bits : &none;
}

bool endpoint_take(struct endpoint *endpoint, struct thread *receiver)
{
	uint64_t words[MESSAGE_WORDS] = { 0 };
	bool taken = true;
	if (!list_empty(&endpoint->cancels))
		put_cancel(endpoint, receiver);
	else if (*bits_of(endpoint) && (words[0] = __atomic_exchange_n(bits_of(endpoint), 0, __ATOMIC_ACQ_REL)))
		endpoint_put_message(receiver, 0, 0, OPERATION_NOTIFICATION, words);
	else if (!list_empty(&endpoint->queued))
		put_call(endpoint, receiver);
	else
		taken = false;
	endpoint->pending = !list_empty(&endpoint->cancels) || !list_empty(&endpoint->queued) || *bits_of(endpoint);
	return taken;
}

/* There is something for a receiver, perhaps: serve the first that waits. False: it was not served, or there is none. Only
 * a reset brings something for more than one. */
static bool serve(struct endpoint *endpoint)
{
	struct thread *receiver = list_first(&endpoint->receivers, struct thread, waiting);
	endpoint->pending = true;
	if (list_empty(&endpoint->receivers) || !endpoint_take(endpoint, receiver))
		return false;
	list_remove(&receiver->waiting);
	thread_wake(receiver, true);
	return true;
}

void endpoint_notify(struct endpoint *endpoint)
{
	endpoint_lock(endpoint);
	serve(endpoint);
	spin_unlock(&endpoint->lock);
}

void endpoint_wait_late(struct endpoint *endpoint, struct thread *thread, enum wait_reason reason, bool interruptible)
{
	spin_lock(&thread->lock);
	thread->state = THREAD_BLOCKED;
	thread->wait = reason;
	thread->interruptible = interruptible;
	thread->on_cpu = false;
	spin_unlock(&thread->lock);
	spin_unlock(&endpoint->lock);
	thread_cancel_wait(thread, CANCEL_ALERT);
	exit_work_set(1ull << cpu_number());
}

/* --- the states of a call --- */

void endpoint_submit(struct endpoint *endpoint, struct call *call, enum call_source source)
{
	DEBUG_ASSERT(call->progress.state == CALL_NONE);
	endpoint_settle(endpoint);
	call->endpoint = endpoint;
	call_record_new_id(call);
	call->progress = (union call_progress){ .state = CALL_QUEUED, .source = (uint8_t)source,
	                                         .carries = call->extra != 0 };
	list_append(&endpoint->queued, &call->in_endpoint);
	trace(TRACE_MESSAGE_SEND, call->id, call->label);
	serve(endpoint);
}

struct call *endpoint_find(struct endpoint *endpoint, uint64_t id)
{
	struct call *call = call_record_find(id);
	if (!call || call->endpoint != endpoint)
		return NULL;
	return call->progress.state == CALL_DELIVERED || call->progress.state == CALL_PARKED ? call : NULL;
}

/* Out of the endpoint's lists; its capabilities go to the remains. */
void endpoint_end_call(struct call *call, struct call_remains *remains)
{
	if (call->endpoint->newest == call)
		call->endpoint->newest = NULL;
	list_remove(&call->in_endpoint);
	list_remove(&call->in_cancel);
	call->progress.state = CALL_NONE;
	call->endpoint = NULL;
	call->send_length = call->receive_length = 0;
	cap_list_move(&remains->caps, &call->caps);
	if (call->progress.abandoned)
		call_record_release(call);
	remains->owner = call->progress.abandoned ? &call_thread(call)->object :
	                 call->progress.source == CALL_FROM_GATE ? &container_of(call, struct gate, notice)->object : NULL;
}

/* The answer to a message of the kernel for a fault: retry, or not. */
static void answer_fault(struct thread *thread, int32_t status)
{
	if (thread->call.progress.source == CALL_FROM_CALL_FAULT) {
		if (status == 0)
			arch_call_restart(&thread->arch);
		else
			arch_set_result(&thread->arch, STATUS_BAD_ADDRESS);
	} else if (MESSAGE_OPERATION(thread->call.header) == OPERATION_PAGE) {
		thread->finish = status == 0 ? finish_page : finish_fault;
	} else if (status != 0) {
		spin_lock(&thread->lock);
		thread->stop_requested = true;
		spin_unlock(&thread->lock);
	}
	thread_wake(thread, true);
}

void endpoint_fill_answer(struct thread *thread, struct answer *answer)
{
	struct call *call = &thread->call;
	direct_words(thread, cpu_current(), MESSAGE_CARRIED(arch_message_header(&cpu_current()->arch)));
	if (call->extra) {
		cap_list_move(&call->caps, &answer->caps);
		call->received_length = answer->received_length;
		thread->finish = finish_call;
	}
}

void endpoint_answer(struct call *call, struct answer *answer, status_t status, struct call_remains *remains)
{
	uint64_t header = answer ? arch_message_header(&cpu_current()->arch) : 0;
	trace(TRACE_MESSAGE_REPLY, call->id, header);
	endpoint_end_call(call, remains);
	if (remains->owner)
		return;
	if (call->progress.source != CALL_FROM_THREAD) {
		answer_fault(call_thread(call), answer ? MESSAGE_STATUS(header) : -1);
	} else if (answer) {
		endpoint_fill_answer(call_thread(call), answer);
		thread_wake(call_thread(call), true);
	} else {
		call->extra = 0;
		thread_wake_with(call_thread(call), status);
	}
}

/* --- cancelling --- */

static void ask_to_cancel(struct endpoint *endpoint, struct call *call, enum cancel_reason reason)
{
	if (!call->progress.cancelled) {
		call->progress.cancelled = true;
		call->progress.cancel_reason = (uint8_t)reason;
		if (call->progress.state != CALL_QUEUED) /* else when it is delivered again, after it */
			list_append(&endpoint->cancels, &call->in_cancel);
	}
	if (reason == CANCEL_GONE) {
		struct thread *thread = call_thread(call);
		call->progress.abandoned = true;
		object_reference(&thread->object);
		thread_wake(thread, false);
	}
	serve(endpoint);
}

static struct endpoint *lock_endpoint_of(struct call *call)
{
	for (;;) {
		struct endpoint *endpoint = __atomic_load_n(&call->endpoint, __ATOMIC_ACQUIRE);
		if (!endpoint)
			return NULL;
		endpoint_lock(endpoint);
		if (call->endpoint == endpoint)
			return endpoint;
		spin_unlock(&endpoint->lock);
	}
}

bool call_cancel(struct thread *thread, enum cancel_reason reason, status_t result)
{
	struct call *call = &thread->call;
	struct call_remains remains = { 0 };
	struct endpoint *endpoint = lock_endpoint_of(call);
	if (!endpoint)
		return false;
	if (thread_cancel_applies(thread, reason)) {
		if (call->progress.state == CALL_QUEUED && !call->progress.delivered_before)
			endpoint_answer(call, NULL, result, &remains);
		else
			ask_to_cancel(endpoint, call, reason);
	}
	spin_unlock(&endpoint->lock);
	call_remains_drop(&remains);
	return true;
}

/* --- faults --- */

bool endpoint_call_fault(struct gate *gate, enum call_source source, uint32_t operation,
                         const uint64_t words[MESSAGE_WORDS])
{
	struct cpu *cpu = cpu_self();
	struct call *call = &cpu->current->call;
	struct endpoint *endpoint = gate->endpoint;
	/* A pager waits, and runs at once in place of the thread that misses a page. Only on the way in from user mode is
	 * nothing left to be done for that thread. */
	bool directly = source == CALL_FROM_FAULT && operation == OPERATION_PAGE && !cpu->attention, blocked = false;
	spin_lock(&endpoint->lock);
	if (!object_is_dead(&gate->object) && !object_is_dead(&endpoint->object)) {
		call->header = operation;
		if (words != call->words)
			__builtin_memcpy(call->words, words, sizeof(call->words));
		struct thread *receiver = directly ? direct_receiver(cpu, endpoint) : NULL;
		if (receiver) {
			direct_deliver(call, endpoint, gate->label, receiver);
			call->progress.source = CALL_FROM_FAULT;
			endpoint_give(call, receiver);
			direct_switch_wholly(cpu, cpu->current, endpoint, receiver, WAIT_CALL, false);
			return true;
		}
		blocked = thread_block(WAIT_CALL, &endpoint->lock, 0, false) == STATUS_BLOCKED;
	}
	if (blocked) {
		call->label = gate->label;
		endpoint_submit(endpoint, call, source);
	}
	spin_unlock(&endpoint->lock);
	return blocked;
}

bool endpoint_call_pager(const struct fault *fault, enum call_source source)
{
	struct gate *pager = (struct gate *)fault->memory->pager;
	uint64_t *words = cpu_current()->call.words; /* no call stands */
	words[0] = fault->offset;
	words[1] = fault->access;
	__builtin_memset(&words[2], 0, sizeof(uint64_t[MESSAGE_WORDS - 2]));
	return pager && endpoint_call_fault(pager, source, OPERATION_PAGE, words);
}

status_t kernel_user_fault(struct fault *fault)
{
	if (cpu_self()->in_system_call && endpoint_call_pager(fault, CALL_FROM_CALL_FAULT))
		return STATUS_BLOCKED;
	return STATUS_BAD_ADDRESS;
}

/* --- kernel calls --- */

/* One that a reset has queued again as well: its server's predecessor had recorded it, and died before it said so. Parking
 * again changes nothing: a replayed step may repeat it. */
status_t handle_call_park(struct endpoint *endpoint, uint64_t id)
{
	endpoint_lock(endpoint);
	struct call *call = call_record_find(id);
	bool known = call && call->endpoint == endpoint &&
	             (call->progress.state != CALL_QUEUED || call->progress.delivered_before);
	if (known && call->progress.state != CALL_PARKED) {
		if (call->progress.state == CALL_QUEUED && call->progress.cancelled)
			list_append(&endpoint->cancels, &call->in_cancel);
		list_remove(&call->in_endpoint);
		list_append(&endpoint->parked, &call->in_endpoint);
		call->progress.state = CALL_PARKED;
		serve(endpoint);
	}
	spin_unlock(&endpoint->lock);
	return known ? STATUS_OK : STATUS_BAD_CALL_ID;
}

/* Under the lock, which is let go of. */
static void pause(struct endpoint *endpoint)
{
	spin_unlock(&endpoint->lock);
	preempt_wanted();
	endpoint_lock(endpoint);
}

status_t handle_endpoint_reset(struct endpoint *endpoint)
{
	status_t count = 0;
	endpoint_lock(endpoint);
	while (!list_empty(&endpoint->delivered)) {
		struct call *call = container_of(endpoint->delivered.previous, struct call, in_endpoint);
		list_remove(&call->in_endpoint);
		list_prepend(&endpoint->queued, &call->in_endpoint);
		call->progress.state = CALL_QUEUED;
		call->progress.delivered_before = true;
		list_remove(&call->in_cancel); /* asked again when it is delivered again */
		if (++count % RESET_AT_ONCE == 0)
			pause(endpoint);
	}
	list_append_all(&endpoint->cancels, &endpoint->cancels_delivered); /* of parked calls all */
	while (serve(endpoint))
		pause(endpoint);
	spin_unlock(&endpoint->lock);
	return count;
}

status_t handle_endpoint_create(struct pool *pool, uint32_t slot)
{
	struct endpoint *endpoint = (struct endpoint *)object_create(pool, OBJECT_ENDPOINT);
	if (!endpoint)
		return STATUS_NO_MEMORY;
	spin_lock_init(&endpoint->lock, LOCK_ENDPOINT);
	list_init(&endpoint->queued);
	list_init(&endpoint->delivered);
	list_init(&endpoint->parked);
	list_init(&endpoint->cancels);
	list_init(&endpoint->cancels_delivered);
	list_init(&endpoint->receivers);
	return thread_install_new(&endpoint->object, slot);
}

status_t handle_gate_create(struct pool *pool, struct endpoint *endpoint, uint64_t label, uint32_t slot)
{
	struct gate *gate = (struct gate *)object_create(pool, OBJECT_GATE);
	if (!gate)
		return STATUS_NO_MEMORY;
	gate->label = label;
	gate->endpoint = endpoint;
	object_reference(&endpoint->object);
	if (call_record_init(&gate->notice))
		return thread_install_new(&gate->object, slot);
	object_unreference(&gate->object);
	return STATUS_NO_MEMORY;
}

void endpoint_unbind(struct endpoint *endpoint, const struct notification *only)
{
	spin_lock(&endpoint->lock);
	struct notification *old = endpoint->notification;
	bool unbinds = old && (!only || only == old);
	if (unbinds) {
		spin_lock(&old->lock);
		old->bound = NULL;
		spin_unlock(&old->lock);
		endpoint->notification = NULL;
	}
	spin_unlock(&endpoint->lock);
	if (unbinds)
		object_unreference(&old->object);
}

status_t handle_endpoint_bind(struct endpoint *endpoint, struct notification *notification)
{
	status_t status = STATUS_OK;
	if (!notification) {
		endpoint_unbind(endpoint, NULL);
		return STATUS_OK;
	}
	endpoint_lock(endpoint);
	if (notification != endpoint->notification) {
		spin_lock(&notification->lock);
		if (endpoint->notification || notification->bound)
			status = STATUS_BUSY;
		else
			notification->bound = endpoint;
		spin_unlock(&notification->lock);
		if (status == STATUS_OK) {
			endpoint->notification = notification;
			object_reference(&notification->object);
		}
	}
	serve(endpoint);
	spin_unlock(&endpoint->lock);
	return status;
}

/* --- the ends of endpoints and gates --- */

/* End one wait or one call; no receiver is given any of those that are left. False: there is none. */
static bool end_one(struct endpoint *endpoint)
{
	struct call_remains remains = { 0 };
	endpoint_lock(endpoint);
	list_append_all(&endpoint->parked, &endpoint->delivered);
	list_append_all(&endpoint->parked, &endpoint->queued);
	bool waits = !list_empty(&endpoint->receivers), stands = !list_empty(&endpoint->parked);
	if (waits)
		thread_wake_with(list_first(&endpoint->receivers, struct thread, waiting), STATUS_DESTROYED);
	else if (stands)
		endpoint_answer(list_first(&endpoint->parked, struct call, in_endpoint), NULL, STATUS_DESTROYED, &remains);
	spin_unlock(&endpoint->lock);
	call_remains_drop(&remains);
	return waits || stands;
}

static status_t endpoint_destroy(struct object *object)
{
	struct endpoint *endpoint = (struct endpoint *)object;
	while (end_one(endpoint))
		if (preempt_wanted())
			return STATUS_RESTART;
	endpoint_unbind(endpoint, NULL);
	return STATUS_OK;
}

/* The last capability is gone: the server hears of it, and its answer is the gate's end. */
static void gate_unnamed(struct object *object)
{
	struct gate *gate = (struct gate *)object;
	struct endpoint *endpoint = gate->endpoint;
	endpoint_lock(endpoint);
	bool tell = !object_is_dead(object) && !object_is_dead(&endpoint->object);
	if (tell) {
		object_reference(object);
		gate->notice.label = gate->label;
		gate->notice.header = OPERATION_GATE_CLOSED;
		endpoint_submit(endpoint, &gate->notice, CALL_FROM_GATE);
	}
	spin_unlock(&endpoint->lock);
	if (!tell)
		object_destroy_later(object);
}

/* Calls that came through it stay. A server that takes back a gate is not told of it. */
static status_t gate_destroy(struct object *object)
{
	struct gate *gate = (struct gate *)object;
	struct call_remains remains = { 0 };
	endpoint_lock(gate->endpoint);
	if (gate->notice.progress.state != CALL_NONE)
		endpoint_end_call(&gate->notice, &remains);
	spin_unlock(&gate->endpoint->lock);
	call_record_release(&gate->notice);
	object_unreference(&gate->endpoint->object);
	if (remains.owner)
		object_unreference(object);
	return STATUS_OK;
}

const struct object_class endpoint_class = {
	.size = sizeof(struct endpoint), .destroy = endpoint_destroy,
};
const struct object_class gate_class = {
	.size = sizeof(struct gate), .destroy = gate_destroy, .unnamed = gate_unnamed,
};
