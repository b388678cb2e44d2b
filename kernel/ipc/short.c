/* Short messages: a call with small buffers to a server that waits for one, and its answer. As the fast path, a pure
 * optimisation, for what carries a message_extra but no capabilities and no deadline: first the reasons why not, with nothing
 * changed that anybody could see, then all at one go. What is refused here is done by call.c.
 *
 * The bytes go by way of this CPU's stack: from the sender's space, which is the current one, and then, in the same kernel
 * entry, to the receiver's, which is the current one by then. So neither side's page tables are searched, and each side's
 * missing pages are its own. The call's record names its buffers all the same: a server that dies is given them again. */
#include "arch/arch.h"
#include "ipc/direct.h"

#define SHORT_REFUSED NULL
#define SHORT_BY_EXIT ((struct thread *)1)
#define SHORT_BYTES 1024u /* at so many a look into the page tables is cheaper than copying twice */

struct short_message {
	struct message_extra extra; /* the sender's; `received_length` and what follows: results */
	uint64_t length;
	uint64_t bytes[SHORT_BYTES / sizeof(uint64_t)];
};

/* The sender's part of its message_extra. False: there is more to it than this file does. */
static bool short_open(uint64_t address, struct short_message *message)
{
	struct message_extra *extra = &message->extra;
	if (!arch_user_move(address, extra, (const void *)address, MESSAGE_EXTRA_SENT) || extra->deadline ||
	    extra->send_length > SHORT_BYTES)
		return false;
	message->length = extra->send_length;
	return !message->length || arch_user_move(extra->send_address, message->bytes, (const void *)extra->send_address,
	                                          message->length);
}

static bool range_writable(uint64_t address, uint64_t length)
{
	uint64_t last = address + length - 1;
	return length == 0 || (length <= PAGE_SIZE && arch_user_touch(last, true) &&
	                       ((address ^ last) < PAGE_SIZE || arch_user_touch(address, true)));
}

/* Into the current thread's buffer, and what became of it into its message_extra. */
static bool short_close(uint64_t address, uint64_t buffer, uint64_t room, struct short_message *message)
{
	struct message_extra *extra = &message->extra;
	uint64_t *received = &extra->received_length;
	extra->cap_labels[0] = extra->cap_labels[1] = extra->cap_labels[2] = extra->cap_labels[3] = 0;
	extra->cap_kinds[0] = extra->cap_kinds[1] = extra->cap_kinds[2] = extra->cap_kinds[3] = 0;
	*received = message->length < room ? message->length : room;
	return (!*received || arch_user_move(buffer, (void *)buffer, message->bytes, *received)) &&
	       arch_user_move(address + MESSAGE_EXTRA_SENT, (void *)(address + MESSAGE_EXTRA_SENT), received, MESSAGE_EXTRA_RESULTS);
}

/* The same where pages have to be brought in: the caller's have perhaps been shared with a clone since it called. */
static bool short_close_resolving(uint64_t address, uint64_t buffer, const struct short_message *message)
{
	return arch_user_write(buffer, message->bytes, message->extra.received_length) == STATUS_OK &&
	       arch_user_write(address + MESSAGE_EXTRA_SENT, &message->extra.received_length, MESSAGE_EXTRA_RESULTS) == STATUS_OK;
}

/* To user mode with the thread that is the current one now, or by kernel_exit where there is something to be done. */
static inline struct thread *short_leave(const struct cpu *cpu, struct thread *thread, bool at_once)
{
	if (at_once && !cpu->exit_attention)
		return thread;
	kernel_enter();
	return SHORT_BY_EXIT;
}

