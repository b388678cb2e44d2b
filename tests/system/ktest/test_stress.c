/* Threads that move between CPUs while objects are destroyed and memory is unmapped under them, for as long as
 * argument 2 says (milliseconds). What each thread does is checked all the time, and that it got on at all. */
#include "harness.h"
#include <stdlib.h>

#define MILLISECONDS 700 /* unless the argument says otherwise */
#define STACK 8192
#define PAGE ATOLL_PAGE_SIZE
#define PLACE 0x5000000000ull /* where pages are exchanged, beside one that comes and goes */
#define ENOUGH 3 /* rounds of each thread */
#define PATIENCE 20000000000ull /* nanoseconds, until each has had them */

enum worker { SERVER, CALLER, PING, PONG, EXCHANGER, READER, VICTIM, WORKERS };
enum slot { S_THREAD = T1, S_ENDPOINT = S_THREAD + WORKERS, S_GATE, S_DOOMED, S_DOOMED_GATE, S_SPACE, S_POOL, S_PAGE, S_OTHER };

static char stacks[WORKERS][STACK] __attribute__((aligned(16)));
static uint64_t done[WORKERS]; /* rounds of each */
static uint64_t wrong;         /* what was found that may not be */
static bool stop;
static uint32_t turn;
static uint64_t exchange;      /* odd: the page is being exchanged; else its bit 1 tells which is shown */

static bool going(void) { return !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); }
static void found_wrong(void) { __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED); }

static void server(void *none)
{
	(void)none;
	struct message message = {0};
	for (; message_reply_receive(S_ENDPOINT, &message, NULL) == STATUS_OK; done[SERVER]++)
		message = (struct message){.id = message.id, .words = {message.words[0] + 1}};
}

static void caller(void *none)
{
	(void)none;
	for (uint64_t i = 0; going(); i++, done[CALLER]++) {
		struct message message = {.header = OPERATION_PROTOCOL_FIRST, .words = {i}};
		int64_t status = message_call(S_GATE, &message, NULL);
		if (going() && (status != STATUS_OK || message.words[0] != i + 1))
			found_wrong();
	}
}

/* `side` has its turn when the count is even or odd. */
static void player(void *side)
{
	while (going()) {
		uint32_t now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE);
		if ((now & 1) != (uint64_t)side) {
			futex_wait(&turn, now, 0, 0);
			continue;
		}
		__atomic_store_n(&turn, now + 1, __ATOMIC_RELEASE);
		futex_wake(&turn, 2);
		done[PING + (uint64_t)side]++;
	}
}

static void exchanger(void *none)
{
	(void)none;
	for (; going(); done[EXCHANGER]++) {
		uint64_t now = __atomic_add_fetch(&exchange, 1, __ATOMIC_SEQ_CST);
		if (space_map(SELF_SPACE, now & 2 ? S_PAGE : S_OTHER, PLACE, PAGE, 0, MAP_READ | MAP_REPLACE) != (int64_t)PLACE)
			found_wrong();
		__atomic_add_fetch(&exchange, 1, __ATOMIC_SEQ_CST);
		thread_yield(); /* the reader is to see it, on whatever CPU it is */
		for (unsigned i = 0; i < 1000; i++)
			__builtin_ia32_pause();
	}
}

/* Each page holds its own bit; an old translation would show the other's. */
static void reader(void *none)
{
	(void)none;
	while (going()) {
		uint64_t before = __atomic_load_n(&exchange, __ATOMIC_SEQ_CST);
		if (before & 1)
			continue;
		uint64_t seen = *(volatile uint64_t *)PLACE;
		if (__atomic_load_n(&exchange, __ATOMIC_SEQ_CST) != before)
			continue;
		if (seen != ((before - 1) & 2))
			found_wrong();
		if (++done[READER] % 64 == 0)
			thread_yield();
	}
}

/* Calls where nobody answers, until the endpoint or itself is destroyed. */
static void victim(void *none)
{
	(void)none;
	struct message message = {.header = OPERATION_PROTOCOL_FIRST};
	if (message_call(S_DOOMED_GATE, &message, NULL) != STATUS_DESTROYED)
		found_wrong();
}

static void start(enum worker worker, void (*function)(void *), void *argument)
{
	uint64_t *top = (uint64_t *)(stacks[worker] + STACK) - 1;
	*top = (uint64_t)thread_exit;
	struct thread_parameters parameters = {
		.registers = {.rip = (uint64_t)function, .rsp = (uint64_t)top, .rdi = (uint64_t)argument},
		.slot = S_THREAD + worker,
	};
	CHECK(thread_create(SELF_POOL, SELF_SPACE, SELF_CAPTABLE, SELF_SUPERVISOR, 0, &parameters) > 0);
	CHECK_STATUS(thread_start(S_THREAD + worker), STATUS_OK);
}

static unsigned chance(unsigned below)
{
	static uint64_t state = 88172645463325252ull;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % below;
}

/* An endpoint with a call in it, and the caller: destroyed in either order. */
static void destroy_under_call(void)
{
	CHECK_STATUS(endpoint_create(SELF_POOL, S_DOOMED), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, S_DOOMED, 1, S_DOOMED_GATE), STATUS_OK);
	start(VICTIM, victim, NULL);
	for (unsigned i = chance(4); i; i--)
		thread_yield();
	bool thread_first = chance(2);
	if (!thread_first)
		CHECK_STATUS(object_destroy(S_DOOMED), STATUS_OK);
	CHECK_STATUS(object_destroy(S_THREAD + VICTIM), STATUS_OK);
	if (thread_first)
		CHECK_STATUS(object_destroy(S_DOOMED), STATUS_OK);
	done[VICTIM]++;
}

