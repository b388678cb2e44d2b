/* What a file is: stat, statx, statfs, and access. By name or by descriptor. */
#include "files.h"
#include "protocol_process.h"

static struct linux_timespec timespec_of(int64_t nanoseconds)
{
	int64_t seconds = nanoseconds / (int64_t)NANOSECONDS, rest = nanoseconds % (int64_t)NANOSECONDS;
	return rest < 0 ? (struct linux_timespec){ seconds - 1, rest + (int64_t)NANOSECONDS }
	                : (struct linux_timespec){ seconds, rest };
}

void attributes_to_stat(const struct file_attributes *attributes, struct linux_stat *stat)
{
	stat->device = attributes->device;
	stat->inode = attributes->inode;
	stat->links = attributes->links;
	stat->mode = attributes->mode;
	stat->user = attributes->user;
	stat->group = attributes->group;
	stat->padding = 0;
	stat->special_device = attributes->special_device;
	stat->size = (int64_t)attributes->size;
	stat->block_size = (int64_t)attributes->block_size;
	stat->blocks = (int64_t)attributes->blocks;
	stat->access = timespec_of(attributes->access_time);
	stat->modify = timespec_of(attributes->modify_time);
	stat->change = timespec_of(attributes->change_time);
	stat->reserved[0] = stat->reserved[1] = stat->reserved[2] = 0;
}

/* --- reading ------------------------------------------------------------------------------------------- */

void attributes_of_own(struct task *task, struct file_attributes *attributes)
{
	*attributes = (struct file_attributes){
		.mode = 0600,
		.links = 1,
		.user = task->credentials.effective_user,
		.group = task->credentials.effective_group,
		.block_size = ATOLL_PAGE_SIZE,
	};
}

static void attributes_from_words(const uint64_t words[MESSAGE_WORDS], struct file_attributes *attributes)
{
	_Static_assert(sizeof(struct file_brief) == MESSAGE_WORDS * sizeof(*words), "a message's words");
	file_brief_unpack((const struct file_brief *)words, attributes);
}

static int attributes_of_gate(slot_t gate, struct file_attributes *attributes)
{
	struct message message = { .header = OPERATION_FILE_BRIEF_STATUS };
	int status = protocol_call_words(gate, NULL, &message);
	if (status == -EOPNOTSUPP || status == -ENOSYS)
		return file_status(gate, NULL, attributes, sizeof(*attributes), NULL);
	if (status == 0)
		attributes_from_words(message.words, attributes);
	return status;
}

static int attributes_of_descriptor(struct task *task, int32_t descriptor, struct file_attributes *attributes)
{
	struct open_file *file = file_find(task, descriptor);
	if (!file)
		return -EBADF;
	int status = 0;
	if (file->kind == FILE_GATE)
		status = attributes_of_gate(file->slot, attributes);
	else
		attributes_of_own(task, attributes);
	file_release(task, file);
	return status;
}

/* By the whole operation, which goes wherever the path leads. */
static int attributes_of_any_path(struct thread *thread, int32_t directory, char *name, uint64_t length, uint32_t flags,
                                  struct file_attributes *attributes)
{
	struct path_reply reply;
	struct path_call call = { .operation = OPERATION_PATH_STATUS, .identified = true, .words = { flags }, .reply = &reply };
	int status = path_run(thread, directory, name, 0, length, &call);
	if (status == 0)
		*attributes = reply.attributes;
	return status;
}

