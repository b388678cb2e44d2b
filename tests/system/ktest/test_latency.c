/* What a program may make large, made large: nothing that the kernel then does may keep interrupts off for long. The
 * kernel measures (base/trace.h) and tests/system/latency.py judges; here is checked that what was asked for was done. */
#include "harness.h"
#include <string.h>

#define PAGE ATOLL_PAGE_SIZE
#define PLACE 0x600000000000ull /* nothing else of this program is near */
#define STACK 1024u

enum { SPACES = 200, MAPPINGS = 2000, REGIONS = 60000, THREADS = 3000, SLOTS = 65536, SPARSE = 3000, OBJECTS = 3000,
       TABLES = 24, BLOCK = 512, DEEP = 10 };

static uint32_t word, words[4096];
static uint32_t begun, ended, received; /* by threads */
static uint64_t wake_at;

/* Each page written where `space` maps it. */
static void touch(slot_t space, uint64_t start, uint64_t pages, uint64_t stride)
{
	for (uint64_t i = 0; i < pages; i++)
		CHECK_STATUS(space_write(space, start + i * stride, &i, sizeof(i)), STATUS_OK);
}

/* --- memory objects --- */

static void shared_by_many_spaces(void)
{
	uint64_t value = 0;
	struct memory_info info;
	CHECK_STATUS(captable_create(SELF_POOL, SPACES + 1, T6), STATUS_OK);
	CHECK_STATUS(memory_create(SELF_POOL, 128 * PAGE, 0, T1), STATUS_OK);
	for (unsigned i = 1; i <= SPACES; i++) {
		CHECK_STATUS(space_create(SELF_POOL, T3), STATUS_OK);
		CHECK_STATUS(cap_copy(T6, i, SELF_CAPTABLE, T3, RIGHTS_ALL), STATUS_OK);
		CHECK(space_map(T3, T1, PLACE, 128 * PAGE, 0, MAP_READ | MAP_WRITE) == (int64_t)PLACE);
		touch(T3, PLACE, 128, PAGE);
	}
	CHECK_STATUS(memory_discard(T1, 0, 96 * PAGE), STATUS_OK);
	CHECK_STATUS(memory_info(T1, &info), STATUS_OK);
	CHECK(info.resident == 32 * PAGE);
	CHECK_STATUS(space_read(T3, PLACE, &value, sizeof(value)), STATUS_OK);
	CHECK(value == 0);
	CHECK_STATUS(space_read(T3, PLACE + 100 * PAGE, &value, sizeof(value)), STATUS_OK);
	CHECK(value == 100);
	CHECK_STATUS(endpoint_create(SELF_POOL, T7), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, T7, 0, T5), STATUS_OK);
	CHECK_STATUS(memory_create_paged(SELF_POOL, 8 * PAGE, T5, T4), STATUS_OK);
	CHECK_STATUS(memory_supply(T4, 0, T1, 100 * PAGE, 8 * PAGE), STATUS_OK);
	CHECK_STATUS(space_read(T3, PLACE + 100 * PAGE, &value, sizeof(value)), STATUS_OK);
	CHECK(value == 0);
	CHECK_STATUS(memory_resize(T1, 120 * PAGE), STATUS_OK);
	CHECK_STATUS(space_read(T3, PLACE + 125 * PAGE, &value, sizeof(value)), STATUS_BAD_ADDRESS);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK_STATUS(space_read(T3, PLACE + 119 * PAGE, &value, sizeof(value)), STATUS_BAD_ADDRESS);
	CHECK_STATUS(object_destroy(T6), STATUS_OK);
}

