/* Three busy programs with nice values 0, 3 and 6: how far the CPU time they get is from the shares of Linux's table of
 * weights, which is as near to 4:2:1 as whole steps come. */
#include "bench.h"
#include <sys/resource.h>

#define SHARERS 3
#define WINDOW_SECONDS 4 /* of 1,000 slices: one more or less does not show */

static const struct sharer {
	int nice;
	unsigned weight; /* sched_prio_to_weight[20 + nice] */
} sharers[SHARERS] = {{0, 1024}, {3, 526}, {6, 272}};

/* A child that is busy as soon as it is let go on. */
static pid_t sharer_start(int nice)
{
	pid_t child = fork();
	if (child)
		return child;
	if (setpriority(PRIO_PROCESS, 0, nice))
		_exit(1);
	raise(SIGSTOP);
	for (volatile unsigned long count = 0;; count++)
		;
}

/* Ends it: nanoseconds it had. */
static uint64_t time_used(pid_t child)
{
	struct rusage usage = {0};
	kill(child, SIGKILL);
	wait4(child, NULL, 0, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ull +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ull;
}

static bool sharers_start(pid_t *children)
{
	for (unsigned i = 0; i < SHARERS; i++) {
		int status = 0;
		children[i] = sharer_start(sharers[i].nice);
		CALL("fork", children[i] > 0);
		CALL("waitpid", waitpid(children[i], &status, WUNTRACED) == children[i]);
		RIGHT(WIFSTOPPED(status));
	}
	return true;
}

/* The largest difference from a share, in hundredths of a percent of that share. */
static uint64_t shares_run(unsigned operations)
{
	(void)operations;
	pid_t children[SHARERS];
	uint64_t used[SHARERS], sum = 0, weights = 0, worst = 1;
	if (!sharers_start(children))
		return 0;
	for (unsigned i = 0; i < SHARERS; i++)
		kill(children[i], SIGCONT);
	nanosleep(&(struct timespec){.tv_sec = WINDOW_SECONDS}, NULL);
	for (unsigned i = 0; i < SHARERS; i++)
		kill(children[i], SIGSTOP);
	for (unsigned i = 0; i < SHARERS; i++) {
		sum += used[i] = time_used(children[i]);
		weights += sharers[i].weight;
	}
	RIGHT(sum > WINDOW_SECONDS * 900000000ull && sum < WINDOW_SECONDS * 1100000000ull);
	for (unsigned i = 0; i < SHARERS; i++) {
		uint64_t expected = sum * sharers[i].weight / weights;
		uint64_t difference = used[i] > expected ? used[i] - expected : expected - used[i];
		worst = difference * 10000 / expected > worst ? difference * 10000 / expected : worst;
	}
	return worst;
}

const struct row share_rows[] = {
	{"nice-shares", 0, 0, NULL, shares_run, NULL},
	{0},
};
