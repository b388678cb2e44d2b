/* Blocking calls and signals: which go on, which end with EINTR, with a handler (and SA_RESTART), without one, and
 * after a stop. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

#define MILLISECONDS 1000000ll
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_WAIT_BITSET = 9 };
#define FUTEX_BITSET_MATCH_ANY (~0u)
static volatile sig_atomic_t count;
static void counting(int signal) { (void)signal; count++; }

static void install(void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigaction(SIGALRM, &action, NULL);
}

static void alarm_after(int milliseconds)
{
	struct itimerval timer = { { 0, 0 }, { 0, milliseconds * 1000 } };
	count = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

static long long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static struct timespec in(long long milliseconds)
{
	long long at = now() + milliseconds * MILLISECONDS;
	return (struct timespec){ at / 1000000000, at % 1000000000 };
}

static int word;
static struct timespec duration = { 0, 400 * MILLISECONDS };

static long futex_wait(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &duration, NULL, 0);
}
static long futex_wait_forever(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}
static long futex_wait_until(void)
{
	struct timespec end = in(400);
	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &end, NULL, FUTEX_BITSET_MATCH_ANY);
}
static long futex_wait_bits(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, NULL, NULL, FUTEX_BITSET_MATCH_ANY);
}
static long sleep_a_while(void) { return nanosleep(&duration, NULL); }
static long sleep_until(void)
{
	struct timespec end = in(400);
	int error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
	errno = error;
	return error ? -1 : 0;
}
static long poll_nothing(void) { return poll(NULL, 0, 400); }
static long select_nothing(void)
{
	struct timeval time = { 0, 400000 };
	return select(0, NULL, NULL, NULL, &time);
}
static long epoll_nothing(void)
{
	int epoll = epoll_create1(0);
	long result = epoll_wait(epoll, &(struct epoll_event){ 0 }, 1, 400);
	int error = errno;
	close(epoll);
	errno = error;
	return result;
}
static long await_signal(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &duration);
}
static long wait_for_child(void) { return waitpid(-1, NULL, 0) > 0; }
static int ends[2];
static long read_pipe(void) { return read(ends[0], &(char){ 0 }, 1); }

/* A child that ends the wait a while later: through the futex, the pipe, or by ending. */
static pid_t ender(int *shared)
{
	pid_t child = fork();
	if (child)
		return child;
	usleep(400000);
	write(ends[1], "x", 1);
	*shared = 1;
	syscall(SYS_futex, shared, FUTEX_WAKE, 1, NULL, NULL, 0);
	_exit(0);
}

static void report(const char *name, const char *how, long result, long long since)
{
	int error = errno;
	long long time = (now() - since) / MILLISECONDS;
	printf("%s, %s: %s, %s, handled %d\n", name, how, result < 0 ? strerror(error) : result ? "one" : "nothing",
	       time < 300 ? "early" : time < 900 ? "in time" : "late", (int)count);
	fflush(stdout);
}

static void with_alarm(const char *name, long (*call)(void))
{
	static const struct {
		const char *how;
		void (*handler)(int);
		int flags;
	} ways[] = { { "handler", counting, 0 }, { "SA_RESTART", counting, SA_RESTART }, { "ignored", SIG_IGN, 0 } };
	for (unsigned i = 0; i < 3; i++) {
		install(ways[i].handler, ways[i].flags);
		alarm_after(100);
		long long since = now();
		errno = 0;
		long result = call();
		report(name, ways[i].how, result, since);
	}
}

/* The caller is stopped and continued by a child. */
static void with_stop(const char *name, long (*call)(void))
{
	pid_t parent = getpid(), child = fork();
	if (child == 0) {
		usleep(100000);
		kill(parent, SIGSTOP);
		usleep(100000);
		kill(parent, SIGCONT);
		_exit(0);
	}
	count = 0;
	errno = 0;
	long long since = now();
	long result = call();
	report(name, "stopped", result, since);
	usleep(300000);
	waitpid(child, NULL, 0);
}

static void timed(void)
{
	static const struct {
		const char *name;
		long (*call)(void);
	} calls[] = {
		{ "futex wait", futex_wait }, { "futex wait until", futex_wait_until }, { "nanosleep", sleep_a_while },
		{ "sleep until", sleep_until }, { "poll", poll_nothing }, { "select", select_nothing },
		{ "epoll", epoll_nothing }, { "sigtimedwait", await_signal },
	};
	for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		with_alarm(calls[i].name, calls[i].call);
		with_stop(calls[i].name, calls[i].call);
	}
}

static int *shared;
static long shared_wait(void) { return syscall(SYS_futex, shared, FUTEX_WAIT, 0, NULL, NULL, 0); }
static long shared_wait_bits(void)
{
	return syscall(SYS_futex, shared, FUTEX_WAIT_BITSET, 0, NULL, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void endless(void)
{
	static const struct {
		const char *name;
		long (*call)(void);
	} calls[] = {
		{ "futex", shared_wait }, { "futex with bits", shared_wait_bits }, { "read", read_pipe }, { "wait", wait_for_child },
	};
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < 4; i++) {
		for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
			*shared = 0;
			pipe(ends);
			pid_t child = ender(shared);
			install(counting, flags);
			alarm_after(100);
			long long since = now();
			errno = 0;
			long result = calls[i].call();
			report(calls[i].name, flags ? "SA_RESTART" : "handler", result, since);
			waitpid(child, NULL, 0);
			close(ends[0]);
			close(ends[1]);
		}
	}
}

/* Two handlers at once: the one that is acted on first, the lower number, decides. */
static void two(void)
{
	sigset_t both, old;
	struct sigaction plain = { .sa_handler = counting }, restarting = { .sa_handler = counting, .sa_flags = SA_RESTART };
	sigemptyset(&both);
	sigaddset(&both, SIGUSR1);
	sigaddset(&both, SIGUSR2);
	for (int i = 0; i < 2; i++) {
		sigaction(SIGUSR1, i ? &plain : &restarting, NULL);
		sigaction(SIGUSR2, i ? &restarting : &plain, NULL);
		pipe(ends);
		pid_t parent = getpid(), child = fork();
		if (child == 0) {
			usleep(100000);
			kill(parent, SIGSTOP);
			kill(parent, SIGUSR2);
			kill(parent, SIGUSR1);
			kill(parent, SIGCONT);
			usleep(200000);
			_exit(write(ends[1], "x", 1) != 1);
		}
		count = 0;
		errno = 0;
		long result = read_pipe();
		printf("two %d: %s, handled %d\n", i, result < 0 ? strerror(errno) : "one", (int)count);
		waitpid(child, NULL, 0);
	}
}

/* After a handler has run there is nothing left to go on with. */
static void restart_by_hand(void)
{
	SAY(syscall(SYS_restart_syscall));
	install(counting, 0);
	raise(SIGALRM);
	SAY(syscall(SYS_restart_syscall));
}

int main(void)
{
	in_child("timed", timed);
	in_child("endless", endless);
	in_child("two", two);
	in_child("restart by hand", restart_by_hand);
	return 0;
}
