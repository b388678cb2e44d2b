/* The calls about signals: actions, masks, sending, waiting for one. */
#include "protocol_process.h"
#include "signals.h"
#include "time.h"

static bool signal_valid(int32_t signal)
{
	return signal >= 1 && signal <= SIGNAL_COUNT;
}

/* What is pending of a signal that becomes ignored is gone. Under task->lock. */
static void pending_discard(struct task *task, uint64_t set)
{
	struct process_siginfo info;
	while (signal_queue_take(task, &task->pending, set, &info))
		;
	for (struct thread *thread = task->threads; thread; thread = thread->next)
		while (signal_queue_take(task, &thread->pending, set, &info))
			;
}

int64_t linux_rt_sigaction(struct thread *thread, int32_t signal, uint64_t action, uint64_t old, uint64_t set_size)
{
	struct task *task = thread->task;
	struct linux_sigaction new_action, old_action;
	if (set_size != 8 || !signal_valid(signal) || (action && (signal == SIGKILL || signal == SIGSTOP)))
		return -EINVAL;
	if (action && user_read(&new_action, action, sizeof(new_action)) < 0)
		return -EFAULT;
	bool ignored = action && signal_is_ignored(signal, new_action.handler);
	if (ignored)
		signals_fetch(thread);
	lock_take(&task->lock);
	old_action = task->actions[signal - 1];
	if (action)
		task->actions[signal - 1] = new_action;
	if (ignored)
		pending_discard(task, SIGNAL_BIT(signal));
	lock_release(&task->lock);
	if (old && user_write(old, &old_action, sizeof(old_action)) < 0)
		return -EFAULT;
	return 0;
}

int64_t linux_rt_sigprocmask(struct thread *thread, int32_t how, uint64_t set, uint64_t old, uint64_t set_size)
{
	uint64_t mask, before = thread->blocked;
	if (set_size != sizeof(mask))
		return -EINVAL;
	if (set) {
		if (user_read(&mask, set, sizeof(mask)) < 0)
			return -EFAULT;
		switch (how) {
		case SIG_BLOCK:
			signal_mask_set(thread, before | mask);
			break;
		case SIG_UNBLOCK:
			signal_mask_set(thread, before & ~mask);
			break;
		case SIG_SETMASK:
			signal_mask_set(thread, mask);
			break;
		default:
			return -EINVAL;
		}
	}
	return old ? user_write(old, &before, sizeof(before)) : 0;
}

int64_t linux_rt_sigpending(struct thread *thread, uint64_t set, uint64_t set_size)
{
	if (set_size > 8)
		return -EINVAL;
	signals_fetch(thread);
	uint64_t pending = signals_pending_set(thread) & thread->blocked;
	signals_look(thread);
	return user_write(set, &pending, set_size);
}

int64_t linux_rt_sigsuspend(struct thread *thread, uint64_t set, uint64_t set_size)
{
	int status = set ? signal_mask_for_call(thread, set, set_size) : -EFAULT;
	if (status < 0)
		return status;
	while (!(signals_pending_set(thread) & ~thread->blocked))
		if (thread_wait(FOREVER) < 0)
			break;
	return -EINTR;
}

int64_t linux_pause(struct thread *thread)
{
	while (thread_wait(FOREVER) == 0)
		;
	return -EINTR;
}

/* Take one of the awaited signals, if there is one. */
static bool awaited_take(struct thread *thread, uint64_t set, struct process_siginfo *info)
{
	struct task *task = thread->task;
	lock_take(&task->lock);
	bool found = signal_queue_take(task, &thread->pending, set, info) || signal_queue_take(task, &task->pending, set, info);
	lock_release(&task->lock);
	return found;
}

static int64_t awaited_wait(struct thread *thread, uint64_t set, uint64_t deadline, struct process_siginfo *info)
{
	for (;;) {
		signals_fetch(thread);
		if (awaited_take(thread, set, info))
			return info->signal;
		if (signals_pending_set(thread) & ~thread->blocked)
			return -EINTR;
		if (deadline <= time_now())
			return -EAGAIN;
		thread_sleep(deadline, 1);
	}
}

