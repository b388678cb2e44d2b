/* The machine and the process's place in it: names, figures, the kernel's messages, scheduling. */
#include "files.h"
#include "signals.h"
#include "protocol_log.h"
#include "protocol_process.h"

/* --- names -------------------------------------------------------------------------------------------- */

struct linux_utsname {
	char system[65], node[65], release[65], version[65], machine[65], domain[65];
};

int64_t linux_uname(struct thread *thread, uint64_t result)
{
	static const struct linux_utsname names = { "Linux", "atoll", "6.1.0-atoll", "#1 SMP Atoll", "x86_64", "(none)" };
	return user_write(result, &names, sizeof(names));
}

int64_t linux_sethostname(struct thread *thread, uint64_t name, uint64_t length)
{
	return -EPERM;
}

int64_t linux_setdomainname(struct thread *thread, uint64_t name, uint64_t length)
{
	return -EPERM;
}

#define PERSONA_READ 0xffffffffu
#define PERSONA_NO_RANDOMIZE 0x0040000u

int64_t linux_personality(struct thread *thread, uint32_t persona)
{
	return persona == PERSONA_READ || (persona & ~PERSONA_NO_RANDOMIZE) == 0 ? 0 : -EINVAL;
}

/* --- figures ---------------------------------------------------------------------------------------- */

struct linux_sysinfo {
	int64_t uptime;
	uint64_t loads[3], memory_total, memory_free, shared, buffers, swap_total, swap_free;
	uint16_t processes, padding;
	uint64_t high_total, high_free;
	uint32_t unit;
};
_Static_assert(sizeof(struct linux_sysinfo) == 112, "struct sysinfo");

static int system_read(struct system_info *info)
{
	return process_system(PROCESS_GATE, NULL, info, sizeof(*info), NULL);
}

int64_t linux_sysinfo(struct thread *thread, uint64_t result)
{
	struct system_info info;
	int status = system_read(&info);
	struct linux_sysinfo figures = {
		.uptime = (int64_t)((time_now() + NANOSECONDS - 1) / NANOSECONDS),
		.memory_total = info.memory_total,
		.memory_free = info.memory_free,
		.processes = (uint16_t)info.threads,
		.unit = 1,
	};
	return status < 0 ? status : user_write(result, &figures, sizeof(figures));
}

/* --- the kernel's messages --------------------------------------------------------------------------- */

enum { SYSLOG_CLOSE = 0, SYSLOG_OPEN = 1, SYSLOG_READ = 2, SYSLOG_READ_ALL = 3, SYSLOG_SIZE_UNREAD = 9,
       SYSLOG_SIZE_BUFFER = 10 };

/* The last `length` bytes. */
static int64_t log_read_last(uint64_t buffer, uint64_t length)
{
	uint64_t first = 0, end = 0, done = 0;
	int status = log_size(PROCESS_LOG, NULL, &first, &end, NULL);
	uint64_t position = end - first > length ? end - length : first;
	while (status == 0 && position < end && done < length) {
		uint64_t count = 0, next = position;
		status = log_read(PROCESS_LOG, NULL, position, 0, (void *)(buffer + done), length - done, NULL, &count,
		                  &next);
		if (count == 0)
			break;
		done += count;
		position = next;
	}
	return status < 0 && status != -EAGAIN && done == 0 ? status : (int64_t)done;
}

int64_t linux_syslog(struct thread *thread, int32_t type, uint64_t buffer, int32_t length)
{
	uint64_t first = 0, end = 0, capacity = 0;
	switch (type) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
		return 0;
	case SYSLOG_READ:
	case SYSLOG_READ_ALL:
		if (length < 0 || !buffer)
			return -EINVAL;
		return user_range(buffer, (uint64_t)length) ? log_read_last(buffer, (uint64_t)length) : -EFAULT;
	case SYSLOG_SIZE_UNREAD:
	case SYSLOG_SIZE_BUFFER:
		break;
	default:
		return -EPERM; /* clearing, the console's level */
	}
	int status = log_size(PROCESS_LOG, NULL, &first, &end, &capacity);
	return status < 0 ? status : (int64_t)(type == SYSLOG_SIZE_BUFFER ? capacity : end - first);
}

/* --- what only an administrator may, and where we differ ---------------------------------------- */

#define REBOOT_MAGIC 0xfee1deadu
enum { REBOOT_RESTART = 0x1234567, REBOOT_CAD_OFF = 0, REBOOT_POWER_OFF = 0x4321fedc };
#define REBOOT_HALT 0xcdef0123u
#define REBOOT_CAD_ON 0x89abcdefu

