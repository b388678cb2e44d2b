/* Programs that say what they see; the same text is expected on Atoll and on Linux. */
#ifndef CHECK_H
#define CHECK_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The result of a call, or the name of its error. */
#define SAY(expression) say(#expression, (long)(expression))

static inline void say(const char *what, long result)
{
	if (result < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %ld\n", what, result);
	fflush(stdout);
}

/* Run a function in a child and tell how it ended. */
static inline void in_child(const char *what, void (*function)(void))
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		function();
		fflush(stdout);
		_exit(0);
	}
	int status;
	if (waitpid(child, &status, 0) != child)
		printf("%s: no child\n", what);
	else if (WIFSIGNALED(status))
		printf("%s: signal %d\n", what, WTERMSIG(status));
	else
		printf("%s: exit %d\n", what, WEXITSTATUS(status));
	fflush(stdout);
}

#endif
