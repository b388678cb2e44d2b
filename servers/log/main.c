/* The system log: what servers write and what the kernel says, in one ring of lines.
 *
 * At first the kernel prints everything itself, polled, and this server passes on what it is given by
 * writing it to the kernel's log: one order, one printer. When the serial driver runs, the server turns the
 * kernel's printing off and writes the line itself, from exactly there on. */
#include "console.h"
#include "protocol_log.h"
#include "protocol_supervisor.h"
#include "protocols/supervisor.h"
#include "ring.h"
#include "server/server.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 1200
#define MESSAGE_MAX 1024 /* log.proto */
#define READ_MAX 8192
#define WAITERS_MAX 32
#define SERVICES_MAX 32
#define NAME_MAX_BYTES 32
#define LEVEL_SIZE 3 /* "<6>" */
#define LABEL_READER 2
#define LABEL_SERVICE_FIRST 0x100

#define BIT_LINE CONSOLE_REPORT_LINE
#define BIT_EMPTY CONSOLE_REPORT_EMPTY
#define BIT_KERNEL 4

struct reader {
	uint64_t id;
	uint64_t position;
	uint64_t room;
};

static struct {
	struct ring ring;
	struct console console;
	slot_t system, notification;
	bool own_line;            /* this server writes the serial line, no longer the kernel, */
	uint64_t begin;           /* from this position of the ring on */
	uint64_t kernel_position; /* in the kernel's log: everything before is in the ring */
	char kernel_line[LINE_MAX_BYTES]; /* the beginning of a line whose end has not come yet */
	uint64_t kernel_line_length;
	char services[SERVICES_MAX][NAME_MAX_BYTES]; /* names, by the writer's label */
	struct reader readers[WAITERS_MAX];
	unsigned reader_count;
	uint64_t drains[WAITERS_MAX];
	unsigned drain_count;
} state;
static NOT_STATE char answer[READ_MAX];

/* --- readers --- */

static void readers_serve(void)
{
	for (unsigned i = 0; i < state.reader_count;) {
		struct reader reader = state.readers[i];
		uint64_t room = reader.room < READ_MAX ? reader.room : READ_MAX;
		uint64_t count = ring_copy(&state.ring, &reader.position, answer, room);
		if (count == 0) {
			i++;
			continue;
		}
		state.readers[i] = state.readers[--state.reader_count];
		struct log_read_out out = { .count = count, .next = reader.position + count };
		log_read_answer_with(reader.id, 0, &out, answer, count, NULL, 0);
	}
}

static void drains_answer(void)
{
	if (console_written() != atomic_load(&state.ring.end))
		return; /* there is more by now: after this step the thread is asked again */
	for (unsigned i = 0; i < state.drain_count; i++)
		log_drain_answer(state.drains[i], 0);
	state.drain_count = 0;
}

/* --- the kernel's log --- */

static uint64_t line_head(char *to, unsigned level)
{
	uint64_t now = step_recall(time_now());
	return (uint64_t)snprintf(to, 64, "<%u>[%5lu.%06lu] ", level & 7, now / 1000000000, now % 1000000000 / 1000);
}

/* In the kernel's log a program's line has its time already, and the kernel's own have not; none has a
 * level. */
static void kernel_line_end(void)
{
	char line[128 + LINE_MAX_BYTES];
	uint64_t head = line_head(line, 6);
	state.kernel_line[state.kernel_line_length++] = '\n';
	if (state.kernel_line[0] == '[')
		head = LEVEL_SIZE;
	memcpy(line + head, state.kernel_line, state.kernel_line_length);
	ring_append(&state.ring, line, head + state.kernel_line_length);
	state.kernel_line_length = 0;
}

static void kernel_log_merge(void)
{
	char bytes[2048];
	for (;;) {
		int64_t count = system_log_read(state.system, state.kernel_position, bytes, sizeof(bytes));
		if (count <= 0)
			break;
		for (int64_t i = 0; i < count; i++) {
			if (bytes[i] != '\n' && bytes[i] != '\0') /* zeros stand for bytes we were too slow for */
				state.kernel_line[state.kernel_line_length++] = bytes[i];
			if (bytes[i] == '\n' || state.kernel_line_length == LINE_MAX_BYTES - 1)
				kernel_line_end();
		}
		state.kernel_position += (uint64_t)count;
	}
	readers_serve();
}

/* The serial driver serves: from here on the line is ours. Where the kernel said something between the
 * first look and its last word on the line, that is written twice rather than not at all. */
static void line_take_over(void)
{
	if (state.own_line) /* since an earlier incarnation */
		return;
	kernel_log_merge();
	state.begin = atomic_load(&state.ring.end);
	system_switch(state.system, SYSTEM_EARLY_CONSOLE, 0);
	state.own_line = true;
	kernel_log_merge();
}

/* --- the protocol --- */

/* Those that were loaded since the system started come and go. */
static const char *writer_name(uint64_t label)
{
	static NOT_STATE struct supervisor_service service;
	uint32_t number = (uint32_t)(label - LABEL_SERVICE_FIRST);
	if (label < LABEL_SERVICE_FIRST || label - LABEL_SERVICE_FIRST >= SERVICES_MAX)
		return "?";
	if (state.services[number][0])
		return state.services[number];
	return supervisor_list(SELF_SUPERVISOR, NULL, number, &service, sizeof(service), NULL, NULL) == 0 ? service.name : "?";
}