static int attributes_of_path(struct thread *thread, int32_t directory, uint64_t path, uint32_t flags,
                              struct file_attributes *attributes)
{
	char name[PATH_MAX_BYTES];
	struct message message;
	int status;
	int64_t length = user_string(name, path, sizeof(name));
	if (length < 0)
		return (int)length;
	if (length == 0 && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	if (length == 0 && directory != AT_FDCWD)
		return attributes_of_descriptor(thread->task, directory, attributes);
	flags &= AT_SYMLINK_NOFOLLOW;
	if (!path_brief(thread, directory, name, (uint64_t)length, OPERATION_PATH_BRIEF_STATUS, flags, &message, &status))
		return attributes_of_any_path(thread, directory, name, (uint64_t)length, flags, attributes);
	if (status == 0)
		attributes_from_words(message.words, attributes);
	return status;
}

static int64_t stat_write(const struct file_attributes *attributes, uint64_t result)
{
	struct linux_stat stat;
	attributes_to_stat(attributes, &stat);
	return user_write(result, &stat, sizeof(stat));
}

int64_t linux_newfstatat(struct thread *thread, int32_t directory, uint64_t path, uint64_t result, uint32_t flags)
{
	struct file_attributes attributes;
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	int status = attributes_of_path(thread, directory, path, flags, &attributes);
	return status < 0 ? status : stat_write(&attributes, result);
}

int64_t linux_stat(struct thread *thread, uint64_t path, uint64_t result)
{
	return linux_newfstatat(thread, AT_FDCWD, path, result, 0);
}

int64_t linux_lstat(struct thread *thread, uint64_t path, uint64_t result)
{
	return linux_newfstatat(thread, AT_FDCWD, path, result, AT_SYMLINK_NOFOLLOW);
}

int64_t linux_fstat(struct thread *thread, int32_t descriptor, uint64_t result)
{
	struct file_attributes attributes;
	int status = attributes_of_descriptor(thread->task, descriptor, &attributes);
	return status < 0 ? status : stat_write(&attributes, result);
}

#define STATX_BASIC_STATS 0x7ffu

static struct linux_statx_time statx_time(int64_t nanoseconds)
{
	struct linux_timespec time = timespec_of(nanoseconds);
	return (struct linux_statx_time){ time.seconds, (uint32_t)time.nanoseconds, 0 };
}

static uint32_t device_major(uint64_t device)
{
	return (uint32_t)(device >> 8 & 0xfff) | (uint32_t)(device >> 32 & ~0xfffull);
}

static uint32_t device_minor(uint64_t device)
{
	return (uint32_t)(device & 0xff) | (uint32_t)(device >> 12 & ~0xffull);
}

int64_t linux_statx(struct thread *thread, int32_t directory, uint64_t path, uint32_t flags, uint32_t mask,
                    uint64_t result)
{
	struct file_attributes attributes;
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || mask & 1u << 31)
		return -EINVAL;
	int status = attributes_of_path(thread, directory, path, flags, &attributes);
	if (status < 0)
		return status;
	struct linux_statx statx = {
		.mask = STATX_BASIC_STATS,
		.block_size = (uint32_t)attributes.block_size,
		.links = attributes.links,
		.user = attributes.user,
		.group = attributes.group,
		.mode = (uint16_t)attributes.mode,
		.inode = attributes.inode,
		.size = attributes.size,
		.blocks = attributes.blocks,
		.access = statx_time(attributes.access_time),
		.change = statx_time(attributes.change_time),
		.modify = statx_time(attributes.modify_time),
		.special_major = device_major(attributes.special_device),
		.special_minor = device_minor(attributes.special_device),
		.device_major = device_major(attributes.device),
		.device_minor = device_minor(attributes.device),
	};
	return user_write(result, &statx, sizeof(statx));
}

static int64_t statfs_write(const struct file_system_info *info, uint64_t result)
{
	struct linux_statfs statfs = {
		.type = (int64_t)info->type,
		.block_size = (int64_t)info->block_size,
		.blocks = info->blocks,
		.blocks_free = info->blocks_free,
		.blocks_available = info->blocks_free,
		.files = info->files,
		.files_free = info->files_free,
		.name_max = (int64_t)info->name_max,
		.fragment_size = (int64_t)info->block_size,
		.flags = (int64_t)info->flags,
	};
	return user_write(result, &statfs, sizeof(statfs));
}

