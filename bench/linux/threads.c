/* Threads: handing a word over and back by futex, and making one. */
#include "bench.h"
#include <linux/futex.h>
#include <pthread.h>

static uint32_t turn; /* 0: ours, 1: the partner's, 2: the end */
static unsigned partner_turns;
static pthread_t partner;

static void turn_await(uint32_t value)
{
	uint32_t now;
	while ((now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) == value)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

static void turn_give(uint32_t value)
{
	__atomic_store_n(&turn, value, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *partner_run(void *argument)
{
	(void)argument;
	for (;;) {
		turn_await(0);
		if (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == 2)
			return NULL;
		partner_turns++;
		turn_give(0);
	}
}

static bool futex_prepare(void)
{
	errno = pthread_create(&partner, NULL, partner_run, NULL);
	CALL("pthread_create", !errno);
	return true;
}

static uint64_t futex_run(unsigned operations)
{
	unsigned before = partner_turns;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		turn_give(1);
		turn_await(1);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(partner_turns - before == operations);
	return ticks;
}

static void futex_finish(void)
{
	turn_give(2);
	pthread_join(partner, NULL);
}

static void *count_one(void *counter)
{
	++*(unsigned *)counter;
	return counter;
}

static uint64_t create_run(unsigned operations)
{
	unsigned counter = 0, joined = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		pthread_t thread;
		void *result = NULL;
		errno = pthread_create(&thread, NULL, count_one, &counter);
		CALL("pthread_create", !errno);
		joined += !pthread_join(thread, &result) && result == &counter;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(counter == operations && joined == operations);
	return ticks;
}

const struct row thread_rows[] = {
	{"futex-round-trip", 200, 0, futex_prepare, futex_run, futex_finish},
	{"thread-create-join", 40, 0, NULL, create_run, NULL},
	{0},
};
