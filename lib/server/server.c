/* The server loop: one message at a time, each handled to its end before the next is received.
 *
 * A reply and the next receive are one kernel call. Two kinds of reply are made apart from it: one whose
 * capabilities are to be dropped afterwards (waiting for the next message must not keep them alive), and
 * one whose buffer or capabilities the kernel refused (the caller then gets the reason as its status). */
#include "server/step.h"
#include "atoll/startup.h"
#include "protocol_server.h"
#include "protocol_supervisor.h"
#include <errno.h>
#include <string.h>

#define OPERATION_SERVER_LAST 0x1ffu
#define OPENING_TIME 1000000ull /* nanoseconds in which a message finds the step of the start still open */

static struct {
	const struct server *server;
	bool opening; /* the step of the start goes on (step_go_on) */
	bool stale;   /* the extra is not as the next message must find it */
	struct message message;
	struct message_extra extra;
	struct request request;
	_Alignas(16) unsigned char inline_data[REQUEST_INLINE_MAX + REQUEST_SLACK];
} loop;

static int64_t bytes_or_errno(int64_t result)
{
	return result < 0 ? status_to_errno(result) : result;
}

int64_t request_read(const struct request *request, uint64_t offset, void *to, uint64_t length)
{
	/* What arrived with the call is at hand already. */
	if (offset < request->data_length && length <= request->data_length - offset) {
		step_save(to, length);
		memcpy(to, (const char *)request->data + offset, length);
		return (int64_t)length;
	}
	return parked_read(request->id, offset, to, length);
}

int64_t request_write(const struct request *request, uint64_t offset, const void *from, uint64_t length)
{
	return parked_write(request->id, offset, from, length);
}

int64_t request_read_memory(const struct request *request, uint64_t offset, slot_t memory,
                            uint64_t memory_offset, uint64_t length)
{
	WITNESS(request->id, offset, memory, memory_offset, length);
	return bytes_or_errno(call_read_memory(SELF_ENDPOINT, request->id, offset, memory, memory_offset, length));
}

int64_t request_write_memory(const struct request *request, uint64_t offset, slot_t memory,
                             uint64_t memory_offset, uint64_t length)
{
	WITNESS(request->id, offset, memory, memory_offset, length);
	return bytes_or_errno(call_write_memory(SELF_ENDPOINT, request->id, offset, memory, memory_offset, length));
}

void request_reply_data(struct request *request, const void *data, uint64_t length)
{
	request->reply_data = data;
	request->reply_data_length = length;
	request->reply_data_stays = false;
}

void request_reply_lasting(struct request *request, const void *data, uint64_t length)
{
	request_reply_data(request, data, length);
	request->reply_data_stays = true;
}

void request_send_cap(struct request *request, unsigned index, slot_t slot, bool drop)
{
	request->reply_caps[index] = slot;
	request->reply_caps_drop[index] = drop;
	if (index >= request->reply_cap_count)
		request->reply_cap_count = index + 1;
}

slot_t request_take_cap(struct request *request, unsigned index)
{
	slot_t slot = request->caps[index].slot;
	if (request->caps[index].kind != MESSAGE_CAP_SLOT || slot == 0)
		return 0;
	request->caps[index].slot = 0;
	kept_take_slot(index);
	return slot;
}

void request_park(struct request *request)
{
	(void)request; /* the loop does it, when the step counts */
}

int64_t parked_read(uint64_t id, uint64_t offset, void *to, uint64_t length)
{
	step_save(to, length);
	return bytes_or_errno(call_read(SELF_ENDPOINT, id, offset, to, length));
}

int64_t parked_write(uint64_t id, uint64_t offset, const void *from, uint64_t length)
{
	WITNESS_BYTES(from, length, id, offset);
	return bytes_or_errno(call_write(SELF_ENDPOINT, id, offset, from, length));
}

static uint64_t reply_header(int status, unsigned caps)
{
	return (uint32_t)status | (uint64_t)caps << MESSAGE_CAPS_SHIFT;
}

/* Answer with a status alone; the last resort for what could not be sent. */
static int64_t reply_status(uint64_t id, int status)
{
	struct message message = { .header = reply_header(status, 0), .id = id };
	return message_reply(SELF_ENDPOINT, &message, NULL);
}

/* A reply the kernel refused although the call exists: the caller learns why, and gets nothing. */
static int64_t reply_refused(uint64_t id, int64_t status)
{
	return status == STATUS_BAD_CALL_ID ? status : reply_status(id, status_to_errno(status));
}

