/* A build that hangs in its first call. */
#include "stash/stash.h"

void update_stop(void);

void update_stop(void)
{
	while (stash_journal->call)
		__builtin_ia32_pause();
}
