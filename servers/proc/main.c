/* proc: processes. See README.md. */
#include "authority.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The exception's name to the program's parent; x86 vectors. */
static uint32_t signal_of_vector(uint64_t vector)
{
	switch (vector) {
	case 0: case 16: case 19:
		return SIGNAL_FPE;
	case 1: case 3:
		return SIGNAL_TRAP;
	case 6:
		return SIGNAL_ILL;
	default:
		return SIGNAL_SEGV;
	}
}

/* Something went wrong inside the personality (or before it took over): the process cannot go on. */
static int handle_exception(struct request *request)
{
	struct thread *thread = thread_of_exception(request->label);
	if (!thread)
		return -ESRCH;
	struct process *process = thread->process;
	const uint64_t *words = request->words;
	log_line("process %u (%s), thread %u: exception %llu, error %llx, address %llx, instruction %llx: ended",
	         process->id, process->name, thread->id, (unsigned long long)words[0], (unsigned long long)words[1],
	         (unsigned long long)words[2], (unsigned long long)words[3]);
	process_end(process, signal_of_vector(words[0]));
	return -ESRCH;
}

static int handle_call(struct request *request)
{
	if (request->operation == OPERATION_EXCEPTION)
		return handle_exception(request);
	if (request->label < LABEL_SERVERS_END)
		return process_dispatch(&server_operations, request);
	/* A call that was queued when its process ended. */
	if (!process_of_label(request->label))
		return -ESRCH;
	return process_dispatch(&serve_operations, request);
}

static int handle(struct request *request)
{
	int status = handle_call(request);
	step_end();
	return status;
}

static void cancel(uint64_t id, unsigned reason)
{
	/* A parked fork is not interruptible, and is answered when the child's exec or end comes;
	 * only a caller that is gone is let go at once. */
	if (wait_cancel(id) || stop_cancel(id) || reason != 2)
		return;
	for (struct process *child = state.processes; child; child = child->next)
		if (child->vfork_call == id)
			vfork_done(child);
}

static void signalled(uint64_t bits)
{
	(void)bits;
	timers_expire();
	step_end();
}

/* Process 1: a session and group of its own, no threads, no space. */
static bool make_init(void)
{
	struct session *session = session_create(ID_INIT);
	struct group *group = session ? group_create(ID_INIT, session) : NULL;
	state.init = group ? process_create(ID_INIT, NULL, group) : NULL;
	if (!state.init)
		return false;
	session->leader = state.init;
	memcpy(state.init->name, "init", 5);
	/* The session of the first process, so that its terminal can be opened before it starts. */
	struct session *first = session_create(ID_FIRST);
	return first && group_create(ID_FIRST, first);
}

static bool state_make(void)
{
	state.filesystem = startup_slot("tmpfs");
	state.system = startup_slot("system");
	state.personality = startup_slot("personality");
	state.notification = server_notification();
	state.pool = slot_for_new();
	for (int i = 0; i < SCRATCH_COUNT; i++)
		if (!(state.scratch[i] = slot_allocate()))
			return false;
	if (relation_start() < 0)
		return false;
	threads_prepare();
	signals_prepare();
	state.thread_limit = 256; /* until start has seen the machine's memory */
	return state.pool && pool_create(SELF_POOL, LIMIT_INFINITY >> 1 | POOL_SPARING, state.pool) >= 0 && make_init();
}

static void first(void)
{
	if (!state_make()) {
		log_line("no memory to start with");
		abort();
	}
	int status = image_load();
	if (status < 0)
		log_line("personality: no usable image (%d)", status);
}

static void again(void)
{
	for (int i = 0; i < SCRATCH_COUNT; i++)
		cap_drop(SELF_CAPTABLE, state.scratch[i]); /* whatever the step that was taken back left there */
	if (relation_again() < 0) {
		log_line("no memory for the table of relations");
		abort();
	}
	timers_again();
}

int main(void)
{
	static const struct server server = {
		.name = "proc",
		.first = first,
		.again = again,
		.handle = handle,
		.cancel = cancel,
		.signalled = signalled,
	};
	server_run(&server);
}
