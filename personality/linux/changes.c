/* Changing what files are: mode, owner, size, times; by descriptor or by name. */
#include "files.h"
#include "signals.h"
#include "time.h"

struct change {
	uint32_t mask, mode, user, group;
	uint64_t size, access_time, modify_time; /* as the protocol's buffer starts */
};
#define NUMBERS_SIZE (3 * sizeof(uint64_t))

static int64_t change_named(struct thread *thread, int32_t directory, char *buffer, uint64_t length, uint32_t flags,
                            const struct change *change)
{
	const uint64_t numbers[3] = { change->size, change->access_time, change->modify_time };
	struct path_reply reply;
	memcpy(buffer, numbers, sizeof(numbers));
	struct path_call call = {
		.operation = OPERATION_PATH_SET_ATTRIBUTES,
		.identified = true,
		.words = { change->mask, flags & AT_SYMLINK_NOFOLLOW, change->mode, change->user, change->group },
		.reply = &reply,
	};
	return path_run(thread, directory, buffer, sizeof(numbers), length, &call);
}

static bool same_file(const struct file_attributes *one, const struct file_attributes *other)
{
	return one->device == other->device && one->inode == other->inode;
}

/* The terminal server does not know who asks, and a terminal's mode and owner are its node's: there they change. */
static int64_t change_terminal(struct thread *thread, slot_t gate, const struct change *change)
{
	char buffer[NUMBERS_SIZE + PATH_MAX_BYTES];
	struct file_attributes attributes;
	struct path_reply reply;
	uint64_t length = 0;
	if (change->mask & ATTRIBUTE_SIZE)
		return -EINVAL;
	if (file_status(gate, NULL, &attributes, sizeof(attributes), NULL) < 0 ||
	    terminal_path(attributes.special_device, buffer + NUMBERS_SIZE, &length) < 0)
		return -EPERM;
	buffer[NUMBERS_SIZE + length] = 0;
	struct path_call call = { .operation = OPERATION_PATH_STATUS, .reply = &reply };
	/* In another root the name may be another file's. */
	if (path_run(thread, AT_FDCWD, buffer + NUMBERS_SIZE, 0, length, &call) < 0 || !same_file(&reply.attributes, &attributes))
		return -EPERM;
	return change_named(thread, AT_FDCWD, buffer, length, 0, change);
}

static int64_t change_descriptor(struct thread *thread, int32_t descriptor, const struct change *change)
{
	struct file_attributes attributes = {
		.mode = change->mode,
		.user = change->user,
		.group = change->group,
		.size = change->size,
		.access_time = (int64_t)change->access_time,
		.modify_time = (int64_t)change->modify_time,
	};
	struct open_file *file = file_find(thread->task, descriptor);
	if (!file)
		return -EBADF;
	int64_t status = file->kind == FILE_GATE ? file_set_attributes(file->slot, NULL, change->mask, &attributes) : -EINVAL;
	if (status == -EPERM && file->kind == FILE_GATE)
		status = change_terminal(thread, file->slot, change);
	file_release(thread->task, file);
	return status;
}

/* The file protocol refuses what was opened with O_PATH; the path protocol, with an empty path, does not. */
static bool opened_for_path(struct task *task, int32_t descriptor)
{
	struct open_file *file = file_find(task, descriptor);
	bool only = file && file->flags & FILE_PATH_ONLY;
	file_release(task, file);
	return only;
}