int64_t linux_reboot(struct thread *thread, uint32_t magic, uint32_t magic2, uint32_t command, uint64_t argument)
{
	if (thread->task->credentials.effective_user != 0)
		return -EPERM;
	if (magic != REBOOT_MAGIC ||
	    (magic2 != 672274793 && magic2 != 85072278 && magic2 != 369367448 && magic2 != 537993216))
		return -EINVAL;
	switch (command) {
	case REBOOT_CAD_OFF:
	case REBOOT_CAD_ON:
		return 0;
	case REBOOT_POWER_OFF:
		return process_shut_down(PROCESS_GATE, NULL, 0);
	case REBOOT_RESTART:
		return process_shut_down(PROCESS_GATE, NULL, 1);
	case REBOOT_HALT:
		return process_shut_down(PROCESS_GATE, NULL, 2);
	default:
		return -EINVAL;
	}
}

int64_t linux_mount(struct thread *thread, uint64_t source, uint64_t target, uint64_t type, uint64_t flags,
                    uint64_t data)
{
	return -EPERM;
}

int64_t linux_umount2(struct thread *thread, uint64_t target, uint32_t flags)
{
	return -EPERM;
}

int64_t linux_chroot(struct thread *thread, uint64_t path)
{
	char name[PATH_MAX_BYTES];
	struct opened opened;
	int64_t status = path_read(name, path);
	if (status >= 0)
		status = path_open_file(thread, AT_FDCWD, name, O_PATH | O_DIRECTORY, 0, &opened);
	if (status < 0)
		return status;
	status = table_leave(thread->task);
	if (status == 0)
		status = process_change_root(PROCESS_GATE, NULL, opened.slot);
	slot_give_back(thread->task, opened.slot);
	return status == -EINVAL ? -EPERM : status; /* a directory of another server cannot be a root */
}

int64_t linux_vhangup(struct thread *thread)
{
	return -EPERM;
}

/* --- scheduling: everything is SCHED_OTHER -------------------------------------------------------- */

int64_t linux_ioprio_set(struct thread *thread, int32_t which, int32_t who, int32_t priority)
{
	return 0;
}

int64_t linux_ioprio_get(struct thread *thread, int32_t which, int32_t who)
{
	return 0;
}

enum { SCHED_OTHER = 0, SCHED_FIFO = 1, SCHED_RR = 2, SCHED_BATCH = 3, SCHED_IDLE = 5 };

int64_t linux_sched_yield(struct thread *thread)
{
	thread_yield();
	return 0;
}

/* Whom a scheduling call means: itself (0), one of the own threads, or another process, of which nothing is known. */
static int scheduled_find(struct thread *thread, int32_t id, struct thread **found)
{
	struct task *task = thread->task;
	uint32_t parent, group, session;
	*found = id == 0 ? thread : NULL;
	if (id < 0)
		return -EINVAL;
	if (*found)
		return 0;
	lock_take(&task->lock);
	*found = task_find_thread(task, (uint32_t)id);
	lock_release(&task->lock);
	return *found ? 0 : process_get_ids(PROCESS_GATE, NULL, (uint32_t)id, &parent, &group, &session);
}

int64_t linux_sched_getparam(struct thread *thread, int32_t process, uint64_t parameters)
{
	struct thread *found;
	int status = parameters ? scheduled_find(thread, process, &found) : -EINVAL;
	return status < 0 ? status : user_write32(parameters, 0);
}

int64_t linux_sched_setparam(struct thread *thread, int32_t process, uint64_t parameters)
{
	uint32_t priority;
	struct thread *found;
	if (process < 0 || !parameters)
		return -EINVAL;
	if (user_read32(parameters, &priority) < 0)
		return -EFAULT;
	int status = scheduled_find(thread, process, &found);
	return status < 0 ? status : priority == 0 ? 0 : -EINVAL;
}

int64_t linux_sched_getscheduler(struct thread *thread, int32_t process)
{
	struct thread *found;
	int status = scheduled_find(thread, process, &found);
	return status < 0 ? status : found ? found->policy : SCHED_OTHER;
}

int64_t linux_sched_setscheduler(struct thread *thread, int32_t process, int32_t policy, uint64_t parameters)
{
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return -EPERM;
	if (policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE)
		return -EINVAL;
	struct thread *found;
	int64_t status = linux_sched_setparam(thread, process, parameters);
	if (status == 0 && scheduled_find(thread, process, &found) == 0 && found)
		found->policy = (uint8_t)policy;
	return status;
}

