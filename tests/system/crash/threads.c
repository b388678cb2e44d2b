/* Makes threads and joins them, again and again: says how many did what they should. */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>

#define ROUNDS 60
#define THREADS 4
#define TURNS 20

static void *work(void *at)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < TURNS; i++) {
		sum += i;
		sched_yield();
	}
	*(uint64_t *)at = sum;
	return at;
}

int main(void)
{
	unsigned right = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		pthread_t threads[THREADS];
		uint64_t sums[THREADS] = { 0 };
		void *result;
		for (unsigned i = 0; i < THREADS; i++)
			if (pthread_create(&threads[i], NULL, work, &sums[i]) != 0)
				return 1;
		for (unsigned i = 0; i < THREADS; i++)
			right += pthread_join(threads[i], &result) == 0 && result == &sums[i] && sums[i] == TURNS * (TURNS - 1) / 2;
	}
	printf("%u of %u\n", right, ROUNDS * THREADS);
	return 0;
}
