/* Calls on descriptors: open and close, dup, seek, fcntl, sync, directories' entries. */
#include "files.h"
#include "protocol_pipe.h"
#include "protocol_process.h"

/* --- open and close ---------------------------------------------------------------------------------- */

int64_t linux_openat(struct thread *thread, int32_t directory, uint64_t path, uint32_t flags, uint32_t mode)
{
	struct task *task = thread->task;
	struct opened opened;
	char name[PATH_MAX_BYTES];
	int64_t length = path_read(name, path);
	if (length < 0)
		return length;
	flags &= ~PATH_OPEN_EXECUTE;
	mode &= 07777 & ~task->umask;
	if (flags & O_CREAT && !descriptor_has_room(task))
		return -EMFILE; /* before there is a file that nobody has open */
	int status;
	if (!table_open_file(thread, directory, name, (uint64_t)length, flags, mode, &opened, &status))
		status = path_open_file(thread, directory, name, flags, mode, &opened);
	if (status < 0)
		return status;
	struct open_file *file = file_make(task, opened.slot, FILE_GATE, opened.file_flags, NULL);
	if (!file)
		return -ENOMEM;
	file->open_flags = flags & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	return descriptor_install(task, file, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

int64_t linux_open(struct thread *thread, uint64_t path, uint32_t flags, uint32_t mode)
{
	return linux_openat(thread, AT_FDCWD, path, flags, mode);
}

int64_t linux_creat(struct thread *thread, uint64_t path, uint32_t mode)
{
	return linux_openat(thread, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int64_t linux_close(struct thread *thread, int32_t descriptor)
{
	return descriptor_close(thread->task, (uint32_t)descriptor);
}

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

int64_t linux_close_range(struct thread *thread, uint32_t first, uint32_t last, uint32_t flags)
{
	struct files *files = &thread->task->files;
	if (first > last || flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return -EINVAL;
	for (uint32_t i = first; i <= last && i < files->size; i++) {
		if (!(flags & CLOSE_RANGE_CLOEXEC)) {
			descriptor_close(thread->task, i);
			continue;
		}
		lock_take(&files->lock);
		files->table[i].flags |= FD_CLOEXEC;
		lock_release(&files->lock);
	}
	return 0;
}

/* --- dup ------------------------------------------------------------------------------------------ */

static int64_t duplicate(struct task *task, int32_t descriptor, uint32_t from, uint32_t flags)
{
	struct open_file *file = file_find(task, descriptor);
	return file ? descriptor_install(task, file, from, flags) : -EBADF;
}

int64_t linux_dup(struct thread *thread, int32_t descriptor)
{
	return duplicate(thread->task, descriptor, 0, 0);
}

static int64_t duplicate_to(struct task *task, int32_t descriptor, int32_t number, uint32_t flags)
{
	struct open_file *file = file_find(task, descriptor);
	return file ? descriptor_replace(task, file, (uint32_t)number, flags) : -EBADF;
}

int64_t linux_dup2(struct thread *thread, int32_t descriptor, int32_t new_descriptor)
{
	struct task *task = thread->task;
	if (descriptor != new_descriptor)
		return duplicate_to(task, descriptor, new_descriptor, 0);
	struct open_file *file = file_find(task, descriptor);
	file_release(task, file);
	return file ? descriptor : -EBADF;
}

int64_t linux_dup3(struct thread *thread, int32_t descriptor, int32_t new_descriptor, uint32_t flags)
{
	if (descriptor == new_descriptor || flags & ~(uint32_t)O_CLOEXEC)
		return -EINVAL;
	return duplicate_to(thread->task, descriptor, new_descriptor, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

/* --- pipes --------------------------------------------------------------------------------------- */

/* Two slots that a server filled become two descriptors, written to the program's array. */
static int64_t descriptors_pair(struct task *task, slot_t first, slot_t second, unsigned file_flags, uint32_t flags,
                                uint64_t result)
{
	int32_t numbers[2];
	numbers[0] = descriptor_open(task, first, file_flags, flags);
	if (numbers[0] < 0) {
		slot_give_back(task, second);
		return numbers[0];
	}
	numbers[1] = descriptor_open(task, second, file_flags, flags);
	if (numbers[1] < 0) {
		descriptor_close(task, (uint32_t)numbers[0]);
		return numbers[1];
	}
	if (user_write(result, numbers, sizeof(numbers)) == 0)
		return 0;
	descriptor_close(task, (uint32_t)numbers[0]);
	descriptor_close(task, (uint32_t)numbers[1]);
	return -EFAULT;
}

static int64_t pair_make(struct thread *thread, uint64_t result, uint32_t flags, bool two_way)
{
	struct task *task = thread->task;
	slot_t first = slot_take(task), second = slot_take(task);
	uint64_t reserved;
	int status = -ENFILE;
	if (first && second)
		status = two_way ? pipe_make_pair(PROCESS_PIPE, NULL, flags & O_NONBLOCK, &reserved, first, second)
		                 : pipe_make(PROCESS_PIPE, NULL, flags & (O_NONBLOCK | O_DIRECT), task->process,
		                             &reserved, first, second);
	if (status < 0) {
		slot_give_back(task, first);
		slot_give_back(task, second);
		return status;
	}
	return descriptors_pair(task, first, second, FILE_RING | (two_way ? FILE_SOCKET : 0),
	                        flags & O_CLOEXEC ? FD_CLOEXEC : 0, result);
}

int64_t linux_pipe2(struct thread *thread, uint64_t result, uint32_t flags)
{
	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	return pair_make(thread, result, flags, false);
}

int64_t linux_pipe(struct thread *thread, uint64_t result)
{
	return pair_make(thread, result, 0, false);
}

#define AF_UNIX 1
#define SOCK_TYPE_MASK 15

int64_t linux_socketpair(struct thread *thread, int32_t family, int32_t type, int32_t protocol, uint64_t result)
{
	int32_t kind = type & SOCK_TYPE_MASK;
	if (family != AF_UNIX)
		return -EAFNOSUPPORT;
	if (kind != 1 && kind != 2 && kind != 5)
		return -ESOCKTNOSUPPORT;
	return pair_make(thread, result, (uint32_t)type & (O_CLOEXEC | O_NONBLOCK), true);
}

/* --- position and state ---------------------------------------------------------------------------- */

int64_t linux_lseek(struct thread *thread, int32_t descriptor, int64_t offset, uint32_t whence)
{
	struct open_file *file = file_find_io(thread->task, descriptor);
	int64_t position = 0;
	if (!file)
		return -EBADF;
	int status = offset_seek(file, offset, whence, &position);
	file_release(thread->task, file);
	return status < 0 ? status : position;
}

/* A call on the gate that needs nothing else; own kinds give `otherwise`. */
#define ON_GATE(thread, descriptor, otherwise, expression)                             \
	({                                                                                 \
		struct open_file *file = file_find_io((thread)->task, descriptor);             \
		int64_t result_ = -EBADF;                                                      \
		if (file)                                                                      \
			result_ = file->kind == FILE_GATE ? (int64_t)(expression) : (otherwise);   \
		file_release((thread)->task, file);                                            \
		result_;                                                                       \
	})

int64_t linux_fsync(struct thread *thread, int32_t descriptor)
{
	return ON_GATE(thread, descriptor, -EINVAL, file_synchronize(file->slot, NULL));
}

int64_t linux_fdatasync(struct thread *thread, int32_t descriptor)
{
	return linux_fsync(thread, descriptor);
}

int64_t linux_sync(struct thread *thread)
{
	return 0;
}

int64_t linux_syncfs(struct thread *thread, int32_t descriptor)
{
	return ON_GATE(thread, descriptor, 0, 0);
}

int64_t linux_sync_file_range(struct thread *thread, int32_t descriptor, int64_t offset, int64_t length, uint32_t flags)
{
	int64_t status = linux_fsync(thread, descriptor);
	return flags & ~7u ? -EINVAL : status == -EINVAL ? -ESPIPE : status;
}

int64_t linux_flock(struct thread *thread, int32_t descriptor, uint32_t operation)
{
	return ON_GATE(thread, descriptor, -EINVAL, file_flock(file->slot, INTERRUPTIBLE, operation));
}

static bool is_pipe(struct open_file *file)
{
	struct file_attributes attributes;
	return file_status(file->slot, NULL, &attributes, sizeof(attributes), NULL) == 0 &&
	       (attributes.mode & S_IFMT) == S_IFIFO;
}

int64_t linux_fallocate(struct thread *thread, int32_t descriptor, uint32_t mode, int64_t offset, int64_t length)
{
	if (offset < 0 || length <= 0)
		return -EINVAL;
	return ON_GATE(thread, descriptor, -ENODEV, is_pipe(file) ? -ESPIPE
	               : file_allocate(file->slot, NULL, mode, (uint64_t)offset, (uint64_t)length));
}

int64_t linux_fadvise64(struct thread *thread, int32_t descriptor, int64_t offset, uint64_t length, int32_t advice)
{
	return ON_GATE(thread, descriptor, 0, is_pipe(file) ? -ESPIPE : (uint32_t)advice > 7 ? -EINVAL : 0);
}

int64_t linux_readahead(struct thread *thread, int32_t descriptor, int64_t offset, uint64_t count)
{
	return ON_GATE(thread, descriptor, -EINVAL, 0);
}

/* --- directories ------------------------------------------------------------------------------------ */

#define ENTRIES_FEW 4096u

static int64_t entries_read(struct thread *thread, int32_t descriptor, void *buffer, uint64_t length)
{
	struct open_file *file = file_find_io(thread->task, descriptor);
	uint64_t count = 0;
	if (!file)
		return -EBADF;
	/* What comes after few entries is most likely their end: no large buffer is made ready for it. */
	length = file->reads ? MINIMUM(length, ENTRIES_FEW) : length;
	int status = file->kind != FILE_GATE ? -ENOTDIR
	                                     : file_read_directory(file->slot, NULL, length, buffer, length, NULL, &count);
	file->reads = status == 0 && count < length / 2;
	file_release(thread->task, file);
	if (status == -ENOSYS || status == -EOPNOTSUPP)
		return -ENOTDIR;
	return status < 0 ? status : (int64_t)count;
}

int64_t linux_getdents64(struct thread *thread, int32_t descriptor, uint64_t buffer, uint64_t length)
{
	return user_range(buffer, length) ? entries_read(thread, descriptor, (void *)buffer, length) : -EFAULT;
}

/* The old record has its type byte at the end; both kinds have the same length. */
static void entry_convert(uint8_t *entry, uint16_t length)
{
	uint8_t type = entry[18];
	memmove(entry + 18, entry + 19, length - 19u);
	entry[length - 1] = type;
}

int64_t linux_getdents(struct thread *thread, int32_t descriptor, uint64_t buffer, uint64_t length)
{
	uint8_t entries[4096];
	int64_t count = entries_read(thread, descriptor, entries, MINIMUM(length, sizeof(entries)));
	for (int64_t at = 0; at < count;) {
		uint16_t size;
		memcpy(&size, entries + at + 16, sizeof(size));
		if (size < 20 || at + size > count)
			return -EIO;
		entry_convert(entries + at, size);
		at += size;
	}
	return count > 0 && user_write(buffer, entries, (uint64_t)count) < 0 ? -EFAULT : count;
}

static int64_t directory_change(struct thread *thread, slot_t slot, bool mounted)
{
	char path[PATH_MAX_BYTES];
	struct task *task = thread->task;
	if (cap_copy(PROCESS_CAPTABLE, PROCESS_DIRECTORY, PROCESS_CAPTABLE, slot, RIGHTS_ALL) < 0)
		return -EIO;
	task->directory_mounted = mounted;
	table_directory_changed(task);
	int length = directory_path(thread, path, sizeof(path));
	if (length > 0)
		process_set_directory(PROCESS_GATE, NULL, path, (uint64_t)length);
	return 0;
}

int64_t directory_enter(struct thread *thread, int32_t directory, const char *path)
{
	struct opened opened;
	int64_t status = path_open_file(thread, directory, path, O_PATH | O_DIRECTORY | PATH_OPEN_EXECUTE, 0, &opened);
	if (status < 0)
		return status;
	status = directory_change(thread, opened.slot, opened.file_flags & FILE_MOUNTED);
	slot_give_back(thread->task, opened.slot);
	return status;
}

int64_t linux_chdir(struct thread *thread, uint64_t path)
{
	char name[PATH_MAX_BYTES];
	int64_t status = path_read(name, path);
	return status < 0 ? status : directory_enter(thread, AT_FDCWD, name);
}

int64_t linux_fchdir(struct thread *thread, int32_t descriptor)
{
	return descriptor < 0 ? -EBADF : directory_enter(thread, descriptor, ".");
}

int64_t linux_getcwd(struct thread *thread, uint64_t buffer, uint64_t length)
{
	char path[PATH_MAX_BYTES];
	int count = directory_path(thread, path, sizeof(path) - 1);
	if (count < 0)
		return count;
	path[count] = 0;
	if ((uint64_t)count + 1 > length)
		return -ERANGE;
	return user_write(buffer, path, (uint64_t)count + 1) < 0 ? -EFAULT : count + 1;
}

int64_t linux_umask(struct thread *thread, uint32_t mask)
{
	return __atomic_exchange_n(&thread->task->umask, mask & 0777, __ATOMIC_RELAXED);
}
