/* A build that faults in its first call. */
#include "stash/stash.h"

void store_told(void);

void store_told(void)
{
	if (stash_journal->call)
		__builtin_trap();
}