static void mapped_many_times(void)
{
	struct memory_info info;
	CHECK_STATUS(memory_create(SELF_POOL, 16 * PAGE, 0, T1), STATUS_OK);
	CHECK_STATUS(space_create(SELF_POOL, T2), STATUS_OK);
	for (uint64_t i = 0; i < MAPPINGS; i++) {
		CHECK_STATUS(space_map(T2, T1, PLACE + 32 * PAGE * i, 16 * PAGE, 0, MAP_READ | MAP_WRITE), (int64_t)(PLACE + 32 * PAGE * i));
		touch(T2, PLACE + 32 * PAGE * i, 16, PAGE);
	}
	CHECK_STATUS(memory_discard(T1, 0, 16 * PAGE), STATUS_OK);
	CHECK_STATUS(memory_info(T1, &info), STATUS_OK);
	CHECK(info.resident == 0);
	touch(T2, PLACE, 512, 32 * PAGE);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK_STATUS(object_destroy(T2), STATUS_OK);
}

static void populated(void)
{
	for (unsigned i = 0; i < 3; i++)
		CHECK_STATUS(memory_create(SELF_POOL, 8ull << 20, MEMORY_PINNED, T1 + i), STATUS_OK);
	CHECK_STATUS(memory_create(SELF_POOL, 8ull << 30, MEMORY_PINNED, T4), STATUS_NO_MEMORY);
	CHECK_STATUS(memory_create(SELF_POOL, 8ull << 20, MEMORY_POPULATE, T5), STATUS_OK);
	CHECK_STATUS(memory_resize(T5, 1), STATUS_OK);
}

/* --- spaces --- */

/* Neighbours that differ, so that each stays a region. */
static void map_regions(slot_t space)
{
	for (uint64_t i = 0; i < REGIONS; i++) {
		uint64_t address = PLACE + i * 2 * PAGE;
		CHECK_STATUS(space_map(space, 0, address, 2 * PAGE, 0, i & 1 ? MAP_READ : MAP_READ | MAP_WRITE), (int64_t)address);
	}
}

static void many_regions(void)
{
	const uint64_t all = REGIONS * 2 * PAGE;
	struct region_info info;
	CHECK_STATUS(space_create(SELF_POOL, T1), STATUS_OK);
	map_regions(T1);
	touch(T1, PLACE, SPARSE, 16 * PAGE);
	CHECK_STATUS(space_query(T1, PLACE + all / 2, &info), STATUS_OK);
	CHECK_STATUS(space_discard(T1, PLACE, all), STATUS_OK);
	CHECK_STATUS(space_discard(T1, PLACE, all + PAGE), STATUS_BAD_ADDRESS);
	touch(T1, PLACE, SPARSE, 16 * PAGE);
	CHECK_STATUS(space_clone(SELF_POOL, T1, T2), STATUS_OK);
	CHECK_STATUS(object_destroy(T2), STATUS_OK);
	CHECK_STATUS(space_protect(T1, PLACE, all + PAGE, MAP_READ), STATUS_BAD_ADDRESS);
	CHECK_STATUS(space_protect(T1, PLACE, all, MAP_READ), STATUS_OK);
	CHECK_STATUS(space_query(T1, PLACE, &info), STATUS_OK);
	CHECK(info.address == PLACE && info.length == all);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
}

static void many_regions_go(void)
{
	const uint64_t all = REGIONS * 2 * PAGE;
	CHECK_STATUS(space_create(SELF_POOL, T1), STATUS_OK);
	map_regions(T1);
	for (unsigned i = 0; i < 64; i++) /* found from above and below, and where there is a gap */
		CHECK(space_map(T1, 0, 0, PAGE << i % 8, 0, MAP_READ | MAP_ANYWHERE) > 0);
	CHECK_STATUS(space_unmap(T1, PLACE + all / 2, 64 * PAGE), STATUS_OK);
	CHECK_STATUS(space_map(T1, 0, PLACE, all, 0, MAP_READ | MAP_REPLACE), (int64_t)PLACE);
	CHECK_STATUS(space_unmap(T1, PLACE, all), STATUS_OK);
	map_regions(T1);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
}