int64_t answer_send(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data,
                    uint64_t data_length, const slot_t *caps, unsigned cap_count)
{
	struct message message = { .header = reply_header(status, cap_count), .id = id };
	struct message_extra extra;
	bool more = data_length > 0 || cap_count > 0;
	if (words)
		memcpy(message.words, words, sizeof(message.words));
	if (more) {
		memset(&extra, 0, sizeof(extra));
		extra.send_address = (uint64_t)data;
		extra.send_length = data_length;
		for (unsigned i = 0; i < cap_count; i++)
			extra.send_caps[i] = caps[i];
	}
	int64_t result = message_reply(SELF_ENDPOINT, &message, more ? &extra : NULL);
	if (result < 0 && result != STATUS_BAD_CALL_ID)
		result = reply_refused(id, result);
	return result < 0 ? status_to_errno(result) : 0;
}

int64_t parked_answer(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data,
                      uint64_t data_length, const slot_t *caps, unsigned cap_count)
{
	return step_answer(id, status, words, data, data_length, caps, cap_count);
}

int call_once(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length)
{
	return step_call(gate, operation, words, send, length);
}

int call_send(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length)
{
	struct message message = { .header = operation };
	struct message_extra extra = { .send_address = (uint64_t)send, .send_length = length };
	memcpy(message.words, words, sizeof(message.words));
	int64_t status = message_call(gate, &message, length > 0 ? &extra : NULL);
	return status < 0 ? status_to_errno(status) : MESSAGE_STATUS(message.header);
}

slot_t server_notification(void)
{
	if (kept.notification)
		return kept.notification;
	slot_t slot = slot_allocate();
	if (slot == 0 || notification_create(SELF_POOL, slot) < 0)
		return 0;
	endpoint_bind(SELF_ENDPOINT, 0); /* that of an earlier incarnation */
	if (endpoint_bind(SELF_ENDPOINT, slot) < 0)
		return 0;
	kept_set_notification(slot);
	return slot;
}

slot_t server_make_gate(uint64_t label)
{
	slot_t slot = slot_for_new();
	if (slot == 0)
		return 0;
	if (gate_create(SELF_POOL, SELF_ENDPOINT, label, slot) < 0) {
		slot_free(slot);
		return 0;
	}
	return slot;
}

/* The extra as the next message shall find it: where that goes, and nothing of what came last. The kernel leaves it as it
 * is when a message is words alone, so this is seldom needed. */
static void extra_renew(void)
{
	struct message_extra *extra = &loop.extra;
	extra->received_length = extra->peer_send_length = extra->peer_receive_length = 0;
	memset(extra->cap_kinds, 0, sizeof(extra->cap_kinds));
	extra->receive_address = (uint64_t)loop.inline_data;
	extra->receive_length = REQUEST_INLINE_MAX;
	extra->deadline = 0;
	memcpy(extra->receive_caps, kept.receive_slots, sizeof(extra->receive_caps));
	loop.stale = kept.taken; /* some are yet to come */
}

static void request_begin_caps(struct request *request)
{
	const struct message_extra *extra = &loop.extra;
	for (unsigned i = 0; i < MESSAGE_CAPS_MAX; i++) {
		request->caps[i].kind = extra->cap_kinds[i];
		request->caps[i].slot = extra->cap_kinds[i] == MESSAGE_CAP_SLOT ? kept.receive_slots[i] : 0;
		request->caps[i].label = extra->cap_kinds[i] == MESSAGE_CAP_LABEL ? extra->cap_labels[i] : 0;
		if (extra->cap_kinds[i] != MESSAGE_CAP_NONE)
			request->cap_count = i + 1;
	}
}

/* The request in hand, from what was received. Its parts for capabilities are empty between two calls. */
static struct request *request_begin(void)
{
	struct request *request = &loop.request;
	const struct message *message = &loop.message;
	const struct message_extra *extra = &loop.extra;
	uint64_t kinds[2];
	_Static_assert(sizeof(kinds) == sizeof(extra->cap_kinds), "all of them");
	memcpy(kinds, extra->cap_kinds, sizeof(kinds));
	request->id = message->id;
	request->label = message->label;
	request->operation = MESSAGE_OPERATION(message->header);
	memcpy(request->words, message->words, sizeof(request->words));
	request->data = loop.inline_data;
	request->data_length = extra->received_length;
	request->send_length = extra->peer_send_length;
	request->receive_length = extra->peer_receive_length;
	memset(request->reply_words, 0, sizeof(request->reply_words));
	request->reply_data_length = 0;
	if (kinds[0] | kinds[1])
		request_begin_caps(request);
	if (extra->peer_send_length | extra->peer_receive_length | kinds[0] | kinds[1])
		loop.stale = true;
	return request;
}

