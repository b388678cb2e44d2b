/* Calls: states, buffers, capabilities, deadlines, cancelling, and what a crash leaves. */
#include "harness.h"
#include <string.h>

#define PAGE ATOLL_PAGE_SIZE

/* One client at a time: what it sends, and what came back. */
static struct client {
	slot_t gate;
	struct message message;
	struct message_extra extra;
	volatile int64_t status;
	volatile bool done;
} client, second;

static void client_run(void *argument)
{
	struct client *self = argument;
	self->status = message_call(self->gate, &self->message, &self->extra);
	self->done = true;
}

static void client_start(struct client *self, slot_t thread, slot_t gate, uint64_t header)
{
	self->gate = gate;
	self->message.header = header;
	self->done = false;
	self->status = 1;
	thread_spawn(thread, client_run, self, 0);
}

/* T1 endpoint, T2 gate with label 77 */
static void service_make(void)
{
	memset(&client, 0, sizeof(client));
	memset(&second, 0, sizeof(second));
	CHECK_STATUS(endpoint_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, T1, 77, T2), STATUS_OK);
}

static void words_go_and_come(void)
{
	struct message message;
	service_make();
	for (unsigned i = 0; i < MESSAGE_WORDS; i++)
		client.message.words[i] = 100 + i;
	client_start(&client, T3, T2, 0x123);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK(message.label == 77 && MESSAGE_OPERATION(message.header) == 0x123 && message.id);
	for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
		CHECK(message.words[i] == 100 + i);
		message.words[i] *= 2;
	}
	message.header = (uint32_t)-5;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK(EVENTUALLY(client.done));
	CHECK(client.status == STATUS_OK && MESSAGE_STATUS(client.message.header) == -5);
	for (unsigned i = 0; i < MESSAGE_WORDS; i++)
		CHECK(client.message.words[i] == 2 * (100 + i));
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_BAD_CALL_ID);
}

static uint8_t sent[3 * PAGE], received[3 * PAGE], seen[3 * PAGE];

static void buffers_are_copied(void)
{
	struct message message;
	struct message_extra extra = {.receive_address = (uint64_t)seen, .receive_length = 100};
	service_make();
	for (unsigned i = 0; i < sizeof(sent); i++)
		sent[i] = i * 7;
	client.extra = (struct message_extra){
		.send_address = (uint64_t)sent, .send_length = sizeof(sent),
		.receive_address = (uint64_t)received, .receive_length = sizeof(received) - 1,
	};
	client_start(&client, T3, T2, 0x100);
	CHECK_STATUS(message_receive(T1, &message, &extra), STATUS_OK);
	CHECK(extra.received_length == 100 && !memcmp(seen, sent, 100));
	CHECK(extra.peer_send_length == sizeof(sent) && extra.peer_receive_length == sizeof(received) - 1);
	CHECK_STATUS(call_read(T1, message.id, PAGE - 3, seen, PAGE), PAGE);
	CHECK(!memcmp(seen, sent + PAGE - 3, PAGE));
	CHECK_STATUS(call_read(T1, message.id, sizeof(sent) - 4, seen, PAGE), 4);
	CHECK_STATUS(call_read(T1, message.id, UINT64_MAX, seen, PAGE), 0);
	CHECK_STATUS(call_write(T1, message.id, sizeof(received) - 3, sent, 10), 2);
	CHECK_STATUS(memory_create(SELF_POOL, 2 * PAGE, 0, T4), STATUS_OK);
	CHECK_STATUS(call_read_memory(T1, message.id, 0, T4, 100, PAGE), PAGE);
	CHECK_STATUS(call_write_memory(T1, message.id, 50, T4, 100, PAGE), PAGE);
	message.header = 0;
	extra.send_address = (uint64_t)"abc";
	extra.send_length = 3;
	CHECK_STATUS(message_reply(T1, &message, &extra), STATUS_OK);
	CHECK(EVENTUALLY(client.done));
	CHECK(client.extra.received_length == 3 && !memcmp(received, "abc", 3));
	CHECK(!memcmp(received + 50, sent, PAGE));
	CHECK_STATUS(call_read(T1, message.id, 0, seen, 1), STATUS_BAD_CALL_ID);
}

