/* What a message carries: call, receive, reply, reply_receive.
 *
 * Words go in registers. The rest is named by a struct message_extra in the sender's space, and each
 * thread deals with its own: what it sends is read, checked and brought in before anything is
 * changed; what it receives is written by itself on its way to user mode (FINISH_RECEIVE, FINISH_CALL),
 * in its own space, after whoever ended its wait has run on. So nobody touches a stranger's
 * message_extra, and the way of a message of words alone has none of this.
 *
 * A call's buffers stay where they are until its server asks (copy.c); the head of the send buffer
 * is fetched at delivery if the receiver made room for it. Capabilities are taken from the
 * sender's table at once and held by the call record until they are delivered and answered. */
#include "ipc/direct.h"
#include "arch/arch.h"
#include "base/string.h"

#define CALL_FLAGS (MESSAGE_INTERRUPTIBLE | 7ull << MESSAGE_CAPS_SHIFT)

/* The part of struct message_extra that the kernel writes. */
struct extra_results {
	uint64_t received_length, peer_send_length, peer_receive_length;
	uint64_t cap_labels[MESSAGE_CAPS_MAX];
	uint32_t cap_kinds[MESSAGE_CAPS_MAX];
};
#define EXTRA_SENT MESSAGE_EXTRA_SENT
_Static_assert(EXTRA_SENT + sizeof(struct extra_results) == sizeof(struct message_extra),
               "the results are the second part of message_extra");

/* --- capabilities and extras --- */

void call_remains_drop(struct call_remains *remains)
{
	cap_list_drop(&remains->caps);
	if (remains->abandoned)
		object_unreference(&remains->abandoned->object);
	if (remains->gate) {
		object_destroy_later(&remains->gate->object);
		object_unreference(&remains->gate->object);
	}
}

/* Take what the header says from the sender's own table. */
static status_t caps_take(const struct message_extra *extra, uint64_t header, struct cap_list *list)
{
	struct captable *table = cpu_current()->captable;
	unsigned count = MESSAGE_CAPS(header);
	if (count > MESSAGE_CAPS_MAX || (count && !extra))
		return STATUS_BAD_ARGUMENT;
	for (unsigned i = 0; i < count; i++) {
		struct object *object;
		uint32_t rights = 0;
		status_t status = STATUS_OK;
		list->caps[i] = NULL;
		list->count = i + 1;
		if (!extra->send_caps[i])
			continue;
		status = captable_lookup_rights(table, extra->send_caps[i], &object, &rights);
		if (status == STATUS_OK && !(rights & RIGHT_COPY))
			status = STATUS_NO_RIGHT;
		if (status == STATUS_OK && !object_capability_take(object))
			status = STATUS_DESTROYED;
		if (status != STATUS_OK) {
			cap_list_drop(list);
			return status;
		}
		list->caps[i] = object;
		list->rights[i] = (uint8_t)rights;
	}
	return STATUS_OK;
}

static bool range_valid(uint64_t address, uint64_t length)
{
	return length <= USER_ADDRESS_END && address <= USER_ADDRESS_END - length;
}

/* The sender's part (address 0: it has none). */
static status_t extra_read(uint64_t address, struct message_extra *extra)
{
	if (!address) {
		extra->deadline = extra->send_length = extra->receive_length = 0;
		return STATUS_OK;
	}
	status_t status = arch_user_read(extra, address, EXTRA_SENT);
	if (status == STATUS_OK && (!range_valid(extra->send_address, extra->send_length) ||
	                            !range_valid(extra->receive_address, extra->receive_length)))
		status = STATUS_BAD_ADDRESS;
	return status;
}

/* The same, with the results cleared: they say that nothing came, and can be written later. */
static status_t extra_open(uint64_t address, struct message_extra *extra)
{
	static const struct extra_results none;
	status_t status = extra_read(address, extra);
	return status == STATUS_OK && address ? arch_user_write(address + EXTRA_SENT, &none, sizeof(none)) : status;
}