/* Capabilities nobody took. */
static void request_drop_caps(struct request *request)
{
	for (unsigned i = 0; i < MESSAGE_CAPS_MAX; i++) {
		if (request->caps[i].kind == MESSAGE_CAP_SLOT && request->caps[i].slot)
			cap_drop(SELF_CAPTABLE, request->caps[i].slot);
		request->caps[i].kind = MESSAGE_CAP_NONE;
	}
	request->cap_count = 0;
}

/* The answer's capabilities into the extra, if it is one of success: the header's part of it. True in *drop: they
 * must be sent before the next receive. */
static uint64_t reply_prepare_caps(struct request *request, int status, bool *drop)
{
	struct message_extra *extra = &loop.extra;
	unsigned caps = 0;
	for (unsigned i = 0; i < MESSAGE_CAPS_MAX; i++) {
		extra->send_caps[i] = status == 0 ? request->reply_caps[i] : 0;
		if (extra->send_caps[i])
			caps = i + 1;
		*drop |= request->reply_caps_drop[i];
	}
	return (uint64_t)caps << MESSAGE_CAPS_SHIFT;
}

/* The reply under construction into message and extra. True: it must be sent before the next receive. */
static bool reply_prepare(struct request *request, int status)
{
	bool drop = false;
	loop.message.id = request->id;
	loop.message.header = (uint32_t)status;
	memcpy(loop.message.words, request->reply_words, sizeof(loop.message.words));
	if (!request->reply_data_length && !request->reply_cap_count) {
		loop.message.header |= MESSAGE_EXTRA_RECEIVES;
		return false;
	}
	loop.extra.send_address = (uint64_t)request->reply_data;
	loop.extra.send_length = request->reply_data_length;
	loop.message.header |= reply_prepare_caps(request, status, &drop);
	return drop;
}

static void reply_end_caps(struct request *request)
{
	memset(request->reply_caps, 0, sizeof(request->reply_caps));
	memset(request->reply_caps_drop, 0, sizeof(request->reply_caps_drop));
	request->reply_cap_count = 0;
}

void reply_none(void)
{
	loop.message.id = 0;
	loop.message.header = MESSAGE_EXTRA_RECEIVES;
}

static void reply_at_once(const struct request *request)
{
	int64_t result = message_reply(SELF_ENDPOINT, &loop.message, &loop.extra);
	step_answered(request);
	if (result < 0)
		reply_refused(request->id, result);
	reply_none();
}

static void step_end(struct request *request, int status)
{
	step_commit(request, status);
	if (loop.server->committed)
		loop.server->committed();
}

static _Noreturn void spin(uint64_t bits)
{
	(void)bits;
	for (;;)
		__builtin_ia32_pause();
}

static int spin_in_call(struct request *request)
{
	(void)request;
	spin(0);
}

/* What servers have in common (protocols/server.proto). */
static int own_hang(struct request *request)
{
	static const struct server hung = { .name = "hung", .handle = spin_in_call, .signalled = spin };
	if (request->label != LABEL_CONTROL)
		return -EPERM;
	loop.server = &hung;
	return 0;
}

static int own_leave(struct request *request)
{
	return request->label == LABEL_CONTROL ? step_leaving() : -EPERM;
}

/* What was lost on its way is found: signals, by looking at whatever they come from, and calls that were delivered and not answered,
 * which come again, this one with them. */
static int own_ping(struct request *request)
{
	if (request->label != LABEL_CONTROL)
		return 0;
	if (loop.server->signalled)
		loop.server->signalled(0);
	step_look();
	return 0;
}

static int call_dispatch(struct request *request)
{
	static const struct server_operations own = { .ping = own_ping, .hang = own_hang, .leave = own_leave };
	if (request->operation > OPERATION_SERVER_LAST)
		return loop.server->handle(request);
	if (request->operation >= OPERATION_PROTOCOL_FIRST)
		return server_dispatch(&own, request);
	if (request->operation != OPERATION_GATE_CLOSED)
		return loop.server->handle(request);
	kept_forget_session(request->label);
	if (loop.server->closed)
		loop.server->closed(request->label);
	return 0;
}

