/* A proc that ends each time it has said in a process's memory that a thread is gone, before it has noted that it did, and a while
 * later: its successor says it again, when the memory may be another thread's. */
#include "servers/proc/proc.h"
#include "stash/stash.h"

#define PAUSE 2000000ull /* nanoseconds */

void __real_step_then(step_action run, uint64_t a, uint64_t b, uint64_t c);
void __wrap_step_then(step_action run, uint64_t a, uint64_t b, uint64_t c);
void __real_word_clear(slot_t space, uint64_t address);
void __wrap_word_clear(slot_t space, uint64_t address);

/* Of this incarnation. */
static bool clears;   /* what will be done next is to clear a word */
static bool in_hand;  /* it was said in this incarnation */

static void clear_and_end(uint64_t a, uint64_t b, uint64_t c)
{
	((step_action)stash_journal->reserved)(a, b, c);
	if (!in_hand)
		return;
	thread_sleep(time_now() + PAUSE, 0);
	stash_journal->call = 0; /* which is not to blame */
	__builtin_trap();
}

void __wrap_step_then(step_action run, uint64_t a, uint64_t b, uint64_t c)
{
	if (clears)
		stash_journal->reserved = (uint64_t)run;
	__real_step_then(clears ? clear_and_end : run, a, b, c);
	clears = false;
}

void __wrap_word_clear(slot_t space, uint64_t address)
{
	clears = in_hand = true;
	__real_word_clear(space, address);
	clears = false;
}
