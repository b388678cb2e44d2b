/* Times as programs give them. */
#ifndef PERSONALITY_TIME_H
#define PERSONALITY_TIME_H

#include "access.h"

/* A duration in nanoseconds, at most FOREVER; -EFAULT, -EINVAL. */
int duration_read(uint64_t from, uint64_t *nanoseconds);
uint64_t duration_of(const struct linux_timespec *time);
bool timespec_valid(const struct linux_timespec *time);
struct linux_timespec timespec_make(uint64_t nanoseconds);
/* The deadline of a call that may be resumed: from now, or the one it had before the interruption. */
uint64_t deadline_after(struct thread *thread, uint64_t duration);
#define AT_ONCE 0ull /* in place of the deadline of a call that does not wait at all */
uint64_t deadline_in(struct thread *thread, uint64_t duration); /* AT_ONCE if it is 0 */
uint64_t deadline_keep(struct thread *thread, uint64_t deadline);
/* An absolute time of a clock as a deadline since boot. */
uint64_t deadline_of_clock(int32_t clock, const struct linux_timespec *time);
bool clock_is_real(int32_t clock);
int clock_read(struct thread *thread, int32_t clock, uint64_t *nanoseconds); /* -EINVAL */

#endif