struct thread *short_call_message(void)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu->current;
	uint64_t header = arch_message_header(&self->arch), address = arch_message_extra(&self->arch);
	bool interruptible = header & MESSAGE_INTERRUPTIBLE;
	struct short_message message;
	struct cap_list none;
	none.count = 0;
	struct gate *gate = captable_find(self->captable, arch_call_argument(&self->arch, 0), OBJECT_GATE, RIGHT_WRITE);
	if (!gate || cpu->attention || !address || (header - OPERATION_PROTOCOL_FIRST) >> 32 & ~(MESSAGE_INTERRUPTIBLE >> 32))
		return SHORT_REFUSED;
	if (!short_open(address, &message) || !range_writable(address + MESSAGE_EXTRA_SENT, MESSAGE_EXTRA_RESULTS) ||
	    !range_writable(message.extra.receive_address, message.extra.receive_length))
		return SHORT_REFUSED;
	struct endpoint *endpoint = gate->endpoint;
	spin_lock(&endpoint->lock);
	struct thread *receiver = object_is_dead(&gate->object) ? NULL : direct_receiver(cpu, endpoint);
	if (!receiver) {
		spin_unlock(&endpoint->lock);
		return SHORT_REFUSED;
	}
	struct call *call = &self->call;
	direct_deliver(call, endpoint, gate->label, receiver);
	direct_fill_call(call, address, &message.extra, &none);
	call->progress.carries = true;
	direct_words(receiver, self, (uint32_t)header);
	arch_message_set_label(&receiver->arch, call->label);
	arch_message_set_id(&receiver->arch, call->id);
	trace(TRACE_MESSAGE_RECEIVE, call->id, header);
	message.extra.peer_send_length = call->send_length;
	message.extra.peer_receive_length = call->receive_length;
	direct_switch_wholly(cpu, self, endpoint, receiver, WAIT_CALL, interruptible);

	uint64_t other = arch_message_extra(&receiver->arch), room[4]; /* up to receive_length */
	if (other && !(arch_user_move(other, room, (const void *)other, sizeof(room)) &&
	               short_close(other, room[2], room[3], &message))) {
		receiver->finish = finish_receive; /* all over again */
		receiver->finish_id = arch_message_id(&receiver->arch);
	}
	return short_leave(cpu, receiver, !receiver->finish);
}

struct thread *short_answer_message(void)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu->current;
	uint64_t header = arch_message_header(&self->arch), address = arch_message_extra(&self->arch);
	struct short_message message;
	message.length = 0;
	struct endpoint *endpoint = captable_find(self->captable, arch_call_argument(&self->arch, 0), OBJECT_ENDPOINT, RIGHT_READ);
	if (!endpoint || cpu->attention || (header & ~MESSAGE_EXTRA_RECEIVES) >> 32)
		return SHORT_REFUSED;
	if (address && !(header & MESSAGE_EXTRA_RECEIVES)) {
		static const uint64_t nothing[MESSAGE_EXTRA_RESULTS / sizeof(uint64_t)];
		if (!short_open(address, &message) ||
		    !arch_user_move(address + MESSAGE_EXTRA_SENT, (void *)(address + MESSAGE_EXTRA_SENT), nothing,
		                    MESSAGE_EXTRA_RESULTS))
			return SHORT_REFUSED;
	}
	spin_lock(&endpoint->lock);
	struct call *call = direct_answered(cpu, self, endpoint, true);
	if (!call) {
		spin_unlock(&endpoint->lock);
		return SHORT_REFUSED;
	}
	struct thread *caller = call_thread(call);
	uint64_t extra = call->extra, buffer = call->receive_address, room = call->receive_length;
	direct_receive(endpoint, self, call, header);
	call->extra = call->send_length = call->receive_length = 0;
	direct_words(caller, self, (uint32_t)header);
	direct_switch_wholly(cpu, self, endpoint, caller, WAIT_RECEIVE, true);

	message.extra.peer_send_length = message.extra.peer_receive_length = 0;
	if (extra && !short_close(extra, buffer, room, &message) && !short_close_resolving(extra, buffer, &message))
		arch_set_result(&caller->arch, STATUS_BAD_ADDRESS); /* gone since the call */
	return short_leave(cpu, caller, true);
}
