/* Processes: fork, vfork, execve of this static program, and waiting for the end. */
#include "bench.h"

/* Statuses differ from one to the next, so an old one cannot pass for a new one. */
static bool ended_with(pid_t child, unsigned status)
{
	int found = 0;
	return child > 0 && waitpid(child, &found, 0) == child && WIFEXITED(found) && WEXITSTATUS(found) == (int)status;
}

static uint64_t fork_run(unsigned operations)
{
	unsigned ended = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(i & 63);
		CALL("fork", child > 0);
		ended += ended_with(child, i & 63);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(ended == operations);
	return ticks;
}

static char status_text[4];
static char *child_arguments[] = {"bench", "child", status_text, NULL};
static char *child_environment[] = {NULL};

static uint64_t execute_run(unsigned operations, bool virtual)
{
	volatile unsigned ended = 0; /* vfork returns twice, as setjmp does */
	uint64_t start = ticks_now();
	for (volatile unsigned i = 0; i < operations; i++) {
		status_text[0] = '1' + i % 8;
		pid_t child = virtual ? vfork() : fork();
		if (child == 0) {
			execve(program_path, child_arguments, child_environment);
			_exit(99);
		}
		CALL(virtual ? "vfork" : "fork", child > 0);
		ended += ended_with(child, 1 + i % 8);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(ended == operations);
	return ticks;
}

static uint64_t fork_execute_run(unsigned operations) { return execute_run(operations, false); }
static uint64_t vfork_execute_run(unsigned operations) { return execute_run(operations, true); }

const struct row process_rows[] = {
	{"fork-exit-wait", 10, 0, NULL, fork_run, NULL},
	{"fork-exec-wait", 4, 0, NULL, fork_execute_run, NULL},
	{"vfork-exec-wait", 4, 0, NULL, vfork_execute_run, NULL},
	{0},
};
