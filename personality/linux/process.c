/* The end of threads and processes, waiting for children, limits, usage, groups and sessions. */
#include "files.h"
#include "futex.h"
#include "protocol_process.h"
#include "signals.h"

/* --- the end ------------------------------------------------------------------------------------------ */

#define EXIT_TRIES 3

/* Nobody can be given an error: where the process server has refused it (lib/server, quarantine.c), it is asked again, and hears of a fault at
 * last, which ends the process too. */
void thread_die(int status)
{
	for (unsigned i = 0; i < EXIT_TRIES; i++)
		process_exit(PROCESS_GATE, NULL, (uint32_t)status);
	__builtin_trap();
}

int64_t linux_exit_group(struct thread *thread, int32_t status)
{
	thread_die((status & 0xff) << 8);
}

/* Whoever joins this thread waits for the word at clear_address. */
static void clear_address_tell(struct thread *thread)
{
	if (!thread->clear_address)
		return;
	if (user_write32(thread->clear_address, 0) == 0)
		futex_wake((uint32_t *)thread->clear_address, 1);
}

int64_t linux_exit(struct thread *thread, int32_t status)
{
	struct task *task = thread->task;
	if (!task_is_shared(task))
		return linux_exit_group(thread, status);
	robust_list_walk(thread);
	clear_address_tell(thread);
	slot_give_back(task, thread->notification);
	slot_give_back(task, thread->redirect);
	lock_take(&task->lock);
	thread_unlink(thread);
	signals_clear(&thread->pending);
	slot_give_back(task, thread->slot);
	lock_release(&task->lock); /* a fork has all of this thread, or none */
	for (unsigned i = 0; i < EXIT_TRIES; i++)
		process_exit_thread(PROCESS_GATE, NULL, thread->id, (uint32_t)(status & 0xff) << 8);
	__builtin_trap();
}

/* --- waiting -------------------------------------------------------------------------------------------- */

static struct linux_timeval timeval_of(uint64_t nanoseconds)
{
	return (struct linux_timeval){ (int64_t)(nanoseconds / NANOSECONDS),
	                               (int64_t)(nanoseconds % NANOSECONDS / 1000) };
}

static int usage_write(uint64_t to, const struct process_usage *usage)
{
	struct linux_rusage result = {
		.user = timeval_of(usage->user_time),
		.system = timeval_of(usage->system_time),
		.maximum_resident = (int64_t)(usage->memory_peak / 1024),
	};
	return to ? user_write(to, &result, sizeof(result)) : 0;
}

static bool children_ignored(struct task *task)
{
	const struct linux_sigaction *action = &task->actions[SIGCHLD - 1];
	return action->handler == SIG_IGN || action->flags & SA_NOCLDWAIT;
}

struct wait_result {
	bool tells_usage; /* in: the call's caller wants it */
	struct process_usage usage;
	uint32_t process, status, code, user;
};

#define WAIT_NOHANG 1u
#define WAIT_UNTRACED 2u
#define WAIT_EXITED 4u
#define WAIT_CONTINUED 8u
#define WAIT_NOWAIT 0x1000000u
#define WAIT_CHILD_KINDS 0xe0000000u /* __WNOTHREAD, __WALL, __WCLONE */

/* Where SIGCHLD is ignored, wait takes the zombies there are and waits until no child is left. */
static int wait_call(struct thread *thread, int64_t selector, uint32_t options, uint32_t kind, struct wait_result *result)
{
	for (;;) {
		int status = process_wait(PROCESS_GATE, INTERRUPTIBLE, selector, options & ~WAIT_CHILD_KINDS, kind,
		                          &result->usage, result->tells_usage ? sizeof(result->usage) : 0, NULL, &result->process, &result->status,
		                          &result->code, &result->user);
		if (status == 0 && result->process != 0)
			pipe_views_settle();
		if (status < 0 || result->process == 0 || !children_ignored(thread->task) || options & WAIT_NOHANG)
			return status;
	}
}

int64_t linux_wait4(struct thread *thread, int32_t process, uint64_t status, uint32_t options, uint64_t usage)
{
	struct wait_result result;
	result.process = 0;
	result.tells_usage = usage != 0;
	if (options & ~(WAIT_NOHANG | WAIT_UNTRACED | WAIT_CONTINUED | WAIT_CHILD_KINDS))
		return -EINVAL;
	if (process == INT32_MIN)
		return -ESRCH;
	int error = wait_call(thread, process, options | WAIT_EXITED, 0, &result);
	if (error < 0 || result.process == 0)
		return error;
	if (status && user_write32(status, result.status) < 0)
		return -EFAULT;
	return usage_write(usage, &result.usage) < 0 ? -EFAULT : (int64_t)result.process;
}

int64_t linux_waitid(struct thread *thread, uint32_t type, uint32_t id, uint64_t info, uint32_t options, uint64_t usage)
{
	struct wait_result result;
	result.process = 0;
	result.tells_usage = usage != 0;
	struct linux_siginfo told = { 0 };
	if (type > 2 || options & ~(WAIT_NOHANG | WAIT_UNTRACED | WAIT_EXITED | WAIT_CONTINUED | WAIT_NOWAIT |
	                            WAIT_CHILD_KINDS) ||
	    !(options & (WAIT_EXITED | WAIT_UNTRACED | WAIT_CONTINUED)))
		return -EINVAL;
	int error = wait_call(thread, id, options, 1 + type, &result);
	if (error < 0)
		return error;
	if (result.process) {
		told.signal = SIGCHLD;
		told.code = (int32_t)result.code;
		told.child.process = result.process;
		told.child.user = result.user;
		told.child.status = result.code == 1 ? (int32_t)(result.status >> 8 & 0xff)
		                  : result.code == 5 ? (int32_t)(result.status >> 8 & 0xff)
		                                     : (int32_t)(result.status & 0x7f);
		if (result.code == 6)
			told.child.status = SIGCONT;
	}
	if (info && user_write(info, &told, sizeof(told)) < 0)
		return -EFAULT;
	return usage_write(usage, &result.usage);
}