int64_t linux_statfs(struct thread *thread, uint64_t path, uint64_t result)
{
	char name[PATH_MAX_BYTES];
	struct path_reply reply;
	struct file_system_info info;
	int64_t status = path_read(name, path);
	if (status < 0)
		return status;
	struct path_call call = { .operation = OPERATION_PATH_SYSTEM_STATUS, .identified = true, .reply = &reply };
	status = path_run(thread, AT_FDCWD, name, 0, (uint64_t)status, &call);
	if (status < 0)
		return status;
	memcpy(&info, reply.rest, sizeof(info));
	return statfs_write(&info, result);
}

#define ANONYMOUS_MAGIC 0x09041934

int64_t linux_fstatfs(struct thread *thread, int32_t descriptor, uint64_t result)
{
	struct file_system_info info = { .type = ANONYMOUS_MAGIC, .block_size = ATOLL_PAGE_SIZE, .name_max = 255 };
	struct open_file *file = file_find(thread->task, descriptor);
	if (!file)
		return -EBADF;
	int status = 0;
	if (file->kind == FILE_GATE)
		status = file_system_status(file->slot, NULL, &info, sizeof(info), NULL);
	file_release(thread->task, file);
	return status < 0 ? status : statfs_write(&info, result);
}

/* Whether the file ids, with which files are opened, are not the real ones, with which access asks. */
static bool ids_differ(const struct process_credentials *own)
{
	return own->user != own->file_user || own->group != own->file_group;
}

/* The same call from directories that carry the real ids. */
static int access_as_real(struct thread *thread, int32_t directory, const char *name, struct path_call *call)
{
	struct task *task = thread->task;
	struct path_place place;
	uint64_t reserved;
	int status = place_find(task, directory, name, &place);
	if (status < 0)
		return status;
	slot_t start = slot_take(task), given = place.file ? file_gate(task, place.file) : place.slot;
	call->root = slot_take(task);
	status = start && given && call->root
	             ? process_real_directories(PROCESS_GATE, NULL, 0, given, &reserved, call->root, start) : -ENFILE;
	place_release(task, &place);
	if (status == 0)
		status = path_walk(thread, (struct path_place){ .slot = start, .mounted = place.mounted }, call);
	slot_give_back(task, start);
	slot_give_back(task, call->root);
	return status;
}

static int access_any_path(struct thread *thread, int32_t directory, char *name, uint64_t length, uint32_t mode,
                           uint32_t flags)
{
	struct path_reply reply;
	struct path_call call = {
		.operation = OPERATION_PATH_ACCESS,
		.identified = true,
		.words = { mode, flags },
		.buffer = name,
		.length = length,
		.reply = &reply,
	};
	if (!(flags & AT_EACCESS) && ids_differ(&thread->task->credentials))
		return access_as_real(thread, directory, name, &call);
	return path_run(thread, directory, name, 0, length, &call);
}

int64_t linux_faccessat2(struct thread *thread, int32_t directory, uint64_t path, uint32_t mode, uint32_t flags)
{
	char name[PATH_MAX_BYTES];
	struct message message;
	struct file_attributes attributes;
	int status;
	if (mode & ~7u || flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int64_t length = user_string(name, path, sizeof(name));
	if (length < 0)
		return length;
	if (length == 0 && flags & AT_EMPTY_PATH && directory != AT_FDCWD)
		return attributes_of_descriptor(thread->task, directory, &attributes);
	if (length == 0 && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	flags &= AT_EACCESS | AT_SYMLINK_NOFOLLOW;
	bool own = flags & AT_EACCESS || !ids_differ(&thread->task->credentials);
	if (own && path_brief(thread, directory, name, (uint64_t)length, OPERATION_PATH_BRIEF_ACCESS, mode | flags, &message,
	                      &status))
		return status;
	return access_any_path(thread, directory, name, (uint64_t)length, mode, flags);
}

int64_t linux_faccessat(struct thread *thread, int32_t directory, uint64_t path, uint32_t mode)
{
	return linux_faccessat2(thread, directory, path, mode, 0);
}

int64_t linux_access(struct thread *thread, uint64_t path, uint32_t mode)
{
	return linux_faccessat2(thread, AT_FDCWD, path, mode, 0);
}
