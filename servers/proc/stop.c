/* Stopping and continuing.
 *
 * A stopped process has its threads stopped in the kernel; a call of theirs goes on and its
 * answer waits. `process_stop` (the default action of a stop signal, taken by the personality) is
 * parked until the process is continued. A SIGCONT that arrives between fetching the stop signal and acting
 * on it wins: stop_fetched is clear then. */
#include "proc.h"
#include "protocol_process.h"
#include <errno.h>

static void tell_parent(struct process *process, int32_t code, uint32_t status)
{
	struct process *parent = process->parent;
	if (!parent || parent == state.init)
		return;
	struct process_siginfo info = { .signal = SIGNAL_CHLD, .code = code, .process = process->id,
	                                .user = process->credentials.user, .status = (int32_t)status };
	signal_send(parent, NULL, &info);
	wait_notify(parent);
}

void process_halt(struct process *process, uint32_t signal)
{
	if (process->state != PROCESS_ALIVE)
		return;
	process->state = PROCESS_STOPPED;
	process->stop_fetched = false;
	for (struct thread *thread = process->threads; thread; thread = thread->next)
		thread_hold(thread);
	process->stop_status = signal << 8 | 0x7f;
	process->continue_report = false;
	tell_parent(process, CHILD_STOPPED, signal);
}

void process_continue(struct process *process)
{
	if (process->state != PROCESS_STOPPED)
		return;
	process->state = PROCESS_ALIVE;
	process->stop_status = 0;
	process->continue_report = true;
	for (struct thread *thread = process->threads; thread; thread = thread->next) {
		if (thread->stop_call)
			process_stop_answer(thread->stop_call, 0);
		thread->stop_call = 0;
		thread_let_run(thread);
	}
	tell_parent(process, CHILD_CONTINUED, SIGNAL_CONT);
}

int stop_serve(struct request *request, struct process *process, uint32_t thread_id, uint32_t signal)
{
	struct thread *thread = thread_find(thread_id);
	if (!thread || thread->process != process || signal == 0 || signal > SIGNAL_COUNT)
		return -ESRCH;
	if (signal != SIGNAL_STOP && (!process->stop_fetched || group_orphaned(process->group)))
		return 0;
	thread->stop_call = request->id;
	request_park(request);
	process_halt(process, signal);
	return REQUEST_PARKED;
}

bool stop_cancel(uint64_t id)
{
	for (struct process *process = state.processes; process; process = process->next) {
		for (struct thread *thread = process->threads; thread; thread = thread->next) {
			if (thread->stop_call == id) {
				thread->stop_call = 0;
				process_stop_answer(id, -EINTR);
				return true;
			}
		}
	}
	return false;
}
