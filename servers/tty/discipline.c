/* The discipline: what a byte that comes in does.
 *
 * In order: input mapping, flow control, signals, then editing (canonical) or straight into the ready
 * queue. A byte that cannot be dealt with now (no room in the ready queue, or for its
 * echo) is refused and stays where it was: that is the back-pressure on the line. */
#include "tty.h"
#include <termios.h>

static bool is_character(const struct terminal *terminal, int index, unsigned char byte)
{
	return byte && terminal->settings.characters[index] == byte;
}

static bool local(const struct terminal *terminal, uint32_t flag)
{
	return terminal->settings.local & flag;
}

/* Carriage returns and newlines; false: the byte is dropped. */
static bool map_input(const struct settings *settings, unsigned char *byte)
{
	if (settings->input & ISTRIP)
		*byte &= 0x7f;
	if (*byte == '\r') {
		if (settings->input & IGNCR)
			return false;
		if (settings->input & ICRNL)
			*byte = '\n';
	} else if (*byte == '\n' && (settings->input & INLCR)) {
		*byte = '\r';
	}
	return true;
}

void discipline_flush(struct terminal *terminal)
{
	terminal->ready_taken = terminal->ready_added;
	terminal->ready_lines = 0;
	terminal->edit_length = 0;
	terminal->literal_next = false;
}

/* ^S and ^Q. True: the byte was one of them, or only woke the output. */
static bool take_flow(struct terminal *terminal, unsigned char byte)
{
	if (!(terminal->settings.input & IXON))
		return false;
	if (is_character(terminal, VSTOP, byte) && !(terminal->output_stopped && is_character(terminal, VSTART, byte))) {
		output_stop(terminal, true);
		return true;
	}
	if (is_character(terminal, VSTART, byte)) {
		output_stop(terminal, false);
		return true;
	}
	if (terminal->output_stopped && (terminal->settings.input & IXANY))
		output_stop(terminal, false);
	return false;
}

static bool take_signal(struct terminal *terminal, unsigned char byte)
{
	static const struct {
		int character;
		uint32_t signal;
	} signals[] = { { VINTR, SIGNAL_INT }, { VQUIT, SIGNAL_QUIT }, { VSUSP, SIGNAL_TSTP } };
	if (!local(terminal, ISIG))
		return false;
	for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		if (!is_character(terminal, signals[i].character, byte))
			continue;
		if (!local(terminal, NOFLSH))
			discipline_flush(terminal);
		output_stop(terminal, false);
		if (local(terminal, ECHO))
			output_echo(terminal, byte);
		job_signal(terminal, signals[i].signal);
		return true;
	}
	return false;
}

static void edit_add(struct terminal *terminal, unsigned char byte)
{
	if (terminal->edit_length == EDIT_MAX)
		return; /* as Linux: the rest of an overlong line is lost */
	if (terminal->edit_length == 0)
		terminal->edit_column = terminal->column;
	terminal->edit[terminal->edit_length++] = byte;
	if (local(terminal, ECHO))
		output_echo(terminal, byte);
}

/* The line is complete; `end` is its last entry. */
static void edit_commit(struct terminal *terminal, uint16_t end)
{
	for (uint32_t i = 0; i < terminal->edit_length; i++)
		ready_add(terminal, terminal->edit[i]);
	terminal->edit_length = 0;
	ready_add(terminal, end);
}

static bool take_line_end(struct terminal *terminal, unsigned char byte)
{
	bool newline = byte == '\n', end_of_file = is_character(terminal, VEOF, byte);
	if (!newline && !end_of_file && !is_character(terminal, VEOL, byte) &&
	    !(local(terminal, IEXTEN) && is_character(terminal, VEOL2, byte)))
		return false;
	if (newline ? local(terminal, ECHO | ECHONL) : !end_of_file && local(terminal, ECHO))
		newline ? output_byte(terminal, '\n') : output_echo(terminal, byte);
	edit_commit(terminal, end_of_file ? READY_EOF : byte | READY_END);
	return true;
}

/* Editing characters. True: the byte was one. */
static bool take_edit(struct terminal *terminal, unsigned char byte)
{
	if (is_character(terminal, VERASE, byte))
		edit_erase(terminal);
	else if (is_character(terminal, VKILL, byte))
		edit_kill(terminal);
	else if (local(terminal, IEXTEN) && is_character(terminal, VWERASE, byte))
		edit_erase_word(terminal);
	else if (local(terminal, IEXTEN) && is_character(terminal, VREPRINT, byte))
		edit_reprint(terminal);
	else
		return false;
	return true;
}

static void take_canonical(struct terminal *terminal, unsigned char byte)
{
	if (local(terminal, IEXTEN) && is_character(terminal, VLNEXT, byte)) {
		terminal->literal_next = true;
		if (local(terminal, ECHO) && local(terminal, ECHOCTL)) {
			output_raw(terminal, '^');
			output_raw(terminal, '\b');
		}
		return;
	}
	if (!take_edit(terminal, byte) && !take_line_end(terminal, byte))
		edit_add(terminal, byte);
}

static void take_plain(struct terminal *terminal, unsigned char byte)
{
	ready_add(terminal, byte);
	if (local(terminal, ECHO))
		output_echo(terminal, byte);
}

/* A stream's bytes: as they are, or with the runner's escapes undone. */
static bool take_stream(struct terminal *terminal, unsigned char byte)
{
	if (!ready_room(terminal))
		return false;
	if (!terminal->escaped || terminal->input_ended) {
		if (!terminal->input_ended)
			ready_add(terminal, byte);
	} else if (terminal->escape_seen) {
		terminal->escape_seen = false;
		if (byte == 'E')
			terminal->input_ended = true;
		else
			ready_add(terminal, byte);
	} else if (byte == 0x10) {
		terminal->escape_seen = true;
	} else {
		ready_add(terminal, byte);
	}
	return true;
}

bool discipline_take(struct terminal *terminal, unsigned char byte)
{
	bool canonical = local(terminal, ICANON);
	if (terminal->stream)
		return take_stream(terminal, byte);
	if (terminal->literal_next) {
		terminal->literal_next = false;
		canonical ? edit_add(terminal, byte) : take_plain(terminal, byte);
		return true;
	}
	if (take_flow(terminal, byte))
		return true;
	/* While the output is held its ring may stay full: echoes are dropped then, but not input. */
	if (!terminal->output_stopped && !output_has_room(terminal))
		return false;
	if (!map_input(&terminal->settings, &byte) || take_signal(terminal, byte))
		return true;
	if (ready_room(terminal) <= (canonical ? terminal->edit_length + 1 : 0))
		return false;
	canonical ? take_canonical(terminal, byte) : take_plain(terminal, byte);
	return true;
}

/* Between canonical and raw what was typed stays readable: the line being edited becomes plain
 * input; plain input not yet read becomes a line. */
void discipline_settings_changed(struct terminal *terminal, const struct settings *old)
{
	bool was = old->local & ICANON, is = local(terminal, ICANON);
	if (was && !is) {
		for (uint32_t i = 0; i < terminal->edit_length && ready_room(terminal); i++)
			ready_add(terminal, terminal->edit[i]);
		terminal->edit_length = 0;
		terminal->literal_next = false;
	}
	if (!was && is && ready_count(terminal)) {
		uint16_t *last = &terminal->ready[(terminal->ready_added - 1) & (READY_SIZE - 1)];
		if (!(*last & (READY_END | READY_EOF))) {
			*last |= READY_END;
			terminal->ready_lines++;
		}
	}
	if (!(terminal->settings.input & IXON) && terminal->output_stopped)
		output_stop(terminal, false);
}
