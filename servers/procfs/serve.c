/* The file protocol on open spots. A file's text is rendered when it is read from its start, so one that is
 * rewound shows the present. */
#define _GNU_SOURCE
#include "procfs.h"

#include "protocol_file.h"
#include "server/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTING_MAX 16384u
#define WRITE_MAX 4096u

static struct label_table labels;

struct open_spot *open_spot_make(const struct spot *spot, uint32_t flags)
{
	struct open_spot *open = calloc(1, sizeof *open);
	if (!open)
		return NULL;
	open->spot = *spot;
	open->flags = flags & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	open->label = label_make(&labels, open);
	if (!open->label) {
		free(open);
		return NULL;
	}
	return open;
}

struct open_spot *open_spot_find(uint64_t label)
{
	static struct open_spot root = { .spot = { .place = &root_place }, .flags = O_DIRECTORY };
	return label == LABEL_ROOT ? &root : label_find(&labels, label);
}

bool open_spot_is_writable(const struct open_spot *open)
{
	return !(open->flags & O_PATH) && (open->flags & O_ACCMODE) != O_RDONLY;
}

bool open_spot_keeps(const struct open_spot *open)
{
	return open->spot.place->keeping && open_spot_is_writable(open);
}

void open_spot_drop(uint64_t label)
{
	struct open_spot *open = label_find(&labels, label);
	if (!open)
		return;
	if (open_spot_keeps(open))
		open->spot.place->keeping->closed(label);
	label_drop(&labels, label);
	text_clear(&open->text);
	free(open);
}

static struct open_spot *this_spot(const struct request *request)
{
	return open_spot_find(request->label);
}

static bool readable(const struct open_spot *open)
{
	return !(open->flags & O_PATH) && (open->flags & O_ACCMODE) != O_WRONLY;
}

static int render(struct open_spot *open)
{
	text_clear(&open->text);
	open->rendered = false;
	int status = open->spot.place->render(&open->spot, &open->text);
	if (status == 0 && open->text.failed)
		status = -ENOMEM;
	if (status == -ENOENT)
		status = -ESRCH; /* the process is gone */
	open->rendered = status == 0;
	return status;
}

static int serve_read(struct request *request, const struct file_read_in *in, struct file_read_out *out)
{
	struct open_spot *open = this_spot(request);
	if (!readable(open))
		return -EBADF;
	if (spot_is_directory(&open->spot))
		return -EISDIR;
	bool current = in->offset == FILE_OFFSET_CURRENT;
	uint64_t offset = current ? open->offset : (uint64_t)in->offset;
	if (!current && in->offset < 0)
		return -EINVAL;
	int status = offset == 0 || !open->rendered ? render(open) : 0;
	if (status)
		return status;
	uint64_t length = in->length < request->receive_length ? in->length : request->receive_length;
	uint64_t left = offset < open->text.length ? open->text.length - offset : 0;
	out->count = length < left ? length : left;
	if (out->count)
		request_reply_data(request, open->text.bytes + offset, out->count);
	if (current)
		open->offset += out->count;
	return 0;
}

static int write_kept(const struct request *request, struct open_spot *open, int64_t offset, uint64_t *count)
{
	bool current = offset == FILE_OFFSET_CURRENT;
	if (!current && offset < 0)
		return -EINVAL;
	int status = open->spot.place->keeping->write(request, current ? open->offset : (uint64_t)offset, count);
	if (current)
		open->offset += *count;
	return status;
}

static int serve_write(struct request *request, const struct file_write_in *in, struct file_write_out *out)
{
	struct open_spot *open = this_spot(request);
	if (!open_spot_is_writable(open))
		return -EBADF;
	if (open->spot.place->keeping)
		return write_kept(request, open, in->offset, &out->count);
	if (!open->spot.place->store || request->data_length > WRITE_MAX)
		return -EINVAL;
	int status = open->spot.place->store(request->id, request->data, request->data_length);
	if (status == 0)
		out->count = request->send_length;
	return status;
}

