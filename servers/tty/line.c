/* Serial lines: two worker threads each, so that the server never waits for a driver.
 *
 * The reader calls serial_read, which is answered when bytes have come, and signals the server; when a
 * finished step has used them it asks for more, and until then the driver keeps what comes. The
 * writer takes from the output ring, calls serial_write, and signals the server; when the ring
 * is empty, or the output is held, it sleeps.
 *
 * Sleeping is on a futex word that the server counts up after every change that matters: a worker
 * reads the word, looks at the rest, and sleeps only while the word is still the same, so no wake
 * is missed. The server sleeps on its notification, which keeps the bits. Neither ever holds
 * anything the other needs: they cannot wait for each other in a circle.
 *
 * Why a crash loses nothing and doubles nothing: workers see only what finished steps have done (line_publish), so nothing that
 * is taken back was ever on the line. Every call on the driver says at which position of the line it is. The reader's is that of
 * the last finished step, so what a lost step had used comes again; the writer's is `progress`, which is stored when the driver
 * has the bytes and no step takes back; what it has when that store is not reached it leaves out the next time.
 *
 * Workers run without the C library, and write nothing of the state. */
#include "tty.h"
#include "protocol_serial.h"
#include "protocols/serial.h"
#include <stdlib.h>

#define STACK_SIZE 16384u
#define WRITE_CHUNK 256u /* so that ^S acts soon */
#define RETRY_AFTER 10000000ull /* nanoseconds, when the driver reports an error */
#define PATIENCE 4000000000ull  /* nanoseconds until it is asked again: its answer may have been lost */

/* Of the writers: in granules of their own, written without hooks. */
static struct progress {
	_Alignas(64) uint64_t taken; /* from the output ring */
	uint64_t drained;            /* drains made */
} progress[LINE_COUNT];

/* Between the server and its workers, in one incarnation. */
static NOT_STATE struct shared {
	/* What finished steps want */
	uint64_t input_used;   /* everything before this position of the line */
	uint64_t output_end;   /* all before this position is to be written, */
	uint64_t drain_wanted; /* then so many drains are to have been made */
	uint32_t held;         /* but not now */
	uint32_t input_wake, output_wake; /* futex words */
	/* What the reader has: these positions of the line */
	uint64_t input_begin, input_end;
	unsigned char input[LINE_INPUT];
	unsigned char stacks[2][STACK_SIZE] __attribute__((aligned(16)));
} shared[LINE_COUNT];

static unsigned number_of(const struct line *line)
{
	return (unsigned)(line - state.lines);
}

static uint64_t load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static void plain_store(uint64_t *word, uint64_t value)
{
	__asm__ volatile("mov %1, (%0)" : : "r"(word), "r"(value) : "memory");
}

static void kick(uint32_t *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	futex_wake(word, 1);
}

/* --- the workers --- */

static void reader_run(void *argument)
{
	const struct line *line = argument;
	struct shared *own = &shared[number_of(line)];
	for (;;) {
		uint32_t wake = __atomic_load_n(&own->input_wake, __ATOMIC_SEQ_CST);
		uint64_t position = own->input_end, count = 0, received = 0;
		if (load(&own->input_used) != position) {
			futex_wait(&own->input_wake, wake, 0, 0);
			continue;
		}
		const struct call_options options = { .deadline = time_now() + PATIENCE };
		if (serial_read(line->serial, &options, position, serial_check(position, 0), own->input, LINE_INPUT, &received, &count) < 0 ||
		    count > LINE_INPUT || count != received) {
			thread_sleep(time_now() + RETRY_AFTER, 0);
			continue;
		}
		own->input_begin = position;
		store(&own->input_end, position + count);
		notification_signal(state.notification, line->bits);
	}
}

