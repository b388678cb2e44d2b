/* The first program, and the end of the machine: three jobs, one after the other, each on a worker thread (session.c). */
#include "supervisor.h"
#include <string.h>

#define WORKER_STACK 32768
#define WORKER_DEATHS_MAX 10
#define WORKER_DEATHS_FORGOTTEN 10000000000ull /* nanoseconds */
#define LAST_WORDS 200000000ull /* nanoseconds for the log to come out */

static void worker_run(void)
{
	static char stacks[JOBS][WORKER_STACK] __attribute__((aligned(16)));
	static void (*const jobs[JOBS])(void *) = {
		[JOB_START] = session_start, [JOB_WAIT] = session_wait, [JOB_STOP] = session_stop,
	};
	slot_t slot = state.workers[state.job];
	object_destroy(slot); /* a predecessor's */
	session.finished = JOB_NONE;
	int64_t status = worker_start(slot, jobs[state.job], NULL, stacks[state.job], WORKER_STACK);
	if (status < 0)
		log_line("no worker: %ld", status);
}

static void job_begin(enum job job)
{
	if (state.workers[job] == 0)
		state.workers[job] = slot_kept();
	state.job = job;
	step_intend();
	worker_run();
}

/* The job that is being done died with its worker: all of them can be done again. */
void job_again(void)
{
	session.again = true;
	if (state.job == JOB_START)
		session.step = NULL;
	worker_run();
}

void stop_at_once(void)
{
	log_line("cannot go on; stopping the machine");
	thread_sleep(time_now() + LAST_WORDS, 0);
	system_stop(SLOT_SYSTEM, 0);
}

void machine_stop(void)
{
	if (state.stopping)
		return;
	state.stopping = true;
	job_begin(JOB_STOP);
}

void session_begin(void)
{
	if (state.begun)
		return;
	if (!state.watcher) {
		watch_take_slots();
		session_take_slots();
		recover_note();
	}
	state.begun = true;
	log_line("%u services run", state.service_count);
	if (watch_begin())
		state.look = time_now();
	if (!service_find("proc"))
		return;
	if (session_prepare()) {
		job_begin(JOB_START);
		return;
	}
	log_line("nothing to run");
	machine_stop();
}

/* Is it this one's worker that has ended, not a predecessor's, of which only the signal is left? */
static bool job_finished(enum job job)
{
	return state.job == job && __atomic_load_n(&session.finished, __ATOMIC_ACQUIRE) == job;
}

void session_started(void)
{
	if (!job_finished(JOB_START))
		return;
	if (session.step) {
		log_line("the first program cannot be started: %s: %s", session.step, strerror(-session.error));
		machine_stop();
		return;
	}
	job_begin(JOB_WAIT);
}

void session_ended(void)
{
	if (!job_finished(JOB_WAIT))
		return;
	log_line("the first program has ended with wait status %#x", session.wait_status);
	machine_stop();
}

static uint64_t thread_number(slot_t thread)
{
	struct thread_info info;
	return thread && thread_info(thread, &info) >= 0 ? info.number : 0;
}

/* One of its own threads besides the main one: what it does is begun again. */
void worker_died(const uint64_t *words)
{
	uint64_t now = time_now();
	log_line("a worker died: exception %lu, address %#lx, at %#lx", words[0], words[2], words[3]);
	if (now - state.worker_died > WORKER_DEATHS_FORGOTTEN)
		state.worker_deaths = 0;
	state.worker_died = now;
	if (++state.worker_deaths > WORKER_DEATHS_MAX)
		stop_at_once();
	else if (words[4] == thread_number(state.watcher))
		watch_again();
	else if (state.job && words[4] == thread_number(state.workers[state.job]))
		job_again();
}