static void capabilities_travel(void)
{
	struct message message;
	struct message_extra extra = {.receive_caps = {T6, T7}};
	service_make();
	CHECK_STATUS(notification_create(SELF_POOL, T4), STATUS_OK);
	client.extra.send_caps[0] = T4;
	client.extra.send_caps[1] = T2;
	client.extra.receive_caps[0] = T8;
	client_start(&client, T3, T2, 0x100 | 2ull << MESSAGE_CAPS_SHIFT);
	CHECK_STATUS(message_receive(T1, &message, &extra), STATUS_OK);
	CHECK(extra.cap_kinds[0] == MESSAGE_CAP_SLOT && (cap_info(SELF_CAPTABLE, T6) & 0xff) == OBJECT_NOTIFICATION);
	CHECK(extra.cap_kinds[1] == MESSAGE_CAP_LABEL && extra.cap_labels[1] == 77);
	CHECK_STATUS(cap_info(SELF_CAPTABLE, T7), 0);
	message.header = 1ull << MESSAGE_CAPS_SHIFT;
	extra.send_caps[0] = T6;
	CHECK_STATUS(message_reply(T1, &message, &extra), STATUS_OK);
	CHECK(EVENTUALLY(client.done));
	CHECK((cap_info(SELF_CAPTABLE, T8) & 0xff) == OBJECT_NOTIFICATION);
}

static void last_close_is_told(void)
{
	struct message message;
	service_make();
	CHECK_STATUS(cap_copy(SELF_CAPTABLE, T3, SELF_CAPTABLE, T2, RIGHTS_ALL), STATUS_OK);
	CHECK_STATUS(cap_drop(SELF_CAPTABLE, T2), STATUS_OK);
	struct message_extra soon = {.deadline = time_now() + 2000000};
	CHECK_STATUS(message_receive(T1, &message, &soon), STATUS_TIMED_OUT);
	CHECK_STATUS(cap_drop(SELF_CAPTABLE, T3), STATUS_OK);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK(MESSAGE_OPERATION(message.header) == OPERATION_GATE_CLOSED && message.label == 77);
	/* Until it is answered, a reset brings it again. */
	CHECK(endpoint_reset(T1) >= 0);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK(MESSAGE_OPERATION(message.header) == OPERATION_GATE_CLOSED && message.label == 77);
	message.header = 0;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK_STATUS(endpoint_reset(T1), 0);
}

static void deadline_of_a_queued_call(void)
{
	struct message message;
	service_make();
	client.extra.deadline = time_now() + 3000000;
	client_start(&client, T3, T2, 0x100);
	CHECK(EVENTUALLY(client.done));
	CHECK(client.status == STATUS_TIMED_OUT);
	struct message_extra soon = {.deadline = time_now() + 1000000};
	CHECK_STATUS(message_receive(T1, &message, &soon), STATUS_TIMED_OUT);
}

static void alerted_caller_is_cancelled(void)
{
	struct message message, cancel;
	service_make();
	client_start(&client, T3, T2, 0x100 | MESSAGE_INTERRUPTIBLE);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK_STATUS(call_park(T1, message.id), STATUS_OK);
	CHECK_STATUS(thread_alert(T3), STATUS_OK);
	CHECK_STATUS(message_receive(T1, &cancel, NULL), STATUS_OK);
	CHECK(MESSAGE_OPERATION(cancel.header) == OPERATION_CANCEL && cancel.words[0] == message.id && cancel.words[1] == 0);
	CHECK(!client.done);
	message.header = (uint32_t)-4;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK(EVENTUALLY(client.done));
	CHECK(MESSAGE_STATUS(client.message.header) == -4);
}

