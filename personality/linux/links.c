/* The links of /proc/PID/fd: what is done with an open file that a path has led to, its own or another process's. A
 * path operation that ends there has the file's gate, unless it is of a kind that has none. */
#include "files.h"

/* --- what a link says ------------------------------------------------------------------------------------ */

static void put_decimal(char *to, uint64_t *length, uint64_t value)
{
	if (value >= 10)
		put_decimal(to, length, value / 10);
	to[(*length)++] = (char)('0' + value % 10);
}

static void put_text(char *to, uint64_t *length, const char *text)
{
	memcpy(to + *length, text, string_length(text));
	*length += string_length(text);
}

/* Devices of the terminal server, by number: it has no names for them. */
int terminal_path(uint64_t device, char *to, uint64_t *length)
{
	bool serial = device >> 8 == 4 && (device & 0xff) >= 64;
	if (!serial && device >> 8 != 136)
		return -ENOENT;
	put_text(to, length, serial ? "/dev/ttyS" : "/dev/pts/");
	put_decimal(to, length, (device & 0xff) - (serial ? 64 : 0));
	return 0;
}

static int gate_text(slot_t gate, char *to, uint64_t *length)
{
	struct file_attributes attributes;
	uint64_t received = 0;
	int status = file_status(gate, INTERRUPTIBLE, &attributes, sizeof(attributes), NULL);
	if (status < 0)
		return status;
	uint32_t type = attributes.mode & S_IFMT;
	status = type == S_IFSOCK ? -ENOENT : path_path_of(gate, INTERRUPTIBLE, to, PATH_MAX_BYTES, &received, length);
	if (status == 0)
		return 0;
	*length = 0;
	if (type == S_IFCHR)
		return terminal_path(attributes.special_device, to, length);
	if (type != S_IFIFO && type != S_IFSOCK)
		return status;
	put_text(to, length, type == S_IFIFO ? "pipe:[" : "socket:[");
	put_decimal(to, length, attributes.inode);
	put_text(to, length, "]");
	return 0;
}

static int link_text(uint64_t kind, slot_t gate, char *to, uint64_t *length)
{
	static const char *const kinds[] = { [FILE_EPOLL] = "anon_inode:[eventpoll]", [FILE_EVENT] = "anon_inode:[eventfd]",
	                                     [FILE_TIMER] = "anon_inode:[timerfd]",
	                                     [FILE_SIGNAL] = "anon_inode:[signalfd]" };
	*length = 0;
	if (kind == FILE_GATE)
		return gate_text(gate, to, length);
	put_text(to, length, kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : "anon_inode:[]");
	return 0;
}

/* --- operations -------------------------------------------------------------------------------------------- */

/* The link itself: its permissions tell how the file is open. */
static int link_status(uint64_t kind, slot_t gate, struct file_attributes *link)
{
	uint32_t flags = O_RDWR;
	int status = kind == FILE_GATE ? file_get_flags(gate, INTERRUPTIBLE, &flags) : 0;
	uint32_t access = flags & O_ACCMODE;
	link->mode = S_IFLNK;
	if (!(flags & O_PATH))
		link->mode |= (access != O_WRONLY ? 0500u : 0) | (access != O_RDONLY ? 0300u : 0);
	link->special_device = link->blocks = 0;
	return status;
}

/* Files and directories are opened again, with the permissions of who asks now; of pipes and devices there is one more
 * way to the same open file. */
static int file_reopen(uint32_t flags, slot_t gate, struct path_call *call)
{
	uint32_t redirect = 0;
	struct file_attributes attributes;
	if (flags & O_NOFOLLOW)
		return -ELOOP;
	int status = file_status(gate, INTERRUPTIBLE, &attributes, sizeof(attributes), NULL);
	if (status < 0)
		return status;
	uint32_t type = attributes.mode & S_IFMT;
	if (type == S_IFREG || type == S_IFDIR)
		return path_open(gate, INTERRUPTIBLE, flags, 0, NULL, 0, PROCESS_ROOT, call->reply, sizeof(*call->reply), NULL,
		                 &redirect, NULL, call->result);
	call->reply->attributes = attributes;
	return flags & O_DIRECTORY ? -ENOTDIR : type == S_IFSOCK ? -ENXIO : 0;
}

static int file_access(slot_t gate, const struct path_call *call)
{
	struct path_reply reply;
	uint32_t redirect = 0;
	int status = path_access(gate, INTERRUPTIBLE, (uint32_t)call->words[0], (uint32_t)call->words[1], NULL, 0, 0, &reply,
	                         sizeof(reply), NULL, &redirect, NULL, 0);
	return status == -ENOSYS || status == -EOPNOTSUPP ? 0 : status;
}

