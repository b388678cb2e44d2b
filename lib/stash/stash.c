/* Steps over the stash: begin, commit, roll back. With log.c the only code that writes it without hooks.
 *
 * The order of a few stores is the whole argument (a crash keeps a prefix of them, in program order). An entry of the log counts if
 * its mark is that of the header's step, and the log counts if that step is committed + 1.
 *
 * - begin: log_end := start of the log, then step := committed + 1. Before the second store there is no step, and the old
 *   log is void; after it there is one that has changed nothing, because the mark of every old entry is another step's.
 * - a hook: an entry's bytes, its mark, log_end, then the store it is for. A crash finds every changed granule in the log.
 * - commit: committed := step. Before it the step will be taken back, after it the log is void, and the record
 *   that was prepared is the one that counts.
 * - roll back: the entries' bytes put back, newest first, each void then, and step := committed. Interrupted anywhere it is done
 *   again with the entries that are left, which gives the same, because nothing else has run.
 *
 * Single words may be damaged. log_end is not needed (log.c). The two counts are multiples of STASH_CODE: a bit is mended, and
 * where one is lost altogether the other and the log tell. A commit looks at all three first, and ends the server rather
 * than let a step count whose log is not what they say. */
#include "stash/log.h"

/* By granule: saved by the step in hand. One more for a store that runs over the end. */
unsigned char stash_tags[STASH_GRANULES + 1];

#define LOG_KEPT 0x10000u /* bytes of the log that keep their memory */
#define ONE_STEP (2ull * STASH_CODE)

static unsigned lost; /* entries of the log */

/* The count that a word of the header stands for, one bit of damage mended. False: it stands for none. */
static bool count_mend(uint64_t *word)
{
	for (unsigned bit = 0; bit <= 64; bit++) {
		uint64_t guess = bit ? *word ^ 1ull << (bit - 1) : *word;
		if (guess % STASH_CODE == 0) {
			*word = guess;
			return true;
		}
	}
	return false;
}

/* What the header's two counts should be. Nothing but damage makes them anything else than the same or one apart. False: they
 * cannot be known. */
static bool counts_read(uint64_t *committed, uint64_t *step)
{
	*committed = stash_journal->committed;
	*step = stash_journal->step;
	bool committed_known = count_mend(committed), step_known = count_mend(step);
	if (committed_known && step_known && stash_steps(*step) == stash_steps(*committed))
		return true;
	if (!committed_known && !step_known)
		return false;
	if (!committed_known)
		*committed = log_is_of(*step) ? *step - ONE_STEP : *step;
	else if (!step_known || *step != *committed + ONE_STEP)
		*step = log_is_of(*committed + ONE_STEP) ? *committed + ONE_STEP : *committed;
	return true;
}

bool stash_step_in_hand(void)
{
	uint64_t committed, step;
	return counts_read(&committed, &step) && step == committed + ONE_STEP;
}

void stash_begin(void)
{
	struct stash_header *header = stash_journal;
	if (header->log_end != STASH_LOG) { /* of stores outside of any step */
		log_forget();
		__atomic_store_n(&header->log_end, STASH_LOG, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&header->step, header->committed + ONE_STEP, __ATOMIC_RELEASE);
}

/* With the other record, if it is to count: the lowest bit of the count, which is that of the word. */
static uint64_t count_switch(uint64_t count, bool new_record)
{
	uint64_t other = count & 1 ? count - STASH_CODE : count + STASH_CODE;
	return new_record ? other : count;
}

void stash_commit(bool new_record)
{
	struct stash_header *header = stash_journal;
	uint64_t length = header->log_end - STASH_LOG, step = header->step;
	if (step != header->committed + ONE_STEP)
		__builtin_trap();
	log_forget();
	__atomic_store_n(&header->committed, count_switch(step, new_record), __ATOMIC_RELEASE);
	log_void();
	header->log_end = STASH_LOG;
	if (length > LOG_KEPT)
		stash_trim(STASH_SIZE + (STASH_LOG - STASH_JOURNAL) + LOG_KEPT, length - LOG_KEPT);
}

void stash_roll_back(void)
{
	struct stash_header *header = stash_journal;
	uint64_t committed, step;
	if (!counts_read(&committed, &step))
		return;
	__atomic_store_n(&header->committed, committed, __ATOMIC_RELEASE);
	lost = step == committed + ONE_STEP ? log_restore(step) : 0;
	__atomic_store_n(&header->log_end, STASH_LOG, __ATOMIC_RELEASE);
	__atomic_store_n(&header->step, committed, __ATOMIC_RELEASE);
}

unsigned stash_lost(void)
{
	return lost;
}

bool stash_open(bool *fresh)
{
	struct stash_header *header = stash_journal;
	uint64_t committed = header->committed, step = header->step;
	bool counts = committed % STASH_CODE == 0 && step % STASH_CODE == 0; /* where all is zero it has not been used */
	if (!counts && __builtin_popcountll(header->magic ^ STASH_MAGIC) > 1)
		return false;
	if (!counts_read(&committed, &step))
		return false;
	__atomic_store_n(&header->magic, STASH_MAGIC, __ATOMIC_RELEASE);
	stash_roll_back();
	*fresh = stash_steps(committed) == 0;
	return true;
}
