/* Calls that make, remove and move names: mkdir, link, symlink, rename, unlink, readlink. */
#include "files.h"

#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE 2u

static int64_t node_make(struct thread *thread, int32_t directory, uint64_t path, uint32_t mode, uint64_t device)
{
	char name[PATH_MAX_BYTES];
	struct message message;
	struct path_reply reply;
	int status;
	int64_t length = path_read(name, path);
	if (length < 0)
		return length;
	mode &= ~thread->task->umask;
	if (!device && path_brief(thread, directory, name, (uint64_t)length, OPERATION_PATH_BRIEF_MAKE_NODE, mode, &message,
	                          &status))
		return status;
	struct path_call call = {
		.operation = OPERATION_PATH_MAKE_NODE,
		.identified = true,
		.words = { mode, device },
		.reply = &reply,
	};
	return path_run(thread, directory, name, 0, (uint64_t)length, &call);
}

int64_t linux_mkdirat(struct thread *thread, int32_t directory, uint64_t path, uint32_t mode)
{
	return node_make(thread, directory, path, S_IFDIR | (mode & 01777), 0);
}

int64_t linux_mkdir(struct thread *thread, uint64_t path, uint32_t mode)
{
	return linux_mkdirat(thread, AT_FDCWD, path, mode);
}

int64_t linux_mknodat(struct thread *thread, int32_t directory, uint64_t path, uint32_t mode, uint64_t device)
{
	uint32_t type = mode & S_IFMT;
	if (type == S_IFDIR)
		return -EPERM;
	return node_make(thread, directory, path, (type ? type : S_IFREG) | (mode & 07777), device);
}

int64_t linux_mknod(struct thread *thread, uint64_t path, uint32_t mode, uint64_t device)
{
	return linux_mknodat(thread, AT_FDCWD, path, mode, device);
}

int64_t linux_unlinkat(struct thread *thread, int32_t directory, uint64_t path, uint32_t flags)
{
	char name[PATH_MAX_BYTES];
	struct message message;
	struct path_reply reply;
	int status;
	if (flags & ~(uint32_t)AT_REMOVEDIR)
		return -EINVAL;
	int64_t length = path_read(name, path);
	if (length < 0)
		return length;
	if (path_brief(thread, directory, name, (uint64_t)length, OPERATION_PATH_BRIEF_UNLINK, flags, &message, &status))
		return status;
	struct path_call call = { .operation = OPERATION_PATH_UNLINK, .identified = true, .words = { flags }, .reply = &reply };
	return path_run(thread, directory, name, 0, (uint64_t)length, &call);
}

int64_t linux_unlink(struct thread *thread, uint64_t path)
{
	return linux_unlinkat(thread, AT_FDCWD, path, 0);
}

int64_t linux_rmdir(struct thread *thread, uint64_t path)
{
	return linux_unlinkat(thread, AT_FDCWD, path, AT_REMOVEDIR);
}

int64_t linux_symlinkat(struct thread *thread, uint64_t target, int32_t directory, uint64_t path)
{
	char buffer[2 * PATH_MAX_BYTES];
	struct path_reply reply;
	int64_t prefix = path_read(buffer, target);
	if (prefix < 0)
		return prefix;
	int64_t length = path_read(buffer + prefix, path);
	if (length < 0)
		return length;
	struct path_call call = {
		.operation = OPERATION_PATH_MAKE_LINK,
		.identified = true,
		.words = { (uint64_t)prefix },
		.reply = &reply,
	};
	return path_run(thread, directory, buffer, (uint64_t)prefix, (uint64_t)length, &call);
}

int64_t linux_symlink(struct thread *thread, uint64_t target, uint64_t path)
{
	return linux_symlinkat(thread, target, AT_FDCWD, path);
}

/* --- readlink ---------------------------------------------------------------------------------------- */

int64_t path_link_read(struct thread *thread, int32_t directory, const char *path, struct path_reply *reply)
{
	char name[PATH_MAX_BYTES];
	struct message message;
	int brief;
	uint64_t length = string_length(path);
	if (path_brief(thread, directory, path, length, OPERATION_PATH_BRIEF_READ_LINK, 0, &message, &brief)) {
		memcpy(reply->rest, &message.words[1], PATH_BRIEF_BYTES);
		return brief < 0 ? brief : (int64_t)MINIMUM(message.words[0], (uint64_t)PATH_BRIEF_BYTES);
	}
	memcpy(name, path, length + 1);
	struct path_call call = { .operation = OPERATION_PATH_READ_LINK, .identified = true, .reply = reply };
	int64_t status = path_run(thread, directory, name, 0, length, &call);
	return status < 0 ? status : (int64_t)MINIMUM(call.out[2], (uint64_t)PATH_MAX_BYTES);
}

