/* Writes the ring to the serial line. What the line is too slow for is overwritten in the ring, and
 * counted here. This thread runs without the C library (worker_start). */
#pragma GCC target("general-regs-only")
#include "console.h"
#include "protocol_serial.h"
#include "server/server.h"

#define CHUNK 2048
#define RETRY 100000000ull /* nanoseconds, after an error of the line */

static NOT_STATE char stack[16384] __attribute__((aligned(16)));

struct console_progress console_progress;

/* Stores that no hook sees: the log of the step in hand is another thread's. */
static void plain_store(_Atomic uint64_t *to, uint64_t value)
{
	__asm__ volatile("mov %1, (%0)" : : "r"(to), "r"(value) : "memory");
}

static bool plain_exchange(_Atomic bool *at, bool value)
{
	__asm__ volatile("xchg %0, (%1)" : "+q"(value) : "r"(at) : "memory");
	return value;
}

void console_tell(void)
{
	plain_exchange(&console_progress.told, true);
}

void console_written(uint64_t position)
{
	plain_store(&console_progress.written, position);
}

/* Leave out the "<6>" at the beginning of each line. In place; the bytes that stay. */
static uint64_t levels_remove(char *text, uint64_t length, bool *in_level)
{
	uint64_t kept = 0;
	for (uint64_t i = 0; i < length; i++) {
		if (*in_level) {
			*in_level = text[i] != '>';
			continue;
		}
		text[kept++] = text[i];
		*in_level = text[i] == '\n';
	}
	return kept;
}

static void write_all(const struct console *console, const char *text, uint64_t length)
{
	while (length > 0) {
		uint64_t count = 0;
		if (serial_write(console->line, NULL, text, length, &count) < 0 || count == 0) {
			thread_sleep(time_now() + RETRY, 0);
			continue;
		}
		text += count;
		length -= count;
	}
}

static void write_dropped(const struct console *console, uint64_t bytes)
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
	write_all(console, text + at, 20 - at + sizeof(after) - 1);
}

/* Everything the ring has now. A line's level may lie across two chunks. */
static void write_ring(const struct console *console, uint64_t *position, bool *in_level)
{
	static NOT_STATE char chunk[CHUNK];
	for (;;) {
		uint64_t before = *position;
		uint64_t count = ring_copy(console->ring, position, chunk, sizeof(chunk));
		if (*position != before) {
			write_dropped(console, *position - before);
			*in_level = true;
		}
		if (count == 0)
			return;
		write_all(console, chunk, levels_remove(chunk, count, in_level));
		*position += count;
		console_written(*position);
	}
}

static void console_run(void *argument)
{
	const struct console *console = argument;
	bool in_level = true;
	serial_drain(console->line, NULL); /* answered once the driver serves */
	notification_signal(console->report, CONSOLE_REPORT_LINE);
	while (atomic_load(&console->begin) == UINT64_MAX)
		notification_wait(console->wake, 0, 0);
	uint64_t position = atomic_load(&console->begin);
	console_written(position);
	for (;;) {
		write_ring(console, &position, &in_level);
		if (plain_exchange(&console_progress.told, false))
			notification_signal(console->report, CONSOLE_REPORT_EMPTY);
		notification_wait(console->wake, 0, 0);
	}
}

bool console_start(const struct console *console)
{
	return worker_start(console->thread, console_run, (void *)console, stack, sizeof(stack)) >= 0;
}
