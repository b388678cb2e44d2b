/* The stash: random programs killed at random instructions are taken back byte for byte, and run again to what they would
 * have been; the allocator under random use, bad use and exhaustion. */
#define _GNU_SOURCE
#include "check.h"
#include "stash_host.h"
#include "stash_program.h"
#include <stdio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS 1500
#define KILLS_A_STEP 2

/* --- the allocator --- */

static void test_bad_use(void)
{
	for (unsigned i = 0; i < BAD_FREES; i++) {
		int status;
		stash_snapshot();
		pid_t process = fork();
		if (process == 0) {
			stash_begin();
			heap_bad_free(i);
			_exit(0);
		}
		CHECK(waitpid(process, &status, 0) == process && WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
		roll_back_here();
		CHECK(stash_same_as_snapshot());
	}
}

static void test_heap(unsigned (*step)(void))
{
	stash_snapshot();
	stash_begin();
	unsigned line = step();
	if (line)
		check_failed("stash_heap.c", (int)line, "not so");
	roll_back_here();
	CHECK(stash_same_as_snapshot());
}

int main(void)
{
	CHECK(program_visible == 5);
	CHECK(steps_survive_kills(program_step, STEPS, KILLS_A_STEP));
	test_bad_use();
	test_heap(heap_random);
	test_heap(heap_limits);
	test_heap(heap_exhaustion);
	return failures != 0;
}