/* One call. On return the message holds the reply to send with the next receive, or id 0. */
static void call_handle(void)
{
	struct request *request = request_begin();
	int status;
	if (!step_repeated(request, &status)) {
		step_begin(request->id);
		status = call_dispatch(request);
		if (!step_verifies && status < 0 && status > REQUEST_PARKED)
			step_doubt(request, status);
		step_end(request, status);
		if (step_leaves)
			step_leave();
	} else if (step_goes_no_further()) {
		step_end(NULL, 0);
	}
	if (request->cap_count)
		request_drop_caps(request);
	if (status == REQUEST_PARKED || status == REQUEST_NO_REPLY)
		reply_none();
	else if (reply_prepare(request, status))
		reply_at_once(request);
	if (request->reply_cap_count)
		reply_end_caps(request);
}

/* What came: a call (true), or one of the kernel's own messages that carry no id. */
static bool message_handle(void)
{
	uint64_t id = loop.message.id;
	if (id != 0) {
		call_handle();
		return true;
	}
	uint32_t operation = MESSAGE_OPERATION(loop.message.header);
	step_begin(0);
	if (operation == OPERATION_NOTIFICATION && loop.server->signalled)
		loop.server->signalled(loop.message.words[0]);
	else if (operation == OPERATION_CANCEL && loop.server->cancel)
		loop.server->cancel(loop.message.words[0], (unsigned)loop.message.words[1]);
	step_end(NULL, 0);
	reply_none();
	return false;
}

/* All that there was to do is to take back what an earlier incarnation left, and to make the state what it is in this version. */
static _Noreturn void server_give(uint64_t version)
{
	step_begin(0);
	version_give(version);
	step_commit(NULL, 0);
	step_leave();
}

/* Finish or take back what an earlier incarnation left; what the server itself does at its start is a step. */
static void server_open(const struct server *server)
{
	loop.server = server;
	bool fresh = step_open();
	uint64_t give = startup_number("give", 0);
	if (give)
		server_give(give);
	void (*begin)(void) = fresh ? server->first : server->again;
	step_begin(0);
	version_take();
	if (begin)
		begin();
	loop.opening = step_go_on();
	if (!loop.opening)
		step_end(NULL, 0);
}

/* Answer what is in hand, and receive the next message. False: there is none. */
static inline bool loop_receive(void)
{
	uint64_t answered = loop.message.id;
	if (loop.stale)
		extra_renew();
	int64_t status = message_reply_receive(SELF_ENDPOINT, &loop.message, &loop.extra);
	if (status == STATUS_OK)
		return true;
	/* Nothing was received: the reply failed, or (never expected) the endpoint is gone. */
	if (answered != 0)
		reply_refused(answered, status);
	else if (status == STATUS_DESTROYED || status == STATUS_BAD_HANDLE)
		__builtin_trap();
	reply_none();
	return false;
}

/* The message whose step is that of the start, if it comes soon. */
static bool loop_receive_soon(void)
{
	loop.opening = false;
	extra_renew();
	loop.extra.deadline = time_now() + OPENING_TIME;
	bool received = loop_receive();
	loop.stale = true;
	if (!received && step_goes_no_further())
		step_end(NULL, 0);
	return received;
}

/* Up to the first call that is handled. The time in which nobody wanted anything is no part of anyone's pause. */
static void loop_awake(void)
{
	uint64_t before, idle = 0;
	bool received;
	do {
		before = time_now();
		received = loop.opening ? loop_receive_soon() : loop_receive();
		idle += time_now() - before;
	} while (!received || !message_handle());
	step_awake(time_now() - idle);
}

static _Noreturn void loop_run(void)
{
	loop.stale = true;
	reply_none();
	loop_awake();
	for (;;)
		if (loop_receive())
			message_handle();
}

_Noreturn void server_run(const struct server *server)
{
	server_open(server);
	int status = supervisor_ready(SELF_SUPERVISOR, NULL);
	if (status != 0)
		log_line("%s: the supervisor would not hear of it: %d", server->name, status);
	loop_run();
}

_Noreturn void server_serve(const struct server *server)
{
	server_open(server);
	loop_run();
}
