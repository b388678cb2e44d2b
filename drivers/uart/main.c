/* A serial line as a server: what its writer writes goes out in order, what arrives waits for its reader.
 *
 * A write is answered when its last byte is in the chip's FIFO, so until then the client still has
 * everything the line has not. Only the head of the queue is copied in; the others stay with their callers.
 * While the input buffer is full the chip is left alone: its FIFO fills, and the sender is held back.
 *
 * The chip is the one thing that no step can take back: a byte that was read is gone from there, and one that was written is
 * out. So both are kept where no step takes anything back either (`wire`), by the kernel, in the very call that moves
 * them: received bytes in marked words, of which the one after the last never has the mark; and the position up to which all is
 * out. A successor finds by the marks what the step that died had read, and how far a write is follows from its position and that
 * of the wire alone. */
#include "protocol_serial.h"
#include "protocols/serial.h"
#include "server/server.h"
#include "uart.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_MAX 4096 /* serial.proto */
#define INPUT_SIZE 65536
#define READ_MAX 4096
#define QUEUE_SIZE 64
#define DRAIN_POLL 1000000 /* nanoseconds; the chip does not interrupt when its shift register is empty */

#define BIT_INTERRUPT 1
#define BIT_DRAIN 2

struct writer {
	uint64_t id;
	uint64_t position, length; /* of its first byte; bytes */
};

/* Parked calls, oldest first. */
struct waiter {
	uint64_t id;
	uint64_t room; /* bytes in a reader's buffer */
};
struct queue {
	struct waiter waiters[QUEUE_SIZE];
	unsigned count;
};

static struct {
	struct uart uart;
	slot_t irq, notification;
	struct writer writers[QUEUE_SIZE];
	unsigned writer_count;
	struct queue readers, drains;
	uint64_t input_first, input_end; /* positions: what the reader has not confirmed */
} line;

/* In granules of its own, written without hooks. */
static struct {
	_Alignas(64) uint64_t sent;  /* position: all before it is out */
	uint64_t seen;               /* the same, before the transmitter took the last few */
	uint16_t input[INPUT_SIZE];  /* by position */
	_Alignas(64) char end[];
} wire;

static NOT_STATE struct {
	uint64_t id; /* of the writer whose bytes these are */
	uint8_t bytes[WRITE_MAX];
} output;
static NOT_STATE uint8_t answer[READ_MAX];

static bool queue_add(struct queue *queue, const struct request *request)
{
	if (queue->count == QUEUE_SIZE)
		return false;
	queue->waiters[queue->count++] = (struct waiter){ request->id, request->receive_length };
	return true;
}

static bool queue_remove(struct queue *queue, uint64_t id)
{
	for (unsigned i = 0; i < queue->count; i++) {
		if (queue->waiters[i].id != id)
			continue;
		memmove(&queue->waiters[i], &queue->waiters[i + 1],
		        (--queue->count - i) * sizeof(queue->waiters[0]));
		return true;
	}
	return false;
}

/* --- output --- */

/* How many bytes of this piece are out. */
static uint64_t sent_of(uint64_t position, uint64_t length)
{
	uint64_t count = wire.sent > position ? wire.sent - position : 0;
	return count < length ? count : length;
}

static void writer_answer(unsigned index, int status)
{
	struct writer writer = line.writers[index];
	memmove(&line.writers[index], &line.writers[index + 1],
	        (--line.writer_count - index) * sizeof(line.writers[0]));
	serial_write_answer(writer.id, status, &(struct serial_write_out){ sent_of(writer.position, writer.length) });
}

/* The bytes of the oldest writer into `output`. False: it is gone or unreadable, and off the queue. */
static bool writer_load(void)
{
	struct writer *writer = &line.writers[0];
	if (output.id == writer->id)
		return true;
	output.id = 0;
	int64_t got = parked_read(writer->id, 0, output.bytes, writer->length);
	if (got == (int64_t)writer->length) {
		output.id = writer->id;
		return true;
	}
	writer_answer(0, got < 0 ? (int)got : -EIO);
	return false;
}

static void drains_check(void)
{
	if (line.drains.count == 0 || line.writer_count > 0)
		return;
	if (!uart_is_drained(&line.uart)) {
		notification_set_timer(line.notification, time_now() + DRAIN_POLL, BIT_DRAIN);
		return;
	}
	for (unsigned i = 0; i < line.drains.count; i++)
		serial_drain_answer(line.drains.waiters[i].id, 0, &(struct serial_drain_out){ wire.sent });
	line.drains.count = 0;
}

