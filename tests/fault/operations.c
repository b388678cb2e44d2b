/* Asks servers for what the workload and the Linux tests do not (tools/fault_stores.py tells what is left), and says how it
 * came out. Errors are as good as answers. */
#define _GNU_SOURCE
#include "protocol_process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void say(const char *what, long result)
{
	printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
	fflush(stdout);
}

#define SAY(call) (errno = 0, say(#call, (long)(call)))

static void files_of(const char *path, int flags)
{
	struct statfs about;
	struct flock lock = { .l_type = F_RDLCK };
	int fd = open(path, flags);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	printf("%s\n", path);
	SAY(fd >= 0 ? 0 : -1);
	SAY(poll(&wait, 1, 0));
	wait.events = POLLPRI; /* which never comes: the server is asked */
	SAY(poll(&wait, 1, 1));
	SAY(lseek(fd, 3, SEEK_SET));
	SAY(fcntl(fd, F_SETFL, O_NONBLOCK));
	SAY(fcntl(fd, F_SETLK, &lock));
	SAY(fcntl(fd, F_GETLK, &lock));
	SAY(fchmod(fd, 0644));
	SAY(fsync(fd));
	SAY(fstatfs(fd, &about));
	SAY(ioctl(fd, TIOCGWINSZ, &about));
	SAY(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	SAY(write(fd, "0", flags == O_RDONLY ? 1 : 0));
	close(fd);
}

static void names_of_proc(void)
{
	SAY(link("/proc/version", "/proc/other"));
	SAY(symlink("version", "/proc/other"));
	SAY(rename("/proc/version", "/proc/other"));
	SAY(mkdir("/proc/other", 0755));
	SAY(unlink("/proc/version"));
}

static void processes(void)
{
	struct itimerval timer = { .it_value = { 1000, 0 } };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	SAY(setpriority(PRIO_PROCESS, 0, 3));
	SAY(getpriority(PRIO_PROCESS, 0));
	SAY(setitimer(ITIMER_REAL, &timer, NULL));
	SAY(getitimer(ITIMER_REAL, &timer));
	SAY(sigprocmask(SIG_BLOCK, &set, NULL));
	timer = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* What the personality asks for after a look of its own, or never: on the process's own gate, as any program may. MESSAGE_CALL is where the
 * personality's function is. */
int64_t message_call(slot_t gate, struct message *message, struct message_extra *extra)
{
	return ((int64_t (*)(slot_t, struct message *, struct message_extra *))MESSAGE_CALL)(gate, message, extra);
}

static int answer_of(int status)
{
	errno = -status;
	return status < 0 ? -1 : 0;
}

static void own_gate(void)
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		SAY(answer_of(process_set_mask(PROCESS_GATE, NULL, (uint32_t)gettid(), 0, 0, 0)));
		SAY(answer_of(process_set_mask(PROCESS_GATE, NULL, 0, 0, 0, 0)));
		SAY(setuid(1));
		SAY(answer_of(process_shut_down(PROCESS_GATE, NULL, 0)));
		_exit(0);
	}
	SAY(waitpid(child, NULL, 0));
}

/* In a session of its own with a terminal: a child in the background is stopped when it reads, goes on in the foreground,
 * and is ended by the terminal's interrupt character. */
static int session(const char *name, int master)
{
	int status;
	setsid();
	int slave = open(name, O_RDWR);
	SAY(ioctl(slave, TIOCSCTTY, 0));
	files_of("/dev/tty", O_RDWR);
	pid_t child = fork();
	if (child == 0) {
		char byte;
		setpgid(0, 0);
		_exit(read(slave, &byte, 1) != 1);
	}
	setpgid(child, child);
	SAY(waitpid(child, &status, WUNTRACED));
	SAY(WIFSTOPPED(status) ? 0 : -1);
	signal(SIGTTOU, SIG_IGN);
	SAY(tcsetpgrp(slave, child));
	SAY(kill(-child, SIGCONT));
	SAY(write(master, "\003", 1));
	SAY(waitpid(child, &status, 0));
	SAY(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT ? 0 : -1);
	SAY(tcsetpgrp(slave, getpgrp()));
	SAY(lseek(slave, 0, SEEK_SET));
	return 0;
}

static void terminals(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), status;
	grantpt(master);
	unlockpt(master);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		int result = session(ptsname(master), master);
		fflush(stdout);
		_exit(result);
	}
	SAY(waitpid(child, &status, 0));
	close(master);
}

static void mounts(void)
{
	mkdir("mounted", 0755);
	SAY(mount("none", "mounted", "tmpfs", 0, ""));
	SAY(umount("mounted"));
	rmdir("mounted");
}

int main(void)
{
	int ends[2];
	char path[64];
	files_of("/proc/version", O_RDONLY);
	files_of("/proc/self/stat", O_RDONLY);
	files_of("/dev/null", O_RDWR);
	close(open("own", O_CREAT | O_RDWR, 0644));
	files_of("own", O_RDWR);
	if (pipe(ends) == 0) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
		files_of(path, O_RDONLY | O_NONBLOCK);
	}
	names_of_proc();
	processes();
	own_gate();
	terminals();
	mounts();
	return 0;
}
