/* Waits for alarms, one after the other, while it does nothing else: what signals do not bring is brought by nobody's next call. */
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

#define ALARMS 40
#define TIME 3000 /* microseconds */

static volatile sig_atomic_t caught;

static void catch(int signal)
{
	(void)signal;
	caught++;
}

int main(void)
{
	struct sigaction action = { .sa_handler = catch };
	struct itimerval once = { .it_value.tv_usec = TIME };
	sigset_t blocked, before;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < ALARMS; i++) {
		setitimer(ITIMER_REAL, &once, NULL);
		while (caught == i)
			sigsuspend(&before);
	}
	printf("%d alarms\n", (int)caught);
	return 0;
}
