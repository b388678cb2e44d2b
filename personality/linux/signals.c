/* Signals: from the kernel's alert to the handler.
 *
 * proc keeps what is pending for a process and alerts one of its threads. The thread, on its way out of the
 * personality, clears the alert, fetches what there is into the local sets, and acts on what it does not block. The
 * kernel's alert is sticky: one that comes between the last look and a blocking call makes that call return
 * at once, so nothing sleeps over a signal. What a thread fetched but blocks, and another does not, is handed on
 * by alerting that other one. */
#include "signals.h"
#include "protocol_process.h"
#include "trace.h"

static const uint64_t ignored_by_default =
	SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT);
static const uint64_t stopping = SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) |
                                 SIGNAL_BIT(SIGTTOU);
/* These never queue: one pending is as good as many. */
#define STANDARD_SIGNALS 0x7fffffffull

/* --- queues: under task->lock ---------------------------------------------------------------------- */

/* Entries are used again: the heap takes longer. */
static struct signal_entry *entry_take(struct task *task)
{
	struct signal_entry *entry = task->spare_signal;
	task->spare_signal = NULL;
	return entry ? entry : heap_allocate_raw(sizeof(*entry));
}

static void entry_give_back(struct task *task, struct signal_entry *entry)
{
	if (task->spare_signal)
		heap_free(entry);
	else
		task->spare_signal = entry;
}

static void queue_add(struct task *task, struct signal_queue *queue, const struct process_siginfo *info)
{
	uint64_t bit = SIGNAL_BIT(info->signal);
	if (queue->set & bit & STANDARD_SIGNALS)
		return;
	struct signal_entry *entry = entry_take(task);
	queue->set |= bit;
	if (!entry)
		return; /* delivered without its details */
	entry->info = *info;
	entry->next = NULL;
	struct signal_entry **link = &queue->first;
	while (*link)
		link = &(*link)->next;
	*link = entry;
}

bool signal_queue_take(struct task *task, struct signal_queue *queue, uint64_t allowed, struct process_siginfo *info)
{
	uint64_t set = queue->set & allowed;
	if (!set)
		return false;
	int signal = __builtin_ctzll(set) + 1;
	*info = (struct process_siginfo){ .signal = signal };
	bool found = false, more = false;
	for (struct signal_entry **link = &queue->first; *link;) {
		struct signal_entry *entry = *link;
		if (entry->info.signal == signal && found) {
			more = true;
			break;
		}
		if (entry->info.signal == signal) {
			found = true;
			*info = entry->info;
			*link = entry->next;
			entry_give_back(task, entry);
			continue;
		}
		link = &entry->next;
	}
	if (!more)
		queue->set &= ~SIGNAL_BIT(signal);
	return true;
}

void signals_clear(struct signal_queue *queue)
{
	while (queue->first) {
		struct signal_entry *entry = queue->first;
		queue->first = entry->next;
		heap_free(entry);
	}
	queue->set = 0;
}

/* --- fetching ------------------------------------------------------------------------------------------ */

/* Under task->lock: signals for the whole process that this thread blocks go to one that does not. */
static void signals_hand_on(struct thread *thread)
{
	struct task *task = thread->task;
	uint64_t left = task->pending.set & thread->blocked & ~thread->awaited;
	for (struct thread *other = task->threads; left && other; other = other->next) {
		if (other == thread || !(left & (~other->blocked | other->awaited)))
			continue;
		left &= other->blocked & ~other->awaited;
		__atomic_store_n(&other->alert, 1, __ATOMIC_RELEASE);
		thread_alert(other->slot);
	}
}

void signals_fetch(struct thread *thread)
{
	struct task *task = thread->task;
	struct process_signal_words words;
	if (thread_alert_clear() != 1)
		return;
	do {
		if (process_fetch_signals(PROCESS_GATE, NULL, thread->id, &words.numbers, &words.sender, &words.cause,
		                          &words.value, &words.times, &words.timer) < 0)
			break;
		struct process_siginfo info = process_signal_unpack(&words);
		if (info.signal < 1 || info.signal > SIGNAL_COUNT)
			break;
		lock_take(&task->lock);
		queue_add(task, info.to_thread ? &thread->pending : &task->pending, &info);
		lock_release(&task->lock);
	} while (words.numbers & PROCESS_SIGNAL_MORE);
	if (task_is_shared(task)) {
		lock_take(&task->lock);
		signals_hand_on(thread);
		lock_release(&task->lock);
	}
}

