/* Exec, and the start of the first program.
 *
 * Everything that can fail comes first (launch.c); then the old threads and the old space go, and
 * nothing can fail any more. */
#include "protocol_process.h"
#include "proc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPTABLE_SLOTS 16384u
#define EXEC_SET_ID 1u

/* Signals sent to the calling thread stay pending for the program's one thread. */
static void threads_replace(struct process *process, struct thread *caller, struct thread *fresh)
{
	queue_move(&fresh->signals, &caller->signals);
	fresh->blocked = caller->blocked;
	thread_place_like(fresh, caller);
	struct thread *next;
	for (struct thread *thread = process->threads; thread; thread = next) {
		next = thread->next;
		if (thread != fresh)
			thread_end(thread);
	}
}

int exec_serve(struct request *request, struct process *process, const struct process_exec_in *in)
{
	struct launch launch = { 0 };
	struct thread *caller = thread_find(in->thread), *fresh = NULL;
	if (!caller || caller->process != process || request->caps[0].kind != MESSAGE_CAP_SLOT)
		return -EINVAL;
	int status = launch_read(&launch, request->caps[0].slot);
	if (status == 0)
		status = launch_record(&launch, in->name_offset, in->command_offset, in->command_length);
	if (status == 0 && (in->flags & EXEC_SET_ID) && request->caps[1].kind == MESSAGE_CAP_SLOT)
		status = launch_elevate(&launch, process, request->caps[1].slot);
	if (status == 0)
		status = launch_prepare(&launch, process, &fresh);
	if (status < 0) {
		launch_abandon(&launch);
		return status;
	}
	timers_drop(process, 1);
	threads_replace(process, caller, fresh);
	launch_commit(&launch, process);
	captable_give(process->captable, PROCESS_THREAD, fresh->slot, THREAD_RIGHTS);
	fresh->own_slot = PROCESS_THREAD;
	vfork_done(process);
	thread_let_run(fresh);
	/* What came while the old threads were on their way here has alerted one that is gone. */
	if (process->signals.first || fresh->signals.first)
		thread_alert(fresh->slot);
	return 0; /* to a thread that is gone */
}

static int first_captable(struct process *process, struct request *request)
{
	process->captable = slot_for_new();
	if (!process->captable)
		return -ENOMEM;
	int64_t status = captable_create(process->account->pool, CAPTABLE_SLOTS, process->captable);
	if (status < 0)
		return status_to_errno(status);
	const struct {
		uint32_t to;
		slot_t from;
	} gifts[] = {
		{ PROCESS_ROOT, request->caps[1].slot }, { PROCESS_DIRECTORY, request->caps[1].slot },
		{ PROCESS_LOG, state.log }, { PROCESS_PIPE, state.pipe },
		{ PROCESS_INPUT, state.input }, { PROCESS_OUTPUT, state.output }, { PROCESS_ERROR, state.error },
	};
	for (unsigned i = 0; i < sizeof gifts / sizeof gifts[0]; i++)
		if (gifts[i].from)
			cap_copy(process->captable, gifts[i].to, SELF_CAPTABLE, gifts[i].from, RIGHTS_ALL);
	return 0;
}

static void prepared_forget(void)
{
	slot_t *slots[] = { &state.input, &state.output, &state.error };
	for (unsigned i = 0; i < sizeof slots / sizeof slots[0]; i++) {
		if (*slots[i])
			slot_free(*slots[i]); /* or the open files would never be closed */
		*slots[i] = 0;
	}
}

/* Memory for programs: what is free now, but for a reserve that keeps the servers going. */
static void pool_set_size(void)
{
	struct system_info info;
	if (!state.system || system_info(state.system, &info) < 0)
		return;
	uint64_t reserve = info.memory_free / 16 + (4ull << 20);
	uint64_t limit = info.memory_free > reserve ? info.memory_free - reserve : info.memory_free / 2;
	pool_set_limit(state.pool, limit);
	uint64_t threads = limit / (128u << 10);
	state.thread_limit = threads < 64 ? 64 : threads > 4096 ? 4096 : (unsigned)threads;
}

static struct process *first_process(void)
{
	struct group *group = identity_find(ID_FIRST)->group;
	struct process *process = process_create(ID_FIRST, state.init, group);
	if (!process)
		return NULL;
	group->session->leader = process;
	process->exit_signal = SIGNAL_CHLD;
	limits_default(process->limits);
	process->directory = strdup("/");
	process->user = user_count(0);
	process->account = account_create();
	return process;
}

int start_serve(struct request *request, uint32_t *id)
{
	if (state.started)
		return -EBUSY;
	for (int i = 0; i < 3; i++)
		if (request->caps[i].kind != MESSAGE_CAP_SLOT)
			return -EINVAL;
	struct launch launch = { 0 };
	int status = launch_read(&launch, request->caps[0].slot);
	if (status < 0)
		return status;
	pool_set_size();
	struct process *process = first_process();
	if (!process || !process->user || !process->account)
		return -ENOMEM;
	struct thread *thread = NULL;
	state.log = request_take_cap(request, 2);
	status = first_captable(process, request);
	if (status == 0)
		status = launch_record(&launch, launch.head.program_path_offset, launch.head.strings_offset,
		                       launch_arguments_length(&launch));
	if (status == 0)
		status = launch_prepare(&launch, process, &thread);
	if (status < 0)
		return status;
	launch_commit(&launch, process);
	status = captable_fill(process->captable, process, process->serial, process->space->space);
	if (status == 0)
		status = thread_give(thread, PROCESS_THREAD);
	if (status < 0)
		return status;
	state.started = true;
	prepared_forget();
	*id = process->id;
	thread_let_run(thread);
	return 0;
}