static int64_t change_path(struct thread *thread, int32_t directory, uint64_t path, uint32_t flags,
                           const struct change *change)
{
	char buffer[NUMBERS_SIZE + PATH_MAX_BYTES];
	int64_t length = user_string(buffer + NUMBERS_SIZE, path, PATH_MAX_BYTES);
	if (length < 0)
		return length;
	if (length == 0 && flags & AT_EMPTY_PATH && directory != AT_FDCWD && !opened_for_path(thread->task, directory))
		return change_descriptor(thread, directory, change);
	if (length == 0 && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	return change_named(thread, directory, buffer, (uint64_t)length, flags, change);
}

int64_t linux_fchmodat2(struct thread *thread, int32_t directory, uint64_t path, uint32_t mode, uint32_t flags)
{
	struct change change = { .mask = ATTRIBUTE_MODE, .mode = mode & 07777 };
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return change_path(thread, directory, path, flags, &change);
}

int64_t linux_fchmodat(struct thread *thread, int32_t directory, uint64_t path, uint32_t mode)
{
	return linux_fchmodat2(thread, directory, path, mode, 0);
}

int64_t linux_chmod(struct thread *thread, uint64_t path, uint32_t mode)
{
	return linux_fchmodat2(thread, AT_FDCWD, path, mode, 0);
}

int64_t linux_fchmod(struct thread *thread, int32_t descriptor, uint32_t mode)
{
	struct change change = { .mask = ATTRIBUTE_MODE, .mode = mode & 07777 };
	return change_descriptor(thread, descriptor, &change);
}

/* The id -1 stays as it is. */
static struct change change_owner(uint32_t user, uint32_t group)
{
	return (struct change){
		.mask = (user != ~0u ? ATTRIBUTE_USER : 0) | (group != ~0u ? ATTRIBUTE_GROUP : 0),
		.user = user,
		.group = group,
	};
}

int64_t linux_fchownat(struct thread *thread, int32_t directory, uint64_t path, uint32_t user, uint32_t group,
                       uint32_t flags)
{
	struct change change = change_owner(user, group);
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return change_path(thread, directory, path, flags, &change);
}

int64_t linux_chown(struct thread *thread, uint64_t path, uint32_t user, uint32_t group)
{
	return linux_fchownat(thread, AT_FDCWD, path, user, group, 0);
}

int64_t linux_lchown(struct thread *thread, uint64_t path, uint32_t user, uint32_t group)
{
	return linux_fchownat(thread, AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW);
}

int64_t linux_fchown(struct thread *thread, int32_t descriptor, uint32_t user, uint32_t group)
{
	struct change change = change_owner(user, group);
	return change_descriptor(thread, descriptor, &change);
}

int64_t linux_truncate(struct thread *thread, uint64_t path, int64_t length)
{
	struct change change = { .mask = ATTRIBUTE_SIZE, .size = (uint64_t)length };
	return length < 0 ? -EINVAL : change_path(thread, AT_FDCWD, path, 0, &change);
}

/* RLIMIT_FSIZE: -EFBIG, with SIGXFSZ, where the file would grow beyond. */
static int size_limit_check(struct thread *thread, int32_t descriptor, uint64_t size)
{
	struct file_attributes attributes = { 0 };
	if (size <= thread->task->file_size_limit)
		return 0;
	struct open_file *file = file_find(thread->task, descriptor);
	bool grows = file && file->kind == FILE_GATE &&
	             file_status(file->slot, NULL, &attributes, sizeof(attributes), NULL) == 0 &&
	             (attributes.mode & S_IFMT) == S_IFREG && attributes.size < size;
	file_release(thread->task, file);
	if (grows)
		signal_raise(thread, SIGXFSZ, SI_USER);
	return grows ? -EFBIG : 0;
}

int64_t linux_ftruncate(struct thread *thread, int32_t descriptor, int64_t length)
{
	struct change change = { .mask = ATTRIBUTE_SIZE, .size = (uint64_t)length };
	int64_t status = length < 0 ? -EINVAL : size_limit_check(thread, descriptor, (uint64_t)length);
	if (status == 0)
		status = change_descriptor(thread, descriptor, &change);
	return status == -EOPNOTSUPP || status == -ENOSYS ? -EINVAL : status; /* not a file that has a size */
}

/* --- times ----------------------------------------------------------------------------------------- */

static int time_add(struct change *change, const struct linux_timespec *time, uint32_t set, uint32_t now,
                    uint64_t *value)
{
	if (time->nanoseconds == UTIME_OMIT)
		return 0;
	if (time->nanoseconds == UTIME_NOW) {
		change->mask |= now;
		return 0;
	}
	if ((uint64_t)time->nanoseconds >= NANOSECONDS)
		return -EINVAL;
	change->mask |= set;
	*value = (uint64_t)(time->seconds * (int64_t)NANOSECONDS + time->nanoseconds);
	return 0;
}

static int64_t times_change(struct thread *thread, int32_t directory, uint64_t path, uint32_t flags,
                            const struct linux_timespec times[2])
{
	struct change change = { .mask = 0 };
	if (time_add(&change, &times[0], ATTRIBUTE_ACCESS_TIME, ATTRIBUTE_ACCESS_NOW, &change.access_time) < 0 ||
	    time_add(&change, &times[1], ATTRIBUTE_MODIFY_TIME, ATTRIBUTE_MODIFY_NOW, &change.modify_time) < 0)
		return -EINVAL;
	if (change.mask == 0)
		return 0;
	return path ? change_path(thread, directory, path, flags, &change)
	            : change_descriptor(thread, directory, &change);
}

static const struct linux_timespec times_now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };

int64_t linux_utimensat(struct thread *thread, int32_t directory, uint64_t path, uint64_t times, uint32_t flags)
{
	struct linux_timespec given[2];
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!times)
		return times_change(thread, directory, path, flags, times_now);
	if (user_read(given, times, sizeof(given)) < 0)
		return -EFAULT;
	return times_change(thread, directory, path, flags, given);
}

int64_t linux_futimesat(struct thread *thread, int32_t directory, uint64_t path, uint64_t times)
{
	struct linux_timeval given[2];
	struct linux_timespec converted[2];
	if (!times)
		return times_change(thread, directory, path, 0, times_now);
	if (user_read(given, times, sizeof(given)) < 0)
		return -EFAULT;
	for (unsigned i = 0; i < 2; i++) {
		if ((uint64_t)given[i].microseconds >= 1000000)
			return -EINVAL;
		converted[i] = (struct linux_timespec){ given[i].seconds, given[i].microseconds * 1000 };
	}
	return times_change(thread, directory, path, 0, converted);
}

int64_t linux_utimes(struct thread *thread, uint64_t path, uint64_t times)
{
	return linux_futimesat(thread, AT_FDCWD, path, times);
}

int64_t linux_utime(struct thread *thread, uint64_t path, uint64_t times)
{
	int64_t given[2];
	if (!times)
		return times_change(thread, AT_FDCWD, path, 0, times_now);
	if (user_read(given, times, sizeof(given)) < 0)
		return -EFAULT;
	struct linux_timespec converted[2] = { { given[0], 0 }, { given[1], 0 } };
	return times_change(thread, AT_FDCWD, path, 0, converted);
}
