/* Waiting for children: wait4, waitid, and the supervisor's wait for the first program.
 *
 * A wait that finds nothing is parked, with what it looks for; wait_notify tries the parked
 * ones of a parent again whenever something happened among its children. */
#include "proc.h"
#include "protocol_process.h"
#include <errno.h>
#include <stdlib.h>

enum { OPTION_NOHANG = 1, OPTION_STOPPED = 2, OPTION_EXITED = 4, OPTION_CONTINUED = 8, OPTION_NOWAIT = 0x1000000 };
#define STATUS_CONTINUED 0xffffu

static bool selected(const struct wait_request *wait, const struct process *child)
{
	int64_t selector = wait->selector;
	uint32_t own_group = wait->process->group->id;
	switch (wait->kind) {
	case 0:
		if (selector == -1)
			return true;
		if (selector > 0)
			return child->id == selector;
		return child->group->id == (selector ? (uint64_t)-selector : own_group);
	case 1: /* P_ALL */
		return true;
	case 2: /* P_PID */
		return child->id == selector;
	default: /* P_PGID */
		return child->group->id == (selector ? (uint64_t)selector : own_group);
	}
}

static void result_common(const struct process *child, uint32_t status, uint32_t code, struct process_wait_out *out)
{
	*out = (struct process_wait_out){ .process = child->id, .status = status, .code = code,
	                                  .user = child->credentials.user };
}

static void collect_zombie(struct process *parent, struct process *child)
{
	uint64_t user, system;
	thread_usage(child, &user, &system);
	parent->children_user_time += user + child->children_user_time;
	parent->children_system_time += system + child->children_system_time;
	process_reap(child);
}

/* What this child has to report to this wait, taken from it unless the wait only looks. */
static bool collect(const struct wait_request *wait, struct process *child, struct process_wait_out *out)
{
	uint32_t options = wait->options;
	bool take = !(options & OPTION_NOWAIT);
	if ((options & OPTION_EXITED) && child->state == PROCESS_ZOMBIE) {
		uint32_t status = child->exit_status;
		result_common(child, status, !(status & 0x7f) ? CHILD_EXITED : status & 0x80 ? CHILD_DUMPED : CHILD_KILLED, out);
		if (take)
			collect_zombie(wait->process, child);
		return true;
	}
	if ((options & OPTION_STOPPED) && child->stop_status) {
		result_common(child, child->stop_status, CHILD_STOPPED, out);
		if (take)
			child->stop_status = 0;
		return true;
	}
	if ((options & OPTION_CONTINUED) && child->continue_report) {
		result_common(child, STATUS_CONTINUED, CHILD_CONTINUED, out);
		if (take)
			child->continue_report = false;
		return true;
	}
	return false;
}

/* 0 and *out->process != 0: found. 0 and 0: nothing yet. -ECHILD. */
static int look(const struct wait_request *wait, struct process_wait_out *out, struct process_usage *usage)
{
	bool any = false;
	*out = (struct process_wait_out){ 0 };
	for (struct process *child = wait->process->children; child; child = child->next_sibling) {
		if (child->reaped || !selected(wait, child))
			continue;
		any = true;
		if (child->state != PROCESS_ZOMBIE && !child->stop_status && !child->continue_report)
			continue;
		if (wait->tells_usage) {
			usage_fill(child, 0, usage);
			usage->user_time += child->children_user_time;
			usage->system_time += child->children_system_time;
		}
		if (collect(wait, child, out))
			return 0;
	}
	return any ? 0 : -ECHILD;
}

static int wait_park(struct request *request, const struct wait_request *wait)
{
	struct wait_request *own = &wait->process->wait, *parked = own->process ? malloc(sizeof *parked) : own;
	if (!parked)
		return -ENOMEM;
	*parked = *wait;
	parked->next = state.waits;
	state.waits = parked;
	request_park(request);
	return REQUEST_PARKED;
}

int wait_serve(struct request *request, struct process *process, int64_t selector, uint32_t options,
               uint32_t kind, struct process_wait_out *out)
{
	static NOT_STATE struct process_usage usage; /* read when the answer goes out */
	if (kind > 3)
		return -EINVAL;
	struct wait_request wait = { .id = request->id, .process = process, .selector = selector,
	                             .options = kind ? options : options | OPTION_EXITED, .kind = kind,
	                             .tells_usage = request->receive_length >= sizeof usage };
	int status = look(&wait, out, &usage);
	if (status < 0)
		return status;
	if (!out->process && !(options & OPTION_NOHANG))
		return wait_park(request, &wait);
	if (out->process && wait.tells_usage)
		request_reply_data(request, &usage, sizeof usage);
	return 0;
}

static void wait_remove(struct wait_request *wait)
{
	struct wait_request **link = &state.waits;
	while (*link != wait)
		link = &(*link)->next;
	*link = wait->next;
	if (wait == &wait->process->wait)
		wait->process = NULL;
	else
		free(wait);
}

void wait_notify(struct process *parent)
{
	struct wait_request *next;
	for (struct wait_request *wait = state.waits; wait; wait = next) {
		struct process_wait_out out;
		struct process_usage usage;
		next = wait->next;
		if (wait->process != parent)
			continue;
		int status = look(wait, &out, &usage);
		if (status == 0 && !out.process)
			continue;
		if (status < 0)
			process_wait_answer(wait->id, status, NULL);
		else
			process_wait_answer_with(wait->id, 0, &out, &usage, wait->tells_usage ? sizeof usage : 0, NULL, 0);
		wait_remove(wait);
	}
}

bool wait_cancel(uint64_t id)
{
	for (struct wait_request *wait = state.waits; wait; wait = wait->next) {
		if (wait->id == id) {
			process_wait_answer(id, -EINTR, NULL);
			wait_remove(wait);
			return true;
		}
	}
	for (struct end_request **link = &state.ends; *link; link = &(*link)->next) {
		struct end_request *end = *link;
		if (end->id == id) {
			process_wait_for_answer(id, -EINTR, NULL);
			*link = end->next;
			free(end);
			return true;
		}
	}
	return false;
}

void wait_drop(struct process *process)
{
	struct wait_request *next;
	for (struct wait_request *wait = state.waits; wait; wait = next) {
		next = wait->next;
		if (wait->process == process) {
			process_wait_answer(wait->id, -EINTR, NULL);
			wait_remove(wait);
		}
	}
}

void end_notify(const struct process *process)
{
	struct end_request **link = &state.ends;
	while (*link) {
		struct end_request *end = *link;
		if (end->process != process->id) {
			link = &end->next;
			continue;
		}
		struct process_wait_for_out out = { .status = process->exit_status };
		process_wait_for_answer(end->id, 0, &out);
		*link = end->next;
		free(end);
	}
}

int end_wait(struct request *request, uint32_t id, uint32_t *status)
{
	if (id == ID_FIRST && state.first_ended) {
		*status = state.first_status;
		return 0;
	}
	if (!process_alive(id))
		return -ESRCH;
	struct end_request *end = malloc(sizeof *end);
	if (!end)
		return -ENOMEM;
	*end = (struct end_request){ .id = request->id, .process = id, .next = state.ends };
	state.ends = end;
	request_park(request);
	return REQUEST_PARKED;
}
