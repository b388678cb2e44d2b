/* Calls: clients and servers as coroutines of this program make random kernel calls, and the kernel's own
 * scheduler says whose turn it is. A model of endpoints (model_calls.c) says what each call must give: every
 * call is answered once, in order, also across resets, alerts, deadlines, parking, and the death of clients,
 * gates and endpoints; buffers arrive whole; nothing is left behind. */
#include "kernel_calls.h"
#include "machine.h"
#include "model_calls.h"
#include "sched/scheduler.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TABLE_SLOTS 128u
#define AREA 0x200000ull /* a page for each thread: struct message_extra, then both buffers */
#define SEND_OFFSET 512u
#define RECEIVE_OFFSET 1024u
#define BYTES_MAX 200u
#define RECORDS (16 * PAGE_SIZE) /* the table of call ids stays */

enum { SLOT_TABLE = 1, SLOT_POOL, SLOT_CARRIED, SLOT_SPACE, SLOT_GATES = 10, SLOT_ENDPOINTS = 20, SLOT_THREADS = 30,
       SLOT_RECEIVED = 60, SLOT_NOTIFICATIONS = 80 };

static struct pool *pool;
static struct space *space;
static struct captable *table;

/* What a thread of the test does, by its number: the driver, the clients, the servers. */
#define DRIVER 0u
#define FIRST_SERVER (1 + CLIENTS)
#define THREADS (1 + CLIENTS + ENDPOINTS)
static struct thread *threads[THREADS];
static uint32_t pending_call[THREADS]; /* its last kernel call, whose result it has not looked at */
static struct { uint64_t id; uint32_t length, capacity; uint64_t token; } held[ENDPOINTS][CALLS];
static uint32_t held_count[ENDPOINTS];
static uint64_t labels;

static struct registers *registers_of(uint32_t n)
{
	return &threads[n]->arch.registers;
}

static uint64_t area(uint32_t n)
{
	return AREA + n * PAGE_SIZE;
}

static void user_store(uint64_t address, const void *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++) {
		uint8_t byte = ((const uint8_t *)bytes)[i];

		CHECK(machine_touch(space, address + i, &byte, true) == FAULT_RESOLVED);
	}
}

static void user_load(void *bytes, uint64_t address, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		CHECK(machine_touch(space, address + i, (uint8_t *)bytes + i, false) == FAULT_RESOLVED);
}

static uint8_t pattern(uint64_t token, uint32_t at)
{
	return (uint8_t)(token * 37 + at * 5 + 1);
}

/* Threads are made and destroyed from outside, between two turns. */
static void thread_make(uint32_t n)
{
	struct thread_parameters parameters = {.registers.rip = 0x400000, .priority = 8, .weight = 500 + machine_random(1000)};
	status_t status;

	threads[n] = thread_create(pool, space, table, NULL, NULL, &parameters, &status);
	CHECK(threads[n] && captable_install(table, SLOT_THREADS + n, &threads[n]->object, RIGHTS_ALL) == STATUS_OK);
	CHECK(thread_start(threads[n]) == STATUS_OK);
	pending_call[n] = 0;
}

/* Begin a kernel call of the current thread; its result is looked at on its next turn. */
static status_t make_call(uint32_t n, uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	struct registers *registers = registers_of(n);

	CHECK(cpus[0].current == threads[n]);
	registers->rax = number | NATIVE_CALL;
	registers->rdi = a, registers->rsi = b, registers->rdx = c, registers->r10 = d, registers->r8 = e;
	pending_call[n] = (uint32_t)number;
	machine_system_call();
	return (status_t)registers->rax;
}

static status_t driver_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	status_t status;
	uint64_t place = registers_of(DRIVER)->rip;

	do {
		registers_of(DRIVER)->rip = place + 2;
		status = make_call(DRIVER, number, a, b, c, d, 0);
	} while (registers_of(DRIVER)->rip == place);
	registers_of(DRIVER)->rip = place;
	return status;
}

/* --- clients --- */

