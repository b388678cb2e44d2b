/* The stash, dying: at every instruction of each hook of a step, and of the commit; at many of the roll-back after that; and of a
 * second roll-back after the first died. Each time a successor must find the step undone, or done if it was committed. */
#define _GNU_SOURCE
#include "stash_host.h"
#include "stash_program.h"
#include <stdio.h>

#define WARM_STEPS 100
#define STEPS 1
#define HOOKS_LEAST 4       /* of a step that is taken */
#define HOOKS_MOST 9
#define ROLLED_BACK 3       /* hooks whose granules a roll-back finds */
#define ROLL_BACKS 12       /* that die at their beginning, and at their end, and in between */
#define HOOK_LENGTH 70      /* no hook of one granule or two has more instructions */

static unsigned failures, hook_deaths, committed_deaths, roll_back_deaths;
static uint64_t step, done_hash, seed = 9;
static struct stash_copy *before, *dead;

static void complain(const char *what, uint64_t hook, unsigned instruction)
{
	if (failures++ < 20)
		fprintf(stderr, "step %lu, hook %lu, instruction %u: %s\n", step, hook, instruction, what);
}

static void succeed(uint64_t committed, uint64_t hook, unsigned instruction)
{
	bool fresh;
	bool done = stash_steps(stash_journal->committed) != committed;
	if (!stash_open(&fresh) || stash_step_in_hand())
		complain("the stash was not opened", hook, instruction);
	if (done ? stash_hash() != done_hash : !stash_same_as_snapshot())
		complain(done ? "a committed step is not what it was" : "not taken back", hook, instruction);
	committed_deaths += done;
	hook_deaths += !done;
}

/* At each instruction from this hook on, as far as the step goes. */
static void hook_die(uint64_t hook, bool last)
{
	uint64_t committed = stash_steps(stash_journal->committed);
	for (unsigned i = 0; last || i < HOOK_LENGTH; i++) {
		bool died = step_dies(program_step, step, hook, i);
		succeed(committed, hook, i);
		if (stash_steps(stash_journal->committed) != committed)
			stash_copy_put(before);
		if (!died)
			return;
	}
}

/* Instructions of a roll-back. */
static unsigned roll_back_length(void)
{
	unsigned low = 0, high = 1; /* it dies before the one, and not before the other */
	for (; roll_back_dies(high); high *= 2) {
		low = high;
		stash_copy_put(dead);
	}
	while (stash_copy_put(dead), high - low > 1) {
		unsigned middle = (low + high) / 2;
		if (roll_back_dies(middle))
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* A roll-back of what this hook left, dying at its first instructions, its last, and others; the next one somewhere. */
static void roll_back_die(uint64_t hook)
{
	uint64_t committed = stash_steps(stash_journal->committed);
	bool going = step_dies(program_step, step, hook, HOOK_LENGTH / 2);
	stash_copy_take(&dead);
	unsigned length = going ? roll_back_length() : 0;
	for (unsigned i = 0; going && i < 3 * ROLL_BACKS; i++) {
		unsigned first = i < ROLL_BACKS ? i : i < 2 * ROLL_BACKS ? length - 1 - i % ROLL_BACKS : random_next(&seed) % length;
		stash_copy_put(dead);
		roll_back_deaths += roll_back_dies(first);
		roll_back_deaths += roll_back_dies(random_next(&seed) % length);
		succeed(committed, hook, i);
	}
	stash_copy_put(before);
}

int main(void)
{
	for (; step < WARM_STEPS; step++)
		step_whole(program_step, step);
	for (unsigned taken = 0; taken < STEPS; step++) {
		uint64_t hooks = step_try(program_step, step, &done_hash);
		if (hooks >= HOOKS_LEAST && hooks <= HOOKS_MOST) {
			taken++;
			stash_snapshot();
			stash_copy_take(&before);
			for (uint64_t hook = 1; hook <= hooks; hook++)
				hook_die(hook, hook == hooks);
			roll_back_die(ROLLED_BACK);
		}
		step_whole(program_step, step);
	}
	printf("died %u times in steps, %u times behind a commit, %u times in roll-backs\n", hook_deaths, committed_deaths, roll_back_deaths);
	return failures != 0 || hook_deaths < 250 || committed_deaths < 10 || roll_back_deaths < 50;
}
