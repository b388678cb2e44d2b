/* The Linux rows of the table. One static program holds them all and runs, unchanged, on Atoll and on
 * Debian's kernel; tools/bench.py boots both and sets the figures side by side.
 *
 * A row does so many operations, returns the time they took and has checked that they really happened.
 * Time is the TSC's: with QEMU's -icount that is one tick for each instruction, on both systems. */
#ifndef BENCH_H
#define BENCH_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define ROW_DIRECTORY "/tmp/bench-rows" /* where the rows about files work; empty at each row's start */

struct row {
	const char *name;
	unsigned operations;       /* in one batch: the same in every run, so that figures can be compared;
	                            * 0: no batches, it is run once */
	uint64_t bytes;            /* moved by one operation, where the row tells a rate; else 0 */
	bool (*prepare)(void);     /* may be NULL; false after row_failed */
	uint64_t (*run)(unsigned operations); /* ticks; 0 after row_failed */
	void (*finish)(void);      /* may be NULL; called after a run that went well */
};

/* Tables, one for each file, each ended by an empty row. */
extern const struct row call_rows[], channel_rows[], thread_rows[], process_rows[], memory_rows[], file_rows[],
	signal_rows[], wait_rows[], network_rows[], disk_rows[], share_rows[];

/* This program's path, for the rows that execute it; `child N` makes it end with status N at once. */
extern const char *program_path;

/* Answer each key of the terminal beside busy programs, and tell when. */
int keys_echo(void);

/* Say why the row cannot go on: a system call's name and its errno, or what was not as it must be. */
bool call_failed(const char *call);
bool row_wrong(const char *what);

/* Leave the function with 0 (or false) unless the condition holds. */
#define CALL(call, condition) \
	do { \
		if (!(condition)) \
			return call_failed(call); \
	} while (0)
#define RIGHT(condition) \
	do { \
		if (!(condition)) \
			return row_wrong(#condition); \
	} while (0)

/* No instruction of what is measured may slip past: rdtscp waits for those before it, lfence holds those behind. */
static inline uint64_t ticks_now(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtscp; lfence" : "=a"(low), "=d"(high) : : "rcx", "memory");
	return (uint64_t)high << 32 | low;
}

/* A process that runs function() and ends with what it returns; it dies with this one. */
pid_t partner_start(int (*function)(void));
/* Wait for its end: whether it ended with status 0. */
bool partner_ended(pid_t partner);

/* read() and write() of all the bytes; false at the end of the file too. */
bool read_all(int file, void *buffer, size_t length);
bool write_all(int file, const void *buffer, size_t length);

#endif
