/* Device nodes: where they lead, and the few that tmpfs serves itself.
 *
 * Opening any other answers with the gate that was attached for its number; the caller opens the
 * device there (REDIRECT_DEVICE). A named pipe is a device of the pipe server's, made when it is
 * first opened.
 */
#define _GNU_SOURCE
#include "service.h"

#include "protocol_log.h"
#include "protocol_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DEVICES_MAX 64
#define RANDOM_PART 4096u
#define RECORD_MAX 1024u

static struct attached {
	uint32_t type, major, minor, count;
	slot_t gate;
} devices[DEVICES_MAX];
static unsigned device_count;

static KEPT_CONSTANT const uint8_t zeros[65536];

int device_attach(uint32_t type, uint32_t major, uint32_t minor, uint32_t count, slot_t gate)
{
	if ((type != S_IFCHR && type != S_IFBLK) || count == 0)
		return -EINVAL;
	struct attached *device = devices;
	while (device < devices + device_count && !(device->type == type && device->major == major &&
	                                            device->minor == minor && device->count == count))
		device++;
	if (device == devices + DEVICES_MAX)
		return -ENOMEM;
	if (device == devices + device_count)
		device_count++;
	else
		slot_free(device->gate); /* attached again: the new one counts */
	*device = (struct attached){ type, major, minor, count, gate };
	return 0;
}

slot_t device_find(const struct node *node)
{
	uint32_t type = node->mode & S_IFMT;
	uint32_t major = (uint32_t)(node->device >> 8) & 0xfff;
	uint32_t minor = (uint32_t)(node->device & 0xff) | (uint32_t)(node->device >> 12 & 0xfff00);
	for (unsigned i = 0; i < device_count; i++) {
		const struct attached *device = &devices[i];
		if (device->type == type && device->major == major && minor - device->minor < device->count)
			return device->gate;
	}
	return 0;
}

bool device_is_own(const struct node *node)
{
	if (!node_is(node, S_IFCHR) || node->device >> 8 != DEVICE_MAJOR_MEMORY)
		return false;
	switch (node->device & 0xff) {
	case DEVICE_NULL:
	case DEVICE_ZERO:
	case DEVICE_FULL:
	case DEVICE_RANDOM:
	case DEVICE_URANDOM:
	case DEVICE_KMSG:
		return true;
	default:
		return false;
	}
}

slot_t fifo_gate(struct node *node)
{
	slot_t pipes = startup_slot("pipe");
	if (node->fifo || !pipes)
		return node->fifo;
	slot_t slot = slot_allocate();
	if (slot && pipe_make_fifo(pipes, NULL, NULL, slot) != 0) {
		slot_free(slot);
		slot = 0;
	}
	node->fifo = slot;
	return slot;
}

static int zero_read(struct request *request, uint64_t length, uint64_t *count)
{
	if (length <= sizeof zeros) {
		request_reply_lasting(request, zeros, length);
		*count = length;
		return 0;
	}
	while (*count < length) {
		uint64_t part = length - *count < sizeof zeros ? length - *count : sizeof zeros;
		int64_t done = request_write(request, *count, zeros, part);
		if (done <= 0)
			return *count ? 0 : (int)done;
		*count += (uint64_t)done;
	}
	return 0;
}

static int random_read(struct request *request, uint64_t length, uint64_t *count)
{
	static NOT_STATE uint8_t bytes[RANDOM_PART];
	if (length <= sizeof bytes) {
		random_fill(bytes, length);
		request_reply_data(request, bytes, length);
		*count = length;
		return 0;
	}
	while (*count < length) {
		uint64_t part = length - *count < sizeof bytes ? length - *count : sizeof bytes;
		random_fill(bytes, part);
		int64_t done = request_write(request, *count, bytes, part);
		if (done <= 0)
			return *count ? 0 : (int)done;
		*count += (uint64_t)done;
	}
	return 0;
}

/* One line of the log as one record: "priority,sequence,microseconds,-;text\n". The log has neither
 * priority nor sequence to tell: 6 (information), and the line's position. */
static int kmsg_read(struct open_file *file, struct request *request, uint64_t length, uint64_t *count)
{
	static NOT_STATE char line[RECORD_MAX], record[RECORD_MAX + 64];
	uint64_t got, next;
	int status = log_read(SELF_LOG, NULL, file->offset, 0, line, sizeof line - 1, &got, NULL, &next);
	if (status || got == 0)
		return status ? status : -EAGAIN;
	char *end = memchr(line, '\n', got);
	uint64_t used = end ? (uint64_t)(end - line) + 1 : got;
	uint64_t start = next - got;
	int size = snprintf(record, sizeof record, "6,%llu,%llu,-;%.*s\n", (unsigned long long)start,
	                    (unsigned long long)(step_recall(time_now()) / 1000), (int)(end ? used - 1 : used), line);
	if ((uint64_t)size > length)
		return -EINVAL;
	file->offset = start + used;
	request_reply_data(request, record, (uint64_t)size);
	*count = (uint64_t)size;
	return 0;
}

int device_read(struct open_file *file, struct request *request, uint64_t length, uint64_t *count)
{
	if (length == 0)
		return 0;
	switch (file->device) {
	case DEVICE_NULL:
		return 0;
	case DEVICE_ZERO:
	case DEVICE_FULL:
		return zero_read(request, length, count);
	case DEVICE_RANDOM:
	case DEVICE_URANDOM:
		return random_read(request, length, count);
	default:
		return kmsg_read(file, request, length, count);
	}
}

static int kmsg_write(struct request *request)
{
	const char *text = request->data;
	uint64_t length = request->data_length;
	while (length && (text[length - 1] == '\n' || text[length - 1] == 0))
		length--;
	uint64_t level = 6;
	if (length > 2 && text[0] == '<') {
		uint64_t at = 1, priority = 0;
		while (at < length && at < 5 && text[at] >= '0' && text[at] <= '9')
			priority = priority * 10 + (uint64_t)(text[at++] - '0');
		if (at < length && text[at] == '>') {
			level = priority & 7;
			text += at + 1;
			length -= at + 1;
		}
	}
	return log_write_once(SELF_LOG, (uint32_t)level, text, length < RECORD_MAX ? length : RECORD_MAX);
}

int device_write(struct open_file *file, struct request *request, uint64_t *count)
{
	int status = 0;
	switch (file->device) {
	case DEVICE_FULL:
		status = request->send_length ? -ENOSPC : 0;
		break;
	case DEVICE_RANDOM:
	case DEVICE_URANDOM:
		random_seed(request->data, request->data_length);
		break;
	case DEVICE_KMSG:
		status = kmsg_write(request);
		break;
	default:
		break;
	}
	if (status == 0)
		*count = request->send_length;
	return status;
}