static void wire_store(uint64_t *word, uint64_t value)
{
	__asm__ volatile("mov %1, %0" : : "m"(*word), "r"(value) : "memory");
}

/* The transmitter has taken `count` bytes, or some that an earlier incarnation gave it. A position that is not what it can have come to is damaged,
 * and all that a client writes would be taken to be out. */
static void sent_check(uint64_t count)
{
	if (wire.sent - wire.seen > UART_FIFO_SIZE)
		wire_store(&wire.sent, wire.seen + count);
	wire_store(&wire.seen, wire.sent);
}

/* As much as the transmitter takes now; true: all. A piece that begins further on than the wire is of a client that has
 * counted on its own, and the wire counts on from there. */
static bool transmit(const uint8_t *bytes, uint64_t position, uint64_t length)
{
	if (wire.sent < position) {
		wire_store(&wire.sent, position);
		wire_store(&wire.seen, position);
	}
	for (;;) {
		uint64_t done = sent_of(position, length), count = length - done < UART_FIFO_SIZE ? length - done : UART_FIFO_SIZE;
		if (done == length)
			return true;
		if (!uart_transmit(&line.uart, bytes + done, count, &wire.sent))
			return false;
		sent_check(count);
	}
}

static void output_continue(void)
{
	while (line.writer_count > 0) {
		if (!writer_load())
			continue;
		if (!transmit(output.bytes, line.writers[0].position, line.writers[0].length))
			return;
		writer_answer(0, 0);
	}
	drains_check();
}

static int handle_write(struct request *request, const struct serial_write_in *in, struct serial_write_out *out)
{
	if (line.writer_count == QUEUE_SIZE || in->check != serial_check(in->position, request->send_length))
		return -EIO;
	if (line.writer_count == 0) {
		if (transmit(request->data, in->position, request->data_length)) {
			out->count = request->data_length;
			return 0;
		}
		memcpy(output.bytes, request->data, request->data_length);
		output.id = request->id;
	}
	line.writers[line.writer_count++] = (struct writer){ request->id, in->position, request->send_length };
	request_park(request);
	return REQUEST_PARKED;
}

static int handle_drain(struct request *request, struct serial_drain_out *out)
{
	if (line.writer_count == 0 && uart_is_drained(&line.uart)) {
		out->position = wire.sent;
		return 0;
	}
	if (!queue_add(&line.drains, request))
		return -EIO;
	request_park(request);
	drains_check();
	return REQUEST_PARKED;
}

/* --- input --- */

static uint16_t *input_word(uint64_t position)
{
	return &wire.input[position % INPUT_SIZE];
}

/* One word stays free of a mark. */
static uint64_t input_room(void)
{
	return INPUT_SIZE - 1 - (line.input_end - line.input_first);
}

/* So many bytes that the chip has and that there is room for. The word behind them loses its mark first. */
static void input_receive(uint64_t count)
{
	while (count > 0) {
		uint64_t whole = INPUT_SIZE - line.input_end % INPUT_SIZE, piece = count < whole ? count : whole;
		__asm__ volatile("movw $0, %0" : : "m"(*input_word(line.input_end + piece)) : "memory");
		uart_receive(&line.uart, input_word(line.input_end), (uint32_t)piece);
		line.input_end += piece;
		count -= piece;
	}
}

/* What the chip has, as far as there is room. */
static void input_collect(void)
{
	bool more = true;
	while (input_room() > 0 && (more = uart_has_input(&line.uart)))
		input_receive(1);
	uart_hold_input(&line.uart, more);
}

/* A FIFO filled to the trigger need not be asked for each byte. */
static void input_collect_full(void)
{
	if (input_room() < UART_TRIGGER)
		input_collect();
	else
		input_receive(UART_TRIGGER);
}

/* Received by a step that was taken back. */
static void input_find(void)
{
	while (*input_word(line.input_end) & IOPORT_READ)
		line.input_end++;
}

/* The first bytes not confirmed into `answer`, which stay where they are too. */
static uint64_t input_copy(uint64_t most)
{
	uint64_t count = line.input_end - line.input_first;
	if (count > most)
		count = most;
	if (count > READ_MAX)
		count = READ_MAX;
	for (uint64_t i = 0; i < count; i++)
		answer[i] = (uint8_t)*input_word(line.input_first + i);
	return count;
}