/* A copy of this space is made while others change it, and goes with the pool that it is charged to. */
static void clone_and_destroy(void)
{
	CHECK_STATUS(pool_create(SELF_POOL, 8 << 20, S_POOL), STATUS_OK);
	CHECK_STATUS(space_clone(S_POOL, SELF_SPACE, S_SPACE), STATUS_OK);
	CHECK_STATUS(object_destroy(S_POOL), STATUS_OK);
}

static void map_and_unmap(void)
{
	uint64_t length = (1 + chance(16)) * PAGE, address = PLACE + 16 * PAGE;
	CHECK_STATUS(space_map(SELF_SPACE, 0, address, length, 0, MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY), (int64_t)address);
	for (uint64_t at = 0; at < length; at += PAGE)
		*(volatile uint64_t *)(address + at) = at;
	CHECK_STATUS(space_unmap(SELF_SPACE, address, length), STATUS_OK);
}

static void trouble(uint64_t cpus)
{
	uint64_t mask = chance(4) ? 1ull << chance((unsigned)cpus) : 0;
	CHECK_STATUS(thread_set_schedule(S_THREAD + chance(VICTIM), PRIORITY_NORMAL, WEIGHT_NORMAL, mask), STATUS_OK);
	switch (chance(4)) {
	case 0:
		destroy_under_call();
		break;
	case 1:
		map_and_unmap();
		break;
	case 2:
		if (!chance(8))
			clone_and_destroy();
		break;
	default:
		thread_sleep(time_now() + 20000, 0);
	}
}

static bool ended(enum worker worker)
{
	struct thread_info info = {0};
	futex_wake(&turn, 2);
	return thread_info(S_THREAD + worker, &info) != STATUS_OK || info.state == THREAD_DEAD;
}

static void begin(void)
{
	uint64_t bit = 2;
	stop = false;
	exchange = turn = 0;
	for (unsigned worker = 0; worker < WORKERS; worker++)
		done[worker] = 0;
	CHECK_STATUS(endpoint_create(SELF_POOL, S_ENDPOINT), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, S_ENDPOINT, 1, S_GATE), STATUS_OK);
	CHECK_STATUS(memory_create(SELF_POOL, PAGE, 0, S_PAGE), STATUS_OK);
	CHECK_STATUS(memory_create(SELF_POOL, PAGE, 0, S_OTHER), STATUS_OK);
	CHECK_STATUS(memory_write(S_PAGE, 0, &bit, sizeof(bit)), (int64_t)sizeof(bit));
	CHECK_STATUS(space_map(SELF_SPACE, S_PAGE, PLACE, PAGE, 0, MAP_READ), (int64_t)PLACE);
	start(SERVER, server, NULL);
	start(CALLER, caller, NULL);
	start(PING, player, (void *)0);
	start(PONG, player, (void *)1);
	start(EXCHANGER, exchanger, NULL);
}

/* On a machine that has much else to do, that takes a while. */
static bool all_got_on(void)
{
	for (unsigned worker = 0; worker < WORKERS; worker++)
		if (__atomic_load_n(&done[worker], __ATOMIC_RELAXED) < ENOUGH)
			return false;
	return true;
}

static void stress(void)
{
	static struct system_info info;
	const char *asked = startup_argument(2);
	CHECK_STATUS(system_info(startup_slot("system"), &info), STATUS_OK);
	wrong = 0;
	begin();
	CHECK(EVENTUALLY(__atomic_load_n(&exchange, __ATOMIC_SEQ_CST) > 1)); /* before it nothing tells which page is shown */
	start(READER, reader, NULL);
	CHECK_STATUS(thread_set_schedule(SELF_THREAD, PRIORITY_SERVER, WEIGHT_NORMAL, 0), STATUS_OK);
	uint64_t end = time_now() + (asked ? strtoull(asked, NULL, 10) : MILLISECONDS) * 1000000;
	while (!wrong && (time_now() < end || (!all_got_on() && time_now() < end + PATIENCE)))
		trouble(info.cpu_count);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	CHECK_STATUS(thread_set_schedule(SELF_THREAD, PRIORITY_NORMAL, WEIGHT_NORMAL, 0), STATUS_OK);
	CHECK_STATUS(object_destroy(S_ENDPOINT), STATUS_OK);
	for (unsigned worker = 0; worker < VICTIM; worker++)
		CHECK(EVENTUALLY(ended(worker)));
	CHECK(wrong == 0);
	for (unsigned worker = 0; worker < WORKERS; worker++)
		if (done[worker] < ENOUGH)
			check_failed(__FILE__, __LINE__, "a thread did not get on", worker * 1000 + (int64_t)done[worker]);
	log_line("ktest: stress: %lu calls, %lu turns, %lu exchanges, %lu reads, %lu victims", done[CALLER], done[PING],
	         done[EXCHANGER], done[READER], done[VICTIM]);
	CHECK_STATUS(space_unmap(SELF_SPACE, PLACE, PAGE), STATUS_OK);
}

const struct test stress_tests[] = {
	{"stress", stress},
	{0},
};