static void extra_close(struct thread *self, uint64_t address, const struct extra_results *results)
{
	if (arch_user_write(address + EXTRA_SENT, results, sizeof(*results)) != STATUS_OK)
		arch_set_result(&self->arch, STATUS_BAD_ADDRESS);
}

/* --- call --- */

/* Commit: from here on the record says everything about the call. */
static void fill_call(struct thread *self, const struct message_extra *extra, struct cap_list *caps)
{
	struct call *call = &self->call;
	call->extra = arch_message_extra(&self->arch);
	if (!call->extra)
		return;
	call->send_length = extra->send_length;
	call->receive_length = extra->receive_length;
	call->send_address = extra->send_address;
	call->receive_address = extra->receive_address;
	cap_list_move(&call->caps, caps);
	memcpy(call->receive_caps, extra->receive_caps, sizeof(call->receive_caps));
}

static status_t prepare_call(const struct arch_thread *registers, struct message_extra *extra, struct cap_list *caps)
{
	uint64_t header = arch_message_header(registers), address = arch_message_extra(registers);
	if ((header >> 32 & ~(CALL_FLAGS >> 32)) || MESSAGE_OPERATION(header) < OPERATION_PROTOCOL_FIRST)
		return STATUS_BAD_ARGUMENT;
	status_t status = extra_read(address, extra);
	if (status == STATUS_OK && address)
		status = buffer_prepare(address + EXTRA_SENT, sizeof(struct extra_results), MAP_WRITE);
	if (status == STATUS_OK)
		status = buffer_prepare(extra->send_address, extra->send_length, MAP_READ);
	if (status == STATUS_OK)
		status = buffer_prepare(extra->receive_address, extra->receive_length, MAP_WRITE);
	if (status == STATUS_OK)
		status = caps_take(address ? extra : NULL, header, caps);
	return status;
}

/* A receiver waits, and runs at once; the lock is free then. */
static bool call_directly(struct gate *gate, const struct message_extra *extra, struct cap_list *caps)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu->current;
	struct endpoint *endpoint = gate->endpoint;
	struct thread *receiver = cpu->attention || extra->deadline ? NULL : direct_receiver(cpu, endpoint);
	if (!receiver)
		return false;
	bool interruptible = arch_message_header(&self->arch) & MESSAGE_INTERRUPTIBLE;
	direct_deliver(&self->call, endpoint, gate->label, receiver);
	fill_call(self, extra, caps);
	self->call.progress.carries = self->call.extra != 0;
	endpoint_give(&self->call, receiver);
	direct_switch(cpu, self, &endpoint->lock, receiver, false);
	direct_switch_end(self, WAIT_CALL, interruptible, endpoint);
	return true;
}

status_t handle_call(struct gate *gate)
{
	struct thread *self = cpu_current();
	struct endpoint *endpoint = gate->endpoint;
	struct message_extra extra;
	struct cap_list caps;
	caps.count = 0;
	status_t status = prepare_call(&self->arch, &extra, &caps);
	if (status != STATUS_OK)
		return status;
	spin_lock(&endpoint->lock);
	if (object_is_dead(&endpoint->object) || object_is_dead(&gate->object))
		status = STATUS_DESTROYED;
	else if (call_directly(gate, &extra, &caps))
		return STATUS_SWITCHED;
	else
		status = thread_block(WAIT_CALL, &endpoint->lock, extra.deadline,
		                      arch_message_header(&self->arch) & MESSAGE_INTERRUPTIBLE);
	if (status == STATUS_BLOCKED) {
		endpoint_settle(endpoint);
		self->call.label = gate->label;
		fill_call(self, &extra, &caps);
		endpoint_submit(endpoint, &self->call, CALL_FROM_THREAD);
	}
	spin_unlock(&endpoint->lock);
	cap_list_drop(&caps);
	return status;
}

