/* Serial lines: two worker threads each, so that the server never waits for a driver.
 *
 * The reader calls serial_read, which is answered when bytes have come, puts them into the input
 * ring and signals the server; when the ring is full it sleeps, and the driver keeps what comes. The
 * writer takes from the output ring, calls serial_write, and signals the server; when the ring
 * is empty, or the output is held, it sleeps. A byte leaves the output ring after the driver has
 * it, so nothing is lost when the call has to be made again.
 *
 * Sleeping is on a futex word that the server counts up after every change that matters: a worker
 * reads the word, looks at the rings, and sleeps only while the word is still the same, so no wake
 * is missed. The server sleeps on its notification, which keeps the bits. Neither ever holds
 * anything the other needs: they cannot wait for each other in a circle.
 *
 * Workers run without the C library. */
#include "tty.h"
#include "protocol_serial.h"
#include <stdlib.h>

#define STACK_SIZE 16384u
#define READ_CHUNK 512u
#define WRITE_CHUNK 256u /* so that ^S acts soon */
#define RETRY_AFTER 10000000ull /* nanoseconds, when the driver reports an error */

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void kick(uint32_t *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	futex_wake(word, 1);
}

void line_kick_output(struct line *line)
{
	kick(&line->output_wake);
}

void line_kick_input(struct line *line)
{
	kick(&line->input_wake);
}

uint32_t line_drain_begin(struct line *line)
{
	uint32_t wanted = __atomic_add_fetch(&line->drain_wanted, 1, __ATOMIC_SEQ_CST);
	line_kick_output(line);
	return wanted;
}

static void reader_run(void *argument)
{
	struct line *line = argument;
	unsigned char chunk[READ_CHUNK];
	uint64_t position = 0;
	for (;;) {
		uint32_t wake = load(&line->input_wake), room = ring_room(&line->input);
		if (room == 0) {
			futex_wait(&line->input_wake, wake, 0, 0);
			continue;
		}
		uint64_t count = 0;
		if (serial_read(line->serial, NULL, position, chunk, room < READ_CHUNK ? room : READ_CHUNK, NULL, &count) < 0) {
			thread_sleep(time_now() + RETRY_AFTER, 0);
			continue;
		}
		ring_add(&line->input, chunk, (uint32_t)count);
		position += count;
		notification_signal(state.notification, line->bits);
	}
}

/* One piece of the output ring; false: the driver would not. */
static bool writer_write(struct line *line, uint64_t *position)
{
	uint32_t length;
	const unsigned char *bytes = ring_piece(&line->output, &length);
	if (length > WRITE_CHUNK)
		length = WRITE_CHUNK;
	uint64_t count = 0;
	if (serial_write(line->serial, NULL, *position, bytes, length, &count) < 0 || count == 0)
		return false;
	*position += count;
	ring_skip(&line->output, count < length ? (uint32_t)count : length);
	return true;
}

static void writer_run(void *argument)
{
	struct line *line = argument;
	uint64_t position = 0;
	for (;;) {
		uint32_t wake = load(&line->output_wake), drain = load(&line->drain_wanted);
		bool done = true;
		if (ring_count(&line->output) && !load(&line->held)) {
			done = writer_write(line, &position);
		} else if (!ring_count(&line->output) && drain != line->drain_done) {
			done = serial_drain(line->serial, NULL, NULL) == 0;
			if (done)
				__atomic_store_n(&line->drain_done, drain, __ATOMIC_SEQ_CST);
		} else {
			futex_wait(&line->output_wake, wake, 0, 0);
			continue;
		}
		if (done)
			notification_signal(state.notification, line->bits);
		else
			thread_sleep(time_now() + RETRY_AFTER, 0);
	}
}

static bool worker(struct line *line, int number, void (*run)(void *))
{
	void *stack = aligned_alloc(ATOLL_PAGE_SIZE, STACK_SIZE);
	line->threads[number] = slot_allocate();
	return stack && line->threads[number] &&
	       worker_start(line->threads[number], run, line, stack, STACK_SIZE) >= 0;
}

bool line_start(struct line *line)
{
	if (line->running)
		return true;
	line->input = (struct byte_ring){ .bytes = malloc(LINE_INPUT), .size = LINE_INPUT };
	line->output = (struct byte_ring){ .bytes = malloc(OUTPUT_SIZE), .size = OUTPUT_SIZE };
	line->running = line->serial && line->input.bytes && line->output.bytes &&
	                worker(line, 0, reader_run) && worker(line, 1, writer_run);
	return line->running;
}
