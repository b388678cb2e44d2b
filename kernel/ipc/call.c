/* What a message carries: call, receive, reply, reply_receive.
 *
 * Words go in registers. The rest is named by a struct message_extra in the sender's space, and each
 * thread deals with its own: what it sends is read, checked and brought in before anything is
 * changed; what it receives is written by itself on its way to user mode (finish_receive, finish_call),
 * in its own space, after whoever ended its wait has run on. So nobody touches a stranger's
 * message_extra, and the way of a message of words alone has none of this.
 *
 * A call's buffers stay where they are until its server asks (copy.c); the head of the send buffer
 * is fetched at delivery if the receiver made room for it. Capabilities are taken from the
 * sender's table at once and held by the call record until they are delivered and answered. */
#include "ipc/direct.h"
#include "arch/arch.h"

#define CALL_FLAGS (MESSAGE_INTERRUPTIBLE | 7ull << MESSAGE_CAPS_SHIFT)

/* --- capabilities and extras --- */

void call_remains_drop(struct call_remains *remains)
{
	cap_list_drop(&remains->caps);
	if (remains->owner) {
		if (remains->owner->type == OBJECT_GATE) /* answered, that is its end */
			object_destroy_later(remains->owner);
		object_unreference(remains->owner);
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
	status_t status = arch_user_read(extra, address, MESSAGE_EXTRA_SENT);
	if (status == STATUS_OK && (!range_valid(extra->send_address, extra->send_length) ||
	                            !range_valid(extra->receive_address, extra->receive_length)))
		status = STATUS_BAD_ADDRESS;
	return status;
}

/* The same, with the results cleared: they say that nothing came, and can be written later. */
static status_t extra_open(uint64_t address, struct message_extra *extra)
{
	static const uint64_t none[MESSAGE_EXTRA_RESULTS / sizeof(uint64_t)];
	status_t status = extra_read(address, extra);
	return status == STATUS_OK && address ? arch_user_write(address + MESSAGE_EXTRA_SENT, none, sizeof(none)) : status;
}

/* The part that the kernel writes. */
static void extra_close(struct thread *self, uint64_t address, const struct message_extra *results)
{
	if (arch_user_write(address + MESSAGE_EXTRA_SENT, &results->received_length, MESSAGE_EXTRA_RESULTS) != STATUS_OK)
		arch_set_result(&self->arch, STATUS_BAD_ADDRESS);
}

/* --- call --- */

static status_t prepare_call(const struct arch_thread *registers, struct message_extra *extra, struct cap_list *caps)
{
	uint64_t header = arch_message_header(registers), address = arch_message_extra(registers);
	if ((header >> 32 & ~(CALL_FLAGS >> 32)) || MESSAGE_OPERATION(header) < OPERATION_PROTOCOL_FIRST)
		return STATUS_BAD_ARGUMENT;
	status_t status = extra_read(address, extra);
	if (status == STATUS_OK && address)
		status = buffer_prepare(address + MESSAGE_EXTRA_SENT, MESSAGE_EXTRA_RESULTS, MAP_WRITE);
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
	direct_fill_call(&self->call, arch_message_extra(&self->arch), extra, caps);
	self->call.progress.carries = self->call.extra != 0;
	endpoint_give(&self->call, receiver);
	direct_switch_wholly(cpu, self, endpoint, receiver, WAIT_CALL, interruptible);
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
		self->call.label = gate->label;
		direct_fill_call(&self->call, arch_message_extra(&self->arch), &extra, &caps);
		endpoint_submit(endpoint, &self->call, CALL_FROM_THREAD);
	}
	spin_unlock(&endpoint->lock);
	cap_list_drop(&caps);
	return status;
}

/* A gate of the receiving endpoint (NULL: none receives) comes back as its label; anything else goes into a slot. */
static void caps_store(struct thread *self, struct cap_list *caps, const uint32_t *slots, const struct endpoint *endpoint,
                       struct message_extra *results)
{
	for (unsigned i = 0; i < caps->count; i++) {
		struct object *object = caps->caps[i];
		struct gate *gate = object && object->type == OBJECT_GATE ? (struct gate *)object : NULL;
		if (gate && gate->endpoint == endpoint) {
			results->cap_kinds[i] = MESSAGE_CAP_LABEL;
			results->cap_labels[i] = gate->label;
		} else if (object && slots[i] &&
		           captable_install(self->captable, slots[i], object, caps->rights[i]) == STATUS_OK) {
			results->cap_kinds[i] = MESSAGE_CAP_SLOT;
		}
	}
	cap_list_drop(caps);
}

/* The answer's capabilities into the caller's slots. */
void finish_call(struct thread *self)
{
	struct call *call = &self->call;
	struct message_extra results = { .received_length = call->received_length };
	caps_store(self, &call->caps, call->receive_caps, NULL, &results);
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

/* What a receiver needs of a call it was given, copied out under the lock. The call's endpoint; NULL: it has ended. */
static struct endpoint *open_delivery(uint64_t id, struct message_extra *results, struct cap_list *caps)
{
	struct call *call = call_record_find(id);
	struct endpoint *endpoint = call ? __atomic_load_n(&call->endpoint, __ATOMIC_ACQUIRE) : NULL;
	if (!endpoint)
		return NULL;
	spin_lock(&endpoint->lock);
	bool found = endpoint_find(endpoint, id) == call;
	if (found) {
		results->peer_send_length = call->send_length;
		results->peer_receive_length = call->receive_length;
		*caps = call->caps;
		for (unsigned i = 0; i < caps->count; i++)
			if (caps->caps[i] && !object_capability_take(caps->caps[i]))
				caps->caps[i] = NULL;
	}
	spin_unlock(&endpoint->lock);
	return found ? endpoint : NULL;
}

void finish_receive(struct thread *self)
{
	uint64_t address = arch_message_extra(&self->arch);
	struct message_extra extra = { 0 };
	struct cap_list caps;
	status_t status = arch_user_read(&extra, address, MESSAGE_EXTRA_SENT);
	struct endpoint *endpoint = status == STATUS_OK ? open_delivery(self->finish_id, &extra, &caps) : NULL;
	if (endpoint) {
		caps_store(self, &caps, extra.receive_caps, endpoint, &extra);
		status_t copied = call_copy(endpoint, self->finish_id, 0, NULL, extra.receive_address, extra.receive_length, false);
		extra.received_length = copied > 0 ? (uint64_t)copied : 0;
	}
	extra_close(self, address, &extra);
}

/* --- reply --- */

static status_t prepare_answer(struct endpoint *endpoint, struct thread *self, uint64_t address,
                               struct message_extra *extra, struct answer *answer)
{
	uint64_t header = arch_message_header(&self->arch);
	answer->caps.count = 0;
	answer->received_length = 0;
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
static bool answer_directly(struct endpoint *endpoint, struct answer *answer, struct call_remains *remains)
{
	struct cpu *cpu = cpu_self();
	struct call *call = cpu->attention ? NULL : direct_answered(cpu, cpu->current, endpoint, false);
	if (!call)
		return false;
	endpoint_end_call(call, remains);
	endpoint_fill_answer(call_thread(call), answer);
	direct_receive(endpoint, cpu->current, call, arch_message_header(&cpu->current->arch));
	direct_switch_wholly(cpu, cpu->current, endpoint, call_thread(call), WAIT_RECEIVE, true);
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
	if (call && receives && !extra->deadline && answer_directly(endpoint, &answer, &remains)) {
		status = STATUS_SWITCHED;
	} else {
		if (call)
			endpoint_answer(call, &answer, STATUS_OK, &remains);
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

