/* The kernel's rows: a native program that times kernel calls, between spaces of its own. The lines it
 * logs are those of bench/linux/main.c. */
#ifndef KERNEL_BENCH_H
#define KERNEL_BENCH_H

#include "atoll/atoll.h"

#define PAGE ATOLL_PAGE_SIZE

struct row {
	const char *name;
	unsigned operations;                  /* in one batch; 1: it is run once, and tells the figure itself */
	bool (*prepare)(void);                /* false after row_wrong */
	uint64_t (*run)(unsigned operations); /* ticks; 0 after row_wrong */
};

extern const struct row call_rows[], signal_rows[], memory_rows[], pair_rows[], share_rows[];

/* Slots that rows use; all are emptied after each row, and the threads of pairs and B_THREAD destroyed first. */
#define PAIRS_MAX 4
enum bench_slot {
	B_ENDPOINT = 400, B_GATE, B_SPACE, B_THREAD, B_MEMORY, B_PAGED, B_NOTIFICATION, B_PORTS,
	B_PAIR_ENDPOINT, B_PAIR_GATE = B_PAIR_ENDPOINT + PAIRS_MAX, B_PAIR_SPACE = B_PAIR_GATE + PAIRS_MAX,
	B_PAIR_THREAD = B_PAIR_SPACE + PAIRS_MAX,
	BENCH_SLOTS_END = B_PAIR_THREAD + 2 * PAIRS_MAX
};

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
/* The general way: function(argument) on one of 2 * PAIRS_MAX more stacks, on the CPUs of the mask (0: all). */
bool thread_start_on(slot_t slot, slot_t space, void (*function)(void *), uint64_t argument, unsigned stack,
                     uint64_t cpu_mask);
/* The machine's emulator is to run its CPUs in turn, a few thousand instructions each (pairs.c). */
bool interleave(void);

static inline uint64_t ticks_now(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtscp; lfence" : "=a"(low), "=d"(high) : : "rcx", "memory");
	return (uint64_t)high << 32 | low;
}

#endif
