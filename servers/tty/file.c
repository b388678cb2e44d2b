/* The file protocol, as terminals, streams and masters speak it. */
#include "tty.h"
#include "protocol_file.h"
#include "protocols/file.h"
#include <errno.h>
#include <sys/stat.h>

#define TERMINAL_FILE_SYSTEM 5u /* st_dev */
#define MASTER_DEVICE (5u << 8 | 2)

static struct file *request_file(const struct request *request)
{
	return label_find(&state.labels, request->label);
}

static bool may_wait(const struct file *file, uint32_t flags)
{
	return !(file->flags & OPEN_NONBLOCK) && !(flags & FILE_RWF_NOWAIT);
}

static int serve_read(struct request *request, const struct file_read_in *in, struct file_read_out *out)
{
	struct file *file = request_file(request);
	if (in->offset != FILE_OFFSET_CURRENT)
		return -ESPIPE;
	if ((file->flags & OPEN_ACCESS) == OPEN_WRITE)
		return -EBADF;
	if (file->is_master)
		return master_read(request, file, in->length, may_wait(file, in->flags), &out->count);
	int status = job_check_read(file->terminal, FILE_FLAGS_PROCESS(in->flags), in->flags & FILE_FLAGS_SIGNAL_OFF);
	return status < 0 ? status : terminal_read(request, file, in->length, may_wait(file, in->flags), &out->count);
}

static int serve_write(struct request *request, const struct file_write_in *in, struct file_write_out *out)
{
	struct file *file = request_file(request);
	if (in->offset != FILE_OFFSET_CURRENT)
		return -ESPIPE;
	if ((file->flags & OPEN_ACCESS) == OPEN_READ)
		return -EBADF;
	if (file->is_master)
		return master_write(request, file, request->send_length, may_wait(file, in->flags), &out->count);
	int status = job_check_write(file->terminal, FILE_FLAGS_PROCESS(in->flags), in->flags & FILE_FLAGS_SIGNAL_OFF);
	if (status < 0)
		return status;
	return terminal_write(request, file, request->send_length, may_wait(file, in->flags), &out->count);
}

static int serve_seek(struct request *request, const struct file_seek_in *in, struct file_seek_out *out)
{
	(void)request, (void)in, (void)out;
	return -ESPIPE;
}

static struct file_attributes attributes_of(const struct file *file)
{
	const struct terminal *terminal = file->terminal;
	uint32_t device = file->is_master ? MASTER_DEVICE : terminal->device;
	return (struct file_attributes){
		.device = TERMINAL_FILE_SYSTEM,
		.inode = device,
		.mode = terminal->stream ? S_IFIFO | 0600 : S_IFCHR | 0620,
		.links = 1,
		.special_device = terminal->stream ? 0 : device,
		.block_size = terminal->stream ? 4096 : 1024,
	};
}

static int serve_status(struct request *request)
{
	static NOT_STATE struct file_attributes attributes; /* read when the answer goes out */
	const struct file *file = request_file(request);
	/* A terminal is the same file as its node: ttyname compares them. */
	if (file->is_master || file->terminal->stream || !node_status(file->terminal->device, &attributes))
		attributes = attributes_of(file);
	attributes.access_time = attributes.modify_time = (int64_t)step_recall(time_real());
	request_reply_data(request, &attributes, sizeof attributes);
	return 0;
}

static int serve_set_attributes(struct request *request, const struct file_set_attributes_in *in)
{
	(void)request, (void)in;
	return -EPERM; /* mode and owner are the node's; who asks is not known here: chmod and chown by name */
}

static int serve_control(struct request *request, const struct file_control_in *in, struct file_control_out *out)
{
	struct caller caller = { .process = in->process & ~FILE_PROCESS_SIGNAL_OFF,
	                         .signal_off = in->process & FILE_PROCESS_SIGNAL_OFF };
	return control_serve(request, request_file(request), in->command, in->argument, caller, &out->result);
}

static int serve_poll(struct request *request, const struct file_poll_in *in, struct file_poll_out *out)
{
	struct file *file = request_file(request);
	return watch_poll(&file->watches, request, file_ready(file), in->events, in->cookie, in->bits, &out->ready);
}

/* Not for programs (fsync of a terminal is EINVAL there): the session's end waits for output with it. */
static int serve_synchronize(struct request *request)
{
	struct file *file = request_file(request);
	struct waiter *waiter;
	return file->is_master ? 0 : terminal_drain(request, file, &waiter);
}

static int serve_get_flags(struct request *request, struct file_get_flags_out *out)
{
	out->flags = request_file(request)->flags;
	return 0;
}

static int serve_set_flags(struct request *request, const struct file_set_flags_in *in)
{
	struct file *file = request_file(request);
	file->flags = (file->flags & ~OPEN_SETTABLE) | (in->flags & OPEN_SETTABLE);
	return 0;
}

static int serve_release_locks(struct request *request, const struct file_release_locks_in *in)
{
	(void)request, (void)in;
	return 0; /* there are none */
}

int file_serve(struct request *request)
{
	static const struct file_operations operations = {
		.read = serve_read,
		.write = serve_write,
		.seek = serve_seek,
		.status = serve_status,
		.set_attributes = serve_set_attributes,
		.control = serve_control,
		.poll = serve_poll,
		.synchronize = serve_synchronize,
		.get_flags = serve_get_flags,
		.set_flags = serve_set_flags,
		.release_locks = serve_release_locks,
	};
	struct file *file = request_file(request);
	if (!file)
		return -EBADF;
	struct terminal *terminal = file->terminal;
	if (terminal->line)
		line_look(terminal->line);
	int status = file_dispatch(&operations, request);
	terminal_advance(terminal);
	return status;
}