/* --- usage, limits, priority --------------------------------------------------------------------------- */

int64_t linux_getrusage(struct thread *thread, int32_t who, uint64_t result)
{
	struct process_usage usage;
	int status = process_usage(PROCESS_GATE, NULL, who, &usage, sizeof(usage), NULL);
	if (status < 0)
		return status;
	return result ? usage_write(result, &usage) : -EFAULT;
}

int64_t linux_times(struct thread *thread, uint64_t result)
{
	struct process_usage own, children;
	const uint64_t tick = NANOSECONDS / CLOCK_TICKS;
	if (result) {
		int status = process_usage(PROCESS_GATE, NULL, 0, &own, sizeof(own), NULL);
		if (status == 0)
			status = process_usage(PROCESS_GATE, NULL, -1, &children, sizeof(children), NULL);
		if (status < 0)
			return status;
		int64_t ticks[4] = { (int64_t)(own.user_time / tick), (int64_t)(own.system_time / tick),
		                     (int64_t)(children.user_time / tick), (int64_t)(children.system_time / tick) };
		if (user_write(result, ticks, sizeof(ticks)) < 0)
			return -EFAULT;
	}
	return (int64_t)(time_now() / tick);
}

int64_t linux_prlimit64(struct thread *thread, int32_t process, uint32_t resource, uint64_t limits, uint64_t old)
{
	struct linux_rlimit before, given;
	uint32_t target = (uint32_t)process == thread->task->process ? 0 : (uint32_t)process;
	if (limits && user_read(&given, limits, sizeof(given)) < 0)
		return -EFAULT;
	int status = process_get_limit(PROCESS_GATE, NULL, target, resource, &before.soft, &before.hard);
	if (status < 0)
		return status;
	if (limits) {
		if (given.soft > given.hard)
			return -EINVAL;
		status = process_set_limit(PROCESS_GATE, NULL, target, resource, given.soft, given.hard);
		if (status < 0)
			return status;
		if (resource == RLIMIT_NOFILE && target == 0)
			thread->task->descriptor_limit = MINIMUM(given.soft, DESCRIPTORS_MAX);
		if (resource == RLIMIT_FSIZE && target == 0)
			thread->task->file_size_limit = given.soft;
	}
	return old ? user_write(old, &before, sizeof(before)) : 0;
}

int64_t linux_getrlimit(struct thread *thread, uint32_t resource, uint64_t result)
{
	return linux_prlimit64(thread, 0, resource, 0, result);
}

int64_t linux_setrlimit(struct thread *thread, uint32_t resource, uint64_t limits)
{
	return limits ? linux_prlimit64(thread, 0, resource, limits, 0) : -EFAULT;
}

int64_t linux_getpriority(struct thread *thread, uint32_t which, uint32_t who)
{
	int32_t nice = 0;
	int status = process_get_priority(PROCESS_GATE, NULL, which, who, &nice);
	return status < 0 ? status : 20 - nice;
}

int64_t linux_setpriority(struct thread *thread, uint32_t which, uint32_t who, int32_t nice)
{
	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	return process_set_priority(PROCESS_GATE, NULL, which, who, nice);
}

/* --- groups and sessions ------------------------------------------------------------------------------ */

int64_t linux_getpid(struct thread *thread)
{
	return thread->task->process;
}

int64_t linux_gettid(struct thread *thread)
{
	return thread->id;
}

/* What proc says of the process itself, in its table; others may change it at any time. */
static const volatile struct process_relation *own_relation(const struct thread *thread)
{
	return (const volatile struct process_relation *)PERSONALITY_RELATIONS + thread->task->process;
}

static bool process_is_own(const struct thread *thread, int32_t process)
{
	return process == 0 || (uint32_t)process == thread->task->process;
}

int64_t linux_getppid(struct thread *thread)
{
	return own_relation(thread)->parent;
}

int64_t linux_getpgid(struct thread *thread, int32_t process)
{
	uint32_t group = 0;
	if (process_is_own(thread, process))
		return own_relation(thread)->group;
	int status = process < 0 ? -ESRCH : process_get_ids(PROCESS_GATE, NULL, (uint32_t)process, NULL, &group, NULL);
	return status < 0 ? status : (int64_t)group;
}

int64_t linux_getpgrp(struct thread *thread)
{
	return linux_getpgid(thread, 0);
}

int64_t linux_getsid(struct thread *thread, int32_t process)
{
	uint32_t session = 0;
	if (process_is_own(thread, process))
		return own_relation(thread)->session;
	int status = process < 0 ? -ESRCH : process_get_ids(PROCESS_GATE, NULL, (uint32_t)process, NULL, NULL, &session);
	return status < 0 ? status : (int64_t)session;
}

int64_t linux_setpgid(struct thread *thread, int32_t process, int32_t group)
{
	if (group < 0)
		return -EINVAL;
	return process < 0 ? -ESRCH : process_set_group(PROCESS_GATE, NULL, (uint32_t)process, (uint32_t)group);
}

int64_t linux_setsid(struct thread *thread)
{
	uint32_t session = 0;
	int status = process_make_session(PROCESS_GATE, NULL, &session);
	if (status < 0)
		return status;
	thread->task->session = session;
	return session;
}
