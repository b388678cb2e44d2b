/* signalfd: pending signals as records to read. The descriptor only has a mask: whoever reads or polls looks at
 * what is pending for itself. Blocked signals still alert the thread, which ends its wait and makes it look again. */
#include "files.h"
#include "signals.h"

struct signal_file {
	uint64_t mask;
};

struct signal_record { /* struct signalfd_siginfo */
	uint32_t signal;
	int32_t error, code;
	uint32_t process, user;
	int32_t descriptor;
	uint32_t timer, band, overrun, trap;
	int32_t status, value;
	uint64_t pointer, user_time, system_time, address;
	uint8_t padding[48];
};
_Static_assert(sizeof(struct signal_record) == 128, "struct signalfd_siginfo");

uint32_t signal_file_ready(struct thread *thread, struct open_file *file)
{
	struct signal_file *object = file->object;
	signals_fetch(thread);
	return signals_pending_set(thread) & object->mask ? POLLIN | POLLRDNORM : 0;
}

static bool record_take(struct thread *thread, uint64_t mask, struct signal_record *record)
{
	struct task *task = thread->task;
	struct process_siginfo info;
	lock_take(&task->lock);
	bool found = signal_queue_take(task, &thread->pending, mask, &info) || signal_queue_take(task, &task->pending, mask, &info);
	lock_release(&task->lock);
	if (!found)
		return false;
	*record = (struct signal_record){
		.signal = (uint32_t)info.signal, .error = info.error, .code = info.code, .process = info.process,
		.user = info.user, .timer = info.timer, .overrun = info.overrun, .status = info.status,
		.value = (int32_t)info.value, .pointer = info.value, .user_time = info.user_time,
		.system_time = info.system_time,
	};
	return true;
}

/* Waits for the first; 0, -EAGAIN, -EINTR. */
static int64_t first_wait(struct thread *thread, struct open_file *file, uint64_t mask)
{
	int64_t status = 0;
	thread->awaited = mask;
	while (status == 0 && !signal_file_ready(thread, file)) {
		if (file->flags & FILE_NONBLOCK)
			status = -EAGAIN;
		else if (signals_pending_set(thread) & ~thread->blocked)
			status = -EINTR;
		else
			thread_wait(FOREVER);
	}
	thread->awaited = 0;
	signals_look(thread);
	return status;
}

int64_t signal_file_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length)
{
	struct signal_file *object = file->object;
	struct signal_record record;
	uint64_t done = 0;
	if (length < sizeof(record))
		return -EINVAL;
	int64_t status = first_wait(thread, file, object->mask);
	if (status < 0)
		return status;
	while (length - done >= sizeof(record) && record_take(thread, object->mask, &record)) {
		if (user_write(buffer + done, &record, sizeof(record)) < 0)
			return -EFAULT;
		done += sizeof(record);
	}
	return (int64_t)done;
}

static int64_t mask_change(struct thread *thread, int32_t descriptor, uint64_t mask)
{
	struct open_file *file = file_find_io(thread->task, descriptor);
	if (!file)
		return -EBADF;
	bool own = file->kind == FILE_SIGNAL;
	if (own)
		((struct signal_file *)file->object)->mask = mask;
	file_release(thread->task, file);
	return own ? descriptor : -EINVAL;
}

int64_t linux_signalfd4(struct thread *thread, int32_t descriptor, uint64_t set, uint64_t set_size, uint32_t flags)
{
	struct task *task = thread->task;
	uint64_t mask;
	if (set_size != sizeof(mask) || flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (user_read(&mask, set, sizeof(mask)) < 0)
		return -EFAULT;
	mask &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	if (descriptor != -1)
		return mask_change(thread, descriptor, mask);
	struct signal_file *object = heap_allocate(sizeof(*object));
	if (!object)
		return -ENOMEM;
	object->mask = mask;
	struct open_file *file = file_make(task, 0, FILE_SIGNAL, flags & O_NONBLOCK ? FILE_NONBLOCK : 0, object);
	if (!file) {
		heap_free(object);
		return -ENOMEM;
	}
	return descriptor_install(task, file, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

int64_t linux_signalfd(struct thread *thread, int32_t descriptor, uint64_t set, uint64_t set_size)
{
	return linux_signalfd4(thread, descriptor, set, set_size, 0);
}