static int handle_write(struct request *request, const struct log_write_in *in)
{
	char line[128 + MESSAGE_MAX + 1];
	uint64_t length = request->data_length;
	const char *text = request->data;
	if (request->label == LABEL_READER)
		return -EPERM;
	while (length > 0 && text[length - 1] == '\n')
		length--;
	uint64_t head = line_head(line, in->level);
	head += (uint64_t)snprintf(line + head, 64, "%s: ", writer_name(request->label));
	for (uint64_t i = 0; i < length; i++)
		line[head + i] = text[i] == '\n' ? ' ' : text[i];
	line[head + length] = '\n';
	if (state.own_line)
		ring_append(&state.ring, line, head + length + 1);
	else
		system_log_write(state.system, line + LEVEL_SIZE, (uint32_t)(head + length + 1 - LEVEL_SIZE));
	kernel_log_merge();
	return 0;
}

static int handle_read(struct request *request, const struct log_read_in *in, struct log_read_out *out)
{
	uint64_t position = in->position;
	uint64_t room = request->receive_length < READ_MAX ? request->receive_length : READ_MAX;
	kernel_log_merge();
	out->count = ring_copy(&state.ring, &position, answer, room);
	out->next = position + out->count;
	if (out->count > 0 || room == 0 || !(in->flags & 1)) {
		request_reply_data(request, answer, out->count);
		return 0;
	}
	if (state.reader_count == WAITERS_MAX)
		return -EAGAIN;
	state.readers[state.reader_count++] = (struct reader){ request->id, position, room };
	request_park(request);
	return REQUEST_PARKED;
}

static int handle_size(struct request *request, struct log_size_out *out)
{
	(void)request;
	out->first = atomic_load(&state.ring.first);
	out->end = atomic_load(&state.ring.end);
	out->capacity = RING_SIZE;
	return 0;
}

static int handle_drain(struct request *request)
{
	kernel_log_merge();
	if (!state.own_line || console_written() == atomic_load(&state.ring.end))
		return 0;
	if (state.drain_count == WAITERS_MAX)
		return -EAGAIN;
	state.drains[state.drain_count++] = request->id;
	request_park(request);
	return REQUEST_PARKED;
}

static int handle(struct request *request)
{
	static const struct log_operations operations = {
		.write = handle_write,
		.read = handle_read,
		.size = handle_size,
		.drain = handle_drain,
	};
	return log_dispatch(&operations, request);
}

static void cancel(uint64_t id, unsigned reason)
{
	(void)reason;
	for (unsigned i = 0; i < state.reader_count; i++) {
		if (state.readers[i].id == id) {
			state.readers[i] = state.readers[--state.reader_count];
			log_read_answer(id, -EINTR, NULL);
			return;
		}
	}
	for (unsigned i = 0; i < state.drain_count; i++) {
		if (state.drains[i] == id) {
			state.drains[i] = state.drains[--state.drain_count];
			log_drain_answer(id, -EINTR);
			return;
		}
	}
}

static void signalled(uint64_t bits)
{
	if (bits == 0)
		bits = BIT_KERNEL | BIT_EMPTY | (console_has_line() ? BIT_LINE : 0);
	if (bits & BIT_LINE)
		line_take_over();
	if (bits & BIT_KERNEL)
		kernel_log_merge();
	if (bits & BIT_EMPTY)
		drains_answer();
}

/* The supervisor lists the services' names in the order of their labels. */
static void services_read(void)
{
	const char *names = startup_string("services");
	for (unsigned index = 0; names && *names && index < SERVICES_MAX; index++) {
		size_t length = strcspn(names, " ");
		snprintf(state.services[index], NAME_MAX_BYTES, "%.*s", (int)length, names);
		names += length + (names[length] == ' ');
	}
}

static void begin(void)
{
	struct console *console = &state.console;
	state.system = log_system_slot = startup_slot("system");
	state.notification = server_notification();
	if (!state.system || !state.notification)
		__builtin_trap();
	services_read();
	system_log_notify(state.system, state.notification, BIT_KERNEL);
	kernel_log_merge();
	console->ring = &state.ring;
	console->report = state.notification;
	console->line = startup_slot("line");
	console->wake = slot_allocate();
	console->thread = slot_allocate();
	if (!console->line || notification_create(SELF_POOL, console->wake) < 0 || !console_start(console))
		log_line("no serial line for the log");
}

static void again(void)
{
	log_system_slot = state.system;
	kernel_log_merge();
	console_start(&state.console);
}

/* The line's thread sees nothing that a step may still take back. */
static void committed(void)
{
	static NOT_STATE uint64_t published;
	uint64_t end = atomic_load(&state.ring.end);
	if (!state.own_line || (end == published && !state.drain_count))
		return;
	published = end;
	console_publish(state.begin, end);
	if (state.drain_count)
		console_tell();
	notification_signal(state.console.wake, 1);
}

int main(void)
{
	static const struct server server = {
		.name = "log",
		.handle = handle,
		.cancel = cancel,
		.signalled = signalled,
		.first = begin,
		.again = again,
		.committed = committed,
	};
	server_run(&server);
}
