/* Runs the tables of tests, checks that each leaves nothing behind, and stops the machine. */
#include "harness.h"
#include <string.h>

#define STACK_SIZE 16384
#define STACKS 8

static unsigned failures;
static char stacks[STACKS][STACK_SIZE] __attribute__((aligned(16)));
static unsigned next_stack;

void check_failed(const char *file, int line, const char *what, int64_t value)
{
	failures++;
	log_line("ktest: %s:%d: failed: %s (was %lld)", file, line, what, (long long)value);
}

void thread_spawn(slot_t slot, void (*function)(void *), void *argument, slot_t exception)
{
	char *stack = stacks[next_stack++ % STACKS];
	uint64_t *top = (uint64_t *)(stack + STACK_SIZE) - 1;
	*top = (uint64_t)thread_exit; /* where the function returns to */
	struct thread_parameters parameters = {
		.registers = {.rip = (uint64_t)function, .rsp = (uint64_t)top, .rdi = (uint64_t)argument},
		.slot = slot,
	};
	CHECK(thread_create(SELF_POOL, SELF_SPACE, SELF_CAPTABLE, exception, 0, &parameters) > 0);
	CHECK_STATUS(thread_start(slot), STATUS_OK);
}

struct usage {
	uint64_t objects, bytes;
};

static struct usage usage_now(slot_t system)
{
	static struct system_info system_now;
	struct pool_info pool;
	CHECK_STATUS(system_info(system, &system_now), STATUS_OK);
	CHECK_STATUS(pool_info(SELF_POOL, &pool), STATUS_OK);
	return (struct usage){system_now.objects, pool.used};
}

static bool usage_returned(slot_t system, struct usage before)
{
	struct usage now = usage_now(system);
	return now.objects == before.objects && now.bytes <= before.bytes;
}

static uint64_t least_objects = UINT64_MAX; /* alive when no test runs */

static void run_and_empty(const struct test *test)
{
	test->run();
	for (slot_t slot = T1; slot < TEST_SLOTS_END; slot++)
		cap_drop(SELF_CAPTABLE, slot);
}

static void test_run(const struct test *test, slot_t system, unsigned *passed, unsigned *failed)
{
	failures = 0;
	/* The first run touches what it needs of this program for the first time. */
	run_and_empty(test);
	EVENTUALLY(usage_now(system).objects <= least_objects);
	struct usage before = usage_now(system);
	least_objects = before.objects;
	run_and_empty(test);
	if (!EVENTUALLY(usage_returned(system, before))) {
		struct usage now = usage_now(system);
		log_line("ktest: %s leaked: objects %lu -> %lu, bytes %lu -> %lu", test->name, before.objects,
		         now.objects, before.bytes, now.bytes);
		failures++;
	}
	log_line("ktest: %s %s", failures ? "FAIL" : "PASS", test->name);
	*(failures ? failed : passed) += 1;
}

/* Pages that first use makes (stacks, captable blocks, library state) are not leaks. */
static void usage_warm_up(slot_t system)
{
	memset(stacks, 0, sizeof(stacks));
	for (slot_t slot = T1; slot < TEST_SLOTS_END; slot++)
		cap_copy(SELF_CAPTABLE, slot, SELF_CAPTABLE, SELF_POOL, RIGHTS_ALL);
	for (slot_t slot = T1; slot < TEST_SLOTS_END; slot++)
		cap_drop(SELF_CAPTABLE, slot);
	least_objects = usage_now(system).objects;
	log_line("ktest: start");
}

/* Those of latency alone when asked for: they are large, and it takes a kernel that measures to judge them. */
static bool wanted(const struct test *table, const struct test *test, const char *only)
{
	return only ? strstr(test->name, only) != NULL : table != latency_tests;
}

int main(void)
{
	const struct test *const tables[] = {object_tests, memory_tests, space_tests, thread_tests,
	                                     call_tests, recovery_tests, wait_tests, hostile_tests, stress_tests, latency_tests};
	const char *only = startup_argument(1);
	slot_t system = startup_slot("system");
	unsigned passed = 0, failed = 0;
	usage_warm_up(system);
	for (unsigned table = 0; table < sizeof(tables) / sizeof(tables[0]); table++)
		for (const struct test *test = tables[table]; test->name; test++)
			if (wanted(tables[table], test, only))
				test_run(test, system, &passed, &failed);
	log_line("ktest: done: %u passed, %u failed", passed, failed);
	thread_sleep(time_now() + 200000000ull, 0); /* let the log's line drain */
	system_stop(system, 0);
	return failed != 0;
}
