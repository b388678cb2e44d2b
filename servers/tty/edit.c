/* The line being edited: taking characters back, on the screen too.
 *
 * How wide a character stands on the screen depends on the column it began at (tabs), so the
 * line is measured from the column where it started. */
#include "tty.h"
#include <ctype.h>
#include <termios.h>

static bool local(const struct terminal *terminal, uint32_t flag)
{
	return terminal->settings.local & flag;
}

/* A later byte of a UTF-8 character: no width, and erased with the first. */
static bool continues(const struct terminal *terminal, unsigned char byte)
{
	return (terminal->settings.input & IUTF8) && (byte & 0xc0) == 0x80;
}

static uint32_t width_at(const struct terminal *terminal, unsigned char byte, uint32_t column)
{
	if (byte == '\t')
		return 8 - (column & 7);
	if (byte < 0x20 || byte == 0x7f)
		return local(terminal, ECHOCTL) ? 2 : 0;
	return continues(terminal, byte) ? 0 : 1;
}

static uint32_t edit_width(const struct terminal *terminal)
{
	uint32_t column = terminal->edit_column;
	for (uint32_t i = 0; i < terminal->edit_length; i++)
		column += width_at(terminal, terminal->edit[i], column);
	return column - terminal->edit_column;
}

/* Shorten the line and the screen to `length` bytes. */
static void edit_shorten(struct terminal *terminal, uint32_t length)
{
	uint32_t before = edit_width(terminal);
	terminal->edit_length = length;
	if (!local(terminal, ECHO))
		return;
	for (uint32_t width = before - edit_width(terminal); width && output_has_room(terminal); width--) {
		output_raw(terminal, '\b');
		output_raw(terminal, ' ');
		output_raw(terminal, '\b');
	}
}

static uint32_t last_character(const struct terminal *terminal, uint32_t length)
{
	while (length > 1 && continues(terminal, terminal->edit[length - 1]))
		length--;
	return length ? length - 1 : 0;
}

void edit_erase(struct terminal *terminal)
{
	if (!terminal->edit_length)
		return;
	if (local(terminal, ECHOE)) {
		edit_shorten(terminal, last_character(terminal, terminal->edit_length));
		return;
	}
	terminal->edit_length = last_character(terminal, terminal->edit_length);
	if (local(terminal, ECHO))
		output_echo(terminal, terminal->settings.characters[VERASE]);
}

void edit_erase_word(struct terminal *terminal)
{
	uint32_t length = terminal->edit_length;
	bool in_word = false;
	while (length) {
		uint32_t before = last_character(terminal, length);
		unsigned char byte = terminal->edit[before];
		bool of_word = isalnum(byte) || byte == '_' || byte >= 0x80;
		if (in_word && !of_word)
			break;
		in_word |= of_word;
		length = before;
	}
	edit_shorten(terminal, length);
}

void edit_kill(struct terminal *terminal)
{
	if (local(terminal, ECHOKE) && local(terminal, ECHOE)) {
		edit_shorten(terminal, 0);
		return;
	}
	terminal->edit_length = 0;
	if (!local(terminal, ECHO))
		return;
	output_echo(terminal, terminal->settings.characters[VKILL]);
	if (local(terminal, ECHOK))
		output_byte(terminal, '\n');
}

void edit_reprint(struct terminal *terminal)
{
	if (!local(terminal, ECHO))
		return;
	output_echo(terminal, terminal->settings.characters[VREPRINT]);
	output_byte(terminal, '\n');
	terminal->edit_column = 0;
	for (uint32_t i = 0; i < terminal->edit_length && output_has_room(terminal); i++)
		output_echo(terminal, terminal->edit[i]);
}
