/* The file protocol: what an open file's gate answers. */
#define _GNU_SOURCE
#include "service.h"

#include "protocol_file.h"
#include "protocol_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define LISTING_MAX 24576u /* what lib/server remembers of an answer */
#define TMPFS_MAGIC 0x01021994
#define GET_ENTROPY_COUNT 0x80045200u
#define BYTES_READABLE 0x541bu

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int content_read(const struct node *node, struct request *request, uint64_t offset, uint64_t length,
                        uint64_t *count)
{
	if (offset >= node->size || length == 0)
		return 0;
	length = smaller(length, node->size - offset);
	if (!node->content.object) {
		request_reply_lasting(request, node->content.borrowed + offset, length);
		*count = length;
		return 0;
	}
	int64_t done = request_write_memory(request, 0, node->content.object, offset, length);
	if (done < 0)
		return (int)done;
	*count = (uint64_t)done;
	return 0;
}

static int serve_read(struct request *request, const struct file_read_in *in, struct file_read_out *out)
{
	struct open_file *file = this_file(request);
	struct node *node = file->node;
	uint64_t length = smaller(in->length, request->receive_length);
	if (!open_file_readable(file))
		return -EBADF;
	if (file->device)
		return device_read(file, request, length, &out->count);
	if (node_is(node, S_IFDIR))
		return -EISDIR;
	bool current = in->offset == FILE_OFFSET_CURRENT;
	if (!node_is(node, S_IFREG) || (in->offset < 0 && !current))
		return -EINVAL;
	int status =
	    content_read(node, request, current ? file->offset : (uint64_t)in->offset, length, &out->count);
	if (status)
		return status;
	if (current)
		file->offset += out->count;
	if (!(file->flags & O_NOATIME))
		node_accessed(node);
	return 0;
}

static int64_t copy_in(handle_t object, struct request *request, uint64_t at, uint64_t offset,
                       uint64_t length)
{
	if (at + length <= request->data_length)
		return memory_object_write(object, offset, (const char *)request->data + at, length);
	return request_read_memory(request, at, object, offset, length);
}

/* The whole at once; when memory runs out on the way, again page by page, as far as it goes. */
static int64_t copy_all_in(handle_t object, struct request *request, uint64_t offset, uint64_t length)
{
	int64_t done = copy_in(object, request, 0, offset, length);
	if (done != -ENOMEM)
		return done;
	uint64_t copied = 0;
	while (copied < length) {
		uint64_t part = smaller(length - copied, CONTENT_PAGE - (offset + copied) % CONTENT_PAGE);
		done = copy_in(object, request, copied, offset + copied, part);
		if (done <= 0)
			break;
		copied += (uint64_t)done;
	}
	return copied ? (int64_t)copied : done;
}

static int content_write(struct node *node, struct request *request, uint64_t offset, uint64_t *count)
{
	uint64_t length = request->send_length;
	if (length == 0)
		return 0;
	int status = content_begin_write(node, offset, length);
	if (status)
		return status;
	int64_t done = copy_all_in(node->content.object, request, offset, length);
	*count = done > 0 ? (uint64_t)done : 0;
	content_end_write(node, offset, length, *count);
	if (done < 0)
		return done == -ENOMEM ? -ENOSPC : (int)done;
	return done == 0 ? -ENOSPC : 0;
}

static int serve_write(struct request *request, const struct file_write_in *in, struct file_write_out *out)
{
	struct open_file *file = this_file(request);
	struct node *node = file->node;
	if (!open_file_writable(file))
		return -EBADF;
	if (file->device)
		return device_write(file, request, &out->count);
	bool current = in->offset == FILE_OFFSET_CURRENT;
	if (!node_is(node, S_IFREG) || (in->offset < 0 && !current))
		return -EINVAL;
	uint64_t offset = current ? file->offset : (uint64_t)in->offset;
	if (file->flags & O_APPEND || in->flags & FILE_RWF_APPEND)
		offset = node->size;
	int status = content_write(node, request, offset, &out->count);
	if (status)
		return status;
	node_clear_set_id(node, file->session);
	if (current)
		file->offset = offset + out->count;
	return 0;
}

static int seek_hole(struct open_file *file, int64_t offset, bool hole, int64_t *position)
{
	if (!node_is(file->node, S_IFREG))
		return -EINVAL;
	if (offset < 0 || (uint64_t)offset >= file->node->size)
		return -ENXIO;
	*position = content_seek(file->node, (uint64_t)offset, hole);
	if (*position < 0)
		return (int)*position;
	file->offset = (uint64_t)*position;
	return 0;
}

