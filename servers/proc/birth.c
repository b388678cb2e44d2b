/* Fork, vfork and new threads.
 *
 * A new process pays from a pool of its own; whatever fails half way is undone by destroying
 * that pool. Its captable is a copy of its parent's, in which the slots that name the process
 * itself are replaced by its own, and those that name its parent's threads are emptied. */
#include "proc.h"
#include "protocol_process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool may_have_thread(const struct process *process)
{
	if (state.thread_count >= state.thread_limit)
		return false;
	return process->credentials.user == 0 || process->user->threads < process->limits[RESOURCE_NPROC].soft;
}

static int64_t give(slot_t captable, uint32_t slot, slot_t own, uint32_t rights)
{
	return cap_copy(captable, slot, SELF_CAPTABLE, own, rights);
}

int captable_fill(slot_t captable, const struct process *process, uint64_t serial, slot_t space)
{
	slot_t gate = state.scratch[0], pool = process->account->pool;
	int64_t status = gate_create(pool, SELF_ENDPOINT, LABEL_OF(serial, process->id), gate);
	if (status >= 0)
		status = give(captable, PROCESS_GATE, gate, RIGHT_WRITE | RIGHT_COPY);
	cap_drop(SELF_CAPTABLE, gate);
	/* Without CONTROL over the table and the pool: a process makes no threads behind proc's back,
	 * and does not raise its own limit. */
	if (status >= 0)
		status = give(captable, PROCESS_CAPTABLE, captable, RIGHT_READ | RIGHT_WRITE | RIGHT_COPY);
	if (status >= 0)
		status = give(captable, PROCESS_POOL, pool, RIGHT_READ | RIGHT_WRITE | RIGHT_COPY);
	if (status >= 0)
		status = give(captable, PROCESS_SPACE, space, RIGHTS_ALL);
	return status_to_errno(status);
}

/* The objects of a new process, from its parent's. */
static int child_build(struct process *child, struct process *parent, bool share_space, bool has_table)
{
	child->account = account_create();
	if (!child->account)
		return -EAGAIN;
	if (share_space) {
		child->space = parent->space;
		child->space->users++;
	} else {
		child->space = address_space_clone(child->account, parent->space);
	}
	child->captable = slot_for_new();
	if (!child->space || !child->captable)
		return -ENOMEM;
	int64_t status = captable_clone(child->account->pool, parent->captable, child->captable);
	if (status < 0)
		return status_to_errno(status);
	for (struct thread *thread = parent->threads; thread; thread = thread->next)
		if (thread->own_slot)
			cap_drop(child->captable, thread->own_slot);
	cap_drop(child->captable, PROCESS_HANDOFF);
	if (has_table)
		cap_drop(child->captable, PROCESS_FILES);
	return captable_fill(child->captable, child, child->serial, child->space->space);
}

static void child_inherit(struct process *child, const struct process *parent, uint32_t exit_signal)
{
	child->credentials = parent->credentials;
	memcpy(child->limits, parent->limits, sizeof child->limits);
	memcpy(child->name, parent->name, sizeof child->name);
	child->nice = parent->nice;
	child->user = parent->user;
	child->ignored = parent->ignored;
	child->caught = parent->caught;
	child->exit_signal = exit_signal;
	child->program = parent->program;
	if (child->program)
		child->program->users++;
	child->directory = parent->directory ? strdup(parent->directory) : NULL;
}

static void child_abandon(struct process *child)
{
	if (child->threads)
		thread_end(child->threads);
	if (child->captable)
		object_end(child->captable);
	if (child->space)
		address_space_release(child->space);
	if (child->account)
		account_release(child->account);
	program_release(child->program);
	process_forget(child);
}

static struct thread_start_point start_point(const struct process_fork *fork, const struct thread *caller)
{
	return (struct thread_start_point){ .instruction = fork->instruction, .stack = fork->stack,
	                                    .fs_base = fork->fs_base, .gs_base = fork->gs_base,
	                                    .argument = fork->argument, .like = caller->slot };
}

int thread_serve(struct process *process, const struct process_make_thread_in *in, uint32_t *id)
{
	struct thread *caller = thread_find(in->thread);
	if (!caller || caller->process != process)
		return -EINVAL;
	if (!may_have_thread(process))
		return -EAGAIN;
	struct thread_start_point start = { .instruction = in->instruction, .stack = in->block, .gs_base = in->block,
	                                    .argument = in->block, .fs_base = in->fs_base, .like = caller->slot };
	uint32_t number = identity_allocate();
	struct thread *thread = number ? thread_make(process, number, process->space, &start) : NULL;
	if (!thread) {
		identity_release(number);
		return -EAGAIN;
	}
	int status = thread_give(thread, in->slot);
	if (status < 0) {
		thread_end(thread);
		return status;
	}
	thread->clear_child_tid = in->clear_child_tid;
	thread->blocked = caller->blocked;
	thread_place_like(thread, caller);
	*id = number;
	thread_let_run(thread);
	return 0;
}

static int fork_process(struct request *request, const struct process_fork *fork, struct thread *caller, uint32_t *id)
{
	struct process *process = caller->process;
	uint32_t number = identity_allocate();
	struct process *parent = fork->flags & CLONE_PARENT ? process->parent : process;
	struct process *child = number ? process_create(number, parent, process->group) : NULL;
	if (!child) {
		identity_release(number);
		return -EAGAIN;
	}
	child_inherit(child, process, fork->exit_signal);
	int status = child_build(child, process, fork->flags & CLONE_VM, fork->has_table);
	struct thread_start_point start = start_point(fork, caller);
	struct thread *thread = status < 0 ? NULL : thread_make(child, number, child->space, &start);
	if (status == 0)
		status = thread ? thread_give(thread, PROCESS_THREAD) : -ENOMEM;
	if (status < 0) {
		child_abandon(child);
		return status;
	}
	child->descriptors = fork->descriptors;
	thread->clear_child_tid = fork->clear_child_tid;
	thread->blocked = caller->blocked;
	thread_place_like(thread, caller);
	*id = number;
	thread_let_run(thread);
	if (!(fork->flags & CLONE_VFORK))
		return 0;
	child->vfork_call = request->id;
	request_park(request);
	return REQUEST_PARKED;
}

int fork_serve(struct request *request, uint32_t *id)
{
	struct process_fork fork;
	memcpy(&fork, request->data, sizeof fork);
	struct process *process = process_of_label(request->label);
	struct thread *caller = thread_find(fork.thread);
	if (!process || !caller || caller->process != process || fork.exit_signal > SIGNAL_COUNT)
		return -EINVAL;
	if (!may_have_thread(process))
		return -EAGAIN;
	return fork_process(request, &fork, caller, id);
}

void vfork_done(struct process *child)
{
	if (!child->vfork_call)
		return;
	struct process_fork_out out = { .id = child->id };
	process_fork_answer(child->vfork_call, 0, &out);
	child->vfork_call = 0;
}
