/* Signals: to oneself, and to another process and back. */
#include "bench.h"

static volatile unsigned handled;
static pid_t partner;
static sigset_t without; /* what to wait with: the signal let in */

static void count_one(int number)
{
	(void)number;
	handled++;
}

static bool handler_prepare(void)
{
	struct sigaction action = {.sa_handler = count_one};
	CALL("sigaction", !sigaction(SIGUSR1, &action, NULL));
	return true;
}

static uint64_t self_run(unsigned operations)
{
	pid_t self = getpid();
	unsigned before = handled;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++)
		kill(self, SIGUSR1);
	uint64_t ticks = ticks_now() - start;
	RIGHT(handled - before == operations);
	return ticks;
}

/* The signal is blocked but in sigsuspend, so none comes between looking and waiting. */
static int answer(void)
{
	pid_t parent = getppid();
	for (;;) {
		sigsuspend(&without);
		if (kill(parent, SIGUSR1))
			return 1;
	}
}

static bool pair_prepare(void)
{
	sigset_t blocked;
	if (!handler_prepare())
		return false;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CALL("sigprocmask", !sigprocmask(SIG_BLOCK, &blocked, &without));
	sigdelset(&without, SIGUSR1);
	partner = partner_start(answer);
	CALL("fork", partner > 0);
	return true;
}

static uint64_t pair_run(unsigned operations)
{
	unsigned before = handled;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		CALL("kill", !kill(partner, SIGUSR1));
		sigsuspend(&without);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(handled - before == operations);
	return ticks;
}

static void pair_finish(void)
{
	kill(partner, SIGKILL);
	waitpid(partner, NULL, 0);
}

const struct row signal_rows[] = {
	{"signal-self", 300, 0, handler_prepare, self_run, NULL},
	{"signal-round-trip", 80, 0, pair_prepare, pair_run, pair_finish},
	{0},
};
