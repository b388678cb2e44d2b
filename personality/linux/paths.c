/* Path operations: one call on a directory's gate takes the whole path; where the answer is a redirect (a
 * mount point, a device node, out of a mounted tree) the operation goes on elsewhere. */
#include "files.h"
#include "protocol_device.h"

#define REDIRECTS_MAX 40

const struct call_options interruptible = { .flags = MESSAGE_INTERRUPTIBLE };

/* Where redirects arrive when the operation itself gives nothing back. */
static slot_t redirect_slot(struct thread *thread)
{
	if (!thread->redirect)
		thread->redirect = slot_take(thread->task);
	return thread->redirect;
}

/* One call; the status. out[0] is the redirect word in every path operation. */
static int path_send(slot_t gate, struct path_call *call, bool identity, slot_t arrival)
{
	struct message message = { .header = call->operation };
	struct message_extra extra = {
		.send_address = (uint64_t)call->buffer,
		.send_length = call->prefix + call->length,
		.receive_address = (uint64_t)call->reply,
		.receive_length = sizeof(*call->reply),
		.send_caps = { call->to ? call->to : identity && call->identified ? PROCESS_GATE : 0 },
		.receive_caps = { arrival },
	};
	memcpy(message.words, call->words, sizeof(message.words));
	int status = protocol_call(gate, NULL, &message, &extra);
	memcpy(call->out, message.words, sizeof(call->out));
	return status == -ENOSYS || status == -EOPNOTSUPP ? -ENOTDIR : status;
}

static int path_open_device(struct thread *thread, struct path_call *call)
{
	uint64_t reserved;
	return device_open(call->result, INTERRUPTIBLE, (uint32_t)call->words[0],
	                   call->reply->attributes.special_device, thread->task->process, thread->task->session,
	                   PROCESS_GATE, &reserved, call->result);
}

/* The rest of the path, from the answer into the buffer. */
static void path_take_rest(struct path_call *call)
{
	call->length = MINIMUM(call->out[1], (uint64_t)PATH_MAX_BYTES - 1);
	memcpy(call->buffer + call->prefix, call->reply->rest, call->length);
}

/* An own descriptor's gate goes where another process's has come already. */
static int descriptor_arrive(struct thread *thread, struct path_call *call, slot_t arrival)
{
	struct file_attributes *link = &call->reply->attributes;
	if (link->special_device >> 32 != thread->task->process)
		return 0;
	struct open_file *file = file_find(thread->task, (int32_t)link->special_device);
	if (!file)
		return -ENOENT;
	link->blocks = file->kind;
	slot_t gate = file->kind == FILE_GATE ? file_gate(thread->task, file) : 0;
	if (gate)
		cap_copy(PROCESS_CAPTABLE, arrival, PROCESS_CAPTABLE, gate, RIGHTS_ALL);
	file_release(thread->task, file);
	return gate || link->blocks != FILE_GATE ? 0 : -ENFILE;
}

int path_walk(struct thread *thread, struct path_place place, struct path_call *call)
{
	slot_t arrival = call->result ? call->result : redirect_slot(thread);
	slot_t gate = place.slot;
	if (!arrival)
		return -ENFILE;
	call->mounted = place.mounted;
	for (unsigned i = 0; i < REDIRECTS_MAX; i++) {
		int status = path_send(gate, call, call->mounted, arrival);
		if (status < 0 || call->out[0] == REDIRECT_NONE)
			return status;
		switch (call->out[0]) {
		case REDIRECT_PATH:
			path_take_rest(call);
			gate = arrival;
			call->mounted = true;
			break;
		case REDIRECT_ROOT:
			path_take_rest(call);
			gate = call->root ? call->root : PROCESS_ROOT;
			call->mounted = false;
			break;
		case REDIRECT_DESCRIPTOR:
			status = descriptor_arrive(thread, call, arrival);
			if (status < 0 || call->out[1] == 0)
				return status < 0 ? status : path_at_descriptor(thread, call, arrival);
			path_take_rest(call);
			gate = arrival;
			call->mounted = true;
			break;
		case REDIRECT_DEVICE:
			return call->result ? path_open_device(thread, call) : -ENXIO;
		default:
			return -EIO;
		}
	}
	return -ELOOP;
}

int place_find(struct task *task, int32_t directory, const char *path, struct path_place *place)
{
	*place = (struct path_place){ .slot = PROCESS_ROOT };
	if (path[0] == '/')
		return 0;
	if (directory == AT_FDCWD) {
		place->slot = PROCESS_DIRECTORY;
		place->mounted = task->directory_mounted;
		return 0;
	}
	struct open_file *file = file_find(task, directory);
	if (!file)
		return -EBADF;
	if (file->kind != FILE_GATE) {
		file_release(task, file);
		return -ENOTDIR;
	}
	place->slot = file->slot;
	place->mounted = file->flags & FILE_MOUNTED;
	place->file = file;
	return 0;
}

void place_release(struct task *task, struct path_place *place)
{
	file_release(task, place->file);
	place->file = NULL;
}