uint64_t signals_pending_set(struct thread *thread)
{
	return thread->pending.set | thread->task->pending.set;
}

bool signal_is_ignored(int signal, uint64_t handler)
{
	return handler == SIG_IGN || (handler == SIG_DFL && ignored_by_default & SIGNAL_BIT(signal));
}

bool signal_is_off(struct thread *thread, int signal)
{
	return (thread->blocked & SIGNAL_BIT(signal)) || thread->task->actions[signal - 1].handler == SIG_IGN;
}

void signals_look(struct thread *thread)
{
	if (signals_pending_set(thread) & ~thread->blocked)
		thread->alert_own = 1;
}

/* --- raising ------------------------------------------------------------------------------------------- */

static void raise_into(struct thread *thread, struct signal_queue *queue, int signal, int code)
{
	struct process_siginfo info = {
		.signal = signal,
		.code = code,
		.process = thread->task->process,
		.user = thread->task->credentials.user,
		.to_thread = queue == &thread->pending,
	};
	lock_take(&thread->task->lock);
	queue_add(thread->task, queue, &info);
	lock_release(&thread->task->lock);
	signals_look(thread);
}

void signal_raise(struct thread *thread, int signal, int code)
{
	raise_into(thread, &thread->pending, signal, code);
}

void signal_raise_process(struct thread *thread, int signal)
{
	raise_into(thread, &thread->task->pending, signal, SI_USER);
}

/* --- restart ---------------------------------------------------------------------------------------------- */

static void call_again(struct thread *thread, uint64_t number)
{
	thread->frame.registers.rip -= 2; /* the length of syscall */
	thread->frame.registers.rax = number;
}

/* What becomes of a call that gave EINTR, with this handler about to run (NULL: none did). */
static void restart_settle(struct thread *thread, const struct linux_sigaction *action)
{
	if (!thread->interrupted)
		return;
	unsigned kind = thread->interrupted - 1u;
	thread->interrupted = 0;
	if (action && !(kind == RESTART_RESTART && action->flags & SA_RESTART))
		return; /* EINTR is in rax */
	if (kind == RESTART_NONSTOP && thread->stopped)
		return;
	if (kind == RESTART_RESUME || kind == RESTART_NONSTOP) {
		if (thread->call_number != LINUX_RESTART_SYSCALL)
			thread->restart_number = thread->call_number;
		call_again(thread, LINUX_RESTART_SYSCALL);
	} else if (kind != RESTART_NEVER) {
		call_again(thread, thread->call_number);
	}
}

/* --- acting ---------------------------------------------------------------------------------------- */

/* Children of a process that ignores SIGCHLD leave no zombies. */
static void children_reap(void)
{
	uint32_t process;
	do {
		process = 0;
	} while (process_wait(PROCESS_GATE, NULL, -1, 1 /* WNOHANG */, 0, NULL, 0, NULL, &process, NULL,
	                      NULL, NULL) == 0 && process != 0);
}

static void action_default(struct thread *thread, int signal)
{
	uint64_t bit = SIGNAL_BIT(signal);
	if (bit & stopping)
		process_stop(PROCESS_GATE, NULL, thread->id, (uint32_t)signal);
	else if (!(bit & ignored_by_default))
		thread_die(signal);
}