/* One piece of the output ring, of this many bytes at most; false: the driver would not. */
static bool writer_write(const struct line *line, struct progress *own, uint64_t most)
{
	uint64_t taken = own->taken, at = taken & (OUTPUT_SIZE - 1), length = OUTPUT_SIZE - at, count = 0;
	length = length < most ? length : most;
	length = length < WRITE_CHUNK ? length : WRITE_CHUNK;
	const struct call_options options = { .deadline = time_now() + PATIENCE };
	if (serial_write(line->serial, &options, taken, serial_check(taken, length), line->output.bytes + at, length, &count) < 0 ||
	    count == 0 || count > length)
		return false;
	plain_store(&own->taken, taken + count);
	return true;
}

static bool writer_drain(const struct line *line, struct progress *own, uint64_t drain)
{
	const struct call_options options = { .deadline = time_now() + PATIENCE };
	if (serial_drain(line->serial, &options, NULL) < 0)
		return false;
	plain_store(&own->drained, drain);
	return true;
}

static void writer_run(void *argument)
{
	const struct line *line = argument;
	const struct shared *wanted = &shared[number_of(line)];
	struct progress *own = &progress[number_of(line)];
	for (;;) {
		uint32_t wake = __atomic_load_n(&wanted->output_wake, __ATOMIC_SEQ_CST);
		uint64_t drain = load(&wanted->drain_wanted), left = load(&wanted->output_end) - own->taken;
		bool done;
		if (left && !__atomic_load_n(&wanted->held, __ATOMIC_SEQ_CST)) {
			done = writer_write(line, own, left);
		} else if (!left && drain != own->drained) {
			done = writer_drain(line, own, drain);
		} else {
			futex_wait((uint32_t *)&wanted->output_wake, wake, 0, 0);
			continue;
		}
		if (done)
			notification_signal(state.notification, line->bits);
		else
			thread_sleep(time_now() + RETRY_AFTER, 0);
	}
}

/* --- the server --- */

bool line_resume(struct line *line)
{
	struct shared *own = &shared[number_of(line)];
	void (*const run[2])(void *) = { reader_run, writer_run };
	step_lasting(progress, sizeof(progress));
	own->input_begin = own->input_end = line->input_used;
	own->input_used = UINT64_MAX; /* nothing is wanted before this step counts */
	own->output_end = progress[number_of(line)].taken;
	own->drain_wanted = progress[number_of(line)].drained;
	for (int i = 0; i < 2; i++)
		if (worker_start(line->threads[i], run[i], line, own->stacks[i], STACK_SIZE) < 0)
			return false;
	return true;
}

bool line_start(struct line *line)
{
	if (line->running)
		return true;
	if (!line->output.bytes)
		line->output = (struct byte_ring){ .bytes = malloc(OUTPUT_SIZE), .size = OUTPUT_SIZE };
	for (int i = 0; i < 2; i++)
		if (!line->threads[i])
			line->threads[i] = slot_allocate();
	line->running = line->serial && line->output.bytes && line->threads[0] && line->threads[1] && line_resume(line);
	return line->running;
}

void line_look(struct line *line)
{
	uint64_t taken = load(&progress[number_of(line)].taken);
	if (line->output.taken != taken)
		line->output.taken = taken;
}

bool line_drained(const struct line *line, uint64_t drain)
{
	return load(&progress[number_of(line)].drained) >= drain;
}

const unsigned char *line_input(const struct line *line, uint32_t *length)
{
	const struct shared *own = &shared[number_of(line)];
	*length = (uint32_t)(load(&own->input_end) - line->input_used);
	return own->input + (line->input_used - own->input_begin);
}

void line_publish(const struct line *line)
{
	struct shared *own = &shared[number_of(line)];
	if (own->output_end != line->output.added || own->drain_wanted != line->drain_wanted || own->held != line->held) {
		store(&own->output_end, line->output.added);
		store(&own->drain_wanted, line->drain_wanted);
		__atomic_store_n(&own->held, line->held, __ATOMIC_SEQ_CST);
		kick(&own->output_wake);
	}
	if (own->input_used != line->input_used) {
		store(&own->input_used, line->input_used);
		kick(&own->input_wake);
	}
}
