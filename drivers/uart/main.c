/* A serial line as a server: clients' writes go out in the order they came, what arrives waits in a
 * buffer for clients' reads.
 *
 * A write is answered when its last byte is in the chip's FIFO, so until then the client still has
 * everything the line has not. Only the head of the queue is copied in; the others stay with their callers.
 * While the input buffer is full the chip is left alone: its FIFO fills, and the sender is held back. */
#include "protocol_serial.h"
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
	uint64_t length, done; /* bytes */
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
	bool loaded; /* output holds the bytes of writers[0] */
	uint8_t output[WRITE_MAX];
	struct queue readers, drains;
	uint8_t input[INPUT_SIZE];
	uint64_t input_first, input_end; /* positions since the start */
	uint8_t answer[READ_MAX];
} line;

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

static void writer_remove(unsigned index)
{
	if (index == 0)
		line.loaded = false;
	memmove(&line.writers[index], &line.writers[index + 1],
	        (--line.writer_count - index) * sizeof(line.writers[0]));
}

static void writer_answer(unsigned index, int status)
{
	struct writer writer = line.writers[index];
	writer_remove(index);
	serial_write_answer(writer.id, status, &(struct serial_write_out){ .count = writer.done });
}

/* The bytes of the oldest writer into `output`. False: it is gone or unreadable, and off the queue. */
static bool writer_load(void)
{
	if (line.loaded)
		return true;
	struct writer *writer = &line.writers[0];
	int64_t got = parked_read(writer->id, 0, line.output, writer->length);
	if (got == (int64_t)writer->length) {
		line.loaded = true;
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
		serial_drain_answer(line.drains.waiters[i].id, 0);
	line.drains.count = 0;
}

/* As much as the transmitter takes now. */
static bool transmit(const uint8_t *bytes, uint64_t length, uint64_t *done)
{
	while (*done < length) {
		uint32_t count = uart_transmit(&line.uart, bytes + *done, length - *done);
		if (count == 0)
			return false;
		*done += count;
	}
	return true;
}

static void output_continue(void)
{
	while (line.writer_count > 0) {
		if (!writer_load())
			continue;
		struct writer *writer = &line.writers[0];
		if (!transmit(line.output, writer->length, &writer->done))
			return;
		writer_answer(0, 0);
	}
	drains_check();
}

static int handle_write(struct request *request, struct serial_write_out *out)
{
	if (line.writer_count == QUEUE_SIZE)
		return -EIO;
	if (line.writer_count == 0) {
		if (transmit(request->data, request->data_length, &out->count))
			return 0;
		memcpy(line.output, request->data, request->data_length);
		line.loaded = true;
	}
	line.writers[line.writer_count++] = (struct writer){
		.id = request->id,
		.length = request->send_length,
		.done = out->count,
	};
	request_park(request);
	return REQUEST_PARKED;
}

static int handle_drain(struct request *request)
{
	if (line.writer_count == 0 && uart_is_drained(&line.uart))
		return 0;
	if (!queue_add(&line.drains, request))
		return -EIO;
	request_park(request);
	drains_check();
	return REQUEST_PARKED;
}

/* --- input --- */

static void input_add(uint8_t byte)
{
	line.input[line.input_end++ % INPUT_SIZE] = byte;
}

static uint64_t input_room(void)
{
	return INPUT_SIZE - (line.input_end - line.input_first);
}

/* From the chip into the buffer, as far as there is room. */
static void input_collect(void)
{
	while (input_room() > 0) {
		int byte = uart_receive(&line.uart);
		if (byte < 0) {
			uart_hold_input(&line.uart, false);
			return;
		}
		input_add((uint8_t)byte);
	}
	uart_hold_input(&line.uart, true);
}

/* A FIFO filled to the trigger: half the port reads of asking for each byte. */
static void input_collect_full(void)
{
	if (input_room() < UART_TRIGGER) {
		input_collect();
		return;
	}
	for (unsigned i = 0; i < UART_TRIGGER; i++)
		input_add(uart_receive_known(&line.uart));
}

/* Take up to `most` bytes out of the buffer into `answer`. */
static uint64_t input_take(uint64_t most)
{
	uint64_t count = line.input_end - line.input_first;
	if (count > most)
		count = most;
	if (count > READ_MAX)
		count = READ_MAX;
	for (uint64_t i = 0; i < count; i++)
		line.answer[i] = line.input[(line.input_first + i) % INPUT_SIZE];
	line.input_first += count;
	return count;
}

static void readers_serve(void)
{
	while (line.readers.count > 0 && line.input_end != line.input_first) {
		struct waiter reader = line.readers.waiters[0];
		queue_remove(&line.readers, reader.id);
		uint64_t before = line.input_first;
		uint64_t count = input_take(reader.room);
		struct serial_read_out out = { .count = count };
		if (serial_read_answer_with(reader.id, 0, &out, line.answer, count, NULL, 0) != 0)
			line.input_first = before; /* it is gone: the bytes are the next reader's */
	}
}

static int handle_read(struct request *request, struct serial_read_out *out)
{
	if (request->receive_length == 0)
		return -EINVAL;
	input_collect();
	if (line.input_end != line.input_first) {
		out->count = input_take(request->receive_length);
		request_reply_data(request, line.answer, out->count);
		input_collect(); /* there is room again */
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
		serial_drain_answer(id, -EINTR);
		return;
	}
	for (unsigned i = 0; i < line.writer_count; i++) {
		if (line.writers[i].id != id)
			continue;
		/* What is out is out: a write cut short is answered with how much. */
		writer_answer(i, line.writers[i].done > 0 ? 0 : -EINTR);
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
	if (bits & BIT_INTERRUPT)
		interrupt();
	if (bits & BIT_DRAIN)
		drains_check();
}

int main(void)
{
	static const struct server server = {
		.name = "uart",
		.handle = handle,
		.cancel = cancel,
		.signalled = signalled,
	};
	const char *base = startup_argument(1);
	slot_t ports = startup_slot("ports");
	line.irq = startup_slot("irq");
	line.notification = server_notification();
	if (!base || !ports || !line.irq || !line.notification) {
		log_line("the manifest lacks the base port, ports or irq");
		return 1;
	}
	irq_bind(line.irq, line.notification, BIT_INTERRUPT);
	uart_start(&line.uart, ports, (uint16_t)strtoul(base, NULL, 0));
	irq_acknowledge(line.irq);
	server_run(&server);
}
