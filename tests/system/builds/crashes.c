/* A build that faults in its first call. */
#include "stash/stash.h"

void update_stop(void);

void update_stop(void)
{
	if (stash_journal->call)
		__builtin_trap();
}
