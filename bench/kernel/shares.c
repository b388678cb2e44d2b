/* Busy threads of weights 1, 2 and 4 on one CPU: how far the time they get is from their shares. */
#include "bench.h"

#define SHARERS 3
#define WINDOW 2000000000ull /* nanoseconds: 500 slices, so one more or less does not show */

static void spin(void *argument)
{
	for (volatile uint64_t *count = argument;; (*count)++)
		;
}

static uint64_t spun[SHARERS];

static bool shares_prepare(void)
{
	for (unsigned i = 0; i < SHARERS; i++) {
		if (!thread_start_on(B_PAIR_THREAD + i, SELF_SPACE, spin, (uint64_t)&spun[i], i, 1))
			return false;
		OK(thread_set_schedule(B_PAIR_THREAD + i, PRIORITY_NORMAL, WEIGHT_NORMAL << i, 1));
	}
	/* This thread is to wake at once, whatever the others do. */
	OK(thread_set_schedule(SELF_THREAD, PRIORITY_SERVER, WEIGHT_NORMAL, 0));
	return true;
}

static uint64_t time_used(unsigned sharer)
{
	struct thread_info info = {0};
	thread_info(B_PAIR_THREAD + sharer, &info);
	return info.user_time + info.system_time;
}

/* The largest difference from a share, in hundredths of a percent of that share. */
static uint64_t shares_run(unsigned operations)
{
	(void)operations;
	uint64_t used[SHARERS], sum = 0, worst = 1;
	for (unsigned i = 0; i < SHARERS; i++)
		used[i] = time_used(i);
	thread_sleep(time_now() + WINDOW, 0);
	for (unsigned i = 0; i < SHARERS; i++)
		sum += used[i] = time_used(i) - used[i];
	RIGHT(sum > WINDOW / 10 * 9 && sum < WINDOW / 10 * 11);
	for (unsigned i = 0; i < SHARERS; i++) {
		uint64_t expected = sum * (1u << i) / ((1u << SHARERS) - 1);
		uint64_t difference = used[i] > expected ? used[i] - expected : expected - used[i];
		worst = difference * 10000 / expected > worst ? difference * 10000 / expected : worst;
	}
	return worst;
}

const struct row share_rows[] = {
	{"fair-shares", 1, shares_prepare, shares_run},
	{0},
};
