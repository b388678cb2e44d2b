/* Pipes, polls and processes: what ends a wait, and what it says. */
#include "check.h"
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static void pipes(void)
{
	int ends[2];
	static char buffer[70000];
	SAY(pipe2(ends, O_NONBLOCK));
	SAY(read(ends[0], buffer, 10));
	SAY(write(ends[1], buffer, sizeof(buffer)));
	SAY(write(ends[1], buffer, 10));
	struct pollfd poll_one = { ends[1], POLLOUT, 0 };
	SAY(poll(&poll_one, 1, 0));
	SAY(read(ends[0], buffer, 5000));
	SAY(poll(&poll_one, 1, 0));
	SAY(fcntl(ends[0], F_SETFL, 0));
	close(ends[1]);
	long total = 0, got;
	while ((got = read(ends[0], buffer, sizeof(buffer))) > 0)
		total += got;
	SAY(total);
	SAY(pipe(ends));
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	SAY(write(ends[1], "x", 1));
	poll_one = (struct pollfd){ ends[1], POLLOUT, 0 };
	SAY(poll(&poll_one, 1, 0));
	SAY(poll_one.revents & POLLERR);
	signal(SIGPIPE, SIG_DFL);
	SAY(write(ends[1], "x", 1));
}

static void polls(void)
{
	int ends[2], more[2];
	char byte;
	SAY(pipe(ends));
	SAY(pipe(more));
	struct pollfd polled[3] = { { ends[0], POLLIN, 0 }, { more[0], POLLIN, 0 }, { -1, POLLIN, 7 } };
	SAY(poll(polled, 3, 30));
	if (fork() == 0) {
		usleep(50000);
		if (write(more[1], "abc", 3) != 3)
			_exit(1);
		usleep(50000);
		_exit(0);
	}
	SAY(poll(polled, 3, -1));
	printf("%x %x %x\n", polled[0].revents, polled[1].revents, polled[2].revents);
	SAY(read(more[0], &byte, 1));
	fd_set set;
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	FD_SET(more[0], &set);
	struct timeval soon = { 1, 0 };
	SAY(select(more[0] + 1, &set, NULL, NULL, &soon));
	printf("%d %d\n", !!FD_ISSET(ends[0], &set), !!FD_ISSET(more[0], &set));
	close(ends[1]);
	wait(NULL);
	SAY(poll(polled, 1, -1));
	printf("%x\n", polled[0].revents);
	FD_ZERO(&set);
	soon = (struct timeval){ 0, 20000 };
	SAY(select(0, NULL, NULL, NULL, &soon));
	struct pollfd bad = { 900, POLLIN, 0 };
	SAY(poll(&bad, 1, 0));
	printf("%x\n", bad.revents);
	int file = open("/etc/passwd", O_RDONLY);
	struct pollfd regular = { file, POLLIN | POLLOUT, 0 };
	SAY(poll(&regular, 1, 0));
	printf("%x\n", regular.revents);
}

static void socket_pairs(void)
{
	int ends[2];
	char buffer[100];
	SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	SAY(write(ends[0], "hello", 5));
	SAY(read(ends[1], buffer, 100));
	SAY(write(ends[1], "back", 4));
	SAY(read(ends[0], buffer, 2));
	SAY(read(ends[0], buffer, 100));
	close(ends[1]);
	SAY(read(ends[0], buffer, 100));
}

static void waits(void)
{
	int status;
	siginfo_t info;
	SAY(waitpid(-1, &status, 0));
	pid_t first = fork();
	if (first == 0)
		_exit(17);
	pid_t second = fork();
	if (second == 0) {
		raise(SIGSTOP);
		_exit(3);
	}
	SAY(waitpid(first, &status, 0) == first);
	printf("%d %d\n", WIFEXITED(status), WEXITSTATUS(status));
	SAY(waitpid(second, &status, WUNTRACED) == second);
	printf("%d %d\n", WIFSTOPPED(status), WSTOPSIG(status));
	SAY(waitpid(second, &status, WNOHANG));
	kill(second, SIGCONT);
	SAY(waitid(P_PID, (id_t)second, &info, WEXITED | WNOWAIT));
	printf("%d %d %d\n", info.si_code, info.si_status, info.si_pid == second);
	SAY(wait4(second, &status, 0, NULL) == second);
	SAY(waitpid(second, &status, 0));
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		_exit(1);
	SAY(wait(&status));
}

