/* The file protocol, as a pipe's end speaks it: without reading and writing, which need no server. */
#include "pipe.h"
#include "protocol_file.h"
#include "protocols/file.h"
#include <errno.h>
#include <string.h>

#define CONTROL_FIONREAD 0x541bu
#define CONTROL_FIONBIO 0x5421u
#define MODE_FIFO 0010600u
#define MODE_SOCKET 0140777u
#define PIPE_DEVICE 13u   /* st_dev of what has no name */
#define SOCKET_DEVICE 8u

static struct end *request_end(const struct request *request)
{
	return label_find(&state.labels, request->label);
}

static int serve_seek(struct request *request, const struct file_seek_in *in, struct file_seek_out *out)
{
	(void)request, (void)in, (void)out;
	return -ESPIPE;
}

static int serve_status(struct request *request)
{
	static NOT_STATE struct file_attributes attributes; /* read when the answer goes out */
	const struct end *end = request_end(request);
	const struct pipe *pipe = end->input ? end->input : end->output;
	attributes = (struct file_attributes){
		.device = end->pair ? SOCKET_DEVICE : PIPE_DEVICE,
		.inode = pipe->inode,
		.mode = end->pair ? MODE_SOCKET : MODE_FIFO,
		.links = 1,
		.block_size = 4096,
		.access_time = pipe->made_at,
		.modify_time = pipe->made_at,
		.change_time = pipe->made_at,
	};
	request_reply_data(request, &attributes, sizeof attributes);
	return 0;
}

static int control_pending(struct request *request, const struct end *end)
{
	uint32_t found = end->input ? ring_pending(end->input) : 0;
	int32_t pending = found <= RING_CAPACITY ? (int32_t)found : 0;
	int64_t done = request_write(request, 0, &pending, sizeof pending);
	return done < 0 ? (int)done : done < (int64_t)sizeof pending ? -EFAULT : 0;
}

static int serve_control(struct request *request, const struct file_control_in *in, struct file_control_out *out)
{
	struct end *end = request_end(request);
	int32_t on;
	out->result = 0;
	switch (in->command) {
	case CONTROL_FIONREAD:
		return control_pending(request, end);
	case CONTROL_FIONBIO:
		if (request->data_length < sizeof on)
			return -EFAULT;
		memcpy(&on, request->data, sizeof on);
		end->flags = on ? end->flags | OPEN_NONBLOCK : end->flags & ~OPEN_NONBLOCK;
		ring_show_flags(end);
		return 0;
	default:
		return -ENOTTY;
	}
}

/* The rings say that somebody watches before they are looked at. */
static int serve_poll(struct request *request, const struct file_poll_in *in, struct file_poll_out *out)
{
	struct end *end = request_end(request);
	bool watches = request->caps[0].kind == MESSAGE_CAP_SLOT;
	struct pipe *pipes[2] = { end->input, end->output };
	for (int i = 0; i < 2 && watches; i++) {
		if (!pipes[i])
			continue;
		ring_watch(pipes[i], true, true);
		ring_note(pipes[i]);
	}
	int status = watch_poll(&end->watches, request, end_ready(end), in->events, in->cookie, in->bits, &out->ready);
	for (int i = 0; i < 2; i++)
		if (pipes[i])
			pipe_watch(pipes[i]);
	return status;
}

static int serve_synchronize(struct request *request)
{
	(void)request;
	return -EINVAL; /* fsync of a pipe */
}

static int serve_get_flags(struct request *request, struct file_get_flags_out *out)
{
	out->flags = request_end(request)->flags;
	return 0;
}

static int serve_set_flags(struct request *request, const struct file_set_flags_in *in)
{
	struct end *end = request_end(request);
	end->flags = (end->flags & ~OPEN_SETTABLE) | (in->flags & OPEN_SETTABLE);
	ring_show_flags(end);
	return 0;
}

static int serve_release_locks(struct request *request, const struct file_release_locks_in *in)
{
	(void)request, (void)in;
	return 0; /* there are none */
}

static int serve_system_status(struct request *request)
{
	static const struct file_system_info info = { .type = 0x50495045, .block_size = 4096, .name_max = 255 };
	request_reply_data(request, &info, sizeof info);
	return 0;
}

int file_serve(struct request *request)
{
	static const struct file_operations operations = {
		.seek = serve_seek,
		.status = serve_status,
		.control = serve_control,
		.poll = serve_poll,
		.synchronize = serve_synchronize,
		.get_flags = serve_get_flags,
		.set_flags = serve_set_flags,
		.release_locks = serve_release_locks,
		.system_status = serve_system_status,
	};
	return file_dispatch(&operations, request);
}
