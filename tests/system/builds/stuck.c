/* A build that can be neither kept nor taken back: it faults in its first call, and each time it is to revert; when that has been
 * given up it serves. How far it has come outlives it in the journal. */
#include "stash/stash.h"

#define REVERTS 4 /* are tried (servers/supervisor/update.c) */

void store_told(void);
void __wrap_version_give(uint64_t to);

void store_told(void)
{
	if (stash_journal->call && stash_journal->reserved < REVERTS)
		__builtin_trap();
}

void __wrap_version_give(uint64_t to)
{
	(void)to;
	stash_journal->reserved++;
	__builtin_trap();
}
