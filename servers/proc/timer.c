/* Interval timers: one sorted list of the armed ones over the one timer of the notification. */
#include "proc.h"
#include <errno.h>
#include <stdlib.h>

static void timers_program(void)
{
	uint64_t soonest = state.armed ? state.armed->expiry : 0;
	if (soonest != state.timer)
		notification_set_timer(state.notification, soonest, 1);
	state.timer = soonest;
}

void timers_again(void)
{
	state.timer = state.armed ? state.armed->expiry : 0;
	notification_set_timer(state.notification, state.timer, 1);
}

static void timer_arm(struct interval_timer *timer)
{
	struct interval_timer **link = &state.armed;
	while (*link && (*link)->expiry <= timer->expiry)
		link = &(*link)->next_armed;
	timer->next_armed = *link;
	*link = timer;
}

static void timer_disarm(struct interval_timer *timer)
{
	if (!timer->expiry)
		return;
	struct interval_timer **link = &state.armed;
	while (*link != timer)
		link = &(*link)->next_armed;
	*link = timer->next_armed;
	timer->expiry = 0;
}

static uint64_t remaining_of(const struct interval_timer *timer)
{
	uint64_t now = step_recall(time_now());
	if (!timer->expiry)
		return 0;
	return timer->expiry > now ? timer->expiry - now : 1; /* 0 would say that it is off */
}

int timer_set(struct process *process, const struct interval_timer *setting, uint64_t value, uint64_t *remaining,
              uint64_t *interval)
{
	uint32_t number = setting->number;
	if (number >= TIMER_COUNT || setting->signal > SIGNAL_COUNT)
		return -EINVAL;
	struct interval_timer *timer = process->timers[number];
	if (!timer) {
		if (!(timer = calloc(1, sizeof *timer)))
			return -EAGAIN;
		process->timers[number] = timer;
	}
	*remaining = remaining_of(timer);
	*interval = timer->interval;
	timer_disarm(timer);
	*timer = *setting;
	timer->process = process;
	timer->overrun = 0;
	timer->expiry = 0;
	if (value) {
		uint64_t now = step_recall(time_now());
		timer->expiry = value < LIMIT_INFINITY / 2 - now ? now + value : LIMIT_INFINITY / 2;
		timer_arm(timer);
	}
	timers_program();
	return 0;
}

int timer_get(struct process *process, uint32_t number, uint64_t *remaining, uint64_t *interval, uint64_t *overrun)
{
	if (number >= TIMER_COUNT)
		return -EINVAL;
	const struct interval_timer *timer = process->timers[number];
	*remaining = timer ? remaining_of(timer) : 0;
	*interval = timer ? timer->interval : 0;
	*overrun = timer ? timer->overrun : 0;
	return 0;
}

static void timer_expire(struct interval_timer *timer, uint64_t now)
{
	struct process *process = timer->process;
	uint64_t missed = 0, due = timer->expiry;
	timer_disarm(timer);
	if (timer->interval) {
		missed = (now - due) / timer->interval;
		timer->expiry = due + (missed + 1) * timer->interval;
		timer_arm(timer);
	}
	timer->overrun = missed;
	if (!timer->signal)
		return;
	struct process_siginfo info = {
		.signal = (int32_t)timer->signal,
		.code = timer->number ? CODE_TIMER : CODE_KERNEL,
		.timer = timer->number,
		.overrun = missed > INT32_MAX ? INT32_MAX : (uint32_t)missed,
	};
	struct thread *thread = timer->thread ? thread_find(timer->thread) : NULL;
	if (timer->thread && (!thread || thread->process != process))
		return;
	signal_send(process, thread, &info);
}

void timers_expire(void)
{
	uint64_t now = step_recall(time_now());
	state.timer = 0; /* it has gone off */
	while (state.armed && state.armed->expiry <= now)
		timer_expire(state.armed, now);
	timers_program();
}

void timers_drop(struct process *process, uint32_t first)
{
	for (uint32_t i = first; i < TIMER_COUNT; i++) {
		if (!process->timers[i])
			continue;
		timer_disarm(process->timers[i]);
		free(process->timers[i]);
		process->timers[i] = NULL;
	}
	timers_program();
}
