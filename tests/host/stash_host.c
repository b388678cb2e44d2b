#define _GNU_SOURCE
#include "stash_host.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define USED_MAX 0x400000 /* of the heap, by any test here */
#define JOURNAL_USED 0x40000 /* likewise */

extern char stash_image_begin[], stash_image_end[];
extern unsigned char stash_tags[];
uint64_t stash_countdown;
static unsigned instructions_left;
static unsigned char *snapshot;
static bool ready;

bool stash_supply(uint64_t offset, uint64_t length)
{
	if (offset + length > STASH_IMAGE_MAX + USED_MAX)
		return false;
	memset((void *)(STASH_BASE + offset), 0, length);
	memset((void *)(STASH_TWIN + offset), 0, length);
	return true;
}

/* Nothing may rest on what is there. */
void stash_trim(uint64_t offset, uint64_t length)
{
	memset((void *)(STASH_JOURNAL + offset - STASH_SIZE), 0xdd, length);
}

/* What the caller has in registers that it takes to be kept may be damaged when it comes back from the kernel. */
uint64_t stash_damage[STASH_REGISTERS];
unsigned stash_damage_calls;
extern uint64_t damage_now[STASH_REGISTERS];
uint64_t damage_now[STASH_REGISTERS];

void twin_protect_host(bool read_only);
void twin_protect_host(bool read_only)
{
	mprotect((void *)STASH_TWIN, STASH_SIZE, PROT_READ | (read_only ? 0 : PROT_WRITE));
	bool damages = stash_damage_calls > 0 && --stash_damage_calls == 0;
	for (unsigned i = 0; i < STASH_REGISTERS; i++)
		damage_now[i] = damages ? stash_damage[i] : 0;
}

__asm__(".globl stash_protect_twin\n"
        "stash_protect_twin:\n"
        "	sub $8, %rsp\n"
        "	call twin_protect_host\n"
        "	add $8, %rsp\n"
        "	xor damage_now, %rbx\n"
        "	xor damage_now + 8, %rbp\n"
        "	xor damage_now + 16, %r12\n"
        "	xor damage_now + 24, %r13\n"
        "	xor damage_now + 32, %r14\n"
        "	xor damage_now + 40, %r15\n"
        "	ret\n");

void stash_peek(uint64_t offset, void *to, uint64_t length)
{
	memcpy(to, (void *)(offset < STASH_SIZE ? STASH_BASE + offset : STASH_JOURNAL + offset - STASH_SIZE), length);
}

/* Before the C library allocates: its own heap would begin behind the image, where the stash's is. */
static void stash_map(void)
{
	int file = memfd_create("stash", 0);
	size_t image = (size_t)(stash_image_end - stash_image_begin);
	if (ftruncate(file, STASH_OBJECT_SIZE) != 0 || pwrite(file, stash_image_begin, image, 0) != (ssize_t)image)
		_exit(2);
	void *data = mmap((void *)STASH_BASE, STASH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
	void *journal = mmap((void *)STASH_JOURNAL, STASH_JOURNAL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
	                     file, STASH_SIZE);
	if (data == MAP_FAILED || journal == MAP_FAILED || !stash_open(&ready))
		_exit(2);
}
__attribute__((section(".preinit_array"), used)) static void (*const map_first)(void) = stash_map;

uint32_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33);
}

static size_t image_size(void)
{
	return (size_t)(stash_image_end - stash_image_begin);
}

static size_t heap_size(void)
{
	return stash_heap_end() ? stash_heap_end() - STASH_HEAP : 0;
}

void stash_snapshot(void)
{
	if (!snapshot)
		snapshot = malloc(STASH_IMAGE_MAX + USED_MAX);
	memcpy(snapshot, (void *)STASH_BASE, image_size());
	memcpy(snapshot + STASH_IMAGE_MAX, (void *)STASH_HEAP, heap_size());
}

bool stash_same_as_snapshot(void)
{
	return memcmp(snapshot, (void *)STASH_BASE, image_size()) == 0 &&
	       memcmp(snapshot + STASH_IMAGE_MAX, (void *)STASH_HEAP, heap_size()) == 0;
}

