/* Clocks and sleeping. The clock is read from the kernel's page: no call. */
#include "time.h"
#include "protocol_process.h"
#include "signals.h"

bool timespec_valid(const struct linux_timespec *time)
{
	return time->seconds >= 0 && (uint64_t)time->nanoseconds < NANOSECONDS;
}

uint64_t duration_of(const struct linux_timespec *time)
{
	return MINIMUM((uint64_t)time->seconds, FOREVER / NANOSECONDS / 2) * NANOSECONDS + (uint64_t)time->nanoseconds;
}

int duration_read(uint64_t from, uint64_t *nanoseconds)
{
	struct linux_timespec time;
	if (user_read(&time, from, sizeof(time)) < 0)
		return -EFAULT;
	if (!timespec_valid(&time))
		return -EINVAL;
	*nanoseconds = duration_of(&time);
	return 0;
}

struct linux_timespec timespec_make(uint64_t nanoseconds)
{
	return (struct linux_timespec){ (int64_t)(nanoseconds / NANOSECONDS), (int64_t)(nanoseconds % NANOSECONDS) };
}

uint64_t deadline_keep(struct thread *thread, uint64_t deadline)
{
	if (!thread->resuming)
		thread->restart_deadline = deadline;
	return thread->restart_deadline;
}

uint64_t deadline_after(struct thread *thread, uint64_t duration)
{
	/* 0 would mean none. */
	return deadline_keep(thread, MAXIMUM(time_now() + duration, 1ull));
}

uint64_t deadline_in(struct thread *thread, uint64_t duration)
{
	return duration == 0 ? AT_ONCE : deadline_after(thread, duration);
}

bool clock_is_real(int32_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_REALTIME_ALARM ||
	       clock == CLOCK_TAI;
}

uint64_t deadline_of_clock(int32_t clock, const struct linux_timespec *time)
{
	uint64_t at = duration_of(time);
	if (clock_is_real(clock)) {
		uint64_t boot = time_real() - time_now();
		at = at > boot ? at - boot : 0;
	}
	return MAXIMUM(at, 1ull);
}

static uint64_t thread_time(struct thread *thread)
{
	struct thread_info info;
	return thread_info(thread->slot, &info) < 0 ? 0 : info.user_time + info.system_time;
}

/* Clocks of other processes and threads are negative numbers; only the own ones are known here. */
int clock_read(struct thread *thread, int32_t clock, uint64_t *nanoseconds)
{
	struct process_usage usage;
	if (clock_is_real(clock)) {
		*nanoseconds = time_real();
		return 0;
	}
	switch (clock) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*nanoseconds = time_now();
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*nanoseconds = thread_time(thread);
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		break;
	default: {
		uint32_t id = ~(uint32_t)(clock >> 3);
		bool of_thread = clock & 4;
		if (clock >= 0 || (clock & 3) > 2)
			return -EINVAL;
		if (of_thread && (id == 0 || id == thread->id)) {
			*nanoseconds = thread_time(thread);
			return 0;
		}
		if (of_thread || (id != 0 && id != thread->task->process))
			return -EINVAL;
	}
	}
	int status = process_usage(PROCESS_GATE, NULL, 0, &usage, sizeof(usage), NULL);
	*nanoseconds = usage.user_time + usage.system_time;
	return status;
}

int64_t linux_clock_gettime(struct thread *thread, int32_t clock, uint64_t time)
{
	uint64_t now;
	int status = clock_read(thread, clock, &now);
	if (status < 0)
		return status;
	struct linux_timespec result = timespec_make(now);
	return user_write(time, &result, sizeof(result));
}

int64_t linux_clock_getres(struct thread *thread, int32_t clock, uint64_t resolution)
{
	struct linux_timespec result = { 0, 1 };
	if (clock > CLOCK_TAI || clock == 10)
		return -EINVAL;
	return resolution ? user_write(resolution, &result, sizeof(result)) : 0;
}

int64_t linux_clock_settime(struct thread *thread, int32_t clock, uint64_t time)
{
	return clock == CLOCK_REALTIME ? -EPERM : -EINVAL;
}

int64_t linux_gettimeofday(struct thread *thread, uint64_t time, uint64_t zone)
{
	uint64_t now = time_real();
	struct linux_timeval result = { (int64_t)(now / NANOSECONDS), (int64_t)(now % NANOSECONDS / 1000) };
	if (time && user_write(time, &result, sizeof(result)) < 0)
		return -EFAULT;
	return zone ? user_clear(zone, 8) : 0;
}

int64_t linux_settimeofday(struct thread *thread, uint64_t time, uint64_t zone)
{
	return -EPERM;
}

int64_t linux_time(struct thread *thread, uint64_t result)
{
	int64_t now = (int64_t)(time_real() / NANOSECONDS);
	return result && user_write(result, &now, sizeof(now)) < 0 ? -EFAULT : now;
}

/* --- sleeping ------------------------------------------------------------------------------------------- */

static int64_t sleep_until(uint64_t deadline, uint64_t remaining)
{
	if (thread_wait(deadline) == 0)
		return 0;
	uint64_t now = time_now();
	struct linux_timespec left = timespec_make(deadline > now ? deadline - now : 0);
	if (remaining && user_write(remaining, &left, sizeof(left)) < 0)
		return -EFAULT;
	return -EINTR;
}

int64_t linux_nanosleep(struct thread *thread, uint64_t time, uint64_t remaining)
{
	uint64_t duration;
	int status = duration_read(time, &duration);
	return status < 0 ? status : sleep_until(deadline_after(thread, duration), remaining);
}

int64_t linux_clock_nanosleep(struct thread *thread, int32_t clock, int32_t flags, uint64_t time, uint64_t remaining)
{
	struct linux_timespec given;
	if (clock < 0 || clock > CLOCK_TAI || clock == CLOCK_THREAD_CPUTIME_ID || clock == 10)
		return -EINVAL;
	if (clock == CLOCK_PROCESS_CPUTIME_ID || flags & ~TIMER_ABSTIME)
		return clock == CLOCK_PROCESS_CPUTIME_ID ? -EOPNOTSUPP : -EINVAL;
	if (user_read(&given, time, sizeof(given)) < 0)
		return -EFAULT;
	if (!timespec_valid(&given))
		return -EINVAL;
	if (flags & TIMER_ABSTIME)
		return sleep_until(deadline_of_clock(clock, &given), 0);
	return sleep_until(deadline_after(thread, duration_of(&given)), remaining);
}
