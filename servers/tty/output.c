/* Output: processing on the way into the ring, writes that wait for room, drains.
 *
 * Writes leave ECHO_RESERVE bytes of the ring free for echoes, so a program that writes all the time
 * does not stop the user's typing from being seen. A write that does not fit is parked with its
 * progress; nothing is ever dropped but the echo of what is typed while output is held. */
#include "tty.h"
#include <errno.h>
#include <termios.h>

#define CHUNK 1024u
#define WIDEST 8u /* bytes that one byte can become: a tab */

bool output_has_room(const struct terminal *terminal)
{
	return ring_room(terminal->output) >= 4 * WIDEST;
}

static void output_put(struct terminal *terminal, unsigned char byte)
{
	ring_add(terminal->output, &byte, 1);
}

static uint32_t column_after(const struct terminal *terminal, uint32_t column, unsigned char byte)
{
	if (byte == '\r')
		return 0;
	if (byte == '\b')
		return column - (column != 0);
	if (byte < 0x20 || byte == 0x7f || ((terminal->settings.input & IUTF8) && (byte & 0xc0) == 0x80))
		return column;
	return column + 1;
}

/* Bytes as they are. */
static void output_plain(struct terminal *terminal, const unsigned char *bytes, uint32_t length)
{
	uint32_t column = terminal->column;
	ring_add(terminal->output, bytes, length);
	for (uint32_t i = 0; i < length && !terminal->stream; i++)
		column = column_after(terminal, column, bytes[i]);
	terminal->column = column;
}

void output_raw(struct terminal *terminal, unsigned char byte)
{
	output_plain(terminal, &byte, 1);
}

static void output_tab(struct terminal *terminal)
{
	uint32_t width = 8 - (terminal->column & 7);
	terminal->column += width;
	if ((terminal->settings.output & TABDLY) != TAB3) {
		output_put(terminal, '\t');
		return;
	}
	while (width--)
		output_put(terminal, ' ');
}

void output_byte(struct terminal *terminal, unsigned char byte)
{
	uint32_t flags = terminal->settings.output;
	if (!(flags & OPOST)) {
		output_raw(terminal, byte);
		return;
	}
	if (byte == '\n') {
		if (flags & ONLCR)
			output_put(terminal, '\r');
		if (flags & (ONLCR | ONLRET))
			terminal->column = 0;
		output_put(terminal, '\n');
		return;
	}
	if (byte == '\t') {
		output_tab(terminal);
		return;
	}
	if (byte == '\r') {
		if ((flags & ONOCR) && terminal->column == 0)
			return;
		if (flags & OCRNL)
			byte = '\n';
		if (!(flags & OCRNL) || (flags & ONLRET))
			terminal->column = 0;
	} else if ((flags & OLCUC) && byte >= 'a' && byte <= 'z') {
		byte -= 'a' - 'A';
	}
	if (byte == '\r' || byte == '\n')
		output_put(terminal, byte);
	else
		output_raw(terminal, byte);
}

/* How many at the start of a piece no processing changes: most of any text. */
static uint32_t plain_length(const struct terminal *terminal, const unsigned char *bytes, uint32_t length)
{
	uint32_t flags = terminal->settings.output, count = 0;
	if (!(flags & OPOST))
		return length;
	while (count < length && bytes[count] >= 0x20 && !(flags & OLCUC))
		count++;
	return count;
}

static void output_bytes(struct terminal *terminal, const unsigned char *bytes, uint32_t length)
{
	for (uint32_t done = 0; done < length;) {
		uint32_t plain = plain_length(terminal, bytes + done, length - done);
		output_plain(terminal, bytes + done, plain);
		done += plain;
		if (done < length)
			output_byte(terminal, bytes[done++]);
	}
}

