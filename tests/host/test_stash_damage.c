/* The stash, damaged: after a death in the middle of a step or of its commit, and between two, each bit of the journal's header and of
 * the list is inverted, one at a time, and each word of the header made another; and stores go where no hook announced them. A
 * successor must start, and the state must be that of before the step, or of after it if it was committed. And hooks are damaged. */
#define _GNU_SOURCE
#include "child.h"
#include "stash_host.h"
#include "stash_program.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_STEPS 100
#define WHOLE_STEPS 4    /* of which every bit is inverted */
#define STEPS 40
#define IDLE_EVERY 4     /* steps, before which nothing is in hand when it is damaged */
#define SAMPLES 200      /* in the others */
#define HEADER_WORDS 11
#define LOOKED_AT 0x10000 /* bytes of the heap, by any roll-back */
#define HELPLESS 60      /* of some 2,200 bits */
#define ROLL_BACK_EVERY 23 /* bits of its code, one is inverted */
#define FORGOTTEN 10     /* of these some 1,300: they write where they should have read, or store what is the journal's last word */
#define FAR_STORES 50
#define BEHIND 3         /* entries behind the end of the list that are damaged, too */

static unsigned failures, thawed, forgotten, strayed_far, damages, strayed, commits, wrong, unseen;
static uint64_t seed = 2026, step;

/* What the dead step left. */
static struct stash_copy *dead;
static uint64_t entry_count;
static bool committed;
static uint64_t done_hash;

static uint64_t *list_entry(uint64_t number)
{
	return (uint64_t *)STASH_LIST + number;
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

static void dead_keep(void)
{
	stash_copy_take(&dead);
	entry_count = ((stash_journal->list_end & ~1ull) - STASH_LIST) / 8;
}

/* A successor starts. */
static void succeed(uint64_t number)
{
	bool fresh = true;
	damages++;
	if (!stash_open(&fresh) || fresh)
		complain("the stash is not known again", number);
	if (committed ? stash_hash() != done_hash : !stash_same_as_snapshot())
		complain(committed ? "what was committed is not as it was" : "not taken back", number);
	if (stash_step_in_hand() || stash_journal->list_end != STASH_LIST)
		complain("the journal is not at rest", number);
	stash_copy_put(dead);
}

static void list_invert(uint64_t bit)
{
	*list_entry(bit / 64) ^= 1ull << bit % 64;
	succeed(bit);
}

static void header_invert(uint64_t bit)
{
	((uint64_t *)stash_journal)[bit / 64] ^= 1ull << bit % 64;
	succeed(bit);
}

static void header_replace(unsigned word)
{
	((uint64_t *)stash_journal)[word] = (uint64_t)random_next(&seed) << 40 | (uint64_t)random_next(&seed) << 9 | (random_next(&seed) & 511);
	succeed(word);
}

/* A store that no hook has announced, where it is looked for. */
static void store_wild(void)
{
	uint64_t used = stash_heap_end() - STASH_HEAP, looked_at = used < LOOKED_AT ? used : LOOKED_AT;
	uint64_t *word = (uint64_t *)(STASH_HEAP + random_next(&seed) % looked_at / 8 * 8);
	*word ^= 1ull << random_next(&seed) % 64;
	strayed++;
	succeed((uint64_t)word);
}

static void damage_all(void)
{
	for (uint64_t bit = 0; bit < HEADER_WORDS * 64; bit++)
		header_invert(bit);
	for (uint64_t bit = 0; bit < (entry_count + BEHIND) * 64; bit++)
		list_invert(bit);
}

static void damage_some(void)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		header_invert(random_next(&seed) % (HEADER_WORDS * 64));
		list_invert(random_next(&seed) % ((entry_count + BEHIND) * 64));
		header_replace(i % HEADER_WORDS);
		if (!committed)
			store_wild();
	}
}

/* Nothing is in hand: what has been committed stays. */
static void damage_idle(void)
{
	dead_keep();
	for (uint64_t bit = 0; bit < HEADER_WORDS * 64; bit++)
		header_invert(bit);
	for (unsigned i = 0; i < SAMPLES; i++)
		header_replace(i % HEADER_WORDS);
}

