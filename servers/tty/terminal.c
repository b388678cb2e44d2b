/* Terminals and their open files; what moves after an event. */
#include "tty.h"
#include <errno.h>
#include <stdlib.h>
#include <termios.h>

struct state state;

static const struct settings settings_default = {
	.input = ICRNL | IXON,
	.output = OPOST | ONLCR,
	.control = B115200 | CS8 | CREAD | HUPCL | CLOCAL,
	.local = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.characters = { [VINTR] = 3, [VQUIT] = 0x1c, [VERASE] = 0x7f, [VKILL] = 0x15, [VEOF] = 4, [VMIN] = 1,
	                [VSTART] = 0x11, [VSTOP] = 0x13, [VSUSP] = 0x1a, [VREPRINT] = 0x12, [VDISCARD] = 0x0f,
	                [VWERASE] = 0x17, [VLNEXT] = 0x16 },
};

struct terminal *terminal_create(uint32_t device)
{
	struct terminal *terminal = calloc(1, sizeof *terminal);
	if (!terminal)
		return NULL;
	terminal->device = device;
	terminal->settings = settings_default;
	terminal->next = state.terminals;
	state.terminals = terminal;
	return terminal;
}

void terminal_destroy(struct terminal *terminal)
{
	struct terminal **link = &state.terminals;
	while (*link != terminal)
		link = &(*link)->next;
	*link = terminal->next;
	free(terminal->own_output.bytes);
	free(terminal);
}

struct terminal *terminal_find(uint32_t device)
{
	struct terminal *terminal = state.terminals;
	while (terminal && terminal->device != device)
		terminal = terminal->next;
	return terminal;
}

struct terminal *terminal_of_session(uint32_t session)
{
	struct terminal *terminal = session ? state.terminals : NULL;
	while (terminal && terminal->session != session)
		terminal = terminal->next;
	return terminal;
}

struct file *file_create(struct terminal *terminal, uint32_t flags, bool is_master)
{
	struct file *file = calloc(1, sizeof *file);
	if (!file)
		return NULL;
	file->label = label_make(&state.labels, file);
	if (!file->label) {
		free(file);
		return NULL;
	}
	file->terminal = terminal;
	file->is_master = is_master;
	file->flags = flags;
	file->next = terminal->files;
	terminal->files = file;
	if (!is_master) {
		terminal->open_files++;
		terminal->slave_opened = true;
	}
	return file;
}

void terminal_hang_up(struct terminal *terminal)
{
	if (terminal->hung_up)
		return;
	terminal->hung_up = true;
	job_signal(terminal, SIGNAL_HUP);
	job_signal(terminal, SIGNAL_CONT);
	discipline_flush(terminal);
	waiters_of_kind(terminal, WAITER_WRITE, -EIO);
	waiters_of_kind(terminal, WAITER_DRAIN, -EIO);
}

void file_close(struct file *file)
{
	struct terminal *terminal = file->terminal;
	waiters_of_file(file, -EBADF);
	struct file **link = &terminal->files;
	while (*link != file)
		link = &(*link)->next;
	*link = file->next;
	watch_clear(&file->watches);
	label_drop(&state.labels, file->label);
	if (file->is_master) {
		terminal->master = NULL;
		terminal_hang_up(terminal);
	} else if (--terminal->open_files == 0) {
		terminal->exclusive = false;
	}
	free(file);
	if (terminal->pseudo && !terminal->master && terminal->open_files == 0)
		terminal_destroy(terminal);
	else
		terminal_advance(terminal);
}

static uint32_t master_ready(const struct terminal *terminal)
{
	uint32_t ready = 0;
	if (ring_count(terminal->output) && !terminal->output_stopped)
		ready |= WATCH_IN | WATCH_READ_NORMAL;
	if (terminal->slave_opened && terminal->open_files == 0)
		ready |= WATCH_HANGUP;
	if (ready_room(terminal))
		ready |= WATCH_OUT | WATCH_WRITE_NORMAL;
	return ready;
}

uint32_t file_ready(const struct file *file)
{
	const struct terminal *terminal = file->terminal;
	if (file->is_master)
		return master_ready(terminal);
	uint32_t ready = 0;
	if (terminal->hung_up)
		return WATCH_IN | WATCH_READ_NORMAL | WATCH_OUT | WATCH_WRITE_NORMAL | WATCH_HANGUP | WATCH_ERROR;
	if (input_available(terminal))
		ready |= WATCH_IN | WATCH_READ_NORMAL;
	if (ring_room(terminal->output) > 2 * ECHO_RESERVE)
		ready |= WATCH_OUT | WATCH_WRITE_NORMAL;
	return ready;
}

void terminal_advance(struct terminal *terminal)
{
	if (terminal->advancing)
		return; /* the loop below goes on until nothing moves */
	terminal->advancing = true;
	if (terminal->line)
		line_look(terminal->line);
	bool moved;
	do {
		moved = input_pump(terminal);
		moved |= reads_advance(terminal);
		moved |= writes_advance(terminal);
		moved |= drains_advance(terminal);
		if (terminal->pseudo)
			moved |= masters_advance(terminal);
	} while (moved);
	terminal->advancing = false;
	for (struct file *file = terminal->files; file; file = file->next)
		if (file->watches.count)
			watch_fire(&file->watches, file_ready(file));
	timers_program();
}