static int serve_seek(struct request *request, const struct file_seek_in *in, struct file_seek_out *out)
{
	struct open_spot *open = this_spot(request);
	int64_t position = in->offset;
	if (open->flags & O_PATH)
		return -EBADF;
	if (in->whence == SEEK_CUR)
		position += (int64_t)open->offset;
	else if (in->whence != SEEK_SET)
		return -EINVAL;
	if (position < 0)
		return -EINVAL;
	open->offset = (uint64_t)position;
	out->position = position;
	return 0;
}

static int serve_status(struct request *request)
{
	static NOT_STATE struct file_attributes attributes;
	spot_attributes(&this_spot(request)->spot, &attributes);
	request_reply_data(request, &attributes, sizeof attributes);
	return 0;
}

static int serve_set_attributes(struct request *request, const struct file_set_attributes_in *in)
{
	const struct open_spot *open = this_spot(request);
	if (open->flags & O_PATH)
		return -EBADF;
	return in->mask == ATTRIBUTE_SIZE && place_is_writable(open->spot.place) ? 0 : -EPERM;
}

static int serve_read_directory(struct request *request, const struct file_read_directory_in *in,
                                struct file_read_directory_out *out)
{
	static NOT_STATE char listing[LISTING_MAX];
	struct open_spot *open = this_spot(request);
	if (!readable(open))
		return -EBADF;
	if (!spot_is_directory(&open->spot))
		return -ENOTDIR;
	struct process_info info;
	if (open->spot.process && source_process(open->spot.process, 0, &info))
		return -ENOENT;
	uint64_t length = in->length < request->receive_length ? in->length : request->receive_length;
	int64_t size =
	    spot_list(&open->spot, &open->offset, listing, length < sizeof listing ? length : sizeof listing);
	if (size < 0)
		return (int)size;
	request_reply_data(request, listing, (uint64_t)size);
	out->count = (uint64_t)size;
	return 0;
}

static int serve_poll(struct request *request, const struct file_poll_in *in, struct file_poll_out *out)
{
	(void)request;
	out->ready = in->events & (POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
	return 0;
}

static int serve_synchronize(struct request *request)
{
	(void)request;
	return -EINVAL;
}

static int serve_get_flags(struct request *request, struct file_get_flags_out *out)
{
	out->flags = this_spot(request)->flags;
	return 0;
}

static int serve_set_flags(struct request *request, const struct file_set_flags_in *in)
{
	const uint32_t settable = O_APPEND | O_NONBLOCK;
	struct open_spot *open = this_spot(request);
	open->flags = (open->flags & ~settable) | (in->flags & settable);
	return 0;
}

static int serve_control(struct request *request, const struct file_control_in *in,
                         struct file_control_out *out)
{
	(void)request;
	(void)in;
	(void)out;
	return -ENOTTY;
}

static int serve_memory(struct request *request, const struct file_memory_in *in, struct file_memory_out *out)
{
	(void)request;
	(void)in;
	(void)out;
	return -ENODEV;
}

static int serve_release_locks(struct request *request, const struct file_release_locks_in *in)
{
	(void)request;
	(void)in;
	return 0;
}

void fill_system_info(struct file_system_info *info)
{
	*info =
	    (struct file_system_info){ .type = 0x9fa0, .block_size = 4096, .name_max = 255, .flags = 0x102e };
}

static int serve_system_status(struct request *request)
{
	static NOT_STATE struct file_system_info info;
	fill_system_info(&info);
	request_reply_data(request, &info, sizeof info);
	return 0;
}

int serve_file(struct request *request)
{
	static const struct file_operations operations = {
		.read = serve_read,
		.write = serve_write,
		.seek = serve_seek,
		.status = serve_status,
		.set_attributes = serve_set_attributes,
		.read_directory = serve_read_directory,
		.control = serve_control,
		.poll = serve_poll,
		.memory = serve_memory,
		.synchronize = serve_synchronize,
		.get_flags = serve_get_flags,
		.set_flags = serve_set_flags,
		.release_locks = serve_release_locks,
		.system_status = serve_system_status,
	};
	if (!this_spot(request))
		return -EBADF;
	return file_dispatch(&operations, request);
}
