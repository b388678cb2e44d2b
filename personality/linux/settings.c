/* prctl, arch_prctl and the few calls that set something about the thread or the process itself. */
#include "files.h"
#include "protocol_process.h"

enum { PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG = 2, PR_GET_DUMPABLE = 3, PR_SET_DUMPABLE = 4, PR_GET_KEEPCAPS = 7,
       PR_SET_KEEPCAPS = 8, PR_SET_NAME = 15, PR_GET_NAME = 16, PR_GET_SECCOMP = 21, PR_CAPBSET_READ = 23,
       PR_GET_SECUREBITS = 27, PR_SET_TIMERSLACK = 29, PR_GET_TIMERSLACK = 30, PR_SET_CHILD_SUBREAPER = 36,
       PR_GET_CHILD_SUBREAPER = 37, PR_SET_NO_NEW_PRIVS = 38, PR_GET_NO_NEW_PRIVS = 39, PR_GET_THP_DISABLE = 42,
       PR_SET_THP_DISABLE = 41, PR_CAP_AMBIENT = 47, PR_SET_VMA = 0x53564d41, PR_SET_PTRACER = 0x59616d61 };
#define CAPABILITY_LAST 40
#define TIMER_SLACK 50000

static int64_t name_set(struct thread *thread, uint64_t address)
{
	struct task *task = thread->task;
	char name[sizeof(task->name)] = { 0 };
	int64_t length = user_string(name, address, sizeof(name) - 1);
	if (length == -EFAULT)
		return length;
	name[sizeof(name) - 1] = 0;
	lock_take(&task->lock);
	memcpy(task->name, name, sizeof(name));
	lock_release(&task->lock);
	/* proc knows one name a process: that of its first thread. */
	if (thread->id != task->process)
		return 0;
	return process_set_name(PROCESS_GATE, NULL, name, string_length(name));
}

int64_t linux_prctl(struct thread *thread, int32_t option, uint64_t second, uint64_t third, uint64_t fourth,
                    uint64_t fifth)
{
	struct task *task = thread->task;
	switch (option) {
	case PR_SET_NAME:
		return name_set(thread, second);
	case PR_GET_NAME:
		return user_write(second, task->name, sizeof(task->name));
	case PR_SET_PDEATHSIG:
		if (second > SIGNAL_COUNT)
			return -EINVAL;
		task->setting_death_signal = (uint32_t)second;
		return 0;
	case PR_GET_PDEATHSIG:
		return user_write32(second, task->setting_death_signal);
	case PR_GET_DUMPABLE:
		return task->setting_dumpable;
	case PR_SET_DUMPABLE:
		if (second > 1)
			return -EINVAL;
		task->setting_dumpable = (uint8_t)second;
		return 0;
	case PR_GET_KEEPCAPS:
		return task->setting_keep_capabilities;
	case PR_SET_KEEPCAPS:
		if (second > 1)
			return -EINVAL;
		task->setting_keep_capabilities = (uint8_t)second;
		return 0;
	case PR_SET_NO_NEW_PRIVS:
		if (second != 1 || third || fourth || fifth)
			return -EINVAL;
		task->setting_no_new_privileges = 1;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return second || third || fourth || fifth ? -EINVAL : task->setting_no_new_privileges;
	case PR_CAPBSET_READ:
		return second <= CAPABILITY_LAST ? 1 : -EINVAL;
	case PR_SET_TIMERSLACK:
	case PR_SET_THP_DISABLE:
	case PR_SET_PTRACER:
		return 0;
	case PR_GET_TIMERSLACK:
		return TIMER_SLACK;
	case PR_GET_SECCOMP:
	case PR_GET_SECUREBITS:
	case PR_GET_THP_DISABLE:
		return 0;
	default:
		return -EINVAL;
	}
}

enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_GET_GS = 0x1004 };

int64_t linux_arch_prctl(struct thread *thread, int32_t code, uint64_t address)
{
	uint64_t value = 0;
	switch (code) {
	case ARCH_SET_FS:
		return address >= PROGRAM_END || thread_set_base(0, address) < 0 ? -EPERM : 0;
	case ARCH_GET_FS:
		value = (uint64_t)thread_get_base(0);
		return user_write(address, &value, sizeof(value));
	case ARCH_GET_GS:
		return user_write(address, &value, sizeof(value));
	case ARCH_SET_GS:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

int64_t linux_set_tid_address(struct thread *thread, uint64_t address)
{
	thread->clear_address = address;
	return thread->id;
}

#define MFD_CLOEXEC 1u
#define MFD_ALLOW_SEALING 2u
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC 16u

int64_t linux_memfd_create(struct thread *thread, uint64_t name, uint32_t flags)
{
	struct opened opened;
	int64_t length = user_string_length(name, 250);
	if (length < 0)
		return length == -ENAMETOOLONG ? -EINVAL : length;
	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC))
		return -EINVAL;
	int status = path_open_file(thread, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0777, &opened);
	if (status < 0)
		return -ENOMEM;
	return descriptor_open(thread->task, opened.slot, opened.file_flags, flags & MFD_CLOEXEC ? FD_CLOEXEC : 0);
}
