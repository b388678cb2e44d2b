/* The cheapest system calls. */
#include "bench.h"

static uint64_t null_run(unsigned operations)
{
	pid_t parent = getppid(), wrong = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++)
		wrong |= (pid_t)syscall(SYS_getppid) ^ parent;
	uint64_t ticks = ticks_now() - start;
	RIGHT(!wrong && parent > 0);
	return ticks;
}

/* No system call at all where the system gives programs a clock they can read themselves. */
static uint64_t clock_run(unsigned operations)
{
	struct timespec first, now;
	int wrong = clock_gettime(CLOCK_MONOTONIC, &first);
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++)
		wrong |= clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t ticks = ticks_now() - start;
	RIGHT(!wrong);
	RIGHT(now.tv_sec > first.tv_sec || (now.tv_sec == first.tv_sec && now.tv_nsec > first.tv_nsec));
	return ticks;
}

static int zero_file;

static bool zero_prepare(void)
{
	zero_file = open("/dev/zero", O_RDONLY);
	CALL("open", zero_file >= 0);
	return true;
}

static uint64_t zero_run(unsigned operations)
{
	unsigned read_right = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		char byte = 1;
		read_right += read(zero_file, &byte, 1) == 1 && byte == 0;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(read_right == operations);
	return ticks;
}

static uint64_t yield_run(unsigned operations)
{
	int wrong = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++)
		wrong |= sched_yield();
	uint64_t ticks = ticks_now() - start;
	CALL("sched_yield", !wrong);
	return ticks;
}

static uint64_t getpgid_run(unsigned operations)
{
	pid_t parent = getppid(), wanted = getpgid(parent);
	bool wrong = wanted <= 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++)
		wrong |= getpgid(parent) != wanted;
	uint64_t ticks = ticks_now() - start;
	CALL("getpgid", !wrong);
	return ticks;
}

const struct row call_rows[] = {
	{"null-call", 2000, 0, NULL, null_run, NULL},
	{"clock-gettime", 5000, 0, NULL, clock_run, NULL},
	{"read-zero", 1000, 0, zero_prepare, zero_run, NULL},
	{"yield", 1000, 0, NULL, yield_run, NULL},
	{"getpgid", 500, 0, NULL, getpgid_run, NULL},
	{0},
};
