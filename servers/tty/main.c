/* The terminal server. See README.md. */
#include "protocol_device.h"
#include "protocol_filesystem.h"
#include "tty.h"
#include <errno.h>
#include <sys/stat.h>

static int serve_open(struct request *request, const struct device_open_in *in, struct device_open_out *out)
{
	(void)out;
	if (in->device > UINT32_MAX)
		return -ENXIO;
	return open_device(request, (uint32_t)in->device, in->flags, in->process, in->session);
}

static int handle(struct request *request)
{
	static const struct device_operations operations = { .open = serve_open };
	if (request->label < LABEL_DEVICES_END)
		return device_dispatch(&operations, request);
	return file_serve(request);
}

static void cancel(uint64_t id, unsigned reason)
{
	(void)reason;
	waiter_cancel(id);
}

static void closed(uint64_t label)
{
	struct file *file = label_find(&state.labels, label);
	if (file)
		file_close(file);
}

static void all_advance(void)
{
	for (struct terminal *terminal = state.terminals; terminal; terminal = terminal->next)
		if (terminal->pseudo || terminal->line->terminal == terminal)
			terminal_advance(terminal);
}

/* Bits are hints: every terminal is looked at. */
static void signalled(uint64_t bits)
{
	if (bits & 1 || bits == 0)
		state.timer = 0; /* it has gone off */
	all_advance();
}

/* Slaves of pseudo-terminals, wherever their nodes are. */
static void attach_slaves(void)
{
	slot_t gate = state.filesystem ? server_make_gate(LABEL_SLAVES) : 0;
	if (!gate)
		return;
	filesystem_attach_device(state.filesystem, NULL, S_IFCHR, MAJOR_PTS, 0, PTY_MAX, gate);
	slot_free(gate);
}

static void first(void)
{
	static const char *const names[LINE_COUNT] = { "serial0", "serial1" };
	state.notification = server_notification();
	state.proc = startup_slot("proc");
	state.filesystem = startup_slot("tmpfs");
	for (unsigned i = 0; i < LINE_COUNT; i++) {
		state.lines[i].serial = startup_slot(names[i]);
		state.lines[i].bits = 2u << i;
	}
	attach_slaves();
}

/* Signals may have been lost, the timer may be another step's. */
static void again(void)
{
	for (unsigned i = 0; i < LINE_COUNT; i++)
		if (state.lines[i].running && !line_resume(&state.lines[i]))
			__builtin_trap(); /* once more */
	state.timer = 0;
	all_advance();
	timers_program();
}

static void committed(void)
{
	for (unsigned i = 0; i < LINE_COUNT; i++)
		if (state.lines[i].running)
			line_publish(&state.lines[i]);
}

int main(void)
{
	static const struct server server = {
		.name = "tty",
		.handle = handle,
		.cancel = cancel,
		.closed = closed,
		.first = first,
		.again = again,
		.committed = committed,
		.signalled = signalled,
	};
	server_run(&server);
}
