/* The clock for programs without a system call: the shared object that Linux programs look for at
 * AT_SYSINFO_EHDR. It runs as part of the program (a signal or a fault in it is the program's), so it lies outside
 * the personality's library range, and reads the kernel's time page. */
#include "abi/structures.h"

#define NANOSECONDS 1000000000ull
enum { REALTIME = 0, MONOTONIC = 1, MONOTONIC_RAW = 4, REALTIME_COARSE = 5, MONOTONIC_COARSE = 6, BOOTTIME = 7,
       TAI = 11 };
enum { CALL_GETTIMEOFDAY = 96, CALL_TIME = 201, CALL_CLOCK_GETTIME = 228, CALL_CLOCK_GETRES = 229, CALL_GETCPU = 309 };

struct timespec {
	int64_t seconds, nanoseconds;
};
struct timeval {
	int64_t seconds, microseconds;
};

static inline int64_t system_call(uint64_t number, uint64_t first, uint64_t second)
{
	int64_t result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second), "d"(0)
	                 : "rcx", "r11", "memory");
	return result;
}

static inline const volatile struct time_page *time_page(void)
{
	return (const volatile struct time_page *)TIME_PAGE_ADDRESS;
}

static inline uint64_t since_boot(void)
{
	const volatile struct time_page *page = time_page();
	uint32_t low, high;
	__asm__ volatile("rdtscp" : "=a"(low), "=d"(high) : : "rcx", "memory");
	uint64_t ticks = ((uint64_t)high << 32 | low) - page->tsc_base;
	return (uint64_t)((unsigned __int128)ticks * page->multiplier >> page->shift);
}

__attribute__((visibility("default"))) int __vdso_clock_gettime(int clock, struct timespec *time)
{
	uint64_t seconds = 0;
	switch (clock) {
	case REALTIME:
	case REALTIME_COARSE:
	case TAI:
		seconds = time_page()->boot_time_seconds;
		break;
	case MONOTONIC:
	case MONOTONIC_RAW:
	case MONOTONIC_COARSE:
	case BOOTTIME:
		break;
	default:
		return (int)system_call(CALL_CLOCK_GETTIME, (uint64_t)(int64_t)clock, (uint64_t)time);
	}
	uint64_t now = since_boot();
	time->seconds = (int64_t)(seconds + now / NANOSECONDS);
	time->nanoseconds = (int64_t)(now % NANOSECONDS);
	return 0;
}

__attribute__((visibility("default"))) int __vdso_gettimeofday(struct timeval *time, void *zone)
{
	if (zone)
		return (int)system_call(CALL_GETTIMEOFDAY, (uint64_t)time, (uint64_t)zone);
	uint64_t now = since_boot();
	if (time) {
		time->seconds = (int64_t)(time_page()->boot_time_seconds + now / NANOSECONDS);
		time->microseconds = (int64_t)(now % NANOSECONDS / 1000);
	}
	return 0;
}

__attribute__((visibility("default"))) int64_t __vdso_time(int64_t *result)
{
	int64_t now = (int64_t)(time_page()->boot_time_seconds + since_boot() / NANOSECONDS);
	if (result)
		*result = now;
	return now;
}

__attribute__((visibility("default"))) int __vdso_clock_getres(int clock, struct timespec *resolution)
{
	return (int)system_call(CALL_CLOCK_GETRES, (uint64_t)(int64_t)clock, (uint64_t)resolution);
}

__attribute__((visibility("default"))) int __vdso_getcpu(unsigned *cpu, unsigned *node)
{
	return (int)system_call(CALL_GETCPU, (uint64_t)cpu, (uint64_t)node);
}
