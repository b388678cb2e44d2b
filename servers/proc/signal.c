/* Signals: queues, and whom to wake.
 *
 * proc queues signals and alerts a thread; which are blocked, caught or ignored is known to the
 * personality, which fetches them and acts. proc acts itself only on SIGKILL, SIGSTOP and (by
 * continuing) SIGCONT. A standard signal is in a queue at most once, a real-time one as often as it was
 * sent, up to the limit. */
#include "proc.h"
#include <errno.h>
#include <stdlib.h>

void queue_init(struct signal_queue *queue)
{
	*queue = (struct signal_queue){ 0 };
	queue->last = &queue->first;
}

/* A few entries are there for good: the heap takes longer. */
static struct queued_signal *entry_take(void)
{
	struct queued_signal *entry = state.spare_signals;
	if (!entry)
		return malloc(sizeof *entry);
	state.spare_signals = entry->next;
	return entry;
}

static void entry_give_back(struct queued_signal *entry)
{
	if (entry < state.kept_signals || entry >= state.kept_signals + KEPT_SIGNALS) {
		free(entry);
		return;
	}
	entry->next = state.spare_signals;
	state.spare_signals = entry;
}

void signals_prepare(void)
{
	for (unsigned i = 0; i < KEPT_SIGNALS; i++)
		entry_give_back(&state.kept_signals[i]);
}

/* Remove the entry at *link. */
static void queue_unlink(struct signal_queue *queue, struct queued_signal **link)
{
	struct queued_signal *entry = *link;
	*link = entry->next;
	if (!entry->next)
		queue->last = link;
	queue->count--;
	entry_give_back(entry);
}

static void queue_recount(struct signal_queue *queue)
{
	queue->pending = 0;
	for (const struct queued_signal *entry = queue->first; entry; entry = entry->next)
		queue->pending |= SIGNAL_BIT(entry->info.signal);
}

static void queue_discard(struct signal_queue *queue, uint64_t signals)
{
	if (!(queue->pending & signals))
		return;
	struct queued_signal **link = &queue->first;
	while (*link) {
		if (SIGNAL_BIT((*link)->info.signal) & signals)
			queue_unlink(queue, link);
		else
			link = &(*link)->next;
	}
	queue_recount(queue);
}

void queue_clear(struct signal_queue *queue)
{
	queue_discard(queue, ~0ull);
}

void queue_move(struct signal_queue *to, struct signal_queue *from)
{
	*to = *from;
	if (!from->first)
		to->last = &to->first;
	queue_init(from);
}

static int queue_add(struct signal_queue *queue, const struct process_siginfo *info, uint64_t most)
{
	uint64_t bit = SIGNAL_BIT(info->signal);
	if ((uint32_t)info->signal < SIGNAL_REALTIME && (queue->pending & bit))
		return 0;
	if ((uint32_t)info->signal >= SIGNAL_REALTIME && queue->count >= most)
		return -EAGAIN;
	struct queued_signal *entry = entry_take();
	if (!entry)
		return -EAGAIN;
	entry->next = NULL;
	entry->info = *info;
	*queue->last = entry;
	queue->last = &entry->next;
	queue->count++;
	queue->pending |= bit;
	return 0;
}

static void discard_everywhere(struct process *process, uint64_t signals)
{
	queue_discard(&process->signals, signals);
	for (struct thread *thread = process->threads; thread; thread = thread->next)
		queue_discard(&thread->signals, signals);
}

/* A thread that, as far as proc was told, does not block the signal; else the first: it will keep
 * the signal pending, or is waiting for it. */
static struct thread *suitable_thread(const struct process *process, uint64_t bit)
{
	for (struct thread *thread = process->threads; thread; thread = thread->next)
		if (!(thread->blocked & bit))
			return thread;
	return process->threads;
}

