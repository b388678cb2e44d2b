/* Text on its way to the system log. Also reached from inside reflected system calls, so: general
 * registers only, no buffered output, no allocation. */
#pragma GCC target("general-regs-only")
#include "atoll/startup.h"
#include "protocol_log.h"
#include <string.h>

#define LOG_LEVEL 6 /* "information", as syslog counts */
#define LINE_MAX_BYTES 1024
#define HEAD_MAX 64
#define HEAD_TIME 15

slot_t log_system_slot;

/* "[    1.234567] name: ", as lines stand in the kernel's log. */
static uint64_t line_head(char *to)
{
	const char *name = startup_name();
	uint64_t now = time_now(), length = 0;
	uint64_t seconds = now / 1000000000, micros = now % 1000000000 / 1000;
	memcpy(to, "[    0.000000] ", HEAD_TIME);
	for (unsigned at = 5; at >= 1 && (seconds || at == 5); at--, seconds /= 10)
		to[at] = (char)('0' + seconds % 10);
	for (unsigned at = 12; at >= 7; at--, micros /= 10)
		to[at] = (char)('0' + micros % 10);
	length = HEAD_TIME;
	while (*name && length < HEAD_MAX - 2)
		to[length++] = *name++;
	to[length++] = ':';
	to[length++] = ' ';
	return length;
}

static bool line_to_kernel(slot_t system, const char *text, uint64_t length)
{
	char line[HEAD_MAX + LINE_MAX_BYTES + 1];
	uint64_t head = line_head(line);
	memcpy(line + head, text, length);
	line[head + length] = '\n';
	return system_log_write(system, line, (uint32_t)(head + length + 1)) >= 0;
}

/* To the log server; before it knows us or where there is none, to the kernel, if that is allowed. */
static void line_send(const char *text, uint64_t length)
{
	if (log_system_slot && line_to_kernel(log_system_slot, text, length))
		return;
	if (log_write(SELF_LOG, NULL, LOG_LEVEL, text, length) == 0)
		return;
	slot_t system = startup_slot("system");
	if (system)
		line_to_kernel(system, text, length);
}

void log_text(const char *text, uint64_t length)
{
	while (length > 0) {
		const char *newline = memchr(text, '\n', length);
		uint64_t line = newline ? (uint64_t)(newline - text) : length;
		uint64_t part = line < LINE_MAX_BYTES ? line : LINE_MAX_BYTES;
		if (part > 0)
			line_send(text, part);
		part += newline && part == line;
		text += part;
		length -= part;
	}
}
