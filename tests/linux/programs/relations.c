/* Parent, group and session as a process sees them when others change them; devices and signals that concern nobody
 * else. */
#include "check.h"
#include <poll.h>
#include <sys/resource.h>

static int ends[2];

/* Wait until the other side has written, or closed. */
static void step_wait(void)
{
	char byte;
	if (read(ends[0], &byte, 1) < 0)
		printf("pipe: %s\n", strerror(errno));
}

static void step_done(void)
{
	if (write(ends[1], "", 1) != 1)
		printf("pipe: %s\n", strerror(errno));
}

static void own(void)
{
	SAY(getpgid(0) == getpgrp());
	SAY(getpgid(getpid()) == getpgrp());
	SAY(getsid(getpid()) == getsid(0));
	SAY(getsid(getppid()) == getsid(0));
	SAY(getpgid(-1));
	SAY(getsid(32767));
}

/* The child outlives its parent; whose child it is then, and that it knows at once. */
static void orphan(void)
{
	int died[2];
	pid_t outer = getpid();
	if (pipe(ends) || pipe(died))
		return;
	pid_t middle = fork();
	if (middle == 0) {
		pid_t parent = getpid();
		if (fork() == 0) {
			close(died[1]);
			char byte;
			bool before = getppid() == parent;
			step_done();
			if (read(died[0], &byte, 1) != 0)
				printf("told too early\n");
			for (int i = 0; i < 1000 && getppid() == parent; i++)
				poll(NULL, 0, 5);
			printf("parent %d, then %s\n", before, getppid() == 1 ? "1" : getppid() == outer ? "outer" : "another");
			fflush(stdout);
			step_done();
			_exit(0);
		}
		step_wait();
		_exit(0);
	}
	close(died[1]);
	waitpid(middle, NULL, 0);
	step_wait();
}

static void groups(void)
{
	int back[2];
	pid_t parent = getpid();
	if (pipe(ends) || pipe(back))
		return;
	pid_t child = fork();
	if (child == 0) {
		char byte;
		bool same = getpgrp() == getpgid(parent);
		if (write(back[1], "", 1) != 1)
			_exit(1);
		step_wait();
		printf("same %d, own %d %d\n", same, getpgrp() == getpid(), getpgid(0) == getpid());
		SAY(setsid());
		SAY(setpgid(0, getpgid(parent)));
		SAY(getpgrp() == getpgid(parent));
		SAY(setsid() == getpid());
		SAY(getsid(0) == getpid() && getpgrp() == getpid());
		SAY(getppid() == parent);
		if (read(back[0], &byte, 0) != 0)
			_exit(1);
		fflush(stdout);
		_exit(0);
	}
	char byte;
	if (read(back[0], &byte, 1) != 1)
		return;
	SAY(setpgid(child, child));
	step_done();
	waitpid(child, NULL, 0);
	SAY(getpgid(child));
}

static void shared_memory_child(void)
{
	static volatile pid_t seen_parent, seen_group;
	pid_t self = getpid(), child = vfork();
	if (child == 0) {
		setpgid(0, 0);
		seen_parent = getppid();
		seen_group = getpgrp();
		_exit(0);
	}
	SAY(seen_parent == self);
	SAY(seen_group == child);
	SAY(getpgrp() != child);
	waitpid(child, NULL, 0);
}

static void after_exec(void)
{
	char text[32];
	pid_t child = fork();
	snprintf(text, sizeof(text), "%d", getpid());
	if (child == 0) {
		snprintf(text, sizeof(text), "%d", getppid());
		setsid();
		fflush(stdout);
		execl("/proc/self/exe", "relations", text, NULL);
		_exit(127);
	}
	int status;
	waitpid(child, &status, 0);
	SAY(WEXITSTATUS(status));
}

static void devices(void)
{
	char bytes[8] = "abcdefg";
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
	SAY(read(null, bytes, 8));
	SAY(read(zero, bytes, 3));
	printf("%d%d%d%c\n", bytes[0], bytes[1], bytes[2], bytes[3]);
	SAY(pread(full, bytes, 8, 100));
	printf("%d\n", bytes[7]);
	SAY(write(null, bytes, 8));
	SAY(pwrite(zero, bytes, 8, 7));
	SAY(write(full, bytes, 8));
	SAY(read(zero, NULL, 0));
	SAY(read(zero, (void *)16, 1));
	SAY(read(zero, (void *)-4096l, 1));
	SAY(read(open("/dev/zero", O_WRONLY), bytes, 1));
	SAY(write(open("/dev/null", O_RDONLY), bytes, 1));
	SAY(read(open("/dev/null", O_PATH), bytes, 1));
	/* Across the end of what is mapped: as much as there is room for. */
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	memset(page, 1, 4096);
	SAY(read(zero, page + 4090, 6));
	printf("%d%d\n", page[4089], page[4090]);
	dup2(zero, 40);
	SAY(read(40, bytes, 8));
	struct rlimit limit = { 0, 0 };
	setrlimit(RLIMIT_FSIZE, &limit);
	SAY(write(null, bytes, 8));
}

static volatile int handled, code;

static void handler(int signal, siginfo_t *info, void *context)
{
	(void)context;
	handled = signal;
	code = info->si_code == SI_USER && info->si_pid == getpid() && info->si_uid == getuid();
}

static void signals(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	sigset_t set, pending;
	sigaction(SIGUSR1, &action, NULL);
	SAY(kill(getpid(), SIGUSR1));
	printf("%d %d\n", handled, code);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	handled = 0;
	SAY(kill(getpid(), SIGUSR1));
	SAY(kill(getpid(), SIGUSR1));
	sigpending(&pending);
	printf("%d pending %d\n", handled, sigismember(&pending, SIGUSR1));
	siginfo_t info;
	SAY(sigwaitinfo(&set, &info));
	SAY(info.si_pid == getpid());
	sigpending(&pending);
	SAY(sigismember(&pending, SIGUSR1));
	SAY(kill(getpid(), SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR1, SIG_DFL);
	sigpending(&pending);
	SAY(sigismember(&pending, SIGUSR1));
	SAY(kill(getpid(), SIGCHLD));
	SAY(kill(getpid(), SIGTERM));
	printf("not reached\n");
}

int main(int count, char **arguments)
{
	if (count > 1) {
		SAY(getppid() == atoi(arguments[1]));
		SAY(getsid(0) == getpid() && getpgrp() == getpid());
		return 5;
	}
	in_child("own", own);
	in_child("orphan", orphan);
	in_child("groups", groups);
	in_child("shared memory", shared_memory_child);
	in_child("after exec", after_exec);
	in_child("devices", devices);
	in_child("signals", signals);
	return 0;
}
