/* Threads: creation, joins, locks, conditions, keys, and what a signal or an exit does to them. */
#include "check.h"
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter, turns;
static __thread int own = 5;

static void *adder(void *argument)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	own += (int)(long)argument;
	return (void *)(long)own;
}

static void counting(void)
{
	pthread_t threads[8];
	long sum = 0;
	for (long i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, adder, (void *)i);
	for (int i = 0; i < 8; i++) {
		void *result;
		pthread_join(threads[i], &result);
		sum += (long)result;
	}
	printf("%ld %ld %d\n", counter, sum, own);
}

static void *player(void *argument)
{
	long side = (long)argument;
	pthread_mutex_lock(&lock);
	while (turns < 1000) {
		while (turns < 1000 && turns % 2 != side)
			pthread_cond_wait(&changed, &lock);
		if (turns < 1000)
			turns++;
		pthread_cond_signal(&changed);
	}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void conditions(void)
{
	pthread_t left, right;
	pthread_create(&left, NULL, player, (void *)0);
	pthread_create(&right, NULL, player, (void *)1);
	pthread_join(left, NULL);
	pthread_join(right, NULL);
	printf("%ld\n", turns);
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += 20000000;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	pthread_mutex_lock(&lock);
	printf("%s\n", strerror(pthread_cond_timedwait(&changed, &lock, &end)));
}

static void *sleeper(void *argument)
{
	(void)argument;
	pause();
	return NULL;
}

static volatile sig_atomic_t handled_by;
static void handler(int signal) { (void)signal; handled_by = (int)syscall(SYS_gettid); }

static void signals(void)
{
	pthread_t thread;
	signal(SIGUSR1, handler);
	pthread_create(&thread, NULL, sleeper, NULL);
	usleep(50000);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	printf("%d\n", handled_by != getpid() && handled_by != 0);
	pthread_create(&thread, NULL, sleeper, NULL);
	pthread_cancel(thread);
	void *result;
	pthread_join(thread, &result);
	printf("%d\n", result == PTHREAD_CANCELED);
}

static void *ender(void *argument)
{
	(void)argument;
	usleep(20000);
	exit(9);
}

static void exit_from_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, ender, NULL);
	pthread_create(&thread, NULL, sleeper, NULL);
	pause();
}

static void *faulter(void *argument)
{
	*(volatile int *)argument = 1;
	return NULL;
}

static void death_by_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, faulter, (void *)16);
	pause();
}

static void *forker(void *argument)
{
	(void)argument;
	in_child("child of a thread", counting);
	return NULL;
}

static void fork_from_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, forker, NULL);
	pthread_join(thread, NULL);
}

static void exec_from_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, sleeper, NULL);
	execl("/bin/busybox", "echo", "replaced", (char *)NULL);
}

static pthread_key_t key;
static void ended(void *value) { printf("key %ld\n", (long)value); }
static void *keeper(void *argument) { pthread_setspecific(key, argument); return NULL; }

static void keys(void)
{
	pthread_t thread;
	pthread_key_create(&key, ended);
	for (long i = 1; i < 4; i++) {
		pthread_create(&thread, NULL, keeper, (void *)i);
		pthread_join(thread, NULL);
	}
	for (int i = 0; i < 100; i++) {
		pthread_create(&thread, NULL, adder, NULL);
		pthread_join(thread, NULL);
	}
	printf("%ld\n", counter);
}

/* A lock in shared memory whose holder goes, in every way there is, with somebody waiting or not. */
static pthread_mutex_t *shared_lock;

static pid_t holder(int how)
{
	int ends[2];
	char byte;
	pipe(ends);
	pid_t child = fork();
	if (child == 0) {
		pthread_mutex_lock(shared_lock);
		write(ends[1], "x", 1);
		if (how == 0)
			_exit(0);
		if (how == 1)
			execl("/bin/true", "true", NULL);
		for (;;)
			pause();
	}
	read(ends[0], &byte, 1);
	close(ends[0]);
	close(ends[1]);
	return child;
}

static void owner_died(void)
{
	pthread_mutexattr_t attributes;
	shared_lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(shared_lock, &attributes);
	for (int how = 0; how < 3; how++) {
		pid_t child = holder(how);
		if (how == 2)
			kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		SAY(pthread_mutex_lock(shared_lock) == EOWNERDEAD);
		SAY(pthread_mutex_consistent(shared_lock));
		SAY(pthread_mutex_unlock(shared_lock));
	}
	pid_t child = holder(2), waiter = fork();
	if (waiter == 0)
		_exit(pthread_mutex_lock(shared_lock) == EOWNERDEAD ? 7 : 8);
	usleep(50000);
	kill(child, SIGKILL);
	int status;
	waitpid(child, NULL, 0);
	waitpid(waiter, &status, 0);
	SAY(WEXITSTATUS(status));
	SAY(pthread_mutex_lock(shared_lock) == EOWNERDEAD);
}

int main(void)
{
	in_child("counting", counting);
	in_child("conditions", conditions);
	in_child("signals", signals);
	in_child("exit_from_thread", exit_from_thread);
	in_child("death_by_thread", death_by_thread);
	in_child("fork_from_thread", fork_from_thread);
	in_child("exec_from_thread", exec_from_thread);
	in_child("keys", keys);
	in_child("owner died", owner_died);
	return 0;
}
