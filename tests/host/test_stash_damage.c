/* The stash, damaged: after a death in the middle of a step, and between two, each bit of the journal's header and of the undo log is inverted, one at a
 * time, and each word of the header made another. A successor must start, and the state must be that of before the step: but for the
 * bit itself where old bytes were damaged, of which there is no second copy. */
#define _GNU_SOURCE
#include "stash_host.h"
#include "stash_program.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARM_STEPS 100
#define WHOLE_STEPS 4    /* of which every bit is inverted */
#define STEPS 60
#define SAMPLES 200      /* in the others */
#define HEADER_WORDS 8
#define BEHIND 3         /* entries behind the end of the log that are damaged, too */

static unsigned failures, damages, uncopied;
static uint64_t seed = 2026, step;

/* What the dead step left. */
static uint64_t header[HEADER_WORDS];
static uint64_t entry_count;
static struct stash_entry *entries;
static struct { uint64_t granule; uint64_t bytes[STASH_GRANULE / 8]; } *written;

static struct stash_entry *log_entry(uint64_t number)
{
	return (struct stash_entry *)STASH_LOG + number;
}

static uint64_t granule_of(uint64_t number)
{
	return stash_entry_granule(log_entry(number)->mark, (uint64_t)log_entry(number), stash_journal->step);
}

static void *granule_at(uint64_t granule)
{
	return (void *)(STASH_BASE + granule * STASH_GRANULE);
}

static void dead_keep(void)
{
	memcpy(header, stash_journal, sizeof header);
	for (entry_count = 0; granule_of(entry_count) < STASH_GRANULES; entry_count++)
		;
	entries = realloc(entries, (entry_count + BEHIND) * sizeof *entries);
	written = realloc(written, (entry_count + 1) * sizeof *written);
	memcpy(entries, log_entry(0), (entry_count + BEHIND) * sizeof *entries);
	for (uint64_t i = 0; i < entry_count; i++) {
		written[i].granule = granule_of(i);
		memcpy(written[i].bytes, granule_at(written[i].granule), STASH_GRANULE);
	}
}

static void dead_again(void)
{
	memcpy(stash_journal, header, sizeof header);
	memcpy(log_entry(0), entries, (entry_count + BEHIND) * sizeof *entries);
	for (uint64_t i = 0; i < entry_count; i++)
		memcpy(granule_at(written[i].granule), written[i].bytes, STASH_GRANULE);
}

static void complain(const char *what, uint64_t number)
{
	if (failures++ < 20)
		fprintf(stderr, "step %lu, %lu entries, damage at %lu: %s\n", step, entry_count, number, what);
}

static void died(int signal_number)
{
	fprintf(stderr, "step %lu: the successor died of signal %d\n", step, signal_number);
	_exit(1);
}

/* A successor starts; `spoiled`: the word of the state that was damaged, or NULL, and how. */
static void succeed(uint64_t number, uint64_t *spoiled, uint64_t mask)
{
	bool fresh = true;
	damages++;
	if (!stash_open(&fresh) || fresh)
		complain("the stash is not known again", number);
	if (spoiled)
		*spoiled ^= mask;
	uncopied += spoiled != NULL;
	if (!stash_same_as_snapshot())
		complain("not taken back", number);
	if (stash_step_in_hand() || stash_journal->log_end != STASH_LOG)
		complain("the journal is not at rest", number);
	dead_again();
}

/* The bytes of an entry have no copy, so the granule has that bit; if it is one that counts. */
static void log_invert(uint64_t bit)
{
	uint64_t number = bit / (sizeof(struct stash_entry) * 8), within = bit % (sizeof(struct stash_entry) * 8);
	uint64_t mask = 1ull << within % 64, *spoiled = NULL;
	((uint64_t *)log_entry(number))[within / 64] ^= mask;
	if (number < entry_count && within < STASH_GRANULE * 8)
		spoiled = (uint64_t *)granule_at(written[number].granule) + within / 64;
	succeed(bit, spoiled, mask);
}

static void header_invert(uint64_t bit)
{
	((uint64_t *)stash_journal)[bit / 64] ^= 1ull << bit % 64;
	succeed(bit, NULL, 0);
}

static void header_replace(unsigned word)
{
	((uint64_t *)stash_journal)[word] = (uint64_t)random_next(&seed) << 40 | (uint64_t)random_next(&seed) << 9 | (random_next(&seed) & 511);
	succeed(word, NULL, 0);
}

static void damage_all(void)
{
	for (uint64_t bit = 0; bit < HEADER_WORDS * 64; bit++)
		header_invert(bit);
	for (uint64_t bit = 0; bit < (entry_count + BEHIND) * sizeof(struct stash_entry) * 8; bit++)
		log_invert(bit);
}

static void damage_some(void)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		header_invert(random_next(&seed) % (HEADER_WORDS * 64));
		log_invert(random_next(&seed) % ((entry_count + BEHIND) * sizeof(struct stash_entry) * 8));
		header_replace(i % HEADER_WORDS);
	}
}

/* Nothing is in hand: what has been committed stays. */
static void damage_idle(void)
{
	stash_snapshot();
	dead_keep();
	entry_count = 0;
	for (uint64_t bit = 0; bit < HEADER_WORDS * 64; bit++)
		header_invert(bit);
	for (unsigned i = 0; i < SAMPLES; i++)
		header_replace(i % HEADER_WORDS);
}

int main(void)
{
	signal(SIGSEGV, died);
	signal(SIGILL, died);
	signal(SIGBUS, died);
	for (; step < WARM_STEPS; step++)
		step_whole(program_step, step);
	for (unsigned whole = 0; step < WARM_STEPS + STEPS; step++) {
		bool few = whole < WHOLE_STEPS;
		damage_idle();
		if (!step_dies(program_step, step, 1 + random_next(&seed) % (few ? 20 : 500), random_next(&seed) % 40))
			continue;
		dead_keep();
		if (few)
			damage_all();
		else
			damage_some();
		whole++;
		stash_roll_back();
		step_whole(program_step, step);
	}
	printf("%u times damaged, %u of them in bytes without a copy\n", damages, uncopied);
	return failures != 0 || damages < 20000 || uncopied < 1000;
}