/* Pages far from each other, and many beside each other. */
static void own_pages(void)
{
	const uint64_t stride = 64 * PAGE, all = SPARSE * stride, to = PLACE + 2 * all;
	uint64_t value = 0;
	CHECK_STATUS(space_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(space_map(T1, 0, PLACE, all, 0, MAP_READ | MAP_WRITE), (int64_t)PLACE);
	touch(T1, PLACE, SPARSE, stride);
	touch(T1, PLACE, SPARSE, PAGE);
	CHECK_STATUS(space_clone(SELF_POOL, T1, T2), STATUS_OK);
	CHECK_STATUS(space_protect(T1, PLACE, all, 0), STATUS_OK);
	CHECK_STATUS(space_protect(T1, PLACE, all, MAP_READ | MAP_WRITE), STATUS_OK);
	CHECK_STATUS(space_move(T1, PLACE, all, to, all + PAGE, 3), (int64_t)to);
	CHECK_STATUS(space_read(T1, to + (SPARSE - 1) * stride, &value, sizeof(value)), STATUS_OK);
	CHECK(value == SPARSE - 1);
	CHECK_STATUS(space_read(T1, PLACE, &value, sizeof(value)), STATUS_BAD_ADDRESS);
	touch(T1, to, SPARSE, PAGE);
	CHECK_STATUS(space_discard(T1, to, all), STATUS_OK);
	touch(T1, to, SPARSE, stride);
	CHECK_STATUS(space_unmap(T1, to, all), STATUS_OK);
	touch(T2, PLACE, SPARSE, stride);
	CHECK_STATUS(object_destroy(T2), STATUS_OK);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
}

/* --- threads that wait --- */

static void block_on_word(void *where)
{
	__atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
	futex_wait(where, 0, 0, 0);
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

static void block_on_notification(void *none)
{
	(void)none;
	__atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
	notification_wait(T1, 0, 0);
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

static void block_on_call(void *none)
{
	(void)none;
	struct message message = {.header = OPERATION_PROTOCOL_FIRST};
	__atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
	message_call(T2, &message, NULL);
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

/* Every other one calls; those between receive, when they are told to. */
static void call_or_receive(void *none)
{
	(void)none;
	struct message message = {.header = OPERATION_PROTOCOL_FIRST};
	if (__atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST) & 1)
		message_call(T2, &message, NULL);
	else if (futex_wait(&word, 0, 0, 0) == STATUS_OK && message_receive(T1, &message, NULL) == STATUS_OK)
		__atomic_add_fetch(&received, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

static void block_on_time(void *none)
{
	(void)none;
	__atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
	thread_sleep(wake_at, 0);
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

/* Patience is longer than EVENTUALLY's: there are thousands. */
static bool all_have(const uint32_t *count, uint32_t all)
{
	for (uint64_t end = time_now() + 60000000000ull; __atomic_load_n(count, __ATOMIC_SEQ_CST) < all;)
		if (time_now() > end)
			return false;
		else
			thread_sleep(time_now() + 1000000, 0);
	return true;
}

/* Threads of pool T8, with small stacks, nameless but for the last. All wait when this returns. */
static void threads_start(void (*function)(void *), void *argument)
{
	begun = ended = 0;
	CHECK_STATUS(pool_create(SELF_POOL, UINT64_MAX, T8), STATUS_OK);
	CHECK_STATUS(space_map(SELF_SPACE, 0, PLACE, THREADS * STACK, 0, MAP_READ | MAP_WRITE), (int64_t)PLACE);
	for (uint64_t i = 0; i < THREADS; i++) {
		uint64_t *top = (uint64_t *)(PLACE + (i + 1) * STACK) - 1;
		*top = (uint64_t)thread_exit;
		struct thread_parameters parameters = {
			.registers = {.rip = (uint64_t)function, .rsp = (uint64_t)top, .rdi = (uint64_t)argument},
			.slot = T7,
		};
		CHECK(thread_create(T8, SELF_SPACE, SELF_CAPTABLE, SELF_SUPERVISOR, 0, &parameters) > 0);
		CHECK_STATUS(thread_start(T7), STATUS_OK);
	}
	CHECK(all_have(&begun, THREADS));
	thread_sleep(time_now() + 5000000, 0);
}

static void threads_end(void)
{
	CHECK(all_have(&ended, THREADS));
	CHECK_STATUS(object_destroy(T8), STATUS_OK);
	CHECK_STATUS(space_unmap(SELF_SPACE, PLACE, THREADS * STACK), STATUS_OK);
}

static void woken_from_word(void)
{
	threads_start(block_on_word, &word);
	CHECK_STATUS(futex_wake(&word, UINT32_MAX), THREADS);
	threads_end();
}

/* Of all the words some share the waiters' bucket. */
static void requeued(void)
{
	threads_start(block_on_word, &word);
	CHECK_STATUS(futex_requeue(&word, 1, 0, words, UINT32_MAX), STATUS_AGAIN);
	CHECK_STATUS(futex_requeue(&word, 0, 10, words, THREADS - 20), THREADS - 10);
	for (unsigned i = 1; i < sizeof(words) / sizeof(words[0]); i++)
		CHECK_STATUS(futex_wake(&words[i], UINT32_MAX), 0);
	CHECK_STATUS(futex_requeue(words, 0, 0, words, UINT32_MAX), THREADS - 20);
	CHECK_STATUS(futex_wake(&word, UINT32_MAX), 10);
	CHECK_STATUS(futex_wake(words, UINT32_MAX), THREADS - 20);
	threads_end();
}

static void notification_with_waiters_destroyed(void)
{
	CHECK_STATUS(notification_create(SELF_POOL, T1), STATUS_OK);
	threads_start(block_on_notification, NULL);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	threads_end();
}

static void woken_at_once(void)
{
	wake_at = time_now() + 500000000ull; /* when all have begun to wait */
	threads_start(block_on_time, NULL);
	threads_end();
}

static void threads_destroyed(void)
{
	threads_start(block_on_word, &word);
	CHECK_STATUS(object_destroy(T8), STATUS_OK);
	CHECK_STATUS(space_unmap(SELF_SPACE, PLACE, THREADS * STACK), STATUS_OK);
}

static void endpoint_make(void)
{
	CHECK_STATUS(endpoint_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, T1, 1, T2), STATUS_OK);
}

static void endpoint_with_calls(void)
{
	struct message message = {0};
	endpoint_make();
	threads_start(block_on_call, NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
		if (i & 1)
			CHECK_STATUS(call_park(T1, message.id), STATUS_OK);
	}
	CHECK_STATUS(endpoint_reset(T1), THREADS / 2);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	threads_end();
}

/* A server parks calls that their callers have given up, hears of each, and is replaced. */
static void endpoint_with_cancels(void)
{
	struct message message = {0};
	endpoint_make();
	threads_start(block_on_call, NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
		CHECK_STATUS(call_park(T1, message.id), STATUS_OK);
	}
	CHECK_STATUS(object_destroy(T8), STATUS_OK);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < THREADS; i++) {
			CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
			CHECK(MESSAGE_OPERATION(message.header) == OPERATION_CANCEL);
		}
		CHECK_STATUS(endpoint_reset(T1), 0);
	}
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK_STATUS(space_unmap(SELF_SPACE, PLACE, THREADS * STACK), STATUS_OK);
}

/* All calls are this thread's; the others get them by the reset. */
static void endpoint_with_receivers(void)
{
	struct message message = {0};
	endpoint_make();
	received = 0;
	threads_start(call_or_receive, NULL);
	for (unsigned i = 0; i < THREADS / 2; i++)
		CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK_STATUS(futex_wake(&word, UINT32_MAX), THREADS / 2);
	thread_sleep(time_now() + 50000000, 0);
	CHECK_STATUS(endpoint_reset(T1), THREADS / 2);
	CHECK(all_have(&received, THREADS / 2));
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	threads_end();
}

/* --- capabilities --- */

static void captable_full(void)
{
	CHECK_STATUS(captable_create(SELF_POOL, SLOTS, T1), STATUS_OK);
	CHECK_STATUS(notification_create(SELF_POOL, T2), STATUS_OK);
	for (slot_t slot = 1; slot < SLOTS; slot++)
		CHECK_STATUS(cap_copy(T1, slot, SELF_CAPTABLE, T2, RIGHTS_ALL), STATUS_OK);
	CHECK_STATUS(captable_clone(SELF_POOL, T1, T3), STATUS_OK);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK_STATUS(cap_info(T3, SLOTS - 1), OBJECT_NOTIFICATION | RIGHTS_ALL << 8);
	CHECK_STATUS(object_destroy(T3), STATUS_OK);
}

/* Captables with something in each block, gates and pools, which lose their last names at once or end with their pool. */
static void many_objects(void)
{
	for (slot_t i = 1; i <= DEEP; i++) /* who pays, up to the root */
		CHECK_STATUS(pool_create(i == 1 ? SELF_POOL : T8 + i - 1, UINT64_MAX, T8 + i), STATUS_OK);
	CHECK_STATUS(pool_create(T8 + DEEP, UINT64_MAX, T1), STATUS_OK);
	CHECK_STATUS(endpoint_create(SELF_POOL, T2), STATUS_OK);
	CHECK_STATUS(captable_create(SELF_POOL, SLOTS, T6), STATUS_OK);
	for (unsigned i = 1; i <= OBJECTS; i++) {
		CHECK_STATUS(gate_create(T1, T2, i, T3), STATUS_OK);
		CHECK_STATUS(pool_create(T1, UINT64_MAX, T4), STATUS_OK);
		CHECK_STATUS(cap_copy(T6, i, SELF_CAPTABLE, T3, RIGHTS_ALL), STATUS_OK);
		CHECK_STATUS(cap_copy(T6, OBJECTS + i, SELF_CAPTABLE, T4, RIGHTS_ALL), STATUS_OK);
	}
	for (unsigned i = 1; i <= TABLES; i++) {
		CHECK_STATUS(captable_create(T1, SLOTS, T5), STATUS_OK);
		for (slot_t slot = 1; slot < SLOTS; slot += BLOCK)
			CHECK_STATUS(cap_copy(T5, slot, SELF_CAPTABLE, T2, RIGHTS_ALL), STATUS_OK);
		CHECK_STATUS(cap_copy(T6, 2 * OBJECTS + i, SELF_CAPTABLE, T5, RIGHTS_ALL), STATUS_OK);
	}
	for (slot_t slot = T3; slot <= T5; slot++)
		CHECK_STATUS(cap_drop(SELF_CAPTABLE, slot), STATUS_OK);
}

static void many_objects_unnamed(void)
{
	struct pool_info info;
	many_objects();
	CHECK_STATUS(object_destroy(T6), STATUS_OK);
	CHECK_STATUS(object_destroy(T2), STATUS_OK); /* and the gates' notices */
	CHECK(EVENTUALLY(pool_info(T1, &info) == STATUS_OK && info.objects == 0 && info.used == 0));
}

static void many_objects_destroyed(void)
{
	many_objects();
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK_STATUS(cap_info(T6, 1), STATUS_DESTROYED);
}

const struct test latency_tests[] = {
	{"latency: shared by many spaces", shared_by_many_spaces},
	{"latency: mapped many times", mapped_many_times},
	{"latency: memory whose pages are there at once", populated},
	{"latency: many regions", many_regions},
	{"latency: many regions go", many_regions_go},
	{"latency: own pages", own_pages},
	{"latency: woken from a word", woken_from_word},
	{"latency: requeued", requeued},
	{"latency: notification with waiters", notification_with_waiters_destroyed},
	{"latency: woken at once", woken_at_once},
	{"latency: threads destroyed", threads_destroyed},
	{"latency: endpoint with calls", endpoint_with_calls},
	{"latency: endpoint with cancels", endpoint_with_cancels},
	{"latency: endpoint with receivers", endpoint_with_receivers},
	{"latency: full captable", captable_full},
	{"latency: many objects unnamed", many_objects_unnamed},
	{"latency: many objects destroyed", many_objects_destroyed},
	{0},
};