int path_run(struct thread *thread, int32_t directory, char *buffer, uint64_t prefix, uint64_t length,
             struct path_call *call)
{
	struct path_place place;
	int status = place_find(thread->task, directory, buffer + prefix, &place);
	if (status < 0)
		return status;
	call->buffer = buffer;
	call->prefix = prefix;
	call->length = length;
	status = path_walk(thread, place, call);
	place_release(thread->task, &place);
	return status;
}

/* NULs after the path's last byte. It lies in a buffer that has so many bytes. */
static void path_into_words(uint64_t words[PATH_BRIEF_BYTES / 8], const char *path, uint64_t length)
{
	for (unsigned i = 0; i < PATH_BRIEF_BYTES / 8; i++) {
		int64_t left = (int64_t)length - 8 * i;
		uint64_t word = ((const uint64_t *)path)[i];
		words[i] = left >= 8 ? word : left > 0 ? word & ((1ull << left * 8) - 1) : 0;
	}
}

int brief_send(slot_t gate, const char *path, uint64_t length, struct message *message)
{
	if (length <= PATH_BRIEF_BYTES) {
		path_into_words(&message->words[1], path, length);
		return protocol_call_words(gate, NULL, message);
	}
	struct message_extra extra = { .send_address = (uint64_t)path, .send_length = length };
	for (unsigned i = 1; i < MESSAGE_WORDS; i++)
		message->words[i] = 0;
	return protocol_call(gate, NULL, message, &extra);
}

bool path_brief(struct thread *thread, int32_t directory, const char *path, uint64_t length, uint32_t operation,
                uint64_t what, struct message *message, int *status)
{
	struct path_place place;
	*status = place_find(thread->task, directory, path, &place);
	if (*status < 0)
		return true;
	bool done = !place.mounted;
	if (done) {
		message->header = operation;
		message->words[0] = what;
		*status = brief_send(place.slot, path, length, message);
		done = *status != -EOPNOTSUPP && *status != -ENOSYS;
	}
	if (place.file)
		place_release(thread->task, &place);
	return done;
}

int64_t path_read(char *to, uint64_t from)
{
	int64_t length = user_string(to, from, PATH_MAX_BYTES);
	return length == 0 ? -ENOENT : length;
}

/* --- open -------------------------------------------------------------------------------------------- */

/* What we may not need the server for: contents, and devices that are known by their numbers. */
unsigned node_flags(uint32_t mode, uint64_t special_device, uint32_t flags)
{
	static const unsigned access[] = { FILE_READS, FILE_WRITES, FILE_READS | FILE_WRITES, 0 };
	unsigned device;
	static const unsigned content[] = { FILE_CONTENT, FILE_CONTENT_WRITES, FILE_CONTENT | FILE_CONTENT_WRITES, 0 };
	if ((mode & S_IFMT) == S_IFREG)
		return FILE_DISK | (flags & O_PATH ? 0 : content[flags & O_ACCMODE]);
	if ((mode & S_IFMT) == S_IFDIR)
		return FILE_DISK;
	if ((mode & S_IFMT) == S_IFIFO && !(flags & O_PATH))
		return FILE_RING;
	if ((mode & S_IFMT) != S_IFCHR || flags & O_PATH)
		return 0;
	switch (special_device) {
	case 1 << 8 | 3:
		device = FILE_NULL;
		break;
	case 1 << 8 | 5:
		device = FILE_ZERO;
		break;
	case 1 << 8 | 7:
		device = FILE_FULL;
		break;
	default:
		return 0;
	}
	return device | access[flags & O_ACCMODE];
}

static unsigned opened_flags(const struct path_call *call, uint32_t flags)
{
	return (flags & O_PATH ? FILE_PATH_ONLY : 0) | (call->mounted ? FILE_MOUNTED : 0) |
	       node_flags(call->reply->attributes.mode, call->reply->attributes.special_device, flags);
}

int path_open_file(struct thread *thread, int32_t directory, const char *path, uint32_t flags, uint32_t mode,
                   struct opened *opened)
{
	struct task *task = thread->task;
	struct path_place place;
	struct path_reply reply;
	char buffer[PATH_MAX_BYTES];
	int status = place_find(task, directory, path, &place);
	if (status < 0)
		return status;
	struct path_call call = {
		.operation = OPERATION_PATH_OPEN,
		.result = slot_take(task),
		.identified = true,
		.words = { flags & ~(uint32_t)O_CLOEXEC, mode },
		.buffer = buffer,
		.length = string_length(path),
		.reply = &reply,
	};
	memcpy(buffer, path, call.length);
	status = call.result ? path_walk(thread, place, &call) : -ENFILE;
	place_release(task, &place);
	if (status < 0) {
		slot_give_back(task, call.result);
		return status;
	}
	opened->slot = call.result;
	opened->file_flags = opened_flags(&call, flags);
	opened->attributes = reply.attributes;
	return 0;
}

int directory_path(struct thread *thread, char *to, uint64_t limit)
{
	uint64_t received = 0, length = 0;
	int status = path_path_of(PROCESS_DIRECTORY, NULL, to, limit, &received, &length);
	if (status < 0)
		return status;
	return length > limit ? -ERANGE : (int)length;
}
