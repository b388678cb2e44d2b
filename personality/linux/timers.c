/* Interval timers: alarm, setitimer, timer_create. proc keeps them and sends the signals; timer 0 is
 * ITIMER_REAL, 1 to 31 are the program's. */
#include "protocol_process.h"
#include "time.h"

#define SIGEV_SIGNAL 0
#define SIGEV_NONE 1
#define SIGEV_THREAD 2
#define SIGEV_THREAD_ID 4
#define ITIMER_REAL 0

static uint64_t timeval_duration(const struct linux_timeval *time)
{
	return MINIMUM((uint64_t)time->seconds, FOREVER / NANOSECONDS / 2) * NANOSECONDS +
	       (uint64_t)time->microseconds * 1000;
}

static struct linux_timeval timeval_make(uint64_t nanoseconds)
{
	return (struct linux_timeval){ (int64_t)(nanoseconds / NANOSECONDS),
	                               (int64_t)(nanoseconds % NANOSECONDS / 1000) };
}

int64_t linux_alarm(struct thread *thread, uint32_t seconds)
{
	uint64_t remaining = 0;
	int status = process_set_timer(PROCESS_GATE, NULL, 0, SIGALRM, seconds * NANOSECONDS, 0, 0, &remaining, NULL);
	if (status < 0)
		return status;
	/* What was left, to the nearest second, but never none for a running timer. */
	uint64_t left = (remaining + NANOSECONDS / 2) / NANOSECONDS;
	return remaining && !left ? 1 : (int64_t)left;
}

int64_t linux_getitimer(struct thread *thread, int32_t which, uint64_t value)
{
	uint64_t remaining, interval;
	if (which != ITIMER_REAL)
		return -EINVAL;
	int status = process_get_timer(PROCESS_GATE, NULL, 0, &remaining, &interval, NULL);
	if (status < 0)
		return status;
	struct linux_itimerval result = { timeval_make(interval), timeval_make(remaining) };
	return user_write(value, &result, sizeof(result));
}

int64_t linux_setitimer(struct thread *thread, int32_t which, uint64_t value, uint64_t old)
{
	struct linux_itimerval given = { { 0, 0 }, { 0, 0 } };
	uint64_t remaining, interval;
	if (which != ITIMER_REAL)
		return -EINVAL;
	if (value && user_read(&given, value, sizeof(given)) < 0)
		return -EFAULT;
	if (given.value.seconds < 0 || (uint64_t)given.value.microseconds >= 1000000 || given.interval.seconds < 0 ||
	    (uint64_t)given.interval.microseconds >= 1000000)
		return -EINVAL;
	int status = process_set_timer(PROCESS_GATE, NULL, 0, SIGALRM, timeval_duration(&given.value),
	                               timeval_duration(&given.interval), 0, &remaining, &interval);
	if (status < 0)
		return status;
	struct linux_itimerval before = { timeval_make(interval), timeval_make(remaining) };
	return old ? user_write(old, &before, sizeof(before)) : 0;
}

/* --- POSIX timers -------------------------------------------------------------------------------------- */

struct linux_sigevent {
	uint64_t value;
	int32_t signal, notify, thread, padding[11];
};
_Static_assert(sizeof(struct linux_sigevent) == 64, "struct sigevent");

static int timer_reserve(struct task *task)
{
	int number = -EAGAIN;
	lock_take(&task->lock);
	for (int i = 1; i < TASK_TIMERS && number < 0; i++)
		if (!task->timers[i].used)
			number = i;
	if (number > 0)
		task->timers[number] = (struct task_timer){ .used = 1 };
	lock_release(&task->lock);
	return number;
}

int64_t linux_timer_create(struct thread *thread, int32_t clock, uint64_t event, uint64_t result)
{
	struct task *task = thread->task;
	struct linux_sigevent given = { .signal = SIGALRM, .notify = SIGEV_SIGNAL };
	if (clock < 0 || clock > CLOCK_TAI || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
		return -EINVAL;
	if (event && user_read(&given, event, sizeof(given)) < 0)
		return -EFAULT;
	if (given.notify != SIGEV_NONE && (given.signal < 1 || given.signal > SIGNAL_COUNT))
		return -EINVAL;
	if (given.notify != SIGEV_SIGNAL && given.notify != SIGEV_NONE && given.notify != SIGEV_THREAD &&
	    given.notify != SIGEV_THREAD_ID)
		return -EINVAL;
	int number = timer_reserve(task);
	if (number < 0)
		return number;
	struct task_timer *timer = &task->timers[number];
	timer->clock = (uint8_t)clock;
	timer->notify = (int8_t)given.notify;
	timer->signal = (uint8_t)given.signal;
	timer->value = event ? given.value : (uint64_t)number;
	timer->thread = given.notify == SIGEV_THREAD_ID ? (uint32_t)given.thread : 0;
	if (user_write32(result, (uint32_t)number) == 0)
		return 0;
	timer->used = 0;
	return -EFAULT;
}

static struct task_timer *timer_find(struct task *task, int32_t number)
{
	return number >= 1 && number < TASK_TIMERS && task->timers[number].used ? &task->timers[number] : NULL;
}

static int64_t itimerspec_write(uint64_t to, uint64_t interval, uint64_t remaining)
{
	struct linux_itimerspec value = { timespec_make(interval), timespec_make(remaining) };
	return to ? user_write(to, &value, sizeof(value)) : 0;
}

int64_t linux_timer_settime(struct thread *thread, int32_t number, int32_t flags, uint64_t value, uint64_t old)
{
	struct task_timer *timer = timer_find(thread->task, number);
	struct linux_itimerspec given;
	uint64_t remaining, interval, first;
	if (!timer || !value)
		return -EINVAL;
	if (user_read(&given, value, sizeof(given)) < 0)
		return -EFAULT;
	if (!timespec_valid(&given.value) || !timespec_valid(&given.interval))
		return -EINVAL;
	first = duration_of(&given.value);
	if (first && flags & TIMER_ABSTIME) {
		uint64_t deadline = deadline_of_clock(timer->clock, &given.value), now = time_now();
		first = deadline > now ? deadline - now : 1;
	}
	int status = process_set_timer(PROCESS_GATE, NULL, (uint32_t)number,
	                               timer->notify == SIGEV_NONE ? 0 : timer->signal, first,
	                               duration_of(&given.interval), timer->thread, &remaining, &interval);
	return status < 0 ? status : itimerspec_write(old, interval, remaining);
}

int64_t linux_timer_gettime(struct thread *thread, int32_t number, uint64_t value)
{
	uint64_t remaining, interval;
	if (!timer_find(thread->task, number))
		return -EINVAL;
	int status = process_get_timer(PROCESS_GATE, NULL, (uint32_t)number, &remaining, &interval, NULL);
	return status < 0 ? status : value ? itimerspec_write(value, interval, remaining) : -EFAULT;
}

int64_t linux_timer_getoverrun(struct thread *thread, int32_t number)
{
	uint64_t overrun = 0;
	if (!timer_find(thread->task, number))
		return -EINVAL;
	int status = process_get_timer(PROCESS_GATE, NULL, (uint32_t)number, NULL, NULL, &overrun);
	return status < 0 ? status : (int64_t)MINIMUM(overrun, (uint64_t)INT32_MAX);
}

int64_t linux_timer_delete(struct thread *thread, int32_t number)
{
	struct task_timer *timer = timer_find(thread->task, number);
	if (!timer)
		return -EINVAL;
	process_set_timer(PROCESS_GATE, NULL, (uint32_t)number, 0, 0, 0, 0, NULL, NULL);
	timer->used = 0;
	return 0;
}
