/* Steps over the stash: begin, commit, roll back. The only code that writes it without hooks.
 *
 * The order of the stores to the header is the whole argument (a crash keeps a prefix of them, in program order):
 *
 * - begin: log_end := start of the log, then step := committed + 1. Before the second store there is no step, and the old
 *   log is void; after it there is one that has changed nothing.
 * - a hook: entry, then log_end, then the store it announces. A crash finds every changed granule in the log.
 * - commit: committed := step. Before it the step will be taken back, after it the log is void, and the record
 *   that was prepared is the one that counts.
 * - roll back: the entries' bytes put back, newest first, then step := committed. Interrupted anywhere it is done
 *   again from the start, which gives the same, because nothing else has run. */
#include "stash/stash.h"

#define GRANULES (STASH_SIZE / STASH_GRANULE)
#define LOG_KEPT 0x10000u /* bytes of the log that keep their memory */

/* By granule: saved by the step in hand. One more for a store that runs over the end. */
unsigned char stash_tags[GRANULES + 1];

void stash_save_many(uint64_t address, uint64_t length);

static uint64_t granules_of(uint64_t trailer)
{
	return (trailer >> 32) + 1;
}

static void words_copy(void *to, const void *from, uint64_t count)
{
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

/* One entry for a run of granules. */
static void run_save(uint64_t first, uint64_t count)
{
	uint64_t *entry = (uint64_t *)stash_journal->log_end;
	const uint64_t words = count * (STASH_GRANULE / 8);
	for (uint64_t i = first; i < first + count; i++)
		stash_tags[i] = 1;
	words_copy(entry, (const void *)(STASH_BASE + first * STASH_GRANULE), words);
	entry[words] = first * STASH_GRANULE | (count - 1) << 32;
	__asm__ volatile("" : : : "memory");
	__atomic_store_n(&stash_journal->log_end, (uint64_t)&entry[words + 1], __ATOMIC_RELEASE);
}

/* From save.S, for a range that begins in the stash. What lies behind its end is nobody's. */
void stash_save_many(uint64_t address, uint64_t length)
{
	uint64_t offset = address - STASH_BASE;
	uint64_t limit = length < STASH_SIZE - offset ? offset + length : STASH_SIZE;
	uint64_t end = (limit + STASH_GRANULE - 1) / STASH_GRANULE;
	for (uint64_t first = offset / STASH_GRANULE; first < end; first++) {
		uint64_t next = first;
		while (next < end && !stash_tags[next])
			next++;
		if (next > first)
			run_save(first, next - first);
		first = next;
	}
}

/* Each entry of the log, newest first: forget its tags and, if wanted, put its bytes back. */
static void log_unwind(bool restore)
{
	uint64_t *end = (uint64_t *)stash_journal->log_end;
	while (end > (uint64_t *)STASH_LOG) {
		uint64_t trailer = end[-1], count = granules_of(trailer), offset = (uint32_t)trailer;
		uint64_t words = count * (STASH_GRANULE / 8);
		end -= words + 1;
		for (uint64_t i = 0; i < count; i++)
			stash_tags[offset / STASH_GRANULE + i] = 0;
		if (restore)
			words_copy((void *)(STASH_BASE + offset), end, words);
	}
}

bool stash_step_in_hand(void)
{
	return stash_journal->step >> 1 == (stash_journal->committed >> 1) + 1;
}

void stash_begin(void)
{
	struct stash_header *header = stash_journal;
	if (header->log_end > STASH_LOG) /* of stores outside of any step */
		log_unwind(false);
	__atomic_store_n(&header->log_end, STASH_LOG, __ATOMIC_RELEASE);
	__atomic_store_n(&header->step, header->committed + 2, __ATOMIC_RELEASE);
}

void stash_commit(bool new_record)
{
	struct stash_header *header = stash_journal;
	uint64_t length = header->log_end - STASH_LOG;
	__atomic_store_n(&header->committed, header->step ^ new_record, __ATOMIC_RELEASE);
	log_unwind(false);
	header->log_end = STASH_LOG;
	if (length > LOG_KEPT)
		stash_trim(STASH_SIZE + (STASH_LOG - STASH_JOURNAL) + LOG_KEPT, length - LOG_KEPT);
}

void stash_roll_back(void)
{
	struct stash_header *header = stash_journal;
	if (!stash_step_in_hand())
		return;
	log_unwind(true);
	__atomic_store_n(&header->step, header->committed, __ATOMIC_RELEASE);
}

void *stash_record(void)
{
	return stash_journal->record[stash_journal->committed & 1];
}

void *stash_record_next(void)
{
	return stash_journal->record[~stash_journal->committed & 1];
}

bool stash_open(bool *fresh)
{
	struct stash_header *header = stash_journal;
	if (header->magic == 0)
		__atomic_store_n(&header->magic, STASH_MAGIC, __ATOMIC_RELEASE);
	if (header->magic != STASH_MAGIC)
		return false;
	stash_roll_back();
	*fresh = header->committed >> 1 == 0;
	return true;
}