int signal_send(struct process *process, struct thread *thread, const struct process_siginfo *info)
{
	uint64_t bit = SIGNAL_BIT(info->signal);
	if (process->state == PROCESS_ZOMBIE || process == state.init)
		return 0;
	if (info->signal == SIGNAL_KILL) {
		process_end(process, SIGNAL_KILL);
		return 0;
	}
	if (bit & SIGNALS_STOPPING)
		discard_everywhere(process, SIGNAL_BIT(SIGNAL_CONT));
	if (info->signal == SIGNAL_STOP) {
		process_halt(process, SIGNAL_STOP);
		return 0;
	}
	struct process_siginfo sent = *info;
	sent.to_thread = thread != NULL;
	if (info->signal == SIGNAL_CONT) {
		discard_everywhere(process, SIGNALS_STOPPING);
		process->stop_fetched = false;
		sent.status = process->state == PROCESS_STOPPED;
	}
	int status = queue_add(thread ? &thread->signals : &process->signals, &sent,
	                       process->limits[RESOURCE_SIGPENDING].soft);
	struct thread *woken = thread ? thread : suitable_thread(process, bit);
	if (status == 0 && woken)
		thread_alert(woken->slot);
	/* Alerted first: it finds SIGCONT before it makes an interrupted call again. */
	if (info->signal == SIGNAL_CONT)
		process_continue(process);
	return status;
}

void signal_send_group(struct group *group, const struct process_siginfo *info)
{
	/* Members leave the list at the end of the step only. */
	for (struct process *process = group->members; process; process = process->next_in_group)
		signal_send(process, NULL, info);
}

static int kill_one(struct process *sender, struct process *target, struct thread *thread,
                    const struct process_siginfo *info)
{
	if (!credentials_may_signal(sender, target, (uint32_t)info->signal))
		return -EPERM;
	return info->signal ? signal_send(target, thread, info) : 0;
}

/* Many targets: success if any could be signalled, EPERM if there were only others. */
static int kill_many(struct process *sender, struct group *group, const struct process_siginfo *info)
{
	int result = -ESRCH;
	struct process *next;
	for (struct process *target = group ? group->members : state.processes; target; target = next) {
		next = group ? target->next_in_group : target->next;
		if (target->reaped || target == state.init || (!group && target == sender))
			continue;
		int status = kill_one(sender, target, NULL, info);
		if (status == 0 || result == -ESRCH)
			result = status;
	}
	return result;
}

int signal_kill(struct process *sender, int64_t target, uint32_t thread_id, const struct process_siginfo *info)
{
	if (thread_id) {
		struct thread *thread = thread_find(thread_id);
		if (!thread || (target > 0 && thread->process->id != target))
			return -ESRCH;
		return kill_one(sender, thread->process, thread, info);
	}
	if (target > 0) {
		struct process *process = target < ID_END ? process_find((uint32_t)target) : NULL;
		struct thread *thread = process || target >= ID_END ? NULL : thread_find((uint32_t)target);
		if (!process && thread)
			process = thread->process;
		return process ? kill_one(sender, process, NULL, info) : -ESRCH;
	}
	if (target == -1)
		return kill_many(sender, NULL, info);
	struct group *group = target == 0 ? sender->group
	                    : -target < ID_END ? identity_find((uint32_t)-target)->group : NULL;
	return group ? kill_many(sender, group, info) : -ESRCH;
}

static bool fetch_from(struct process *process, struct signal_queue *queue, struct process_siginfo *to)
{
	if (!queue->first)
		return false;
	*to = queue->first->info;
	if (SIGNAL_BIT(to->signal) & SIGNALS_STOPPING)
		process->stop_fetched = true;
	queue_unlink(queue, &queue->first);
	queue_recount(queue);
	return true;
}

bool signal_fetch(struct thread *thread, struct process_siginfo *to)
{
	return fetch_from(thread->process, &thread->signals, to) || fetch_from(thread->process, &thread->process->signals, to);
}