uint64_t stash_hash(void)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	const uint64_t *word = (const uint64_t *)STASH_BASE, *end = (const uint64_t *)(STASH_BASE + image_size());
	for (; word + 1 <= end; word++)
		hash = (hash ^ *word) * 0x100000001b3ull;
	for (word = (const uint64_t *)STASH_HEAP; word < (const uint64_t *)(STASH_HEAP + heap_size()); word++)
		hash = (hash ^ *word) * 0x100000001b3ull;
	return hash;
}

static void die(void)
{
	kill(getpid(), SIGKILL);
}

static void trapped(int number)
{
	(void)number;
	if (instructions_left-- == 0)
		die();
}

static void single_step(void)
{
	__asm__ volatile("sub $128, %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tadd $128, %%rsp" : : : "memory", "cc");
}

/* From a hook, with registers that its caller needs: those that C may destroy are saved around it in stash_stop. */
void stash_stopped(void);
void stash_stopped(void)
{
	if (instructions_left == 0)
		die();
	signal(SIGTRAP, trapped);
	single_step();
}

__asm__(".globl stash_stop\nstash_stop:\n\tpush %rbp\n\tmov %rsp, %rbp\n\tpush %rcx\n\tpush %rdx\n\tpush %rsi\n\tpush %rdi\n\tpush %r8\n\t"
        "push %r9\n\tpush %r10\n\tpush %r11\n\tand $-16, %rsp\n\tsub $512, %rsp\n\tfxsave (%rsp)\n\tcall stash_stopped\n\t"
        "fxrstor (%rsp)\n\tlea -64(%rbp), %rsp\n\tpop %r11\n\tpop %r10\n\tpop %r9\n\tpop %r8\n\tpop %rdi\n\tpop %rsi\n\t"
        "pop %rdx\n\tpop %rcx\n\tpop %rbp\n\tret\n");

/* A child does `run`; false: it was killed. */
static bool child(void (*run)(void *), void *argument)
{
	int status;
	fflush(stdout);
	pid_t process = fork();
	if (process == 0) {
		run(argument);
		_exit(0);
	}
	if (process < 0 || waitpid(process, &status, 0) != process)
		abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return false;
	fprintf(stderr, "a child ended with status %#x\n", status);
	exit(1);
}

struct run {
	void (*step)(uint64_t);
	uint64_t argument, hooks;
	unsigned instructions;
};