/* The answer's capabilities into the caller's slots. */
void finish_call(struct thread *self)
{
	struct call *call = &self->call;
	struct extra_results results = { .received_length = call->received_length };
	struct cap_list *caps = &call->caps;
	for (unsigned i = 0; i < caps->count; i++)
		if (caps->caps[i] && call->receive_caps[i] &&
		    captable_install(self->captable, call->receive_caps[i], caps->caps[i], caps->rights[i]) == STATUS_OK)
			results.cap_kinds[i] = MESSAGE_CAP_SLOT;
	cap_list_drop(caps);
	extra_close(self, call->extra, &results);
	call->extra = 0;
}

/* --- receive --- */

static status_t receive(struct endpoint *endpoint, uint64_t deadline)
{
	struct thread *self = cpu_current();
	status_t status = STATUS_OK;
	endpoint_lock(endpoint);
	self->lent_priority = PRIORITY_LEVELS;
	if (object_is_dead(&endpoint->object)) {
		status = STATUS_DESTROYED;
	} else if (!endpoint_take(endpoint, self)) {
		status = thread_block(WAIT_RECEIVE, &endpoint->lock, deadline, true);
		if (status == STATUS_BLOCKED)
			endpoint->receiver = self; /* the first: its caches are the warmest */
	}
	spin_unlock(&endpoint->lock);
	return status;
}

status_t handle_receive(struct endpoint *endpoint)
{
	struct message_extra extra;
	status_t status = extra_open(arch_message_extra(&cpu_current()->arch), &extra);
	return status == STATUS_OK ? receive(endpoint, extra.deadline) : status;
}

/* What a receiver needs of a call it was given, copied out under the lock. */
struct delivery {
	struct endpoint *endpoint;
	uint64_t send_length, receive_length;
	struct cap_list caps;
};

static bool open_delivery(uint64_t id, struct delivery *delivery)
{
	struct call *call = id ? call_record_find(id) : NULL;
	struct endpoint *endpoint = call ? __atomic_load_n(&call->endpoint, __ATOMIC_ACQUIRE) : NULL;
	if (!endpoint)
		return false;
	spin_lock(&endpoint->lock);
	bool found = endpoint_find(endpoint, id) == call;
	if (found) {
		delivery->endpoint = endpoint;
		delivery->send_length = call->send_length;
		delivery->receive_length = call->receive_length;
		delivery->caps = call->caps;
		for (unsigned i = 0; i < call->caps.count; i++)
			if (call->caps.caps[i] && !object_capability_take(call->caps.caps[i]))
				delivery->caps.caps[i] = NULL;
	}
	spin_unlock(&endpoint->lock);
	return found;
}

/* A gate of the receiving endpoint comes back as its label; anything else goes into a slot. */
static void store_caps(struct thread *self, struct delivery *delivery, const struct message_extra *extra,
                       struct extra_results *results)
{
	for (unsigned i = 0; i < delivery->caps.count; i++) {
		struct object *object = delivery->caps.caps[i];
		struct gate *gate = object && object->type == OBJECT_GATE ? (struct gate *)object : NULL;
		if (gate && gate->endpoint == delivery->endpoint) {
			results->cap_kinds[i] = MESSAGE_CAP_LABEL;
			results->cap_labels[i] = gate->label;
		} else if (object && extra->receive_caps[i] &&
		           captable_install(self->captable, extra->receive_caps[i], object, delivery->caps.rights[i]) ==
		               STATUS_OK) {
			results->cap_kinds[i] = MESSAGE_CAP_SLOT;
		}
	}
	cap_list_drop(&delivery->caps);
}

void finish_receive(struct thread *self)
{
	uint64_t address = arch_message_extra(&self->arch);
	struct extra_results results = { 0 };
	struct delivery delivery;
	struct message_extra extra;
	if (arch_user_read(&extra, address, EXTRA_SENT) == STATUS_OK && open_delivery(self->finish_id, &delivery)) {
		results.peer_send_length = delivery.send_length;
		results.peer_receive_length = delivery.receive_length;
		store_caps(self, &delivery, &extra, &results);
		status_t copied = call_copy(delivery.endpoint, self->finish_id, 0, NULL, extra.receive_address,
		                            extra.receive_length, false);
		results.received_length = copied > 0 ? (uint64_t)copied : 0;
	}
	extra_close(self, address, &results);
}

