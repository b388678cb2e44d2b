/* What processes do to each other, many times over, each round checked and counted: `processes ROUNDS`. It prints the same
 * whatever happens to the process server meanwhile, unless a signal, a child, a wait status or an id is lost or doubled. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(what) \
	do { \
		if (!(what)) { \
			printf("line %d: %s, errno %d\n", __LINE__, #what, errno); \
			fflush(stdout); \
			failures++; \
		} \
	} while (0)

static int failures;
static char *own_path;
static volatile sig_atomic_t seen[65], last_value;

static void count(int signal, siginfo_t *info, void *context)
{
	(void)context;
	seen[signal]++;
	last_value = info->si_value.sival_int;
}

static void catch_signal(int signal)
{
	struct sigaction action = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART };
	CHECK(sigaction(signal, &action, NULL) == 0);
}

static int status_of(pid_t child)
{
	int status = -1;
	CHECK(waitpid(child, &status, 0) == child);
	return status;
}

/* A tree of forks, each of which returns how many processes there were below it. */
static int tree(int depth)
{
	int total = 1;
	pid_t children[2];
	if (depth == 0)
		return 1;
	for (int i = 0; i < 2; i++)
		if ((children[i] = fork()) == 0)
			_exit(tree(depth - 1));
	for (int i = 0; i < 2; i++) {
		int status = status_of(children[i]);
		total += WIFEXITED(status) ? WEXITSTATUS(status) : 100;
	}
	return total;
}

static void round_fork(int round)
{
	pid_t children[4];
	CHECK(tree(2) == 7);
	for (int i = 0; i < 4; i++)
		if ((children[i] = fork()) == 0)
			_exit(round + i);
	for (int i = 0; i < 4; i++) {
		CHECK(children[i] > 0 && (i == 0 || children[i] != children[i - 1]));
		int status = status_of(children[i]);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == ((round + i) & 0xff));
	}
	CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
}

/* The first child to run is one that shares the memory until it has become another program. */
static void round_exec(int round)
{
	char text[16];
	sprintf(text, "%d", round & 0x7f);
	pid_t child = vfork();
	if (child == 0) {
		execl(own_path, own_path, "-", text, NULL);
		_exit(200);
	}
	CHECK(status_of(child) == (round & 0x7f) << 8);
	if ((child = vfork()) == 0)
		_exit(9);
	CHECK(status_of(child) == 9 << 8);
	if ((child = fork()) == 0) {
		execl("/nowhere", "nowhere", NULL);
		execl(own_path, own_path, "-", text, NULL);
		_exit(200);
	}
	CHECK(status_of(child) == (round & 0x7f) << 8);
}

/* Real-time signals are queued, each counts; standard ones count once while they are blocked. */
static void round_signals(int round)
{
	int before = seen[SIGRTMIN], usr = seen[SIGUSR1], self = getpid();
	sigset_t blocked;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 10; i++)
			if (sigqueue(self, SIGRTMIN, (union sigval){ .sival_int = round * 10 + i }) != 0 || kill(self, SIGUSR1) != 0)
				_exit(1);
		_exit(0);
	}
	CHECK(status_of(child) == 0);
	CHECK(seen[SIGRTMIN] - before == 10 && last_value == round * 10 + 9);
	CHECK(seen[SIGUSR1] == usr);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	CHECK(seen[SIGUSR1] == usr + 1);
	CHECK(kill(self, 0) == 0);
}

