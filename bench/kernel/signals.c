/* From a signal to the first instruction of the thread of higher priority that waited for it. */
#include "bench.h"

static volatile uint64_t woken_at;
static volatile uint64_t woken_with;

static void waiter(void *argument)
{
	(void)argument;
	for (;;) {
		int64_t bits = notification_wait(B_NOTIFICATION, 0, 0);
		woken_at = ticks_now();
		if (bits <= 0)
			return;
		woken_with = (uint64_t)bits;
	}
}

static bool waiter_prepare(void)
{
	OK(notification_create(SELF_POOL, B_NOTIFICATION));
	return thread_start_here(waiter, PRIORITY_SERVER);
}

/* The waiter runs before the signaller goes on, so each signal's time is known when it returns. */
static uint64_t signal_run(unsigned operations)
{
	uint64_t ticks = 0;
	for (unsigned i = 0; i < operations; i++) {
		woken_with = 0;
		uint64_t start = ticks_now();
		OK(notification_signal(B_NOTIFICATION, i + 1));
		RIGHT(woken_with == i + 1);
		ticks += woken_at - start;
	}
	return ticks;
}

const struct row signal_rows[] = {
	{"kernel-signal", 200, waiter_prepare, signal_run},
	{0},
};