/* Sometimes with buffers, a capability and a deadline beside the words. */
static void write_extra(uint32_t n, struct model_call *call)
{
	struct message_extra extra = {
		.send_address = area(n) + SEND_OFFSET, .send_length = machine_random(BYTES_MAX),
		.receive_address = area(n) + RECEIVE_OFFSET, .receive_length = machine_random(BYTES_MAX),
		.deadline = machine_random(3) ? 0 : ((machine_time + machine_random(20000)) & ~15ull) + n,
		.send_caps = {machine_random(2) ? SLOT_CARRIED : 0},
		.receive_caps = {SLOT_RECEIVED + n},
	};

	for (uint32_t i = 0; i < extra.send_length; i++) {
		uint8_t byte = pattern(call->token, i);

		user_store(extra.send_address + i, &byte, 1);
	}
	user_store(area(n), &extra, sizeof(extra));
	call->send_length = (uint32_t)extra.send_length;
	call->receive_length = (uint32_t)extra.receive_length;
	call->deadline = extra.deadline;
	registers_of(n)->r12 = area(n);
}

static void client_call(uint32_t n)
{
	uint32_t gate = (uint32_t)machine_random(GATES);
	struct model_call *call = model_new_call(n, gate);
	struct registers *registers = registers_of(n);
	uint64_t header = 0x100 + machine_random(9);
	status_t status;

	registers->r12 = 0;
	call->interruptible = machine_random(2);
	call->header = header;
	for (uint32_t i = 0; i < MESSAGE_WORDS; i++)
		call->words[i] = i ? machine_random(~0ull) : call->token;
	if (machine_random(2)) {
		write_extra(n, call);
		header |= 1ull << MESSAGE_CAPS_SHIFT;
		call->header = header;
	}
	header |= call->interruptible ? MESSAGE_INTERRUPTIBLE : 0;
	registers->r14 = call->words[4], registers->r15 = call->words[5];
	registers->r9 = call->words[3];
	status = make_call(n, KERNEL_CALL_CALL, SLOT_GATES + gate, header, call->words[0], call->words[1], call->words[2]);
	if (threads[n]->state == THREAD_BLOCKED || registers->rax == (KERNEL_CALL_CALL | NATIVE_CALL))
		model_submit(call);
	else
		model_refuse(call, status, threads[n]->alerted);
}

static void client_result(uint32_t n)
{
	struct model_call *call = model_call_of(n);
	struct registers *registers = registers_of(n);
	struct message_extra extra;

	CHECK(call && call->state == MODEL_ANSWERED && (status_t)registers->rax == call->result);
	if (call->result == STATUS_OK) {
		CHECK(registers->rsi == call->answer && registers->rdx == call->answer_words[0]);
		CHECK(registers->r15 == call->answer_words[5]);
	}
	if (call->result == STATUS_OK && registers->r12) {
		user_load(&extra, registers->r12, sizeof(extra));
		for (uint32_t i = 0; i < call->written; i++) {
			uint8_t byte;

			user_load(&byte, area(n) + RECEIVE_OFFSET + i, 1);
			CHECK(byte == pattern(call->token + 1, i));
		}
	}
	model_forget(call);
}

static void client_turn(uint32_t n)
{
	if (pending_call[n] == KERNEL_CALL_CALL && model_call_of(n))
		client_result(n);
	pending_call[n] = 0;
	if (threads[n]->alerted && machine_random(2))
		CHECK(make_call(n, KERNEL_CALL_THREAD_ALERT_CLEAR, 0, 0, 0, 0, 0) == 1);
	else if (machine_random(4) == 0)
		make_call(n, KERNEL_CALL_THREAD_YIELD, 0, 0, 0, 0, 0);
	else
		client_call(n);
}

/* --- servers --- */

/* For MESSAGE_EXTRA_RECEIVES: what would be sent is nonsense, and nobody looks; what is left as it is shows. */
#define UNTOUCHED 0x7777
static const struct message_extra receive_alone = {
	.send_address = ~0ull, .send_length = ~0ull, .deadline = 1, .receive_length = 16, .peer_send_length = UNTOUCHED,
};

