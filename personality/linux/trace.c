/* One line per system call: "PID.TID name(arguments) = result". Lines go to the standard error of the first program that
 * is traced, and stay there wherever its children send theirs; the log does not take lines from programs. */
#include "trace.h"
#include "files.h"
#include "protocol_file.h"
#include "protocol_log.h"

bool trace_enabled;
slot_t trace_slot;

#define LINE_MAX 240
#define STRING_MAX 64

struct line {
	uint32_t length;
	char text[LINE_MAX + 1];
};

static void line_char(struct line *line, char c)
{
	if (line->length < LINE_MAX)
		line->text[line->length++] = c;
}

static void line_string(struct line *line, const char *string)
{
	while (*string)
		line_char(line, *string++);
}

static void line_number(struct line *line, uint64_t value, unsigned base)
{
	char digits[20];
	unsigned count = 0;
	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (base == 16)
		line_string(line, "0x");
	while (count > 0)
		line_char(line, digits[--count]);
}

static void line_signed(struct line *line, int64_t value)
{
	if (value < 0)
		line_char(line, '-');
	line_number(line, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

static void line_path(struct line *line, uint64_t address)
{
	char text[STRING_MAX];
	int64_t length = user_string(text, address, sizeof(text));
	if (length == -EFAULT) {
		line_number(line, address, 16);
		return;
	}
	text[sizeof(text) - 1] = 0;
	line_char(line, '"');
	line_string(line, text);
	line_char(line, '"');
}

struct open_file trace_file = { .references = 1, .kind = FILE_GATE };

static void line_send(struct line *line)
{
	if (trace_slot) {
		line->text[line->length++] = '\n';
		trace_file.slot = trace_slot;
		if (file_write(trace_slot, NULL, FILE_OFFSET_CURRENT, 0, line->text, line->length, NULL) == -EOPNOTSUPP)
			pipe_write(thread_self(), &trace_file, (uint64_t)line->text, line->length,
			           PIPE_UNINTERRUPTED | PIPE_NO_SIGNAL);
	} else {
		log_write(PROCESS_LOG, NULL, 7, line->text, line->length);
	}
}

static void line_head(struct line *line, struct thread *thread)
{
	line->length = 0;
	line_number(line, thread->task->process, 10);
	if (thread->id != thread->task->process) {
		line_char(line, '.');
		line_number(line, thread->id, 10);
	}
	line_char(line, ' ');
}

static void line_call(struct line *line, struct thread *thread, uint64_t number)
{
	const struct registers *r = &thread->frame.registers;
	const uint64_t values[] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };
	const char *name = number < SYSTEM_CALL_COUNT ? system_calls[number].name : NULL;
	const char *kinds = name ? system_calls[number].kinds : "";
	line_head(line, thread);
	if (name)
		line_string(line, name);
	else
		line_signed(line, (int64_t)number);
	line_char(line, '(');
	for (unsigned i = 0; kinds[i]; i++) {
		if (i > 0)
			line_string(line, ", ");
		switch (kinds[i]) {
		case 'd':
			line_signed(line, (int32_t)values[i]);
			break;
		case 'D':
			line_signed(line, (int64_t)values[i]);
			break;
		case 'u':
			line_number(line, values[i], 10);
			break;
		case 's':
			line_path(line, values[i]);
			break;
		default:
			line_number(line, values[i], 16);
		}
	}
	line_char(line, ')');
}

void trace_begin(struct thread *thread, uint64_t number)
{
	if (number != LINUX_EXECVE && number != LINUX_EXIT_GROUP && number != LINUX_EXIT && number != LINUX_VFORK &&
	    number != LINUX_CLONE && number != LINUX_FORK)
		return;
	struct line line;
	line_call(&line, thread, number);
	line_send(&line);
}

void trace_call(struct thread *thread, uint64_t number, int64_t result)
{
	if (!trace_enabled)
		return;
	struct line line;
	line_call(&line, thread, number);
	line_string(&line, " = ");
	if (result > 0x10000 || result < -4096)
		line_number(&line, (uint64_t)result, 16);
	else
		line_signed(&line, result);
	line_send(&line);
}

void trace_signal(struct thread *thread, int signal, uint64_t handler)
{
	if (!trace_enabled)
		return;
	struct line line;
	line_head(&line, thread);
	line_string(&line, "signal ");
	line_signed(&line, signal);
	line_string(&line, handler == SIG_DFL ? " default" : handler == SIG_IGN ? " ignored" : " handler ");
	if (handler > SIG_IGN)
		line_number(&line, handler, 16);
	line_string(&line, " at ");
	line_number(&line, thread->frame.registers.rip, 16);
	line_send(&line);
}

void trace_line(const char *format, const uint64_t *values)
{
	struct line line = { .length = 0 };
	for (; *format; format++) {
		if (*format != '%') {
			line_char(&line, *format);
			continue;
		}
		format++;
		if (*format == 'x')
			line_number(&line, *values++, 16);
		else if (*format == 'd')
			line_signed(&line, (int64_t)*values++);
		else
			line_string(&line, (const char *)*values++);
	}
	line_send(&line);
}
