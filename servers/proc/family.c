/* Processes, groups and sessions: who belongs to whom. */
#include "proc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void process_leave_parent(struct process *process)
{
	if (!process->parent)
		return;
	struct process **link = &process->parent->children;
	while (*link != process)
		link = &(*link)->next_sibling;
	*link = process->next_sibling;
	process->parent = NULL;
}

void process_adopt(struct process *process, struct process *parent)
{
	process_leave_parent(process);
	process->parent = parent;
	process->next_sibling = NULL;
	struct process **link = &parent->children; /* oldest first, as wait looks at them */
	while (*link)
		link = &(*link)->next_sibling;
	*link = process;
	relation_tell(process);
}

struct process *process_create(uint32_t id, struct process *parent, struct group *group)
{
	struct identity *identity = identity_get(id);
	struct process *process = identity ? calloc(1, sizeof *process) : NULL;
	if (!process)
		return NULL;
	identity->process = process;
	process->id = id;
	process->serial = ++state.next_serial;
	process->start_time = step_recall(time_now());
	queue_init(&process->signals);
	process->next = state.processes;
	state.processes = process;
	if (parent)
		process_adopt(process, parent);
	if (group)
		group_join(process, group);
	return process;
}

void process_forget(struct process *process)
{
	process_leave_parent(process);
	group_leave(process);
	struct process **link = &state.processes;
	while (*link != process)
		link = &(*link)->next;
	*link = process->next;
	identity_get(process->id)->process = NULL;
	identity_release(process->id);
	relation_forget(process);
	free(process->directory);
	free(process);
}

struct session *session_create(uint32_t id)
{
	struct identity *identity = identity_get(id);
	struct session *session = identity ? calloc(1, sizeof *session) : NULL;
	if (!session)
		return NULL;
	session->id = id;
	identity->session = session;
	return session;
}

struct group *group_create(uint32_t id, struct session *session)
{
	struct identity *identity = identity_get(id);
	struct group *group = identity ? calloc(1, sizeof *group) : NULL;
	if (!group)
		return NULL;
	group->id = id;
	group->session = session;
	session->group_count++;
	identity->group = group;
	return group;
}

static void group_free(struct group *group)
{
	struct session *session = group->session;
	identity_get(group->id)->group = NULL;
	identity_release(group->id);
	free(group);
	if (--session->group_count == 0) {
		identity_get(session->id)->session = NULL;
		identity_release(session->id);
		free(session);
	}
}

void group_leave(struct process *process)
{
	struct group *group = process->group;
	if (!group)
		return;
	struct process **link = &group->members;
	while (*link != process)
		link = &(*link)->next_in_group;
	*link = process->next_in_group;
	process->group = NULL;
	if (!group->members)
		group_free(group);
}

void group_join(struct process *process, struct group *group)
{
	if (process->group == group)
		return;
	group_leave(process);
	process->group = group;
	process->next_in_group = group->members;
	group->members = process;
	relation_tell(process);
}

bool group_orphaned(const struct group *group)
{
	for (const struct process *process = group->members; process; process = process->next_in_group) {
		const struct process *parent = process->parent;
		if (process->state == PROCESS_ZOMBIE || !parent || !parent->group)
			continue;
		if (parent->group != group && parent->group->session == group->session)
			return false;
	}
	return true;
}

void group_check_orphaned(struct group *group)
{
	bool stopped = false;
	for (struct process *process = group->members; process; process = process->next_in_group)
		stopped |= process->state == PROCESS_STOPPED;
	if (!stopped || !group_orphaned(group))
		return;
	signal_send_group(group, &(struct process_siginfo){ .signal = SIGNAL_HUP, .code = CODE_KERNEL });
	signal_send_group(group, &(struct process_siginfo){ .signal = SIGNAL_CONT, .code = CODE_KERNEL });
}
