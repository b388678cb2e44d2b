/* Threads: making them, ending them, what they used.
 *
 * Every thread has a gate of its own for exceptions: what goes wrong inside the personality,
 * where the program's handlers cannot help. The first structures keep their gates and labels for the threads that
 * come: making gates, and hearing of their end, costs more than the rest. */
#include "proc.h"
#include <errno.h>
#include <stdlib.h>

#define FLAGS_START 0x202u /* interrupts on */

static bool gate_make(struct thread *thread)
{
	thread->exception_label = label_make(&state.exceptions, thread);
	thread->exception_gate =
		thread->exception_label ? server_make_gate(LABEL_EXCEPTION | thread->exception_label) : 0;
	if (!thread->exception_gate && thread->exception_label)
		label_drop(&state.exceptions, thread->exception_label);
	return thread->exception_gate;
}

static bool thread_is_kept(const struct thread *thread)
{
	return thread >= state.kept_threads && thread < state.kept_threads + KEPT_THREADS;
}

/* A structure with a gate; NULL: no memory. */
static struct thread *thread_take(void)
{
	struct thread *thread = state.spare_threads;
	if (thread) {
		state.spare_threads = thread->next;
		*thread = (struct thread){ .exception_label = thread->exception_label, .exception_gate = thread->exception_gate };
		return thread;
	}
	thread = calloc(1, sizeof *thread);
	if (thread && gate_make(thread))
		return thread;
	free(thread);
	return NULL;
}

static void thread_give_back(struct thread *thread)
{
	thread->process = NULL;
	if (thread_is_kept(thread)) {
		thread->next = state.spare_threads;
		state.spare_threads = thread;
		return;
	}
	label_drop(&state.exceptions, thread->exception_label);
	slot_free(thread->exception_gate);
	free(thread);
}

void threads_prepare(void)
{
	for (unsigned i = 0; i < KEPT_THREADS && gate_make(&state.kept_threads[i]); i++)
		thread_give_back(&state.kept_threads[i]);
}

struct thread *thread_of_exception(uint64_t label)
{
	struct thread *thread = label_find(&state.exceptions, label & ~LABEL_EXCEPTION);
	return thread && thread->process ? thread : NULL;
}

static int64_t thread_build(struct thread *thread, struct address_space *space, const struct thread_start_point *start)
{
	struct process *process = thread->process;
	struct thread_parameters parameters = {
		.registers = { .rip = start->instruction, .rsp = start->stack, .rdi = start->argument,
		               .rsi = process->id, .rdx = thread->id, .rflags = FLAGS_START,
		               .fs_base = start->fs_base, .gs_base = start->gs_base },
		.flags = THREAD_REFLECT | (start->like ? THREAD_COPY_EXTENDED : 0),
		.slot = thread->slot,
		.priority = PRIORITY_NORMAL,
		.weight = nice_weight(process->nice),
	};
	return thread_create(process->account->pool, space->space, start->captable ? start->captable : process->captable,
	                     thread->exception_gate, start->like, &parameters);
}

struct thread *thread_make(struct process *process, uint32_t id, struct address_space *space,
                           const struct thread_start_point *start)
{
	struct thread *thread = thread_take();
	if (!thread)
		return NULL;
	thread->id = id;
	thread->process = process;
	thread->block = start->gs_base ? start->gs_base : image_block();
	thread->cpu_mask = CPUS_ALL;
	thread->slot = slot_for_new();
	queue_init(&thread->signals);
	if (!thread->slot || thread_build(thread, space, start) < 0) {
		if (thread->slot)
			slot_free(thread->slot);
		thread_give_back(thread);
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
	                                THREAD_RIGHTS));
}

int thread_place(struct thread *thread, uint64_t cpu_mask)
{
	int64_t status = thread_set_schedule(thread->slot, PRIORITY_NORMAL, nice_weight(thread->process->nice), cpu_mask);
	if (status >= 0)
		thread->cpu_mask = cpu_mask;
	return status_to_errno(status);
}

static void usage_add(const struct thread *thread, uint64_t *user, uint64_t *system)
{
	struct thread_info info;
	if (thread_info(thread->slot, &info) < 0)
		return;
	*user += step_recall(info.user_time);
	*system += step_recall(info.system_time);
}

/* Its slot in the process's captable is not emptied here: the personality has given it back by itself, and
 * it may be another's by now. */
void thread_end(struct thread *thread)
{
	struct process *process = thread->process;
	usage_add(thread, &process->user_time, &process->system_time);
	object_end(thread->slot);
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
	/* Whoever joins this thread waits for the word to become 0; it may free the stack right after. */
	struct address_space *space = process->space;
	if (thread->clear_child_tid && space && (process->threads || space->users > 1))
		word_clear(space->space, thread->clear_child_tid);
	queue_clear(&thread->signals);
	thread_give_back(thread);
}

void thread_usage(const struct process *process, uint64_t *user, uint64_t *system)
{
	*user = process->user_time;
	*system = process->system_time;
	for (const struct thread *thread = process->threads; thread; thread = thread->next)
		usage_add(thread, user, system);
}
