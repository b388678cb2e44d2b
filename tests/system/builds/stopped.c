/* A build that converts, and dies at one store of that after the other: first in the step that converts; the next time in its first
 * call, and then in the step that reverts. When there are no stores left it lives. How far it has come outlives it in the journal. */
#include "atoll/startup.h"
#include "stash/stash.h"

void store_told(void);

enum { CONVERT, CALL, REVERT, REVERT_WHOLE };

static void die(uint64_t store, unsigned next)
{
	stash_journal->reserved = store << 2 | next;
	stash_journal->call = 0; /* no call is to blame */
	__builtin_trap();
}

static void stop_reverting(uint64_t store, unsigned phase, uint64_t now)
{
	if (phase == REVERT && now == store)
		die(store, REVERT_WHOLE);
}

static void stop_starting(uint64_t store, unsigned phase, uint64_t now)
{
	static uint64_t sought; /* the store that this incarnation is to die at */
	if (now == 1)
		sought = phase == REVERT || phase == REVERT_WHOLE ? store + 1 : phase == CONVERT && store == 0 ? 1 : 0;
	if (now == sought)
		die(sought, CALL);
}

void store_told(void)
{
	static uint64_t now;
	static bool calls;
	uint64_t store = stash_journal->reserved >> 2;
	unsigned phase = stash_journal->reserved & 3;
	if (stash_journal->call) {
		if (phase == CALL && !calls)
			die(store, REVERT);
		calls = true;
	} else if (!calls) {
		now++;
		if (startup_number("give", 0))
			stop_reverting(store, phase, now);
		else
			stop_starting(store, phase, now);
	}
}