static void dead_caller_is_told_and_forgotten(void)
{
	struct message message, cancel;
	service_make();
	client_start(&client, T3, T2, 0x100);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK_STATUS(object_destroy(T3), STATUS_OK);
	CHECK_STATUS(message_receive(T1, &cancel, NULL), STATUS_OK);
	CHECK(MESSAGE_OPERATION(cancel.header) == OPERATION_CANCEL && cancel.words[0] == message.id && cancel.words[1] == 2);
	CHECK(call_read(T1, message.id, 0, seen, 1) <= 0);
	message.header = 0;
	int64_t status = message_reply(T1, &message, NULL);
	CHECK(status == STATUS_OK || status == STATUS_BAD_CALL_ID);
}

static void destroyed_endpoint_ends_calls(void)
{
	struct message message;
	service_make();
	client_start(&client, T3, T2, 0x100);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	client_start(&second, T4, T2, 0x100);
	thread_sleep(time_now() + 2000000, 0);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK(EVENTUALLY(client.done && second.done));
	CHECK(client.status == STATUS_DESTROYED && second.status == STATUS_DESTROYED);
	CHECK_STATUS(message_call(T2, &message, NULL), STATUS_DESTROYED);
}

static void bound_notification_wakes_receive(void)
{
	struct message message;
	service_make();
	CHECK_STATUS(notification_create(SELF_POOL, T4), STATUS_OK);
	CHECK_STATUS(endpoint_bind(T1, T4), STATUS_OK);
	CHECK_STATUS(notification_set_timer(T4, time_now() + 2000000, 6), STATUS_OK);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK(MESSAGE_OPERATION(message.header) == OPERATION_NOTIFICATION && message.words[0] == 6);
	CHECK_STATUS(endpoint_bind(T1, 0), STATUS_OK);
}

static volatile bool spins, ends;

static void spinner_run(void *argument)
{
	struct message message;
	(void)argument;
	if (message_receive(T1, &message, NULL) != STATUS_OK)
		return;
	spins = true;
	while (!ends)
		;
	message.header = 0;
	message_reply(T1, &message, NULL);
}

/* What it runs is its caller's time, and does not put off those of its level for ever. */
static void one_that_spins_in_a_call_takes_turns(void)
{
	service_make();
	spins = ends = false;
	thread_spawn(T4, spinner_run, NULL, 0);
	thread_sleep(time_now() + 10000000, 0); /* until it receives */
	client_start(&client, T3, T2, 0x100);
	CHECK(EVENTUALLY(spins));
	uint64_t until = time_now() + 20000000;
	while (time_now() < until) /* it has its turns, and we have ours */
		;
	ends = true;
	CHECK(EVENTUALLY(client.done));
	CHECK_STATUS(client.status, STATUS_OK);
}

const struct test call_tests[] = {
	{"calls: words go and come", words_go_and_come},
	{"calls: buffers are copied", buffers_are_copied},
	{"calls: capabilities travel", capabilities_travel},
	{"calls: the last close is told", last_close_is_told},
	{"calls: deadline of a queued call", deadline_of_a_queued_call},
	{"calls: an alerted caller is cancelled", alerted_caller_is_cancelled},
	{"calls: a dead caller is told and forgotten", dead_caller_is_told_and_forgotten},
	{"calls: a destroyed endpoint ends calls", destroyed_endpoint_ends_calls},
	{"calls: a bound notification wakes receive", bound_notification_wakes_receive},
	{"calls: one that spins takes turns", one_that_spins_in_a_call_takes_turns},
	{0},
};

static void reset_replays_in_order(void)
{
	struct message first, next, message;
	service_make();
	client_start(&client, T3, T2, 0x101);
	CHECK_STATUS(message_receive(T1, &first, NULL), STATUS_OK);
	client_start(&second, T4, T2, 0x102);
	CHECK_STATUS(message_receive(T1, &next, NULL), STATUS_OK);
	CHECK_STATUS(endpoint_reset(T1), 2);
	CHECK_STATUS(message_reply(T1, &first, NULL), STATUS_BAD_CALL_ID);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK(message.id == first.id && MESSAGE_OPERATION(message.header) == 0x101);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK(message.id == next.id && MESSAGE_OPERATION(message.header) == 0x102);
	message = next;
	message.header = 0;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	message = first;
	message.header = 0;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK(EVENTUALLY(client.done && second.done));
}

