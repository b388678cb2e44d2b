/* The clock, read from the page the kernel shows to everyone. No C library, no kernel call. */
#include "atoll/atoll.h"

#define NANOSECONDS 1000000000ull

static const volatile struct time_page *time_page(void)
{
	return (const volatile struct time_page *)TIME_PAGE_ADDRESS;
}

uint64_t time_now(void)
{
	const volatile struct time_page *page = time_page();
	uint32_t low, high;
	/* rdtscp waits for what came before, so that two readings in a row never go backwards */
	__asm__ volatile("rdtscp" : "=a"(low), "=d"(high) : : "rcx", "memory");
	uint64_t ticks = ((uint64_t)high << 32 | low) - page->tsc_base;
	return (uint64_t)((unsigned __int128)ticks * page->multiplier >> page->shift);
}

uint64_t time_real(void)
{
	return time_page()->boot_time_seconds * NANOSECONDS + time_now();
}
