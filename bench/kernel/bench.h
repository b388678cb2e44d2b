/* The kernel's rows: a native program that times kernel calls, between spaces of its own. The lines it
 * logs are those of bench/linux/main.c. */
#ifndef KERNEL_BENCH_H
#define KERNEL_BENCH_H

#include "atoll/atoll.h"

#define PAGE ATOLL_PAGE_SIZE

struct row {
	const char *name;
	unsigned operations;                  /* in one batch */
	bool (*prepare)(void);                /* false after row_wrong */
	uint64_t (*run)(unsigned operations); /* ticks; 0 after row_wrong */
};

extern const struct row call_rows[], signal_rows[], memory_rows[];

/* Slots that rows use; all are emptied after each row. */
enum bench_slot { B_ENDPOINT = 400, B_GATE, B_SPACE, B_THREAD, B_MEMORY, B_PAGED, B_NOTIFICATION, BENCH_SLOTS_END };

bool row_wrong(const char *what, int64_t value);
/* Leave the function with 0 (or false) unless the condition holds. */
#define RIGHT(condition) \
	do { \
		if (!(condition)) \
			return row_wrong(#condition, 0); \
	} while (0)
#define OK(expression) \
	do { \
		int64_t ok_status = (expression); \
		if (ok_status < 0) \
			return row_wrong(#expression, ok_status); \
	} while (0)

/* Makes B_ENDPOINT, B_GATE and a thread B_THREAD that runs server(argument): in a clone of this space, or
 * in this one with the priority given. It must not use the C library's thread state. */
bool server_start_apart(void (*server)(void *));
bool thread_start_here(void (*function)(void *), unsigned priority);

static inline uint64_t ticks_now(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtscp; lfence" : "=a"(low), "=d"(high) : : "rcx", "memory");
	return (uint64_t)high << 32 | low;
}

#endif