static void parked_after_a_reset(void)
{
	struct message message, other;
	service_make();
	client_start(&client, T3, T2, 0x101);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK_STATUS(endpoint_reset(T1), 1);
	CHECK_STATUS(call_park(T1, message.id), STATUS_OK);
	client_start(&second, T4, T2, 0x102);
	CHECK_STATUS(message_receive(T1, &other, NULL), STATUS_OK);
	CHECK(other.id != message.id);
	other.header = message.header = 0;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK_STATUS(message_reply(T1, &other, NULL), STATUS_OK);
	CHECK_STATUS(call_park(T1, message.id), STATUS_BAD_CALL_ID);
	CHECK(EVENTUALLY(client.done && second.done));
}

static void parked_calls_survive_a_reset(void)
{
	struct message message;
	service_make();
	client_start(&client, T3, T2, 0x101);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK_STATUS(call_park(T1, message.id), STATUS_OK);
	CHECK_STATUS(endpoint_reset(T1), 0);
	message.header = 0;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK(EVENTUALLY(client.done));
}

static void replayed_capabilities_come_again(void)
{
	struct message message;
	struct message_extra extra = {.receive_caps = {T6}};
	service_make();
	CHECK_STATUS(notification_create(SELF_POOL, T4), STATUS_OK);
	client.extra.send_caps[0] = T4;
	client_start(&client, T3, T2, 0x100 | 1ull << MESSAGE_CAPS_SHIFT);
	CHECK_STATUS(message_receive(T1, &message, &extra), STATUS_OK);
	cap_drop(SELF_CAPTABLE, T6);
	CHECK_STATUS(endpoint_reset(T1), 1);
	extra.receive_caps[0] = T6;
	CHECK_STATUS(message_receive(T1, &message, &extra), STATUS_OK);
	CHECK((cap_info(SELF_CAPTABLE, T6) & 0xff) == OBJECT_NOTIFICATION);
	message.header = 0;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK(EVENTUALLY(client.done));
}

static void doomed_server(void *argument)
{
	struct message message;
	message_receive((slot_t)(uintptr_t)argument, &message, NULL);
	__asm__ volatile("ud2"); /* dies in the middle of its call */
}

static void server_dies_and_another_answers(void)
{
	struct message message;
	service_make();
	CHECK_STATUS(endpoint_create(SELF_POOL, T4), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, T4, 1, T5), STATUS_OK);
	thread_spawn(T6, doomed_server, (void *)(uintptr_t)T1, T5);
	client.message.words[0] = 9;
	client_start(&client, T3, T2, 0x105);
	CHECK_STATUS(message_receive(T4, &message, NULL), STATUS_OK);
	CHECK(MESSAGE_OPERATION(message.header) == OPERATION_EXCEPTION);
	CHECK_STATUS(object_destroy(T6), STATUS_OK);
	CHECK_STATUS(endpoint_reset(T1), 1);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK(message.words[0] == 9);
	message.header = 0;
	message.words[0] = 10;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK(EVENTUALLY(client.done));
	CHECK(client.status == STATUS_OK && client.message.words[0] == 10);
}

const struct test recovery_tests[] = {
	{"recovery: a reset replays in order", reset_replays_in_order},
	{"recovery: parked calls survive a reset", parked_calls_survive_a_reset},
	{"recovery: a call can be parked after a reset", parked_after_a_reset},
	{"recovery: replayed capabilities come again", replayed_capabilities_come_again},
	{"recovery: a server dies and another answers", server_dies_and_another_answers},
	{0},
};