#define LINKS_MAX 8

void path_follow_last(struct thread *thread, char *path)
{
	struct path_reply reply;
	for (unsigned i = 0; i < LINKS_MAX; i++) {
		int64_t length = path_link_read(thread, AT_FDCWD, path, &reply);
		if (length <= 0)
			return;
		uint64_t at = reply.rest[0] == '/' ? 0 : string_length(path);
		while (at > 0 && path[at - 1] != '/')
			at--;
		length = MINIMUM(length, (int64_t)(PATH_MAX_BYTES - 1 - at));
		memcpy(path + at, reply.rest, (uint64_t)length);
		path[at + (uint64_t)length] = 0;
	}
}

int64_t linux_readlinkat(struct thread *thread, int32_t directory, uint64_t path, uint64_t buffer, uint64_t length)
{
	char name[PATH_MAX_BYTES];
	struct path_reply reply;
	int64_t status = user_string(name, path, sizeof(name));
	if (status < 0)
		return status;
	if (length == 0 || length > INT64_MAX)
		return -EINVAL;
	uint64_t count = 0;
	if (string_equal(name, "/proc/self/exe") && thread->task->executable_path) {
		count = string_length(thread->task->executable_path);
		memcpy(reply.rest, thread->task->executable_path, count);
	} else {
		status = path_link_read(thread, directory, name, &reply);
		if (status < 0) /* of an open file that is no link, no name could be read */
			return status == -EINVAL && !name[0] ? -ENOENT : status;
		count = (uint64_t)status;
	}
	count = MINIMUM(count, length);
	return user_write(buffer, reply.rest, count) < 0 ? -EFAULT : (int64_t)count;
}

int64_t linux_readlink(struct thread *thread, uint64_t path, uint64_t buffer, uint64_t length)
{
	return linux_readlinkat(thread, AT_FDCWD, path, buffer, length);
}

/* --- two names ---------------------------------------------------------------------------------------- */

struct two_names {
	uint32_t operation, flags;
	int32_t old_directory, new_directory;
	char names[2 * PATH_MAX_BYTES]; /* old, then new, without NULs between */
	uint64_t old_length, new_length;
};

/* Both relative to given gates, in one call. A path that leaves the server is -EXDEV. */
static int two_names_send(slot_t from, slot_t to, const struct two_names *two, struct path_reply *reply)
{
	struct message message = { .header = two->operation, .words = { two->old_length, two->flags } };
	struct message_extra extra = {
		.send_address = (uint64_t)two->names,
		.send_length = two->old_length + two->new_length,
		.receive_address = (uint64_t)reply,
		.receive_length = sizeof(*reply),
		.send_caps = { to },
	};
	int status = protocol_call(from, NULL, &message, &extra);
	if (status == 0 && message.words[0] != REDIRECT_NONE)
		return -EXDEV;
	return status == -ENOSYS || status == -EOPNOTSUPP ? -EXDEV : status;
}

/* Both from the same place: in words, where they are short enough. */
static int two_names_brief(slot_t gate, const struct two_names *two)
{
	struct path_reply reply;
	struct message message = {
		.header = two->operation == OPERATION_PATH_RENAME ? OPERATION_PATH_BRIEF_RENAME : OPERATION_PATH_BRIEF_LINK,
		.words = { two->old_length | (uint64_t)two->flags << 32 },
	};
	int status = brief_send(gate, two->names, two->old_length + two->new_length, &message);
	return status == -EOPNOTSUPP || status == -ENOSYS ? two_names_send(gate, 0, two, &reply) : status;
}

static int two_names_direct(struct thread *thread, const struct two_names *two, struct path_reply *reply)
{
	struct path_place from, to;
	char first[2] = { two->names[two->old_length], 0 };
	int status = place_find(thread->task, two->old_directory, two->old_length ? two->names : ".", &from);
	if (status < 0)
		return status;
	status = place_find(thread->task, two->new_directory, first, &to);
	if (status == 0 && from.slot == to.slot && !from.mounted && two->old_length) {
		status = two_names_brief(from.slot, two);
		place_release(thread->task, &to);
	} else if (status == 0) {
		slot_t gate = to.file ? file_gate(thread->task, to.file) : to.slot;
		status = gate ? two_names_send(from.slot, gate, two, reply) : -ENFILE;
		place_release(thread->task, &to);
	}
	place_release(thread->task, &from);
	return status;
}

