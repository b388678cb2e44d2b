/* Ends the supervisor's worker threads, each of them TIMES times: `ender TIMES ADDRESS`, where ADDRESS is that of the supervisor's
 * state. One that is stopped in a call goes on with that, and is ended before its next instruction. */
#include "servers/supervisor/supervisor.h"
#include "protocol_supervisor.h"
#include <stdlib.h>

#define WATCHER JOBS
#define WORKERS (JOBS + 1)
#define APART 200000ull /* nanoseconds between looks */

static const char *const names[WORKERS] = { "", "start", "wait", "stop", "watcher" };
static struct worker {
	uint64_t held, ended; /* numbers of threads */
	unsigned times;
} workers[WORKERS];
static slot_t space, thread;
static uint64_t address;

static slot_t slot_of(unsigned which)
{
	slot_t slot = 0;
	uint64_t offset = which == WATCHER ? offsetof(struct state, watcher) : offsetof(struct state, workers) + which * sizeof(slot);
	return space_read(space, address + offset, &slot, sizeof slot) == STATUS_OK ? slot : 0;
}

/* One that has not been started yet is left alone. */
static void hold(struct worker *worker, const struct thread_info *info)
{
	if (info->state == THREAD_STOPPED)
		return;
	thread_stop(thread);
	worker->held = info->number;
}

static void end(struct worker *worker, const char *name)
{
	struct registers registers;
	if (thread_get_registers(thread, &registers) != STATUS_OK)
		return;
	registers.rip = 0;
	if (thread_set_registers(thread, &registers) != STATUS_OK)
		return;
	worker->ended = worker->held;
	worker->times++;
	log_line("%s is ended", name);
	thread_start(thread);
}

static void look(unsigned which, unsigned times)
{
	struct worker *worker = &workers[which];
	slot_t slot = worker->times < times ? slot_of(which) : 0;
	struct thread_info info;
	if (!slot || cap_copy(SELF_CAPTABLE, thread, startup_slot("table"), slot, RIGHTS_ALL) != STATUS_OK)
		return;
	if (thread_info(thread, &info) == STATUS_OK && info.number != worker->ended) {
		if (info.number == worker->held)
			end(worker, names[which]);
		else
			hold(worker, &info);
	}
	cap_drop(SELF_CAPTABLE, thread);
}

int main(void)
{
	unsigned times = (unsigned)atoi(startup_argument(1));
	address = strtoull(startup_argument(2), NULL, 16);
	space = slot_allocate();
	thread = slot_allocate();
	cap_copy(SELF_CAPTABLE, space, startup_slot("table"), SELF_SPACE, RIGHTS_ALL);
	supervisor_ready(SELF_SUPERVISOR, NULL);
	for (;; thread_sleep(time_now() + APART, 0))
		for (unsigned which = JOB_START; which < WORKERS; which++)
			look(which, times);
}
