/* See log.h. A successor rests on no single word of the header or the log:
 *
 * - The log is walked from its front, as long as its entries check. Between two that do, or before the end that the header tells,
 *   there may be one that does not: if one bit makes it check, that one is damaged (two such entries are never so near to each
 *   other); if none does, it is left out.
 * - If the log's end according to the header is not on that way, entries may have been written in front of it, because the header's
 *   word was damaged by then. They are walked backwards from there, and are the newer ones.
 * - A mark holds the step's number as the hooks had it. If the header's was damaged meanwhile some have that: both are good.
 *
 * Newest first: where a tag was damaged a granule may have been saved twice. An entry whose bytes have been put back is void
 * from then on, so that what is left of an interrupted roll-back is a log like any other. */
#include "stash/log.h"

#define LOG_FIRST ((struct stash_entry *)STASH_LOG)
#define LOG_LIMIT ((struct stash_entry *)(STASH_JOURNAL + STASH_JOURNAL_SIZE)) /* no entry from here on */
#define PAGE 4096u

extern unsigned char stash_tags[];

static uint64_t step_of_log; /* as it should be, while the log is walked */

static struct stash_entry *log_end(void)
{
	return (struct stash_entry *)stash_journal->log_end;
}

void log_forget(void)
{
	const struct stash_entry *entry = LOG_FIRST, *end = log_end();
	const uint64_t step = stash_journal->step;
	for (; entry < end; entry++) {
		uint64_t granule = stash_entry_granule(entry->mark, (uint64_t)entry, step);
		if (granule >= STASH_GRANULES)
			__builtin_trap();
		stash_tags[granule] = 0;
	}
	if (entry != end)
		__builtin_trap();
}

/* The mark of an entry. A page that nothing was seen on yet may have no memory: where that ran out the step died. */
static uint64_t entry_mark(const struct stash_entry *entry)
{
	static uint64_t seen; /* a page that has some */
	uint64_t at = (uint64_t)&entry->mark, mark = 0;
	if (at / PAGE == seen)
		return entry->mark;
	stash_peek(STASH_SIZE + at - STASH_JOURNAL, &mark, sizeof mark);
	if (mark)
		seen = at / PAGE;
	return mark;
}

static uint64_t mark_granule(uint64_t mark, const struct stash_entry *entry)
{
	uint64_t granule = stash_entry_granule(mark, (uint64_t)entry, step_of_log);
	return granule < STASH_GRANULES ? granule : stash_entry_granule(mark, (uint64_t)entry, stash_journal->step);
}

static bool is_in_log(const struct stash_entry *entry)
{
	return entry >= LOG_FIRST && entry + 1 <= LOG_LIMIT;
}

static bool entry_checks(const struct stash_entry *entry)
{
	return is_in_log(entry) && mark_granule(entry_mark(entry), entry) < STASH_GRANULES;
}

/* One that does not check, in the midst of the log. */
static bool entry_mend(struct stash_entry *entry)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t mark = entry->mark ^ 1ull << bit;
		if (mark_granule(mark, entry) < STASH_GRANULES) {
			entry->mark = mark;
			return true;
		}
	}
	return false;
}

/* Where the entries from the front end; how many among them are not to be read. */
static struct stash_entry *log_walk(unsigned *lost)
{
	struct stash_entry *entry = LOG_FIRST;
	for (; entry + 1 <= LOG_LIMIT; entry++) {
		if (entry_checks(entry))
			continue;
		bool amid = entry_checks(entry + 1);
		if (!amid && log_end() != entry + 1)
			break;
		if (entry_mend(entry))
			continue;
		if (!amid)
			break;
		++*lost;
	}
	return entry;
}

static void entry_restore(struct stash_entry *entry)
{
	uint64_t granule = mark_granule(entry->mark, entry);
	if (granule >= STASH_GRANULES)
		return;
	uint64_t *to = (uint64_t *)(STASH_BASE + granule * STASH_GRANULE);
	for (unsigned i = 0; i < STASH_GRANULE / 8; i++)
		to[i] = entry->bytes[i];
	stash_tags[granule] = 0;
	__atomic_store_n(&entry->mark, 0, __ATOMIC_RELEASE);
}

/* Entries that are not on the way from the front, which ends at `front`: those before the end that the header tells. */
static unsigned log_restore_strayed(const struct stash_entry *front)
{
	struct stash_entry *entry = log_end() - 1;
	for (; entry_checks(entry); entry--) {
		entry_restore(entry);
		__atomic_store_n(&stash_journal->log_end, (uint64_t)entry, __ATOMIC_RELEASE);
	}
	/* The first of them, where the place was damaged while it was written: some of its bytes are here, some at `front`. */
	return is_in_log(entry) && stash_entry_granule(entry_mark(entry), (uint64_t)front, step_of_log) < STASH_GRANULES;
}

unsigned log_restore(uint64_t step)
{
	unsigned lost = 0;
	step_of_log = step;
	struct stash_entry *end = log_walk(&lost);
	uint64_t told = stash_journal->log_end - STASH_LOG;
	if (told > (uint64_t)end - STASH_LOG || told % sizeof *end != 0)
		lost += log_restore_strayed(end);
	for (struct stash_entry *entry = end; entry-- > LOG_FIRST;)
		entry_restore(entry);
	return lost;
}

bool log_is_of(uint64_t step)
{
	step_of_log = step;
	return entry_checks(LOG_FIRST);
}
