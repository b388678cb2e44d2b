/* Opening devices: which terminal a number means, and how it comes to be. */
#include "tty.h"
#include "protocol_process.h"
#include <errno.h>

#define MAJOR_SERIAL 4u
#define MINOR_SERIAL 64u
#define MAJOR_SPECIAL 5u /* 0 tty, 1 console, 2 ptmx */
#define MAJOR_STREAM 240u
#define DEVICE(major, minor) ((major) << 8 | (minor))

/* A line has one user at a time: a terminal or a stream, whichever is opened while the other is closed. */
static struct terminal *line_terminal(uint32_t device, uint32_t number, bool stream, int *status)
{
	*status = -ENXIO;
	if (number >= LINE_COUNT || !line_start(&state.lines[number]))
		return NULL;
	struct line *line = &state.lines[number];
	*status = -EBUSY;
	if (line->terminal && line->terminal->device != device && line->terminal->open_files)
		return NULL;
	struct terminal *terminal = terminal_find(device);
	*status = -ENOMEM;
	if (!terminal && !(terminal = terminal_create(device)))
		return NULL;
	terminal->line = line;
	terminal->output = &line->output;
	terminal->stream = stream;
	terminal->escaped = stream && number == 0;
	if (stream)
		terminal->settings.output = 0;
	line->terminal = terminal;
	return terminal;
}

static struct terminal *device_terminal(uint32_t device, uint32_t session, int *status)
{
	uint32_t major = device >> 8, minor = device & 0xff;
	*status = -ENXIO;
	if (major == MAJOR_SERIAL && minor >= MINOR_SERIAL)
		return line_terminal(device, minor - MINOR_SERIAL, false, status);
	if (major == MAJOR_STREAM)
		return line_terminal(device, minor, true, status);
	if (major == MAJOR_SPECIAL && minor == 0)
		return terminal_of_session(session);
	if (major == MAJOR_SPECIAL && minor == 1)
		return line_terminal(DEVICE(MAJOR_SERIAL, MINOR_SERIAL), 0, false, status);
	if (major == MAJOR_PTS) {
		struct terminal *terminal = terminal_find(device);
		*status = terminal ? -EIO : -ENXIO;
		return terminal && !terminal->locked && !terminal->hung_up ? terminal : NULL;
	}
	return NULL;
}

/* Who opens: what proc says where the caller proves itself, else what the caller says. */
static void identify(const struct request *request, uint32_t *process, uint32_t *session, uint32_t *user)
{
	struct process_credentials credentials = { 0 };
	*user = 0;
	if (request->caps[0].kind != MESSAGE_CAP_SLOT || !state.proc)
		return;
	if (process_identify(state.proc, NULL, request->caps[0].slot, &credentials, sizeof credentials, NULL, process) != 0)
		return;
	job_session_of(*process, session);
	*user = credentials.file_user;
}

int open_device(struct request *request, uint32_t device, uint32_t flags, uint32_t process, uint32_t session)
{
	uint32_t kept = flags & (OPEN_ACCESS | OPEN_SETTABLE);
	int status;
	uint32_t user;
	identify(request, &process, &session, &user);
	if (device == DEVICE(MAJOR_SPECIAL, 2))
		return pty_open_master(request, kept, user);
	struct terminal *terminal = device_terminal(device, session, &status);
	if (!terminal)
		return status;
	if (terminal->exclusive)
		return -EBUSY;
	struct file *file = file_create(terminal, kept, false);
	slot_t gate = file ? server_make_gate(file->label) : 0;
	if (!gate) {
		if (file)
			file_close(file);
		return -ENOMEM;
	}
	if (!(flags & OPEN_NOCTTY) && device != DEVICE(MAJOR_SPECIAL, 0))
		job_opened(terminal, process, session);
	request_send_cap(request, 0, gate, true);
	terminal_advance(terminal);
	return 0;
}
