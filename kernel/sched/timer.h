/* Timers: one queue per CPU, ordered by deadline; the hardware timer is one-shot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct timer {
	/* The heap, timer.c's: what is below, and whose link points here. Under that CPU's LOCK_TIMER. */
	struct timer *left, *right, **link;
	uint64_t deadline; /* nanoseconds since boot; 0 once cancelled */
	uint16_t cpu;
	bool armed;
	/* No lock held; the timer is disarmed. It may have been set again or cancelled in the meantime: see
	 * timer_expired. */
	void (*expire)(struct timer *timer);
};

void timer_set(struct timer *timer, uint64_t deadline); /* replaces an earlier deadline */
void timer_cancel(struct timer *timer);
/* In `expire`, under the owner's lock that timer_set and timer_cancel are called with: its deadline has passed
 * and nobody has set or cancelled it since. */
bool timer_expired(const struct timer *timer);
void timer_interrupt(void);        /* expire what is due, program the next */