static int serve_seek(struct request *request, const struct file_seek_in *in, struct file_seek_out *out)
{
	struct open_file *file = this_file(request);
	const struct node *node = file->node;
	int64_t size = node_is(node, S_IFREG) ? (int64_t)node->size : 0;
	int64_t base = 0;
	if (open_file_is_path(file))
		return -EBADF;
	switch (in->whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = (int64_t)file->offset;
		break;
	case SEEK_END:
		base = size;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		return seek_hole(file, in->offset, in->whence == SEEK_HOLE, &out->position);
	default:
		return -EINVAL;
	}
	int64_t position;
	if (__builtin_add_overflow(base, in->offset, &position) || position < 0)
		return -EINVAL;
	if (file->device && file->device != DEVICE_KMSG)
		position = 0;
	file->offset = (uint64_t)position;
	out->position = position;
	return 0;
}

static int serve_status(struct request *request)
{
	static NOT_STATE struct file_attributes attributes;
	node_attributes(this_file(request)->node, &attributes);
	request_reply_data(request, &attributes, sizeof attributes);
	return 0;
}

static int serve_brief_status(struct request *request, struct file_brief_status_out *out)
{
	struct file_brief brief;
	int status = node_brief(this_file(request)->node, &brief);
	_Static_assert(sizeof *out == sizeof brief, "the same words");
	if (status == 0)
		memcpy(out, &brief, sizeof brief);
	return status;
}

static int serve_set_attributes(struct request *request, const struct file_set_attributes_in *in)
{
	struct open_file *file = this_file(request);
	struct file_attributes attributes;
	if (open_file_is_path(file))
		return -EBADF;
	if (in->mask & ATTRIBUTE_SIZE && (!open_file_writable(file) || !node_is(file->node, S_IFREG)))
		return -EINVAL;
	memcpy(&attributes, request->data, sizeof attributes);
	return node_set_attributes(file->node, file->session, in->mask, &attributes, true);
}

static int serve_read_directory(struct request *request, const struct file_read_directory_in *in,
                                struct file_read_directory_out *out)
{
	static NOT_STATE char listing[LISTING_MAX];
	struct open_file *file = this_file(request);
	if (!open_file_readable(file))
		return -EBADF;
	if (!node_is(file->node, S_IFDIR))
		return -ENOTDIR;
	uint64_t length = smaller(smaller(in->length, request->receive_length), sizeof listing);
	int64_t size = directory_read(file->node, &file->offset, listing, length);
	if (size < 0)
		return (int)size;
	node_accessed(file->node);
	request_reply_data(request, listing, (uint64_t)size);
	out->count = (uint64_t)size;
	return 0;
}

static int serve_control(struct request *request, const struct file_control_in *in,
                         struct file_control_out *out)
{
	static NOT_STATE int32_t answer;
	const struct open_file *file = this_file(request);
	out->result = 0;
	if (open_file_is_path(file))
		return -EBADF;
	bool random = file->device == DEVICE_RANDOM || file->device == DEVICE_URANDOM;
	if (in->command == BYTES_READABLE && node_is(file->node, S_IFREG))
		answer = (int32_t)((int64_t)file->node->size - (int64_t)file->offset);
	else if (in->command == GET_ENTROPY_COUNT && random)
		answer = 256;
	else
		return -ENOTTY;
	request_reply_data(request, &answer, sizeof answer);
	return 0;
}

/* Files and our devices are always ready, as poll(2) says; nobody ever waits. */
static int serve_poll(struct request *request, const struct file_poll_in *in, struct file_poll_out *out)
{
	const struct open_file *file = this_file(request);
	uint32_t always = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
	if (open_file_is_path(file))
		return -EBADF;
	if (file->device == DEVICE_KMSG) {
		uint64_t end;
		if (log_size(SELF_LOG, NULL, NULL, &end, NULL) == 0 && file->offset >= end)
			always = POLLOUT | POLLWRNORM;
	}
	out->ready = in->events & always;
	return 0;
}

static int serve_memory(struct request *request, const struct file_memory_in *in, struct file_memory_out *out)
{
	struct open_file *file = this_file(request);
	struct node *node = file->node;
	if (!node_is(node, S_IFREG))
		return -ENODEV;
	if (!open_file_readable(file) || (in->access & RIGHT_WRITE && !open_file_writable(file)))
		return -EACCES;
	int status = content_own(node);
	if (status)
		return status;
	slot_t slot = slot_allocate();
	if (!slot)
		return -ENFILE;
	uint32_t rights = RIGHT_COPY | (in->access & (RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE));
	if (cap_copy(SELF_CAPTABLE, slot, SELF_CAPTABLE, node->content.object, rights) != STATUS_OK) {
		slot_free(slot);
		return -ENFILE;
	}
	request_send_cap(request, 0, slot, true);
	out->size = node->size;
	if (in->access & RIGHT_WRITE) { /* it will be written behind our back */
		node->content.shared = true;
		node_touch(node, true);
	}
	node_accessed(node);
	return 0;
}

/* Copies of capabilities with these rights, as the answer's. */
static int show(struct request *request, unsigned count, const slot_t *slots, const uint32_t *rights)
{
	for (unsigned i = 0; i < count; i++) {
		slot_t slot = slot_allocate();
		if (!slot || cap_copy(SELF_CAPTABLE, slot, SELF_CAPTABLE, slots[i], RIGHT_COPY | rights[i]) != STATUS_OK) {
			if (slot)
				slot_free(slot);
			return -ENFILE;
		}
		request_send_cap(request, i, slot, true);
	}
	return 0;
}