/* A child that is stopped, continued and killed, and tells of each once. */
static void round_stop(void)
{
	int status = 0, ends[2];
	char byte;
	CHECK(pipe(ends) == 0);
	pid_t child = fork();
	if (child == 0) {
		(void)!write(ends[1], "r", 1);
		for (;;)
			pause();
	}
	CHECK(setpgid(child, child) == 0 && getpgid(child) == child);
	CHECK(read(ends[0], &byte, 1) == 1);
	CHECK(kill(child, SIGSTOP) == 0);
	CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(waitpid(child, &status, WUNTRACED | WNOHANG) == 0);
	CHECK(kill(-child, SIGCONT) == 0);
	CHECK(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
	CHECK(kill(-child, SIGTSTP) == 0);
	CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(status_of(child) == SIGKILL);
	CHECK(kill(child, 0) == -1 && errno == ESRCH);
	close(ends[0]);
	close(ends[1]);
}

/* A session of its own, ids, limits, priority; what it changes is its own. */
static void round_ids(void)
{
	pid_t child = fork();
	if (child == 0) {
		struct rlimit limit = { 77, 88 };
		char text[16];
		sprintf(text, "%d", getpid());
		bool good = setsid() == getpid() && getpgrp() == getpid() && getsid(0) == getpid();
		good &= setrlimit(RLIMIT_NOFILE, &limit) == 0 && setpriority(PRIO_PROCESS, 0, 5) == 0;
		good &= setgid(1000) == 0 && setuid(1000) == 0 && setuid(0) == -1 && getuid() == 1000;
		execl(own_path, own_path, "ids", text, NULL);
		_exit(good ? 3 : 2);
	}
	CHECK(status_of(child) == 0);
	CHECK(getuid() == 0 && getpriority(PRIO_PROCESS, 0) == 0);
}

static int ids_kept(const char *id)
{
	struct rlimit limit;
	return getpid() == atoi(id) && getsid(0) == getpid() && getuid() == 1000 && getgid() == 1000 &&
	       getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 77 && getpriority(PRIO_PROCESS, 0) == 5 ? 0 : 1;
}

/* Timers go off as often as they were set. */
static void round_timers(void)
{
	struct itimerval once = { .it_value.tv_usec = 3000 }, off = { 0 }, left;
	int before = seen[SIGALRM];
	CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
	for (int i = 0; i < 200 && seen[SIGALRM] == before; i++)
		usleep(5000);
	usleep(5000);
	CHECK(seen[SIGALRM] == before + 1);
	once.it_value.tv_sec = 100;
	CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
	CHECK(getitimer(ITIMER_REAL, &left) == 0 && left.it_value.tv_sec >= 50);
	CHECK(setitimer(ITIMER_REAL, &off, &left) == 0 && left.it_value.tv_sec >= 50);
	CHECK(seen[SIGALRM] == before + 1);
}

static void *thread_run(void *argument)
{
	return (void *)((long)argument * 2);
}

static void *thread_wait(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void round_threads(void)
{
	pthread_t threads[4];
	for (long i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, thread_run, (void *)i) == 0);
	for (long i = 0; i < 4; i++) {
		void *result = NULL;
		CHECK(pthread_join(threads[i], &result) == 0 && (long)result == i * 2);
	}
	/* A program of several threads is replaced by one thread, or ends with all. */
	for (int replaced = 0; replaced < 2; replaced++) {
		pid_t child = fork();
		if (child == 0) {
			for (int i = 0; i < 3; i++)
				pthread_create(&threads[i], NULL, thread_wait, NULL);
			if (replaced)
				execl(own_path, own_path, "-", "5", NULL);
			_exit(5);
		}
		CHECK(status_of(child) == 5 << 8);
	}
}

/* A lock that its owner died with passes on. */
static void round_robust(pthread_mutex_t *shared)
{
	pid_t child = fork();
	if (child == 0) {
		pthread_mutex_lock(shared);
		raise(SIGKILL);
	}
	CHECK(status_of(child) == SIGKILL);
	CHECK(pthread_mutex_lock(shared) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(shared) == 0 && pthread_mutex_unlock(shared) == 0);
}

static pthread_mutex_t *robust_mutex(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(shared, &attributes);
	return shared;
}

int main(int count, char **arguments)
{
	own_path = arguments[0];
	if (count > 2)
		return arguments[1][0] == 'i' ? ids_kept(arguments[2]) : atoi(arguments[2]);
	int rounds = atoi(arguments[1]), children = 0;
	pthread_mutex_t *shared = robust_mutex();
	catch_signal(SIGUSR1);
	catch_signal(SIGALRM);
	catch_signal(SIGRTMIN);
	for (int round = 0; round < rounds; round++) {
		round_fork(round);
		round_exec(round);
		round_signals(round);
		round_stop();
		round_ids();
		round_timers();
		round_threads();
		round_robust(shared);
	}
	while (wait(NULL) > 0)
		children++;
	printf("%d rounds: %d failures, %d children left, %d queued, %d blocked, %d alarms\n", rounds, failures, children,
	       seen[SIGRTMIN], seen[SIGUSR1], seen[SIGALRM]);
	return 0;
}
