/* proc whose struct user has one field more, in its middle, and what makes the one of the other. */
#include "proc.h"
#include <stdlib.h>
#include <string.h>

struct user_before {
	uint32_t id;
	unsigned threads;
	struct user *next;
};

static void user_replace(struct user **link, struct user *by)
{
	struct user *user = *link;
	*link = by;
	for (struct process *process = state.processes; process; process = process->next)
		if (process->user == user)
			process->user = by;
	free(user);
}

static void convert(void)
{
	for (struct user **link = &state.users; *link; link = &(*link)->next) {
		const struct user_before *before = (const struct user_before *)*link;
		struct user *user = malloc(sizeof *user);
		if (!user)
			__builtin_trap();
		*user = (struct user){ .id = before->id, .grown = ~(uint64_t)before->id, .threads = before->threads, .next = before->next };
		user_replace(link, user);
	}
}

static void revert(void)
{
	for (struct user **link = &state.users; *link;) {
		struct user *user = *link;
		struct user_before *before = malloc(sizeof *before);
		if (!before || user->grown != ~(uint64_t)user->id)
			__builtin_trap();
		*before = (struct user_before){ .id = user->id, .threads = user->threads, .next = user->next };
		user_replace(link, (struct user *)before);
		link = &before->next;
	}
}

SERVER_VERSION(2, convert, revert);