/* Dead somewhere in a step, or in one of three somewhere in its commit. False: it came to its end. */
static bool step_dead(bool few)
{
	uint64_t before = stash_steps(stash_journal->committed), hooks = step_try(program_step, step, &done_hash);
	bool last = random_next(&seed) % 3 == 0;
	uint64_t hook = last ? hooks : 1 + random_next(&seed) % (few ? 20 : 500);
	if (hooks == 0 || !step_dies(program_step, step, hook, random_next(&seed) % (last ? 400 : 40)))
		return false;
	committed = stash_steps(stash_journal->committed) != before;
	commits += committed;
	return true;
}

/* --- hooks that are damaged --- */

extern unsigned char stash_save[], stash_code_sum[], stash_save_range[], stash_text_end[];

static void step_once(void)
{
	alarm(2);
	stash_begin();
	program_step(step);
	stash_commit(true);
	_exit(0);
}

/* A child whose code goes wrong: it may come to anything, also to have children. All of them are gone before anybody looks at what they have left. */
static pid_t child_make(void)
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		setpgid(0, 0);
		child_dies_quietly();
	}
	return child;
}

static int child_end(pid_t child)
{
	int status;
	waitpid(child, &status, 0);
	kill(-child, SIGKILL);
	while (waitpid(-child, NULL, 0) > 0)
		;
	return status;
}

/* In a child, whose code it is: it ends before the next step, with the state as it should be. A few bits cannot be helped: of instructions
 * behind the look at the code, and those that make one destroy a register that the program, or the server's own stack, needs. */
static void hooks_invert(uint64_t bit)
{
	uint64_t before = stash_steps(stash_journal->committed);
	bool fresh;
	pid_t child = child_make();
	if (child == 0) {
		stash_save[bit / 8] ^= (unsigned char)(1u << bit % 8);
		step_once();
	}
	int status = child_end(child);
	unseen += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	bool opened = stash_open(&fresh), done = stash_steps(stash_journal->committed) != before;
	wrong += !opened || (done ? stash_hash() != done_hash : !stash_same_as_snapshot());
	damages++;
	stash_copy_put(dead);
}