static void server_received(uint32_t e)
{
	struct registers *registers = registers_of(FIRST_SERVER + e);
	struct model_message expected = model_message_of(e);
	struct model_call *call = expected.call;

	if (expected.kind == MODEL_FAILED) {
		CHECK((status_t)registers->rax == expected.status);
		return;
	}
	CHECK(registers->rax == 0);
	if (expected.kind == MODEL_CANCEL) {
		CHECK(registers->rsi == OPERATION_CANCEL && registers->rdx == expected.id && registers->r13 == 0);
		CHECK(registers->r10 == expected.reason);
		return;
	}
	if (expected.kind == MODEL_SIGNAL) {
		CHECK(registers->rsi == OPERATION_NOTIFICATION && registers->rdx == expected.id);
		return;
	}
	CHECK(expected.kind == MODEL_CALL && registers->rdi == expected.label && registers->r13 != 0);
	CHECK(registers->rsi == expected.header);
	if (!expected.notice)
		CHECK(registers->rdx == expected.words[0] && registers->r8 == expected.words[2] &&
		      registers->r15 == expected.words[5]);
	if (registers->r12) { /* 0: its caller has gone meanwhile */
		uint64_t length;

		user_load(&length, registers->r12 + offsetof(struct message_extra, peer_send_length), 8);
		CHECK(length == expected.send_length || length == 0 || (length == UNTOUCHED && !expected.send_length));
	}
	/* The same id each time it is delivered; it may have been reset since. */
	if (call && call->token == expected.token) {
		CHECK(call->id == 0 || call->id == registers->r13);
		call->id = registers->r13;
	}
	held[e][held_count[e]].id = registers->r13;
	held[e][held_count[e]].length = expected.send_length;
	held[e][held_count[e]].capacity = expected.receive_length;
	held[e][held_count[e]++].token = expected.token;
}

static void server_receive(uint32_t e)
{
	uint32_t n = FIRST_SERVER + e;
	struct message_extra extra = {.receive_address = area(n) + RECEIVE_OFFSET, .receive_length = 16,
	                              .receive_caps = {SLOT_RECEIVED + n}};

	registers_of(n)->r12 = 0;
	if (machine_random(2)) {
		user_store(area(n), &extra, sizeof(extra));
		registers_of(n)->r12 = area(n);
	}
	model_receive(e);
	make_call(n, KERNEL_CALL_RECEIVE, SLOT_ENDPOINTS + e, 0, 0, 0, 0);
}

static void server_reply(uint32_t e, uint32_t which)
{
	uint32_t n = FIRST_SERVER + e;
	uint64_t id = held[e][which].id, header = machine_random(100), words[MESSAGE_WORDS];
	struct model_call *call = model_find(e, held[e][which].token);
	struct registers *registers = registers_of(n);
	bool good = call && (call->state == MODEL_DELIVERED || call->state == MODEL_PARKED), at_once = machine_random(3) == 0;
	status_t status;

	for (uint32_t i = 0; i < MESSAGE_WORDS; i++)
		words[i] = machine_random(~0ull);
	registers->r12 = 0;
	registers->r13 = id;
	registers->r14 = words[4], registers->r15 = words[5], registers->r9 = words[3];
	if (good)
		model_answer(call, header, words);
	if (good && at_once)
		model_receive(e);
	if (good && at_once && machine_random(2)) {
		user_store(area(n), &receive_alone, sizeof(receive_alone));
		user_store(area(n) + offsetof(struct message_extra, receive_address), &(uint64_t){area(n) + RECEIVE_OFFSET}, 8);
		registers->r12 = area(n);
		header |= MESSAGE_EXTRA_RECEIVES;
	}
	status = make_call(n, good && at_once ? KERNEL_CALL_REPLY_RECEIVE : KERNEL_CALL_REPLY, SLOT_ENDPOINTS + e, header,
	                   words[0], words[1], words[2]);
	if (good && at_once)
		pending_call[n] = KERNEL_CALL_RECEIVE;
	else
		CHECK(status == (good ? STATUS_OK : STATUS_BAD_CALL_ID));
	held[e][which] = held[e][--held_count[e]];
}