/* Splits a path into its directory, opened, and its last name (trailing slashes stay with the name). */
static int parent_open(struct thread *thread, int32_t directory, const char *path, uint64_t length,
                       struct opened *opened, uint64_t *name_at)
{
	char parent[PATH_MAX_BYTES];
	uint64_t end = length;
	while (end > 1 && path[end - 1] == '/')
		end--;
	while (end > 0 && path[end - 1] != '/')
		end--;
	*name_at = end;
	memcpy(parent, path, end);
	if (end == 0)
		parent[end++] = '.';
	parent[end] = 0;
	return path_open_file(thread, directory, parent, O_PATH | O_DIRECTORY, 0, opened);
}

/* Both directories are opened first, wherever their mounts lead, and the names given relative to them. */
static int two_names_by_parents(struct thread *thread, struct two_names *two, struct path_reply *reply)
{
	struct opened from, to;
	uint64_t old_at, new_at;
	int status = parent_open(thread, two->old_directory, two->names, two->old_length, &from, &old_at);
	if (status < 0)
		return status;
	status = parent_open(thread, two->new_directory, two->names + two->old_length, two->new_length, &to, &new_at);
	if (status == 0) {
		memmove(two->names, two->names + old_at, two->old_length - old_at);
		memmove(two->names + two->old_length - old_at, two->names + two->old_length + new_at,
		        two->new_length - new_at);
		two->old_length -= old_at;
		two->new_length -= new_at;
		status = two_names_send(from.slot, to.slot, two, reply);
		slot_give_back(thread->task, to.slot);
	}
	slot_give_back(thread->task, from.slot);
	return status;
}

static int64_t two_names_call(struct thread *thread, struct two_names *two, uint64_t old, uint64_t new,
                              bool old_may_be_empty)
{
	struct path_reply reply;
	int64_t length = user_string(two->names, old, PATH_MAX_BYTES);
	if (length < 0)
		return length;
	if (length == 0 && !old_may_be_empty)
		return -ENOENT;
	int own = two->flags & AT_SYMLINK_FOLLOW ? path_own_descriptor(thread->task, two->names) : -1;
	if (own >= 0) { /* a file without a name gets one: the open file itself is linked */
		two->old_directory = own;
		length = 0;
	}
	two->old_length = (uint64_t)length;
	length = path_read(two->names + two->old_length, new);
	if (length < 0)
		return length;
	two->new_length = (uint64_t)length;
	int status = two_names_direct(thread, two, &reply);
	if (status == -EXDEV && two->old_length > 0)
		status = two_names_by_parents(thread, two, &reply);
	return status;
}

int64_t linux_renameat2(struct thread *thread, int32_t old_directory, uint64_t old, int32_t new_directory,
                        uint64_t new, uint32_t flags)
{
	struct two_names two;
	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	two.operation = OPERATION_PATH_RENAME;
	two.flags = flags;
	two.old_directory = old_directory;
	two.new_directory = new_directory;
	return two_names_call(thread, &two, old, new, false);
}

int64_t linux_renameat(struct thread *thread, int32_t old_directory, uint64_t old, int32_t new_directory, uint64_t new)
{
	return linux_renameat2(thread, old_directory, old, new_directory, new, 0);
}

int64_t linux_rename(struct thread *thread, uint64_t old, uint64_t new)
{
	return linux_renameat2(thread, AT_FDCWD, old, AT_FDCWD, new, 0);
}

int64_t linux_linkat(struct thread *thread, int32_t old_directory, uint64_t old, int32_t new_directory, uint64_t new,
                     uint32_t flags)
{
	struct two_names two;
	if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	two.operation = OPERATION_PATH_LINK;
	two.flags = flags & AT_SYMLINK_FOLLOW;
	two.old_directory = old_directory;
	two.new_directory = new_directory;
	return two_names_call(thread, &two, old, new, flags & AT_EMPTY_PATH);
}

int64_t linux_link(struct thread *thread, uint64_t old, uint64_t new)
{
	return linux_linkat(thread, AT_FDCWD, old, AT_FDCWD, new, 0);
}
