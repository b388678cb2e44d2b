/* One build of a server after another on the same state (docs/decisions/009-live-update.md). Recoverable code: which version the
 * state is of is a part of it, and changes in the step that converts it. */
#include "server/step.h"
#include "stash/stash.h"

static uint64_t version; /* of the state; 0: there has been none */
NOT_STATE bool step_leaves;

__attribute__((weak)) const struct server_version server_version = { .number = 1 };

/* The supervisor has looked whether the two versions are neighbours. */
void version_take(void)
{
	if (version && version + 1 == server_version.number)
		server_version.convert();
	version = server_version.number;
}

void version_give(uint64_t to)
{
	if (version == to + 1)
		server_version.revert();
	version = to;
}

int step_leaving(void)
{
	step_leaves = true;
	return 0;
}

void step_leave(void)
{
	stash_journal->left = stash_journal->committed;
	__asm__ volatile("int3");
	__builtin_trap();
}