static void run_step(void *pointer)
{
	struct run *run = pointer;
	stash_begin();
	instructions_left = run->instructions;
	stash_countdown = run->hooks;
	run->step(run->argument);
	stash_commit(true);
	stash_countdown = 0;
	__asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

static void run_roll_back(void *pointer)
{
	struct run *run = pointer;
	instructions_left = run->instructions;
	signal(SIGTRAP, trapped);
	single_step();
	stash_roll_back();
	__asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

/* Kill it `instructions` after hook number `hooks`, then take back what it did not finish, in children that are killed
 * on the way, too, as often as `restarts` says. True: the step was committed. */
static bool step_killed(void (*step)(uint64_t), uint64_t argument, uint64_t hooks, unsigned instructions,
                        unsigned restarts)
{
	struct run run = { step, argument, hooks, instructions };
	uint64_t before = stash_journal->committed;
	child(run_step, &run);
	for (unsigned i = 0; i < restarts; i++) {
		run.instructions = (instructions + 1) * (i + 1) * 7;
		child(run_roll_back, &run);
	}
	stash_roll_back();
	return stash_journal->committed != before;
}

bool step_dies(void (*step)(uint64_t), uint64_t argument, uint64_t hook, unsigned instructions)
{
	struct run run = { step, argument, hook, instructions };
	return !child(run_step, &run);
}

uint64_t step_whole(void (*step)(uint64_t), uint64_t argument)
{
	stash_begin();
	stash_countdown = 0;
	step(argument);
	uint64_t hooks = -stash_countdown;
	stash_commit(true);
	return hooks;
}

bool roll_back_dies(unsigned instructions)
{
	struct run run = { .instructions = instructions };
	return !child(run_roll_back, &run);
}

void roll_back_here(void)
{
	memset(stash_tags, 0, (STASH_IMAGE_MAX + USED_MAX) / STASH_GRANULE);
	stash_roll_back();
}

struct stash_copy {
	size_t heap; /* bytes of it */
	unsigned char data[STASH_IMAGE_MAX + USED_MAX], twin[STASH_IMAGE_MAX + USED_MAX], journal[JOURNAL_USED];
};

static void copy_move(void (*move)(void *, void *, size_t), struct stash_copy *copy)
{
	move(copy->data, (void *)STASH_BASE, image_size());
	move(copy->data + STASH_IMAGE_MAX, (void *)STASH_HEAP, copy->heap);
	move(copy->twin, (void *)STASH_TWIN, image_size());
	move(copy->twin + STASH_IMAGE_MAX, (void *)(STASH_TWIN + STASH_IMAGE_MAX), copy->heap);
	move(copy->journal, stash_journal, sizeof copy->journal);
}

static void from_stash(void *copy, void *stash, size_t size)
{
	memcpy(copy, stash, size);
}

static void to_stash(void *copy, void *stash, size_t size)
{
	memcpy(stash, copy, size);
}

void stash_copy_take(struct stash_copy **copy)
{
	if (!*copy)
		*copy = malloc(sizeof **copy);
	(*copy)->heap = heap_size();
	copy_move(from_stash, *copy);
}

void stash_copy_put(struct stash_copy *copy)
{
	copy_move(to_stash, copy);
}

/* What every step leaves when nothing is in its way (every HASH_EVERYth time), and how many hooks it calls. */
#define HASH_EVERY 25
struct expected {
	uint64_t hash, hooks;
};

/* In a child with a stash of its own that begins as this one: steps from `first` on. */
static struct expected *uninterrupted_run(void (*step)(uint64_t), uint64_t first, unsigned steps, unsigned hash_every)
{
	size_t used = STASH_IMAGE_MAX + USED_MAX;
	struct expected *expected = mmap(NULL, steps * sizeof *expected, PROT_READ | PROT_WRITE,
	                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t process = fork();
	if (process == 0) {
		struct stash_copy *copy = NULL;
		stash_copy_take(&copy);
		mmap((void *)STASH_BASE, used, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		mmap((void *)STASH_JOURNAL, STASH_JOURNAL_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
		stash_copy_put(copy);
		for (unsigned i = 0; i < steps; i++) {
			expected[i].hooks = step_whole(step, first + i);
			expected[i].hash = (i + 1) % hash_every == 0 ? stash_hash() : 0;
		}
		_exit(0);
	}
	return waitpid(process, &status, 0) == process && status == 0 ? expected : NULL;
}

uint64_t step_try(void (*step)(uint64_t), uint64_t argument, uint64_t *hash)
{
	struct expected *expected = uninterrupted_run(step, argument, 1, 1);
	if (!expected)
		abort();
	uint64_t hooks = expected->hooks;
	*hash = expected->hash;
	munmap(expected, sizeof *expected);
	return hooks;
}

static bool complain(unsigned step, const char *what)
{
	fprintf(stderr, "step %u %s\n", step, what);
	return false;
}

bool steps_survive_kills(void (*step)(uint64_t), unsigned steps, unsigned kills_a_step)
{
	struct expected *expected = uninterrupted_run(step, 0, steps, HASH_EVERY);
	uint64_t seed = 4711;
	unsigned kills = 0;
	if (!expected)
		return complain(0, "and those after it do not even run uninterrupted");
	for (unsigned i = 0; i < steps; i++) {
		bool done = false;
		stash_snapshot();
		for (unsigned j = 0; j < kills_a_step && !done; j++) {
			uint64_t hook = 1 + random_next(&seed) % expected[i].hooks;
			done = step_killed(step, i, hook, random_next(&seed) % 60, random_next(&seed) % 8 == 0);
			kills += !done;
			if (!done && !stash_same_as_snapshot())
				return complain(i, "was not taken back");
		}
		if (!done)
			step_whole(step, i);
		if (expected[i].hash && stash_hash() != expected[i].hash)
			return complain(i, "ends otherwise than in a run without interruption");
	}
	printf("%u steps, taken back %u times\n", steps, kills);
	return kills >= steps;
}