static void code_open(void)
{
	uint64_t page = (uint64_t)stash_save & ~4095ull;
	if (mprotect((void *)page, ((uint64_t)stash_text_end + 4095 - page) & ~4095ull, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		complain("the code cannot be changed", 0);
}

static void damage_hooks(void)
{
	code_open();
	step_try(program_step, step, &done_hash);
	stash_snapshot();
	dead_keep();
	for (uint64_t bit = 0; bit < (uint64_t)(stash_code_sum - stash_save) * 8; bit++)
		hooks_invert(bit);
}

/* --- a roll-back that is damaged --- */

/* A child, which has this bit inverted, in what is its own. */
static pid_t child_damaged(unsigned char *byte, unsigned bit)
{
	pid_t child = child_make();
	if (child != 0)
		return child;
	ualarm(100000, 0);
	stash_roll_backs = 2;
	*byte ^= (unsigned char)(1u << bit);
	return 0;
}

/* In a child, whose code it is, after it has begun. Wherever that comes to, its own successor must find what it needs. False: it has not. */
static bool roll_back_damaged(unsigned char *byte, unsigned bit)
{
	bool fresh;
	pid_t child = child_damaged(byte, bit);
	if (child == 0) {
		stash_roll_back();
		_exit(0);
	}
	child_end(child);
	bool found = stash_open(&fresh) && stash_same_as_snapshot();
	damages++;
	stash_copy_put(dead);
	return found;
}

/* It goes on with a step, in which it comes back from the kernel twice more. */
static bool commit_damaged(unsigned char *byte, unsigned bit)
{
	bool fresh;
	uint64_t before = stash_journal->committed;
	pid_t child = child_damaged(byte, bit);
	if (child == 0) {
		stash_roll_back();
		stash_begin();
		program_step(step);
		stash_freeze();
		stash_open_twin();
		stash_commit(true);
		_exit(0);
	}
	child_end(child);
	bool opened = stash_open(&fresh);
	bool found = opened && (stash_journal->committed != before ? stash_hash() == done_hash : stash_same_as_snapshot());
	damages++;
	stash_copy_put(dead);
	return found;
}

/* A bit of one of its registers, when it comes back from the kernel for the first time, or a later one. */
static void registers_invert(void)
{
	for (unsigned number = 0; number < STASH_REGISTERS; number++)
		for (unsigned bit = 0; bit < 64; bit++)
			for (stash_damage_calls = 1; stash_damage_calls <= 3; stash_damage_calls++)
				if (!(stash_damage_calls == 1 ? roll_back_damaged : commit_damaged)((unsigned char *)&stash_damage[number] + bit / 8, bit % 8))
					complain("a damaged register made the state another", number * 64 + bit);
	stash_damage_calls = 0;
}

/* A store that no hook has announced, behind what other roll-backs look at. */
static void heap_invert(void)
{
	uint64_t used = stash_heap_end() - STASH_HEAP;
	for (unsigned i = 0; i < FAR_STORES && used > LOOKED_AT; i++, strayed_far++)
		if (!roll_back_damaged((unsigned char *)STASH_HEAP + LOOKED_AT + random_next(&seed) % (used - LOOKED_AT), random_next(&seed) % 8))
			complain("a wild store far away was not taken back", used);
}

/* Of a step that died at its end. */
static void damage_roll_backs(void)
{
	uint64_t hooks = step_try(program_step, step, &done_hash);
	stash_snapshot();
	if (!step_dies(program_step, step, hooks, 0))
		complain("the step did not die", 0);
	dead_keep();
	uint64_t bits = ((uint64_t)stash_text_end - (uint64_t)stash_save_range) * 8; /* without those hooks that a commit looks at */
	for (uint64_t bit = random_next(&seed) % ROLL_BACK_EVERY; bit < bits; bit += ROLL_BACK_EVERY)
		forgotten += !roll_back_damaged(stash_save_range + bit / 8, bit % 8);
	registers_invert();
	heap_invert();
	roll_back_here();
	step_whole(program_step, step);
	step++;
}

/* --- what is frozen --- */

/* A bit of what a step has written flips after it was frozen, before the commit: what counts is what it was. */
static void frozen_invert(void)
{
	step_try(program_step, step, &done_hash);
	stash_begin();
	program_step(step);
	stash_freeze();
	uint64_t entries = (stash_journal->list_end - STASH_LIST) / 8;
	uint64_t granule = stash_granule(*list_entry(random_next(&seed) % entries));
	if (entries <= 512) {
		((unsigned char *)STASH_BASE)[granule * STASH_GRANULE + random_next(&seed) % STASH_GRANULE] ^= 1u << random_next(&seed) % 8;
		thawed++;
	}
	stash_open_twin();
	stash_commit(true);
	if (stash_hash() != done_hash)
		complain("what was frozen is not what counts", granule);
	step++;
}

/* --- a lost count --- */

/* The count of steps, stored over where the list is empty: whether the step in hand counts is known all the same. */
static void count_lost(bool commit)
{
	uint64_t before = stash_steps(stash_journal->committed);
	bool fresh;
	stash_begin();
	if (commit) {
		program_step(step++);
		stash_freeze();
		stash_open_twin();
		stash_commit(true);
	}
	stash_journal->committed = STASH_LIST;
	if (!stash_open(&fresh) || stash_steps(stash_journal->committed) != before + commit)
		complain("the count of steps is lost", before);
}

static void counts_lose(void)
{
	stash_roll_backs = 2;
	count_lost(true);
	count_lost(false);
	count_lost(true);
	stash_roll_backs = 1;
}

int main(void)
{
	signal(SIGSEGV, died);
	signal(SIGILL, died);
	signal(SIGBUS, died);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (; step < WARM_STEPS; step++)
		step_whole(program_step, step);
	for (unsigned whole = 0; step < WARM_STEPS + STEPS; step++) {
		bool few = whole < WHOLE_STEPS;
		committed = false;
		stash_snapshot();
		if (step % IDLE_EVERY == 0)
			damage_idle();
		if (step_dead(few)) {
			dead_keep();
			if (few)
				damage_all();
			else
				damage_some();
			whole++;
			roll_back_here();
		}
		if (!committed)
			step_whole(program_step, step);
	}
	damage_hooks();
	damage_roll_backs();
	for (unsigned i = 0; i < STEPS; i++)
		frozen_invert();
	counts_lose();
	printf("%u times damaged, %u of them by stores elsewhere, %u committed steps; hooks that were damaged made %u steps wrong, and %u were "
	       "not seen; damaged roll-backs left %u states wrong\n",
	       damages, strayed, commits, wrong, unseen, forgotten);
	return failures != 0 || wrong > HELPLESS || unseen > HELPLESS || forgotten > FORGOTTEN || damages < 20000 || strayed < 1000 || commits < 4 || thawed < STEPS / 4 || strayed_far < FAR_STORES;
}