/* True: a handler runs at the exit. */
static bool signal_act(struct thread *thread, const struct process_siginfo *info)
{
	struct task *task = thread->task;
	int signal = info->signal;
	lock_take(&task->lock);
	struct linux_sigaction action = task->actions[signal - 1];
	if (action.handler > SIG_IGN && action.flags & SA_RESETHAND)
		task->actions[signal - 1].handler = SIG_DFL;
	lock_release(&task->lock);
	trace_signal(thread, signal, action.handler);
	if (signal == SIGCONT && info->status)
		thread->stopped = 1;
	if (signal == SIGCHLD && (action.handler == SIG_IGN || action.flags & SA_NOCLDWAIT))
		children_reap();
	if (action.handler == SIG_IGN)
		return false;
	if (action.handler == SIG_DFL) {
		action_default(thread, signal);
		return false;
	}
	restart_settle(thread, &action);
	struct process_siginfo told = *info;
	if (told.code == SI_TIMER && told.timer < TASK_TIMERS)
		told.value = task->timers[told.timer].value;
	uint64_t after = thread->restore_mask ? thread->saved_mask : thread->blocked;
	if (!frame_push(thread, &told, &action, after)) {
		if (signal == SIGSEGV)
			thread_die(SIGSEGV);
		signal_force(thread, SIGSEGV, SI_KERNEL, 0);
		return true;
	}
	thread->restore_mask = 0;
	uint64_t blocked = thread->blocked | action.mask;
	if (!(action.flags & SA_NODEFER))
		blocked |= SIGNAL_BIT(signal);
	signal_mask_set(thread, blocked);
	return true;
}

void signal_force(struct thread *thread, int signal, int code, uint64_t address)
{
	struct process_siginfo info = { .signal = signal, .code = code, .value = address };
	struct linux_sigaction *action = &thread->task->actions[signal - 1];
	if (thread->blocked & SIGNAL_BIT(signal) || action->handler <= SIG_IGN) {
		trace_signal(thread, signal, action->handler);
		thread_die(signal);
	}
	signal_act(thread, &info);
}

static bool signal_next(struct thread *thread, struct process_siginfo *info)
{
	struct task *task = thread->task;
	if (!(signals_pending_set(thread) & ~thread->blocked))
		return false;
	lock_take(&task->lock);
	bool found = signal_queue_take(task, &thread->pending, ~thread->blocked, info) ||
	             signal_queue_take(task, &task->pending, ~thread->blocked, info);
	lock_release(&task->lock);
	return found;
}

void signals_deliver(struct thread *thread)
{
	struct process_siginfo info;
	bool handled = false;
	thread->stopped = 0;
	do {
		/* Cleared first: what comes from here on (SIGCONT after a stop) sets it again. */
		if ((uint32_t)__atomic_exchange_n(&thread->alert, 0, __ATOMIC_SEQ_CST))
			signals_fetch(thread);
		while (signal_next(thread, &info))
			handled |= signal_act(thread, &info);
	} while (__atomic_load_n(&thread->alert, __ATOMIC_SEQ_CST));
	if (handled)
		return;
	restart_settle(thread, NULL);
	if (thread->restore_mask) {
		thread->restore_mask = 0;
		signal_mask_set(thread, thread->saved_mask);
	}
}

/* --- masks and waiting ---------------------------------------------------------------------------------- */

void signal_mask_set(struct thread *thread, uint64_t blocked)
{
	thread->blocked = blocked & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	signals_look(thread);
}

int signal_mask_for_call(struct thread *thread, uint64_t set, uint64_t set_size)
{
	uint64_t mask;
	if (!set)
		return 0;
	if (set_size != sizeof(mask))
		return -EINVAL;
	if (user_read(&mask, set, sizeof(mask)) < 0)
		return -EFAULT;
	thread->saved_mask = thread->blocked;
	thread->restore_mask = 1;
	/* Whether a handler runs or not, the exit must look: it puts the saved mask back. */
	thread->alert_own = 1;
	signal_mask_set(thread, mask);
	return 0;
}

int64_t signal_mask_after_call(struct thread *thread, int64_t result)
{
	if (thread->restore_mask && result != -EINTR) {
		thread->restore_mask = 0;
		signal_mask_set(thread, thread->saved_mask);
	}
	return result;
}

int64_t thread_wait(uint64_t deadline)
{
	return thread_sleep(deadline, 1) == STATUS_INTERRUPTED ? -EINTR : 0;
}
