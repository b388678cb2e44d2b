/* A build that hangs in its first call. */
#include "stash/stash.h"

void store_told(void);

void store_told(void)
{
	while (stash_journal->call)
		__builtin_ia32_pause();
}