int64_t linux_rt_sigtimedwait(struct thread *thread, uint64_t set, uint64_t info, uint64_t timeout, uint64_t set_size)
{
	uint64_t mask, deadline = FOREVER;
	struct linux_timespec time;
	struct process_siginfo found;
	struct linux_siginfo result;
	if (set_size != sizeof(mask))
		return -EINVAL;
	if (user_read(&mask, set, sizeof(mask)) < 0)
		return -EFAULT;
	if (timeout) {
		if (user_read(&time, timeout, sizeof(time)) < 0)
			return -EFAULT;
		if (!timespec_valid(&time))
			return -EINVAL;
		deadline = deadline_after(thread, duration_of(&time));
	}
	thread->awaited = mask;
	int64_t signal = awaited_wait(thread, mask, deadline, &found);
	thread->awaited = 0;
	signals_look(thread);
	if (signal > 0 && info) {
		siginfo_to_linux(&found, &result);
		if (user_write(info, &result, sizeof(result)) < 0)
			return -EFAULT;
	}
	return signal;
}

/* --- sending --------------------------------------------------------------------------------------- */

/* kill of a process with one thread by itself: no other process has a part in it. What stops or continues is
 * proc's, and so are the signals that queue: it counts them. */
static bool kill_is_own(const struct thread *thread, int32_t process, int32_t signal)
{
	const uint64_t others = SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) |
	                        SIGNAL_BIT(SIGTTOU) | SIGNAL_BIT(SIGCONT);
	return (uint32_t)process == thread->task->process && !task_is_shared(thread->task) && signal >= 1 &&
	       signal < SIGNAL_REALTIME && !(others & SIGNAL_BIT(signal));
}

int64_t linux_kill(struct thread *thread, int32_t process, int32_t signal)
{
	if (signal < 0 || signal > SIGNAL_COUNT)
		return -EINVAL;
	if (kill_is_own(thread, process, signal)) {
		signal_raise_process(thread, signal);
		return 0;
	}
	return process_send_signal(PROCESS_GATE, NULL, process, 0, (uint32_t)signal, SI_USER, 0);
}

static int64_t thread_kill(struct thread *thread, int32_t process, int32_t target, int32_t signal)
{
	if (target <= 0 || signal < 0 || signal > SIGNAL_COUNT)
		return -EINVAL;
	if ((uint32_t)target == thread->id && signal != SIGKILL && signal != SIGSTOP && signal != SIGCONT) {
		if (signal != 0)
			signal_raise(thread, signal, SI_TKILL);
		return 0;
	}
	return process_send_signal(PROCESS_GATE, NULL, process, (uint32_t)target, (uint32_t)signal, SI_TKILL, 0);
}

int64_t linux_tgkill(struct thread *thread, int32_t process, int32_t target, int32_t signal)
{
	if (process <= 0)
		return -EINVAL;
	if ((uint32_t)target == thread->id && (uint32_t)process != thread->task->process)
		return -ESRCH;
	return thread_kill(thread, process, target, signal);
}

int64_t linux_tkill(struct thread *thread, int32_t target, int32_t signal)
{
	struct task *task = thread->task;
	if (target <= 0)
		return -EINVAL;
	lock_take(&task->lock);
	bool own = task_find_thread(task, (uint32_t)target) != NULL;
	lock_release(&task->lock);
	return thread_kill(thread, own ? (int32_t)task->process : target, target, signal);
}

static int64_t queue_signal(struct thread *thread, int32_t process, uint32_t target, int32_t signal, uint64_t info)
{
	struct linux_siginfo given;
	if (signal < 0 || signal > SIGNAL_COUNT)
		return -EINVAL;
	if (user_read(&given, info, sizeof(given)) < 0)
		return -EFAULT;
	/* Only the kernel says that a signal comes from the kernel or from kill. */
	if ((given.code >= 0 || given.code == SI_TKILL) && (uint32_t)process != thread->task->process)
		return -EPERM;
	return process_send_signal(PROCESS_GATE, NULL, process, target, (uint32_t)signal, given.code, given.sent.value);
}

int64_t linux_rt_sigqueueinfo(struct thread *thread, int32_t process, int32_t signal, uint64_t info)
{
	return process <= 0 ? -EINVAL : queue_signal(thread, process, 0, signal, info);
}

int64_t linux_rt_tgsigqueueinfo(struct thread *thread, int32_t process, int32_t target, int32_t signal, uint64_t info)
{
	return process <= 0 || target <= 0 ? -EINVAL : queue_signal(thread, process, (uint32_t)target, signal, info);
}