/* --- reply --- */

static status_t prepare_answer(struct endpoint *endpoint, struct thread *self, uint64_t address,
                               struct message_extra *extra, struct answer *answer)
{
	uint64_t header = arch_message_header(&self->arch);
	answer->header = MESSAGE_CARRIED(header);
	answer->caps.count = 0;
	answer->received_length = 0;
	arch_message_get_words(&self->arch, answer->words);
	if (header & MESSAGE_EXTRA_RECEIVES)
		address = 0;
	status_t status = extra_open(address, extra);
	if (status == STATUS_OK && extra->send_length) {
		status_t copied = call_copy(endpoint, arch_message_id(&self->arch), 0, NULL, extra->send_address,
		                            extra->send_length, true);
		answer->received_length = copied > 0 ? (uint64_t)copied : 0;
		status = copied < 0 ? copied : STATUS_OK;
	}
	if (status == STATUS_OK)
		status = caps_take(address ? extra : NULL, header, &answer->caps);
	return status;
}

/* The caller waits, and runs at once; the server receives. The lock is free then. */
static bool answer_directly(struct endpoint *endpoint, struct call *call, struct answer *answer,
                            struct call_remains *remains)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu->current, *caller = call_thread(call);
	bool page = answers_page(call, answer->header);
	union call_progress progress = call->progress;
	progress.carries = false;
	if (cpu->attention || call != endpoint->newest || (!page && progress.word != CALL_DELIVERED) ||
	    !direct_answer(cpu, self, endpoint, caller))
		return false;
	trace(TRACE_MESSAGE_REPLY, call->id, answer->header);
	endpoint_end_call(call, remains);
	if (page)
		caller->finish = FINISH_PAGE;
	else
		endpoint_fill_answer(caller, answer);
	direct_receive(endpoint, self);
	direct_switch(cpu, self, &endpoint->lock, caller, false);
	direct_switch_end(self, WAIT_RECEIVE, true, endpoint);
	return true;
}

/* Answer the call named in the registers, and perhaps receive at once (STATUS_SWITCHED). `extra` holds the own
 * message_extra afterwards. */
static status_t reply(struct endpoint *endpoint, uint64_t address, struct message_extra *extra, bool receives)
{
	struct thread *self = cpu_current();
	struct answer answer;
	struct call_remains remains;
	status_t status = prepare_answer(endpoint, self, address, extra, &answer);
	if (status != STATUS_OK)
		return status;
	spin_lock(&endpoint->lock);
	struct call *call = endpoint_find(endpoint, arch_message_id(&self->arch));
	if (call && receives && !extra->deadline && answer_directly(endpoint, call, &answer, &remains)) {
		status = STATUS_SWITCHED;
	} else {
		if (call)
			endpoint_answer(call, &answer, &remains);
		else
			status = STATUS_BAD_CALL_ID;
		spin_unlock(&endpoint->lock);
	}
	cap_list_drop(&answer.caps);
	if (call)
		call_remains_drop(&remains);
	return status;
}

status_t handle_reply(struct endpoint *endpoint)
{
	struct message_extra extra;
	return reply(endpoint, arch_message_extra(&cpu_current()->arch), &extra, false);
}

status_t handle_reply_receive(struct endpoint *endpoint)
{
	struct thread *self = cpu_current();
	struct message_extra extra;
	if (!arch_message_id(&self->arch))
		return handle_receive(endpoint);
	status_t status = reply(endpoint, arch_message_extra(&self->arch), &extra, true);
	if (status != STATUS_OK)
		return status;
	arch_message_set_id(&self->arch, 0); /* answered, whatever becomes of the receive */
	return receive(endpoint, extra.deadline);
}