/* Who is not told for want of memory is told when more comes. */
static void readers_serve(void)
{
	while (line.readers.count > 0 && line.input_end != line.input_first) {
		struct waiter reader = line.readers.waiters[0];
		struct serial_read_out out = { .count = input_copy(reader.room) };
		if (serial_read_answer_with(reader.id, 0, &out, answer, out.count, NULL, 0) < 0)
			return;
		queue_remove(&line.readers, reader.id);
	}
}

static int handle_read(struct request *request, const struct serial_read_in *in, struct serial_read_out *out)
{
	if (in->check != serial_check(in->position, 0))
		return -EIO;
	if (request->receive_length == 0 || in->position < line.input_first || in->position > line.input_end)
		return -EINVAL;
	line.input_first = in->position;
	input_collect(); /* there may be room again */
	if (line.input_end != line.input_first) {
		out->count = input_copy(request->receive_length);
		request_reply_data(request, answer, out->count);
		return 0;
	}
	if (!queue_add(&line.readers, request))
		return -EIO;
	request_park(request);
	return REQUEST_PARKED;
}

/* --- the line --- */

static int handle_configure(struct request *request, const struct serial_configure_in *in)
{
	(void)request;
	if (in->speed == 0 || in->speed > 115200 || in->format != 0)
		return -EINVAL;
	uart_set_speed(&line.uart, in->speed);
	return 0;
}

static int handle(struct request *request)
{
	static const struct serial_operations operations = {
		.write = handle_write,
		.read = handle_read,
		.drain = handle_drain,
		.configure = handle_configure,
	};
	return serial_dispatch(&operations, request);
}

static void cancel(uint64_t id, unsigned reason)
{
	(void)reason;
	if (queue_remove(&line.readers, id)) {
		serial_read_answer(id, -EINTR, NULL);
		return;
	}
	if (queue_remove(&line.drains, id)) {
		serial_drain_answer(id, -EINTR, NULL);
		return;
	}
	for (unsigned i = 0; i < line.writer_count; i++) {
		if (line.writers[i].id != id)
			continue;
		/* What is out is out: a write cut short is answered with how much. */
		writer_answer(i, sent_of(line.writers[i].position, line.writers[i].length) > 0 ? 0 : -EINTR);
		output_continue();
		return;
	}
}

/* The line is edge-triggered and masked until acknowledged: a cause that comes up in between makes no
 * new edge. So after the acknowledgement everything is looked at once more. */
static void interrupt(void)
{
	bool acknowledged = false;
	for (;;) {
		switch (uart_event(&line.uart)) {
		case UART_EVENT_NONE:
			if (acknowledged)
				return;
			irq_acknowledge(line.irq);
			acknowledged = true;
			break;
		case UART_EVENT_INPUT_FULL:
			input_collect_full();
			readers_serve();
			break;
		case UART_EVENT_INPUT:
			input_collect();
			readers_serve();
			break;
		case UART_EVENT_OUTPUT:
			output_continue();
			break;
		case UART_EVENT_OTHER:
			break;
		}
	}
}

static void signalled(uint64_t bits)
{
	if (bits & BIT_INTERRUPT || bits == 0)
		interrupt();
	if (bits & BIT_DRAIN || bits == 0)
		drains_check();
}

static void first(void)
{
	step_lasting(&wire, sizeof wire);
	const char *base = startup_argument(1);
	slot_t ports = startup_slot("ports");
	line.irq = startup_slot("irq");
	line.notification = server_notification();
	if (!base || !ports || !line.irq || !line.notification) {
		log_line("the manifest lacks the base port, ports or irq");
		__builtin_trap();
	}
	irq_bind(line.irq, line.notification, BIT_INTERRUPT);
	uart_start(&line.uart, ports, (uint16_t)strtoul(base, NULL, 0));
	irq_acknowledge(line.irq);
}

/* Signals are lost with the incarnation that received them, and asking the chip for a cause takes it away: so everything is
 * looked at, whatever was signalled, and the interrupt is acknowledged. */
static void again(void)
{
	step_lasting(&wire, sizeof wire);
	sent_check(0);
	input_find();
	uart_resume(&line.uart);
	readers_serve();
	output_continue();
	interrupt();
}

int main(void)
{
	static const struct server server = {
		.name = "uart",
		.handle = handle,
		.cancel = cancel,
		.signalled = signalled,
		.first = first,
		.again = again,
	};
	server_run(&server);
}
