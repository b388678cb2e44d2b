/* The end of a process.
 *
 * Its threads, captable, space and pool are destroyed with the step; the servers learn of it from the
 * gates that close. What stays is the zombie: ids, status and usage, until its parent has waited.
 * A zombie whose parent does not care goes at the end of the step. */
#include "proc.h"
#include "protocol_filesystem.h"
#include <stdlib.h>

static bool wants_no_zombies(const struct process *parent)
{
	return parent == state.init || (parent->ignored & SIGNAL_BIT(SIGNAL_CHLD));
}

void process_reap(struct process *process)
{
	if (process->reaped)
		return;
	process->reaped = true;
	process->next_reaped = state.reaped;
	state.reaped = process;
}

static void locks_release(uint64_t filesystem, uint64_t process, uint64_t unused)
{
	(void)unused;
	filesystem_release_owner((slot_t)filesystem, NULL, (uint32_t)process);
}

static void destroy_objects(struct process *process)
{
	struct pool_info info;
	if (pool_info(process->account->pool, &info) >= 0)
		process->memory_peak = step_recall(info.used);
	while (process->threads)
		thread_end(process->threads);
	object_end(process->captable); /* every file it had open closes now */
	process->captable = 0;
	if (process->holds_locks)
		step_then(locks_release, state.filesystem, process->id, 0);
	address_space_release(process->space);
	process->space = NULL;
	account_release(process->account);
	process->account = NULL;
}

static void orphan_children(struct process *process)
{
	while (process->children) {
		struct process *child = process->children;
		process_adopt(child, state.init);
		if (child->state == PROCESS_ZOMBIE)
			process_reap(child);
	}
}

/* Groups that this process connected to their session: its own, if its parent is in another
 * group of the session, and those of its children. */
static void check_groups(struct process *process, struct group *own, struct process *parent)
{
	struct session *session = own->session;
	if (parent->group && parent->group != own && parent->group->session == session)
		group_check_orphaned(own);
	for (struct process *child = process->children; child; child = child->next_sibling)
		if (child->group != own && child->group->session == session)
			group_check_orphaned(child->group);
}

/* The terminal of an ended session leader hangs up. */
static void leave_session(struct process *process)
{
	struct session *session = process->group->session;
	if (session->leader != process)
		return;
	session->leader = NULL;
	struct group *foreground = identity_find(session->foreground)->group;
	if (session->terminal && foreground && foreground->session == session) {
		signal_send_group(foreground, &(struct process_siginfo){ .signal = SIGNAL_HUP, .code = CODE_KERNEL });
		signal_send_group(foreground, &(struct process_siginfo){ .signal = SIGNAL_CONT, .code = CODE_KERNEL });
	}
	session->terminal = session->foreground = 0;
}

static void tell_parent(struct process *process)
{
	struct process *parent = process->parent;
	bool no_zombie = wants_no_zombies(parent);
	if (parent != state.init && process->exit_signal) {
		uint32_t status = process->exit_status;
		uint64_t user, system;
		thread_usage(process, &user, &system);
		struct process_siginfo info = {
			.signal = (int32_t)process->exit_signal,
			.code = !(status & 0x7f) ? CHILD_EXITED : status & 0x80 ? CHILD_DUMPED : CHILD_KILLED,
			.process = process->id,
			.user = process->credentials.user,
			.status = (int32_t)(status & 0x7f ? status & 0x7f : status >> 8 & 0xff),
			.user_time = user / 10000000,
			.system_time = system / 10000000,
		};
		signal_send(parent, NULL, &info);
	}
	if (no_zombie)
		process_reap(process);
	wait_notify(parent);
}

void process_end(struct process *process, uint32_t status)
{
	if (process->state == PROCESS_ZOMBIE || process == state.init)
		return;
	process->state = PROCESS_ZOMBIE; /* from here on it counts for nothing */
	process->exit_status = status;
	process->stop_status = 0;
	process->continue_report = false;
	timers_drop(process, 0);
	destroy_objects(process);
	wait_drop(process);
	vfork_done(process);
	queue_clear(&process->signals);
	program_release(process->program);
	process->program = NULL;
	if (process->id == ID_FIRST && !state.first_ended) {
		state.first_ended = true;
		state.first_status = status;
	}
	leave_session(process);
	check_groups(process, process->group, process->parent);
	orphan_children(process);
	end_notify(process);
	tell_parent(process);
}
