/* Threads: making them, ending them, what they used.
 *
 * Every thread has a gate of its own for exceptions: what goes wrong inside the personality,
 * where the program's handlers cannot help. */
#include "proc.h"
#include <errno.h>
#include <stdlib.h>

#define FLAGS_START 0x202u /* interrupts on */

static int64_t thread_build(struct thread *thread, struct address_space *space, const struct thread_start_point *start)
{
	struct process *process = thread->process;
	slot_t pool = process->account->pool, gate = state.scratch[0];
	int64_t status = gate_create(pool, SELF_ENDPOINT,
	                             LABEL_EXCEPTION | LABEL_OF(thread->serial, thread->id), gate);
	if (status < 0)
		return status;
	struct thread_parameters parameters = {
		.registers = { .rip = start->instruction, .rsp = start->stack, .rdi = start->argument,
		               .rsi = process->id, .rdx = thread->id, .rflags = FLAGS_START,
		               .fs_base = start->fs_base, .gs_base = start->gs_base },
		.flags = THREAD_REFLECT | (start->like ? THREAD_COPY_EXTENDED : 0),
		.slot = thread->slot,
		.priority = PRIORITY_NORMAL,
		.weight = nice_weight(process->nice),
	};
	status = thread_create(pool, space->space, start->captable ? start->captable : process->captable, gate, start->like, &parameters);
	cap_drop(SELF_CAPTABLE, gate);
	return status;
}

struct thread *thread_make(struct process *process, uint32_t id, struct address_space *space,
                           const struct thread_start_point *start)
{
	struct thread *thread = calloc(1, sizeof *thread);
	if (!thread)
		return NULL;
	thread->id = id;
	thread->serial = ++state.next_serial;
	thread->process = process;
	thread->block = start->gs_base ? start->gs_base : image_block();
	thread->slot = slot_allocate();
	queue_init(&thread->signals);
	if (!thread->slot || thread_build(thread, space, start) < 0) {
		if (thread->slot)
			slot_free(thread->slot);
		free(thread);
		return NULL;
	}
	struct thread **link = &process->threads;
	while (*link)
		link = &(*link)->next;
	*link = thread;
	identity_get(id)->thread = thread; /* there is one: of the id's allocation, or of the process */
	process->thread_count++;
	process->user->threads++;
	state.thread_count++;
	return thread;
}

int thread_give(struct thread *thread, uint32_t slot)
{
	if (!slot)
		return 0;
	thread->own_slot = slot;
	return status_to_errno(cap_copy(thread->process->captable, slot, SELF_CAPTABLE, thread->slot,
	                                RIGHT_READ | RIGHT_WRITE | RIGHT_COPY));
}

/* Whoever joins this thread waits for the word to become 0; it may free the stack right after,
 * so the thread must be gone by now. */
static void thread_announce(const struct thread *thread, const struct address_space *space)
{
	uint32_t zero = 0;
	if (space_write(space->space, thread->clear_child_tid, &zero, sizeof zero) >= 0)
		futex_wake_space(space->space, (uint32_t *)(uintptr_t)thread->clear_child_tid, 1);
}

/* Its slot in the process's captable is not emptied here: the personality has given it back by itself, and
 * it may be another's by now. */
void thread_end(struct thread *thread)
{
	struct process *process = thread->process;
	struct thread_info info;
	if (thread_info(thread->slot, &info) >= 0) {
		process->user_time += info.user_time;
		process->system_time += info.system_time;
	}
	object_destroy(thread->slot);
	slot_free(thread->slot);
	if (thread->stop_call) /* nobody is there to read the answer, but the call must end */
		parked_answer(thread->stop_call, -EINTR, NULL, NULL, 0, NULL, 0);
	if (process->space)
		robust_release(thread, process->space->space);
	struct thread **link = &process->threads;
	while (*link != thread)
		link = &(*link)->next;
	*link = thread->next;
	struct identity *identity = identity_get(thread->id);
	if (identity->thread == thread) /* after an exec the new first thread has the old one's id */
		identity->thread = NULL;
	identity_release(thread->id);
	process->thread_count--;
	process->user->threads--;
	state.thread_count--;
	struct address_space *space = process->space;
	if (thread->clear_child_tid && space && (process->threads || space->users > 1))
		thread_announce(thread, space);
	queue_clear(&thread->signals);
	free(thread);
}

void thread_usage(const struct process *process, uint64_t *user, uint64_t *system)
{
	*user = process->user_time;
	*system = process->system_time;
	for (const struct thread *thread = process->threads; thread; thread = thread->next) {
		struct thread_info info;
		if (thread_info(thread->slot, &info) < 0)
			continue;
		*user += info.user_time;
		*system += info.system_time;
	}
}