static int file_change(slot_t gate, const struct path_call *call)
{
	uint64_t numbers[3];
	memcpy(numbers, call->buffer, sizeof(numbers));
	struct file_attributes attributes = {
		.mode = (uint32_t)call->words[2],
		.user = (uint32_t)call->words[3],
		.group = (uint32_t)call->words[4],
		.size = numbers[0],
		.access_time = (int64_t)numbers[1],
		.modify_time = (int64_t)numbers[2],
	};
	return file_set_attributes(gate, INTERRUPTIBLE, (uint32_t)call->words[0], &attributes);
}

static int file_system_of(slot_t gate, struct path_reply *reply)
{
	struct file_system_info info;
	int status = file_system_status(gate, INTERRUPTIBLE, &info, sizeof(info), NULL);
	memcpy(reply->rest, &info, sizeof(info));
	return status;
}

int path_at_descriptor(struct thread *thread, struct path_call *call, slot_t gate)
{
	struct file_attributes *link = &call->reply->attributes;
	uint64_t kind = link->blocks;
	switch (call->operation) {
	case OPERATION_PATH_OPEN:
		return kind == FILE_GATE ? file_reopen((uint32_t)call->words[0], gate, call) : -ENXIO;
	case OPERATION_PATH_STATUS:
		if (call->words[0] & AT_SYMLINK_NOFOLLOW)
			return link_status(kind, gate, link);
		if (kind == FILE_GATE)
			return file_status(gate, INTERRUPTIBLE, link, sizeof(*link), NULL);
		attributes_of_own(thread->task, link);
		return 0;
	case OPERATION_PATH_READ_LINK:
		return link_text(kind, gate, call->reply->rest, &call->out[2]);
	case OPERATION_PATH_ACCESS:
		return kind == FILE_GATE && !(call->words[1] & AT_SYMLINK_NOFOLLOW) ? file_access(gate, call) : 0;
	case OPERATION_PATH_SET_ATTRIBUTES:
		if (call->words[1] & AT_SYMLINK_NOFOLLOW)
			return -EPERM;
		return kind == FILE_GATE ? file_change(gate, call) : -EINVAL;
	case OPERATION_PATH_SYSTEM_STATUS:
		return kind == FILE_GATE ? file_system_of(gate, call->reply) : -EINVAL;
	case OPERATION_PATH_MAKE_NODE:
	case OPERATION_PATH_MAKE_LINK:
		return -EEXIST;
	default:
		return -EPERM;
	}
}

/* --- own descriptors by name ------------------------------------------------------------------------------ */

/* Reads a decimal number at the path's end; -1: there is none. */
static int number_at_end(const char *text)
{
	int number = 0;
	if (!*text)
		return -1;
	for (; *text >= '0' && *text <= '9' && number < 1000000; text++)
		number = number * 10 + (*text - '0');
	return *text ? -1 : number;
}

static const char *skip_prefix(const char *path, const char *prefix)
{
	return string_starts(path, prefix) ? path + string_length(prefix) : NULL;
}

/* /proc/PID/ of our own process; the rest of the path. */
static const char *skip_own_process(struct task *task, const char *path)
{
	const char *rest = skip_prefix(path, "/proc/");
	uint32_t number = 0;
	if (!rest)
		return NULL;
	for (; *rest >= '0' && *rest <= '9'; rest++)
		number = number * 10 + (uint32_t)(*rest - '0');
	return number == task->process && *rest == '/' ? rest + 1 : NULL;
}

int path_own_descriptor(struct task *task, const char *path)
{
	const char *rest;
	if (path[0] != '/' || (path[1] != 'd' && path[1] != 'p'))
		return -1;
	if ((rest = skip_prefix(path, "/dev/std")))
		return string_equal(rest, "in") ? 0 : string_equal(rest, "out") ? 1 : string_equal(rest, "err") ? 2 : -1;
	if ((rest = skip_prefix(path, "/dev/fd/")) || (rest = skip_prefix(path, "/proc/self/fd/")) ||
	    (rest = skip_prefix(path, "/proc/thread-self/fd/")))
		return number_at_end(rest);
	if ((rest = skip_own_process(task, path)) && (rest = skip_prefix(rest, "fd/")))
		return number_at_end(rest);
	return -1;
}
