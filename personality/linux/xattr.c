/* Extended attributes: no file has any. Reading and listing say so; setting is not supported. */
#include "files.h"

static int64_t refuse_path(uint64_t path)
{
	char name[1];
	int64_t length = user_string(name, path, sizeof(name));
	return length == -EFAULT ? -EFAULT : -EOPNOTSUPP;
}

static int64_t refuse_descriptor(struct thread *thread, int32_t descriptor)
{
	struct open_file *file = file_find(thread->task, descriptor);
	if (!file)
		return -EBADF;
	file_release(thread->task, file);
	return -EOPNOTSUPP;
}

int64_t linux_setxattr(struct thread *thread, uint64_t path, uint64_t name, uint64_t value, uint64_t size, uint32_t flags)
{
	return refuse_path(path);
}

int64_t linux_lsetxattr(struct thread *thread, uint64_t path, uint64_t name, uint64_t value, uint64_t size, uint32_t flags)
{
	return refuse_path(path);
}

int64_t linux_fsetxattr(struct thread *thread, int32_t descriptor, uint64_t name, uint64_t value, uint64_t size,
                        uint32_t flags)
{
	return refuse_descriptor(thread, descriptor);
}

int64_t linux_getxattr(struct thread *thread, uint64_t path, uint64_t name, uint64_t value, uint64_t size)
{
	return refuse_path(path);
}

int64_t linux_lgetxattr(struct thread *thread, uint64_t path, uint64_t name, uint64_t value, uint64_t size)
{
	return refuse_path(path);
}

int64_t linux_fgetxattr(struct thread *thread, int32_t descriptor, uint64_t name, uint64_t value, uint64_t size)
{
	return refuse_descriptor(thread, descriptor);
}

static int64_t none_of(int64_t refused)
{
	return refused == -EOPNOTSUPP ? 0 : refused;
}

int64_t linux_listxattr(struct thread *thread, uint64_t path, uint64_t list, uint64_t size)
{
	return none_of(refuse_path(path));
}

int64_t linux_llistxattr(struct thread *thread, uint64_t path, uint64_t list, uint64_t size)
{
	return none_of(refuse_path(path));
}

int64_t linux_flistxattr(struct thread *thread, int32_t descriptor, uint64_t list, uint64_t size)
{
	return none_of(refuse_descriptor(thread, descriptor));
}

int64_t linux_removexattr(struct thread *thread, uint64_t path, uint64_t name)
{
	return refuse_path(path);
}

int64_t linux_lremovexattr(struct thread *thread, uint64_t path, uint64_t name)
{
	return refuse_path(path);
}

int64_t linux_fremovexattr(struct thread *thread, int32_t descriptor, uint64_t name)
{
	return refuse_descriptor(thread, descriptor);
}
