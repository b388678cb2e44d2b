/* Writes the ring to the serial line. What the line is too slow for is overwritten in the ring, and
 * counted here. This thread runs without the C library (worker_start). */
#pragma GCC target("general-regs-only")
#include "console.h"
#include "protocol_serial.h"
#include "protocols/serial.h"
#include "server/server.h"

#define CHUNK 2048
#define RETRY 100000000ull     /* nanoseconds, after an error of the line */
#define PATIENCE 4000000000ull /* nanoseconds until it is asked again: its answer may have been lost */

/* A place in the log and the same place on the line. */
struct mark {
	uint64_t ring, line; /* positions */
	uint64_t in_text;    /* not in a line's level */
};

/* Where the thread is: one of the marks, the other is being written. In granules of its own, written without hooks: the log of
 * the step in hand is another thread's. */
static struct {
	_Alignas(64) struct mark marks[2];
	uint64_t current;
	_Alignas(64) char end[];
} progress;

static NOT_STATE char stack[16384] __attribute__((aligned(16)));
/* From the main thread. */
static NOT_STATE _Atomic uint64_t published_begin, published_end;
static NOT_STATE _Atomic bool told;
static NOT_STATE _Atomic bool has_line; /* the driver serves */

static void plain_store(uint64_t *to, uint64_t value)
{
	__asm__ volatile("mov %1, (%0)" : : "r"(to), "r"(value) : "memory");
}

static void mark_set(const struct mark *mark)
{
	uint64_t other = !progress.current;
	plain_store(&progress.marks[other].ring, mark->ring);
	plain_store(&progress.marks[other].line, mark->line);
	plain_store(&progress.marks[other].in_text, mark->in_text);
	plain_store(&progress.current, other);
}

uint64_t console_written(void)
{
	const volatile uint64_t *current = &progress.current;
	return *(const volatile uint64_t *)&progress.marks[*current].ring;
}

void console_publish(uint64_t begin, uint64_t end)
{
	atomic_store(&published_end, end);
	atomic_store(&published_begin, begin);
}

bool console_has_line(void)
{
	return atomic_load(&has_line);
}

void console_tell(void)
{
	atomic_store(&told, true);
}

/* Leave out the "<6>" at the beginning of each line. In place; the bytes that stay. */
static uint64_t levels_remove(char *text, uint64_t length, uint64_t *in_text)
{
	uint64_t kept = 0;
	for (uint64_t i = 0; i < length; i++) {
		if (!*in_text) {
			*in_text = text[i] == '>';
			continue;
		}
		text[kept++] = text[i];
		*in_text = text[i] != '\n';
	}
	return kept;
}

static void write_all(const struct console *console, uint64_t *position, const char *text, uint64_t length)
{
	while (length > 0) {
		uint64_t count = 0;
		const struct call_options options = { .deadline = time_now() + PATIENCE };
		if (serial_write(console->line, &options, *position, serial_check(*position, length), text, length, &count) < 0 ||
		    count == 0 || count > length) { /* no driver takes more than it was given */
			thread_sleep(time_now() + RETRY, 0);
			continue;
		}
		text += count;
		length -= count;
		*position += count;
	}
}

static void write_dropped(const struct console *console, uint64_t *position, uint64_t bytes)
{
	static const char after[] = " bytes of the log dropped\n";
	char text[64];
	unsigned at = 20;
	for (unsigned i = 0; i < sizeof(after) - 1; i++)
		text[at + i] = after[i];
	do {
		text[--at] = (char)('0' + bytes % 10);
		bytes /= 10;
	} while (bytes > 0);
	write_all(console, position, text + at, 20 - at + sizeof(after) - 1);
}

/* Everything that is published. A line's level may lie across two chunks. `line_end`: where the line was when this
 * thread began; that can be in the middle of what was dropped since. */
static void write_ring(const struct console *console, struct mark *mark, uint64_t line_end)
{
	static NOT_STATE char chunk[CHUNK];
	for (;;) {
		uint64_t before = mark->ring, end = atomic_load(&published_end);
		uint64_t most = end > before ? end - before : 0;
		uint64_t count = ring_copy(console->ring, &mark->ring, chunk, most < CHUNK ? most : CHUNK);
		if (mark->ring != before) {
			if (mark->line < line_end)
				mark->line = line_end;
			write_dropped(console, &mark->line, mark->ring - before);
			mark->in_text = false;
		}
		if (count == 0)
			return;
		mark->ring += count;
		write_all(console, &mark->line, chunk, levels_remove(chunk, count, &mark->in_text));
		mark_set(mark);
	}
}

static void console_run(void *argument)
{
	const struct console *console = argument;
	struct mark mark = progress.marks[progress.current];
	uint64_t line_end = 0;
	serial_drain(console->line, NULL, &line_end); /* answered once the driver serves */
	atomic_store(&has_line, true);
	notification_signal(console->report, CONSOLE_REPORT_LINE);
	while (atomic_load(&published_begin) == UINT64_MAX)
		notification_wait(console->wake, 0, 0);
	if (mark.ring < atomic_load(&published_begin))
		mark.ring = atomic_load(&published_begin);
	for (;;) {
		write_ring(console, &mark, line_end);
		mark_set(&mark);
		if (atomic_exchange(&told, false))
			notification_signal(console->report, CONSOLE_REPORT_EMPTY);
		notification_wait(console->wake, 0, 0);
	}
}

bool console_start(const struct console *console)
{
	step_lasting(&progress, sizeof(progress));
	console_publish(UINT64_MAX, 0);
	return worker_start(console->thread, console_run, (void *)console, stack, sizeof(stack)) >= 0;
}
