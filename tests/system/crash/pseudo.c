/* Pseudo-terminals from both sides, so many rounds: a shell on one is typed at, is told of signals and sizes, has its settings
 * changed and is hung up. Says what came out of it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* A signal that comes when read has looked for one, and does not wait yet, runs its trap when that returns: so it does now and then. */
static const char script[] =
    "trap 'echo interrupted' INT; trap 'echo resized; stty size' WINCH; trap 'echo hung up >> /tmp/hung; exit 5' HUP\n"
    "echo ready; read a; echo \"[$a]\"; until read -t 1 b; do :; done; echo \"[$b]\"; stty -echo raw; echo raw; head -c 5; echo; stty sane; echo sane\n"
    "wc -l; seq 1 2000; echo last; while :; do sleep 0.01; done\n";

static char shown[65536];
static size_t length, seen;

static void fail(const char *what)
{
	printf("%s; shown: %s\n", what, shown);
	exit(1);
}

/* Until the text has come out, behind what was waited for before. */
static void expect(int master, const char *text)
{
	char *found;
	while (!(found = strstr(shown + seen, text))) {
		struct pollfd one = { master, POLLIN, 0 };
		if (poll(&one, 1, 20000) != 1 || length + 4096 > sizeof shown)
			fail(text);
		ssize_t count = read(master, shown + length, 4096);
		if (count <= 0)
			fail("the end");
		length += (size_t)count;
		shown[length] = '\0';
	}
	seen = (size_t)(found - shown) + strlen(text);
}

static void type(int master, const char *text)
{
	if (write(master, text, strlen(text)) != (ssize_t)strlen(text))
		fail("cannot be typed");
}

static pid_t start(int master)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	setsid();
	int slave = open(ptsname(master), O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(slave, fd);
	close(slave);
	close(master);
	execl("/bin/sh", "sh", "-c", script, NULL);
	_exit(127);
}

static void talk(int master)
{
	struct winsize size = { .ws_row = 33, .ws_col = 77 };
	struct termios settings;
	int waiting;
	expect(master, "ready\r\n");
	type(master, "hello\177\177p wor\025full line\n"); /* erased, killed */
	expect(master, "[full line]\r\n");
	type(master, "half");
	expect(master, "half");
	type(master, "\003");
	expect(master, "interrupted\r\n");
	ioctl(master, TIOCSWINSZ, &size);
	expect(master, "33 77\r\n");
	type(master, "and more\n");
	expect(master, "[and more]\r\n");
	expect(master, "raw");
	type(master, "\003\032a\rb");
	expect(master, "sane\r\n");
	tcgetattr(master, &settings);
	for (int i = 0; i < 60; i++)
		type(master, "a line that is typed ahead\n");
	type(master, "\004");
	expect(master, "\n60\r\n");
	expect(master, "2000\r\nlast\r\n");
	ioctl(master, TIOCINQ, &waiting);
	printf("%d waiting, settings %x %x %x\n", waiting, settings.c_iflag, settings.c_oflag, settings.c_lflag);
}

/* Of what came out: how the terminal has it is not a matter of chance. */
static unsigned long checksum(void)
{
	unsigned long sum = 5381;
	for (size_t i = 0; i < length; i++)
		sum = sum * 33 + (unsigned char)shown[i];
	return sum;
}

int main(int count, char **arguments)
{
	int rounds = count > 1 ? atoi(arguments[1]) : 1;
	for (int round = 0; round < rounds; round++) {
		int status, master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
		length = seen = 0;
		shown[0] = '\0';
		grantpt(master);
		unlockpt(master);
		pid_t child = start(master);
		talk(master);
		close(master);
		waitpid(child, &status, 0);
		printf("round %d: %zu bytes, %lx, status %x\n", round, length, checksum(), status);
		fflush(stdout);
	}
	return 0;
}
