/* fcntl and ioctl. */
#include "files.h"
#include "protocol_process.h"
#include "signals.h"

/* --- locks ------------------------------------------------------------------------------------------- */

/* The start of a lock as an absolute offset; -EINVAL. */
static int64_t lock_start(struct open_file *file, const struct linux_flock *given)
{
	struct file_attributes attributes;
	int64_t base = 0;
	int status = 0;
	if (given->whence == SEEK_CUR) {
		status = offset_seek(file, 0, SEEK_CUR, &base);
	} else if (given->whence == SEEK_END) {
		status = file_status(file->slot, NULL, &attributes, sizeof(attributes), NULL);
		base = (int64_t)attributes.size;
	} else if (given->whence != SEEK_SET) {
		return -EINVAL;
	}
	if (status < 0)
		return status;
	base += given->start;
	return base < 0 ? -EINVAL : base;
}

static int64_t file_record_lock(struct thread *thread, struct open_file *file, uint32_t command, uint64_t address)
{
	struct linux_flock given;
	struct file_lock lock, answer = { 0 };
	if (file->kind != FILE_GATE)
		return -EINVAL;
	if (user_read(&given, address, sizeof(given)) < 0)
		return -EFAULT;
	int64_t start = lock_start(file, &given);
	if (start < 0)
		return start;
	if (given.length < 0) {
		start += given.length;
		given.length = -given.length;
	}
	if (start < 0 || (uint16_t)given.type > 2)
		return -EINVAL;
	lock = (struct file_lock){ (uint64_t)start, (uint64_t)given.length, (uint32_t)given.type,
	                           thread->task->process };
	if (!thread->task->locks_used && command != F_GETLK) {
		process_hold_locks(PROCESS_GATE, NULL);
		thread->task->locks_used = 1;
	}
	int status = file_lock(file->slot, INTERRUPTIBLE, command, &lock, &answer, sizeof(answer), NULL);
	if (status < 0 || command != F_GETLK)
		return status;
	given.type = (int16_t)answer.type;
	if (answer.type != 2) {
		given.whence = SEEK_SET;
		given.start = (int64_t)answer.start;
		given.length = (int64_t)answer.length;
		given.process = (int32_t)answer.owner;
	}
	return user_write(address, &given, sizeof(given));
}

/* --- fcntl ------------------------------------------------------------------------------------------- */

static int64_t flags_get(struct open_file *file)
{
	uint32_t flags = 0;
	if (file->flags & FILE_PATH_ONLY)
		return O_PATH;
	if (file->kind != FILE_GATE)
		return O_RDWR | (file->flags & FILE_NONBLOCK ? O_NONBLOCK : 0);
	if (file->slot > SLOT_MASK && file->open_flags != OPEN_FLAGS_ASK)
		return file->open_flags;
	int status = file_get_flags(file->slot, NULL, &flags);
	return status < 0 ? status : (int64_t)flags;
}

static int64_t flags_set(struct open_file *file, uint32_t flags)
{
	if (file->kind == FILE_GATE) {
		if (flags & O_APPEND)
			offset_leave(file);
		file->open_flags = OPEN_FLAGS_ASK;
		return file_set_flags(file->slot, NULL, flags);
	}
	if (flags & O_NONBLOCK)
		file->flags |= FILE_NONBLOCK;
	else
		file->flags &= (uint16_t)~FILE_NONBLOCK;
	return 0;
}

static int64_t descriptor_flags(struct task *task, int32_t descriptor, bool set, uint32_t flags)
{
	struct files *files = &task->files;
	int64_t result = -EBADF;
	lock_take(&files->lock);
	if ((uint32_t)descriptor < files->size && files->table[descriptor].file) {
		result = set ? 0 : files->table[descriptor].flags;
		if (set)
			files->table[descriptor].flags = flags & FD_CLOEXEC;
	}
	lock_release(&files->lock);
	return result;
}

static int64_t fcntl_on_file(struct thread *thread, struct open_file *file, int32_t command, uint64_t argument)
{
	switch (command) {
	case F_GETFL:
		return flags_get(file);
	case F_SETFL:
		return file->flags & FILE_PATH_ONLY ? -EBADF : flags_set(file, (uint32_t)argument);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		return file->flags & FILE_PATH_ONLY ? -EBADF
		                                    : file_record_lock(thread, file, (uint32_t)command, argument);
	case F_GETOWN:
	case F_GETSIG:
		return 0;
	case F_GETOWN_EX: /* nobody, of type F_OWNER_TID */
		return user_clear(argument, 8);
	case F_SETOWN:
	case F_SETSIG:
		return 0;
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
		return 65536;
	default:
		return -EINVAL;
	}
}

