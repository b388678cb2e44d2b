/* Ids, and what they stand for. */
#include "proc.h"
#include <stdlib.h>

struct state state;

static struct identity **identity_link(uint32_t id)
{
	struct identity **link = &state.identities[id % ID_BUCKETS];
	while (*link && (*link)->id != id)
		link = &(*link)->next;
	return link;
}

const struct identity *identity_find(uint32_t id)
{
	static const struct identity nobody;
	const struct identity *identity = *identity_link(id);
	return identity ? identity : &nobody;
}

struct identity *identity_get(uint32_t id)
{
	struct identity **link = identity_link(id);
	if (!*link && (*link = calloc(1, sizeof **link)))
		(*link)->id = id;
	return *link;
}

void identity_release(uint32_t id)
{
	struct identity **link = identity_link(id), *identity = *link;
	if (!identity || identity->process || identity->thread || identity->group || identity->session)
		return;
	*link = identity->next;
	free(identity);
}

uint32_t identity_allocate(void)
{
	for (uint32_t tries = ID_FIRST; tries < ID_END; tries++) {
		if (state.next_id < ID_FIRST || state.next_id >= ID_END)
			state.next_id = ID_FIRST;
		uint32_t id = state.next_id++;
		/* 2 is the first program's, whenever it comes. */
		if (!*identity_link(id) && (state.started || id != ID_FIRST))
			return identity_get(id) ? id : 0;
	}
	return 0;
}

struct process *process_find(uint32_t id)
{
	struct process *process = identity_find(id)->process;
	return process && !process->reaped ? process : NULL;
}

struct process *process_alive(uint32_t id)
{
	struct process *process = process_find(id);
	return process && process->state != PROCESS_ZOMBIE ? process : NULL;
}

struct thread *thread_find(uint32_t id)
{
	return identity_find(id)->thread;
}

struct process *process_of_label(uint64_t label)
{
	struct process *process = label & LABEL_EXCEPTION ? NULL : process_alive(LABEL_ID(label));
	return process && LABEL_OF(process->serial, process->id) == label ? process : NULL;
}

struct user *user_count(uint32_t id)
{
	for (struct user *user = state.users; user; user = user->next)
		if (user->id == id)
			return user;
	struct user *user = calloc(1, sizeof *user);
	if (!user)
		return NULL;
	user->id = id;
	user->next = state.users;
	state.users = user;
	return user;
}

void step_end(void)
{
	while (state.reaped) {
		struct process *process = state.reaped;
		state.reaped = process->next_reaped;
		process_forget(process);
	}
}