static bool policy_is_known(int32_t policy)
{
	return policy == SCHED_OTHER || policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_BATCH ||
	       policy == SCHED_IDLE;
}

int64_t linux_sched_get_priority_max(struct thread *thread, int32_t policy)
{
	return !policy_is_known(policy) ? -EINVAL : policy == SCHED_FIFO || policy == SCHED_RR ? 99 : 0;
}

int64_t linux_sched_get_priority_min(struct thread *thread, int32_t policy)
{
	return !policy_is_known(policy) ? -EINVAL : policy == SCHED_FIFO || policy == SCHED_RR ? 1 : 0;
}

int64_t linux_sched_rr_get_interval(struct thread *thread, int32_t process, uint64_t interval)
{
	struct thread *found;
	int status = scheduled_find(thread, process, &found);
	return status < 0 ? status : user_clear(interval, sizeof(struct linux_timespec));
}

int64_t linux_sched_setattr(struct thread *thread, int32_t process, uint64_t attributes, uint32_t flags)
{
	return process < 0 || !attributes || flags ? -EINVAL : 0;
}

int64_t linux_sched_getattr(struct thread *thread, int32_t process, uint64_t attributes, uint32_t size, uint32_t flags)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} result = { .size = sizeof(result), .policy = SCHED_OTHER };
	struct thread *found;
	if (process < 0 || !attributes || size < sizeof(result) || flags)
		return -EINVAL;
	int status = scheduled_find(thread, process, &found);
	if (status < 0)
		return status;
	result.policy = found ? found->policy : SCHED_OTHER;
	return user_write(attributes, &result, sizeof(result));
}

static int cpu_mask_all(uint64_t *mask)
{
	struct system_info info;
	int status = system_read(&info);
	*mask = status < 0 || info.cpu_count >= 64 ? ~0ull : (1ull << info.cpu_count) - 1;
	return status;
}

int64_t linux_sched_getaffinity(struct thread *thread, int32_t process, uint64_t length, uint64_t mask)
{
	uint64_t all;
	if (process < 0 || length < sizeof(all) || length % sizeof(all))
		return -EINVAL;
	uint64_t allowed;
	int status = process_get_affinity(PROCESS_GATE, NULL, process ? (uint32_t)process : thread->id, &allowed);
	if (status == 0)
		status = cpu_mask_all(&all);
	allowed &= all;
	if (status == 0)
		status = user_write(mask, &allowed, sizeof(allowed));
	return status < 0 ? status : (int64_t)sizeof(all);
}

int64_t linux_sched_setaffinity(struct thread *thread, int32_t process, uint64_t length, uint64_t mask)
{
	uint64_t wanted = 0;
	if (user_read(&wanted, mask, MINIMUM(length, sizeof(wanted))) < 0)
		return -EFAULT;
	return process_set_affinity(PROCESS_GATE, NULL, process ? (uint32_t)process : thread->id, wanted);
}

int64_t linux_getcpu(struct thread *thread, uint64_t cpu, uint64_t node)
{
	struct thread_info info = { 0 };
	thread_info(thread->slot, &info);
	if ((cpu && user_write32(cpu, (uint32_t)info.last_cpu) < 0) || (node && user_write32(node, 0) < 0))
		return -EFAULT;
	return 0;
}

int64_t linux_membarrier(struct thread *thread, int32_t command, uint32_t flags, int32_t cpu)
{
	return command == 0 && flags == 0 ? 0 : -EINVAL;
}

/* --- memory policy: one node ---------------------------------------------------------------------- */

int64_t linux_mbind(struct thread *thread, uint64_t address, uint64_t length, int32_t mode, uint64_t nodes,
                    uint64_t maximum, uint32_t flags)
{
	return 0;
}

int64_t linux_set_mempolicy(struct thread *thread, int32_t mode, uint64_t nodes, uint64_t maximum)
{
	return 0;
}

int64_t linux_get_mempolicy(struct thread *thread, uint64_t policy, uint64_t nodes, uint64_t maximum, uint64_t address,
                            uint64_t flags)
{
	if ((policy && user_write32(policy, 0) < 0) || (nodes && user_clear(nodes, (maximum + 63) / 64 * 8) < 0))
		return -EFAULT;
	return 0;
}