int64_t linux_fcntl(struct thread *thread, int32_t descriptor, int32_t command, uint64_t argument)
{
	struct task *task = thread->task;
	switch (command) {
	case F_GETFD:
		return descriptor_flags(task, descriptor, false, 0);
	case F_SETFD:
		return descriptor_flags(task, descriptor, true, (uint32_t)argument);
	}
	struct open_file *file = file_find(task, descriptor);
	if (!file)
		return -EBADF;
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
		if (argument < task->descriptor_limit)
			return descriptor_install(task, file, (uint32_t)argument,
			                          command == F_DUPFD_CLOEXEC ? FD_CLOEXEC : 0);
		file_release(task, file);
		return -EINVAL;
	}
	int64_t result = fcntl_on_file(thread, file, command, argument);
	file_release(task, file);
	return result;
}

/* --- ioctl ------------------------------------------------------------------------------------------- */

/* The old terminal commands say nothing of their sizes; the others do (bits 16 to 29, 30 in, 31 out). */
struct control_size {
	uint32_t command;
	uint8_t in, out;
};
enum { FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIONBIO = 0x5421, FIOASYNC = 0x5452, FIONREAD = 0x541b };
#define TERMIOS_SIZE 36
static const struct control_size control_sizes[] = {
	{ 0x5401, 0, TERMIOS_SIZE }, /* TCGETS */
	{ 0x5402, TERMIOS_SIZE, 0 }, /* TCSETS */
	{ 0x5403, TERMIOS_SIZE, 0 }, /* TCSETSW */
	{ 0x5404, TERMIOS_SIZE, 0 }, /* TCSETSF */
	{ 0x540f, 0, 4 },            /* TIOCGPGRP */
	{ 0x5410, 4, 0 },            /* TIOCSPGRP */
	{ 0x5411, 0, 4 },            /* TIOCOUTQ */
	{ 0x5412, 1, 0 },            /* TIOCSTI */
	{ 0x5413, 0, 8 },            /* TIOCGWINSZ */
	{ 0x5414, 8, 0 },            /* TIOCSWINSZ */
	{ 0x5415, 0, 4 },            /* TIOCMGET */
	{ 0x5416, 4, 0 },            /* TIOCMBIS */
	{ 0x5417, 4, 0 },            /* TIOCMBIC */
	{ 0x5418, 4, 0 },            /* TIOCMSET */
	{ FIONREAD, 0, 4 },
	{ 0x5420, 4, 0 },            /* TIOCPKT */
	{ 0x5423, 4, 0 },            /* TIOCSETD */
	{ 0x5424, 0, 4 },            /* TIOCGETD */
	{ 0x5429, 0, 4 },            /* TIOCGSID */
};
#define CONTROL_BUFFER 4096u

static void control_size_find(uint32_t command, uint32_t *in, uint32_t *out)
{
	uint32_t size = command >> 16 & 0x3fff;
	*in = command & 1u << 30 ? size : 0;
	*out = command & 1u << 31 ? size : 0;
	for (unsigned i = 0; i < sizeof(control_sizes) / sizeof(control_sizes[0]); i++) {
		if (control_sizes[i].command == command) {
			*in = control_sizes[i].in;
			*out = control_sizes[i].out;
		}
	}
}

static int64_t control_send(struct thread *thread, struct open_file *file, uint32_t command, uint64_t argument)
{
	uint32_t in, out;
	int64_t result = 0;
	control_size_find(command, &in, &out);
	if (in > CONTROL_BUFFER)
		return -ENOTTY;
	if (!user_range(argument, MAXIMUM(in, out)) && (in || out))
		return -EFAULT;
	if (command == FIONREAD)
		offset_leave(file);
	int status = file_control(file->slot, INTERRUPTIBLE, command, argument,
	                          thread->task->process | (signal_is_off(thread, SIGTTOU) ? FILE_PROCESS_SIGNAL_OFF : 0),
	                          in ? (const void *)argument : NULL, in, out ? (void *)argument : NULL, out, NULL, &result);
	if (status == -ENOSYS || status == -EOPNOTSUPP)
		return -ENOTTY;
	return status < 0 ? status : result;
}

static int64_t control_nonblock(struct open_file *file, uint64_t argument)
{
	uint32_t on;
	if (user_read32(argument, &on) < 0)
		return -EFAULT;
	int64_t flags = flags_get(file);
	if (flags < 0)
		return flags;
	return flags_set(file, on ? (uint32_t)flags | O_NONBLOCK : (uint32_t)flags & ~(uint32_t)O_NONBLOCK);
}

int64_t linux_ioctl(struct thread *thread, int32_t descriptor, uint32_t command, uint64_t argument)
{
	struct task *task = thread->task;
	struct open_file *file = file_find_io(task, descriptor);
	if (!file)
		return -EBADF;
	int64_t result;
	if (command == FIOCLEX || command == FIONCLEX)
		result = descriptor_flags(task, descriptor, true, command == FIOCLEX ? FD_CLOEXEC : 0);
	else if (command == FIONBIO)
		result = control_nonblock(file, argument);
	else if (file->kind != FILE_GATE)
		result = -ENOTTY;
	else
		result = control_send(thread, file, command, argument);
	file_release(task, file);
	return result;
}