static void server_copy(uint32_t e, uint32_t which)
{
	uint32_t n = FIRST_SERVER + e;
	struct model_call *call = model_find(e, held[e][which].token);
	bool good = call && !call->notice && (call->state == MODEL_DELIVERED || call->state == MODEL_PARKED) && !call->abandoned;
	uint32_t length = (uint32_t)machine_random(BYTES_MAX), wanted = length;
	uint64_t buffer = area(n) + SEND_OFFSET;
	uint8_t byte;
	status_t status;

	if (call && (call->abandoned || call->notice))
		return;
	if (machine_random(2)) {
		status = make_call(n, KERNEL_CALL_CALL_READ, SLOT_ENDPOINTS + e, held[e][which].id, 0, buffer, length);
		wanted = length < held[e][which].length ? length : held[e][which].length;
		CHECK(status == (good ? (status_t)wanted : STATUS_BAD_CALL_ID));
		for (uint32_t i = 0; good && i < wanted; i++) {
			user_load(&byte, buffer + i, 1);
			CHECK(byte == pattern(call->token, i));
		}
	} else {
		wanted = length < held[e][which].capacity ? length : held[e][which].capacity;
		for (uint32_t i = 0; i < length; i++) {
			byte = pattern(held[e][which].token + 1, i);
			user_store(buffer + i, &byte, 1);
		}
		status = make_call(n, KERNEL_CALL_CALL_WRITE, SLOT_ENDPOINTS + e, held[e][which].id, 0, buffer, length);
		CHECK(status == (good ? (status_t)wanted : STATUS_BAD_CALL_ID));
		if (good && wanted > call->written)
			call->written = wanted;
	}
}

static void server_turn(uint32_t n)
{
	uint32_t e = n - FIRST_SERVER, which = held_count[e] ? (uint32_t)machine_random(held_count[e]) : 0;

	if (pending_call[n] == KERNEL_CALL_RECEIVE)
		server_received(e);
	pending_call[n] = 0;
	if (held_count[e] == 0 || (held_count[e] < CALLS / 2 && machine_random(3) == 0)) {
		server_receive(e);
		return;
	}
	switch (machine_random(4)) {
	case 0:
		CHECK(make_call(n, KERNEL_CALL_CALL_PARK, SLOT_ENDPOINTS + e, held[e][which].id, 0, 0, 0) ==
		      (model_park(e, held[e][which].token) ? STATUS_OK : STATUS_BAD_CALL_ID));
		break;
	case 1:
		server_copy(e, which);
		break;
	default:
		server_reply(e, which);
		break;
	}
}

/* --- the driver: everything that goes wrong --- */

static void gate_make(uint32_t gate)
{
	uint32_t e = gate % ENDPOINTS;

	CHECK(driver_call(KERNEL_CALL_GATE_CREATE, SLOT_POOL, SLOT_ENDPOINTS + e, ++labels, SLOT_GATES + gate) == STATUS_OK);
	model_gate(gate, labels);
}

static void endpoint_make(uint32_t e)
{
	CHECK(driver_call(KERNEL_CALL_ENDPOINT_CREATE, SLOT_POOL, SLOT_ENDPOINTS + e, 0, 0) == STATUS_OK);
	CHECK(driver_call(KERNEL_CALL_NOTIFICATION_CREATE, SLOT_POOL, SLOT_NOTIFICATIONS + e, 0, 0) == STATUS_OK);
	CHECK(driver_call(KERNEL_CALL_ENDPOINT_BIND, SLOT_ENDPOINTS + e, SLOT_NOTIFICATIONS + e, 0, 0) == STATUS_OK);
	model_endpoint_new(e);
	held_count[e] = 0;
	for (uint32_t gate = e; gate < GATES; gate += ENDPOINTS)
		gate_make(gate);
}

