/* A fork beside a thread that is just ending, a little later each time: what that holds for its end must not stay held in the child. */
#include "check.h"
#include <pthread.h>

#define ROUNDS 250
#define LATER 64 /* forks at as many moments */

static volatile int ending;

static void *end(void *argument)
{
	ending = 1;
	return argument;
}

static pthread_t ending_thread(void)
{
	pthread_t thread;
	ending = 0;
	pthread_create(&thread, NULL, end, NULL);
	while (!ending)
		sched_yield();
	return thread;
}

int main(void)
{
	int good = 0;
	for (int round = 0; round < ROUNDS; round++) {
		int status = -1;
		pthread_t thread = ending_thread();
		for (volatile int i = 0; i < round % LATER * 60; i++)
			continue;
		pid_t child = fork();
		if (child == 0) {
			alarm(5);
			pthread_join(ending_thread(), NULL);
			_exit(open("/dev/null", O_RDONLY) >= 0 ? 0 : 1);
		}
		pthread_join(thread, NULL);
		waitpid(child, &status, 0);
		good += status == 0;
	}
	SAY(good);
	return 0;
}