static int serve_window(struct request *request, struct file_window_out *out)
{
	struct open_file *file = this_file(request);
	struct node *node = file->node;
	(void)out;
	if (!open_file_readable(file))
		return -EBADF;
	if (!node_is(node, S_IFREG) || !node->content.object)
		return -ENODEV;
	if (window_open(node) < 0)
		return -ENOMEM;
	const slot_t shown[] = { node->content.object, shared_page_handle(node->content.window) };
	return show(request, 2, shown, (const uint32_t[]){ RIGHT_READ, RIGHT_READ });
}

/* Memory that can be written can be read. */
static int serve_write_window(struct request *request, struct file_write_window_out *out)
{
	struct open_file *file = this_file(request);
	struct node *node = file->node;
	(void)out;
	if (!open_file_writable(file))
		return -EBADF;
	if (!node_is(node, S_IFREG) || !node->content.object || file->flags & O_APPEND)
		return -ENODEV;
	if (!open_file_readable(file) && node_permit(node, file->session, 4))
		return -EACCES;
	int status = window_open_writing(node);
	if (status)
		return status;
	file->writes_alone = true;
	const slot_t shown[] = { node->content.object, shared_page_handle(node->content.window),
		                 shared_page_handle(node->content.written) };
	const uint32_t both = RIGHT_READ | RIGHT_WRITE;
	return show(request, 3, shown, (const uint32_t[]){ both, RIGHT_READ, both });
}

static int serve_advance(struct request *request, const struct file_advance_in *in, struct file_advance_out *out)
{
	struct open_file *file = this_file(request);
	struct node *node = file->node;
	if (!open_file_readable(file))
		return -EBADF;
	if (!node_is(node, S_IFREG))
		return node_is(node, S_IFDIR) ? -EISDIR : -EINVAL;
	out->offset = (int64_t)file->offset;
	if (file->offset < node->size)
		out->count = smaller(in->length, node->size - file->offset);
	file->offset += out->count;
	if (!(file->flags & O_NOATIME))
		node_accessed(node);
	return 0;
}

static int serve_synchronize(struct request *request)
{
	return open_file_is_path(this_file(request)) ? -EBADF : 0;
}

static int serve_get_flags(struct request *request, struct file_get_flags_out *out)
{
	out->flags = this_file(request)->flags;
	return 0;
}

static int serve_set_flags(struct request *request, const struct file_set_flags_in *in)
{
	const uint32_t settable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_ASYNC;
	struct open_file *file = this_file(request);
	if (open_file_is_path(file))
		return -EBADF;
	file->flags = (file->flags & ~settable) | (in->flags & settable);
	if (file->flags & O_APPEND && file->writes_alone) {
		file->node->content.calls_only = true;
		window_tell(file->node);
	}
	return 0;
}

static int serve_allocate(struct request *request, const struct file_allocate_in *in)
{
	struct open_file *file = this_file(request);
	if (!open_file_writable(file))
		return -EBADF;
	if (!node_is(file->node, S_IFREG))
		return node_is(file->node, S_IFDIR) ? -EISDIR : -ENODEV;
	return content_allocate(file->node, in->mode, in->offset, in->length);
}

void fill_system_info(struct file_system_info *info)
{
	uint64_t total, left;
	memory_quota(&total, &left);
	*info = (struct file_system_info){
		.type = TMPFS_MAGIC,
		.block_size = CONTENT_PAGE,
		.blocks = total / CONTENT_PAGE,
		.blocks_free = left / CONTENT_PAGE,
		.files = tree.node_count + left / CONTENT_PAGE,
		.files_free = left / CONTENT_PAGE,
		.name_max = NAME_LENGTH_MAX,
		.flags = 0x1020, /* ST_VALID, ST_RELATIME */
	};
}

static int serve_system_status(struct request *request)
{
	static NOT_STATE struct file_system_info info;
	fill_system_info(&info);
	request_reply_data(request, &info, sizeof info);
	return 0;
}

static int serve_leave(struct request *request)
{
	struct open_file *file = this_file(request);
	if (!request->number)
		return -EINVAL;
	table_remove(file);
	open_file_release(file);
	return 0;
}

static int serve_fetch(struct request *request, struct file_fetch_out *out)
{
	(void)out;
	return request->number ? open_file_send(this_file(request), request) : -EINVAL;
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
		.lock = serve_lock,
		.flock = serve_flock,
		.get_flags = serve_get_flags,
		.set_flags = serve_set_flags,
		.allocate = serve_allocate,
		.release_locks = serve_release_locks,
		.system_status = serve_system_status,
		.window = serve_window,
		.write_window = serve_write_window,
		.advance = serve_advance,
		.leave = serve_leave,
		.fetch = serve_fetch,
		.brief_status = serve_brief_status,
	};
	return file_dispatch(&operations, request);
}