static void driver_breaks(void)
{
	uint32_t e = (uint32_t)machine_random(ENDPOINTS), gate = (uint32_t)machine_random(GATES);
	uint32_t client = 1 + (uint32_t)machine_random(CLIENTS);

	switch (machine_random(16)) {
	case 0:
		CHECK(driver_call(KERNEL_CALL_ENDPOINT_RESET, SLOT_ENDPOINTS + e, 0, 0, 0) == (status_t)model_reset(e));
		break;
	case 1:
		if (machine_random(4))
			break;
		model_endpoint_end(e);
		CHECK(driver_call(KERNEL_CALL_OBJECT_DESTROY, SLOT_ENDPOINTS + e, 0, 0, 0) == STATUS_OK);
		endpoint_make(e);
		break;
	case 2: /* the server hears of it, and must answer */
		model_gate_closed(gate);
		CHECK(driver_call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, SLOT_GATES + gate, 0, 0) == STATUS_OK);
		gate_make(gate);
		break;
	case 3: /* the server hears nothing */
		CHECK(driver_call(KERNEL_CALL_OBJECT_DESTROY, SLOT_GATES + gate, 0, 0, 0) == STATUS_OK);
		gate_make(gate);
		break;
	case 4:
		if (machine_random(2))
			break;
		model_client_gone(client);
		CHECK(driver_call(KERNEL_CALL_OBJECT_DESTROY, SLOT_THREADS + client, 0, 0, 0) == STATUS_OK);
		thread_make(client);
		break;
	case 5: case 6: case 7:
		CHECK(driver_call(KERNEL_CALL_THREAD_ALERT, SLOT_THREADS + client, 0, 0, 0) == STATUS_OK);
		model_cancel(client, 0);
		break;
	case 8: case 9:
		model_signal(e, 1ull << gate);
		CHECK(driver_call(KERNEL_CALL_NOTIFICATION_SIGNAL, SLOT_NOTIFICATIONS + e, 1ull << gate, 0, 0) == STATUS_OK);
		break;
	case 10: case 11:
		machine_time += machine_random(4000);
		kernel_interrupt_timer();
		model_time(machine_time);
		break;
	default:
		driver_call(KERNEL_CALL_THREAD_YIELD, 0, 0, 0, 0);
		break;
	}
}

static uint32_t turn_of(struct thread *thread)
{
	uint32_t n = 0;

	while (threads[n] != thread)
		CHECK(++n < THREADS);
	return n;
}

static void turn(void)
{
	uint32_t n = turn_of(kernel_exit());

	machine_time += machine_random(100);
	if (n == DRIVER)
		driver_breaks();
	else if (n < FIRST_SERVER)
		client_turn(n);
	else
		server_turn(n);
	cpus[0].need_reschedule |= machine_random(4) == 0;
}

int main(int argc, char **argv)
{
	uint64_t steps = 40000, base_objects, base_free;

	machine_arguments(argc, argv, &steps);
	machine_quiet = true;
	base_objects = object_count();
	base_free = page_free();
	pool = pool_create(machine_pool, 8 << 20);
	table = captable_create(pool, TABLE_SLOTS);
	space = space_create(pool);
	CHECK(captable_install(table, SLOT_TABLE, &table->object, RIGHTS_ALL) == STATUS_OK);
	CHECK(captable_install(table, SLOT_POOL, &pool->object, RIGHTS_ALL) == STATUS_OK);
	CHECK(captable_install(table, SLOT_SPACE, &space->object, RIGHTS_ALL) == STATUS_OK);
	CHECK(space_map(space, NULL, 0, AREA, THREADS * PAGE_SIZE, 0, MAP_READ | MAP_WRITE) == AREA);
	thread_make(DRIVER);
	CHECK(kernel_exit() == threads[DRIVER]);
	CHECK(driver_call(KERNEL_CALL_NOTIFICATION_CREATE, SLOT_POOL, SLOT_CARRIED, 0, 0) == STATUS_OK);
	for (uint32_t e = 0; e < ENDPOINTS; e++)
		endpoint_make(e);
	for (uint32_t n = 1; n < THREADS; n++)
		thread_make(n);
	for (uint64_t step = 0; step < steps; step++)
		turn();
	/* The driver's last call ends everybody, itself too. */
	while (kernel_exit() != threads[DRIVER])
		make_call(turn_of(cpus[0].current), KERNEL_CALL_THREAD_SLEEP, 0, 0, 0, 0, 0);
	object_unreference(&table->object);
	object_unreference(&space->object);
	object_reference(&pool->object);
	driver_call(KERNEL_CALL_OBJECT_DESTROY, SLOT_POOL, 0, 0, 0);
	machine_idle();
	object_unreference(&pool->object);
	object_unreference(&pool->object);
	machine_settle();
	CHECK(object_count() == base_objects);
	CHECK(page_free() + RECORDS >= base_free);
	printf("ok\n");
	return 0;
}