static void groups(void)
{
	pid_t child = fork();
	if (child == 0) {
		SAY(setsid() == getpid());
		SAY(setsid());
		SAY(getsid(0) == getpid());
		SAY(getpgid(0) == getpid());
		pid_t member = fork();
		if (member == 0) {
			setpgid(0, 0);
			pause();
		}
		usleep(30000);
		SAY(getpgid(member) == member);
		SAY(setpgid(member, getpid()));
		SAY(kill(-getpid(), 0));
		signal(SIGTERM, SIG_IGN);
		SAY(kill(0, SIGTERM));
		int status;
		SAY(wait(&status) == member);
		SAY(WTERMSIG(status));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	SAY(getppid() > 0);
	SAY(open("/dev/tty", O_RDWR));
}

extern char **environ;
static void programs(void)
{
	char *arguments[] = { "sh", "-c", "echo $0 $V $#; exit 4", "zero", "one", NULL };
	char *environment[] = { "V=value", NULL };
	pid_t child;
	int status;
	int spawned = posix_spawn(&child, "/bin/busybox", NULL, NULL, arguments, environment);
	bool ended = waitpid(child, &status, 0) == child; /* it says its part first */
	SAY(spawned);
	SAY(ended);
	SAY(WEXITSTATUS(status));
	SAY(posix_spawn(&child, "/none", NULL, NULL, arguments, environment) != 0);
	child = vfork();
	if (child == 0) {
		execve("/bin/busybox", arguments, environment);
		_exit(127);
	}
	SAY(waitpid(child, &status, 0) == child);
	SAY(system("exit 3") >> 8);
	FILE *pipe = popen("echo from popen", "r");
	char line[100];
	printf("%s", fgets(line, sizeof(line), pipe));
	SAY(pclose(pipe));
	SAY(execve("/etc/passwd", arguments, environment));
	SAY(execve("/etc", arguments, environment));
	int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC), kept = open("/etc/hostname", O_RDONLY);
	char script[200];
	snprintf(script, sizeof(script), "[ -e /proc/self/fd/%d ] && echo open; [ -e /proc/self/fd/%d ] || echo closed", kept, fd);
	fflush(stdout);
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
}

static void times(void)
{
	struct timespec start, end, wait_for = { 0, 30000000 };
	clock_gettime(CLOCK_MONOTONIC, &start);
	SAY(nanosleep(&wait_for, NULL));
	clock_gettime(CLOCK_MONOTONIC, &end);
	long took = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
	SAY(took >= 29 && took < 2000);
	SAY(clock_getres(CLOCK_MONOTONIC, &end));
	SAY(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end));
	SAY(clock_gettime(999, &end));
	struct itimerval timer = { { 0, 20000 }, { 0, 20000 } };
	sigset_t set;
	int signal;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	SAY(setitimer(ITIMER_REAL, &timer, NULL));
	for (int i = 0; i < 3; i++)
		SAY(sigwait(&set, &signal));
	struct rlimit limit;
	SAY(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 8;
	SAY(setrlimit(RLIMIT_NOFILE, &limit));
	int last = 0;
	for (int i = 0; i < 20 && last >= 0; i++)
		last = dup(0);
	say("dup past the limit", last);
	struct rusage usage;
	SAY(getrusage(RUSAGE_SELF, &usage));
	SAY(time(NULL) > 1600000000);
}

int main(void)
{
	in_child("pipes", pipes);
	in_child("polls", polls);
	in_child("socket_pairs", socket_pairs);
	in_child("waits", waits);
	in_child("groups", groups);
	in_child("programs", programs);
	in_child("times", times);
	return 0;
}