void output_echo(struct terminal *terminal, unsigned char byte)
{
	bool control = (byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f;
	if (control && (terminal->settings.local & ECHOCTL)) {
		output_raw(terminal, '^');
		output_raw(terminal, byte ^ 0x40);
	} else {
		output_byte(terminal, byte);
	}
}

void output_stop(struct terminal *terminal, bool stop)
{
	if (terminal->output_stopped == stop)
		return;
	terminal->output_stopped = stop;
	if (terminal->line)
		terminal->line->held = stop;
}

/* Take from a call's buffer what fits now. Bytes taken, or a negative errno. */
static int64_t write_some(struct terminal *terminal, uint64_t call, uint64_t done, uint64_t length)
{
	unsigned char chunk[CHUNK];
	uint64_t total = 0;
	while (done + total < length) {
		uint32_t room = ring_room(terminal->output);
		uint32_t widest = terminal->settings.output & OPOST ? WIDEST : 1;
		uint64_t most = room > ECHO_RESERVE ? (room - ECHO_RESERVE) / widest : 0;
		uint64_t piece = length - done - total;
		piece = piece < CHUNK ? piece : CHUNK;
		piece = piece < most ? piece : most;
		if (piece == 0)
			break;
		int64_t copied = parked_read(call, done + total, chunk, piece);
		if (copied <= 0)
			return total ? (int64_t)total : copied < 0 ? copied : -EFAULT;
		output_bytes(terminal, chunk, (uint32_t)copied);
		total += (uint64_t)copied;
	}
	return (int64_t)total;
}

int terminal_write(struct request *request, struct file *file, uint64_t length, bool may_wait, uint64_t *count)
{
	struct terminal *terminal = file->terminal;
	if (terminal->hung_up)
		return -EIO;
	if (length == 0)
		return 0;
	int64_t written = terminal->queues[WAITER_WRITE] ? 0 : write_some(terminal, request->id, 0, length);
	if (written < 0)
		return (int)written;
	*count = (uint64_t)written;
	if (*count == length || (written && !may_wait))
		return 0;
	if (!may_wait)
		return -EAGAIN;
	struct waiter *waiter = waiter_park(request, WAITER_WRITE, file, length);
	if (!waiter)
		return written ? 0 : -ENOMEM;
	waiter->done = (uint64_t)written;
	return REQUEST_PARKED;
}

bool writes_advance(struct terminal *terminal)
{
	bool moved = false;
	struct waiter *waiter;
	while ((waiter = terminal->queues[WAITER_WRITE])) {
		int64_t some = write_some(terminal, waiter->id, waiter->done, waiter->length);
		if (some == 0)
			break;
		moved = true;
		if (some > 0)
			waiter->done += (uint64_t)some;
		if (some < 0 || waiter->done == waiter->length)
			waiter_answer(waiter, some < 0 && !waiter->done ? (int)some : 0, waiter->done);
	}
	return moved;
}

/* Has everything written so far left the machine? */
static bool output_drained(struct terminal *terminal, struct waiter *waiter)
{
	if (terminal->queues[WAITER_WRITE] || ring_count(terminal->output))
		return false;
	if (!terminal->line)
		return true;
	if (!waiter->drain_begun) {
		waiter->drain_begun = true;
		waiter->drain = ++terminal->line->drain_wanted;
	}
	return line_drained(terminal->line, waiter->drain);
}

int terminal_drain(struct request *request, struct file *file, struct waiter **waiter)
{
	*waiter = NULL;
	if (file->terminal->hung_up)
		return -EIO;
	*waiter = waiter_park(request, WAITER_DRAIN, file, 0);
	return *waiter ? REQUEST_PARKED : -ENOMEM;
}

bool drains_advance(struct terminal *terminal)
{
	struct waiter *waiter = terminal->queues[WAITER_DRAIN];
	if (!waiter || !output_drained(terminal, waiter))
		return false;
	if (waiter->sets) {
		struct settings old = terminal->settings;
		terminal->settings = waiter->settings;
		if (waiter->flushes)
			discipline_flush(terminal);
		discipline_settings_changed(terminal, &old);
	}
	waiter_answer(waiter, 0, 0);
	return true;
}
