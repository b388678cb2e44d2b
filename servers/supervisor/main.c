/* The root server: starts the services in order, watches them, starts them again when they die, and runs
 * the first program. Steps over `state` (supervisor.h). */
#include "supervisor.h"
#include "protocol_supervisor.h"
#include "server/server.h"
#include <errno.h>
#include <string.h>

#define RESTARTS_MAX 10                 /* close together, then the service is given up */
#define RESTARTS_AT_ONCE 2              /* of these, without waiting */
#define RESTART_DELAY 10000000ull       /* nanoseconds, doubled each time */
#define UPDATE_READY 1000000000ull /* nanoseconds in which another build is ready, or has reverted */
#define RESTARTS_FORGOTTEN 10000000000ull /* nanoseconds of running well, */
#define REST_LEAST 200000ull            /* or of rest */
#define WORKER_STACK 32768
#define STANDBY_DELAY 2000000ull /* nanoseconds after being ready: those who waited are served first */
#define PATIENCE 2000 /* milliseconds after a look at the services within which the next has to come, or the kernel starts a successor */
#define EXCEPTION_BREAKPOINT 3 /* SDM 3A 6.15; so are these */
#define EXCEPTION_PROTECTION 13
#define EXCEPTION_PAGE_FAULT 14
#define LAST_WORDS 200000000ull /* nanoseconds for the log to come out */

struct state state;

static void services_continue(void);
static void service_lost(struct service *service, enum supervisor_cause cause);

static uint64_t in_hand; /* id of the call whose step this is; 0: another event */

void step_intend(void)
{
	if (in_hand)
		state.done = in_hand;
	recover_commit();
}

/* --- time --- */

/* One timer for all: the earliest deadline. */
static void timer_set(void)
{
	uint64_t earliest = UINT64_MAX;
	for (unsigned i = 0; i < state.service_count; i++)
		if (state.services[i].deadline && state.services[i].deadline < earliest)
			earliest = state.services[i].deadline;
	for (unsigned i = 0; i < state.service_count; i++)
		if (state.services[i].prepare && state.services[i].prepare < earliest)
			earliest = state.services[i].prepare;
	for (unsigned i = 0; i < state.service_count; i++)
		if (update_goes_on(&state.services[i]) && state.services[i].update.until < earliest)
			earliest = state.services[i].update.until;
	if (state.look && state.look < earliest)
		earliest = state.look;
	if (earliest != UINT64_MAX)
		notification_set_timer(state.notification, earliest, BIT_TIMER);
}

static void service_overdue(struct service *service)
{
	service->deadline = 0;
	if (service->state == SERVICE_WAITING) {
		service_start(service);
		return;
	}
	if (update_goes_on(service)) {
		service->ended = service->started;
		service_lost(service, CAUSE_HUNG);
		return;
	}
	log_line("%s has not become ready; going on without it", service->manifest.name);
	service->was_ready = true;
}

static void services_look(uint64_t now)
{
	struct service *hung = NULL;
	if (!state.look || state.look > now)
		return;
	state.look = watch_look(now, &hung);
	program_mend_next();
	system_switch(SLOT_SYSTEM, SYSTEM_WATCHDOG, PATIENCE);
	if (!hung)
		return;
	log_line("%s hangs", hung->manifest.name);
	service_lost(hung, CAUSE_HUNG);
}

static void timer_expired(void)
{
	uint64_t now = time_now();
	for (unsigned i = 0; i < state.service_count; i++)
		if (state.services[i].deadline && state.services[i].deadline <= now)
			service_overdue(&state.services[i]);
	services_look(now);
	for (unsigned i = 0; i < state.service_count; i++)
		if (update_goes_on(&state.services[i]) && state.services[i].update.until <= now)
			update_look(&state.services[i], now);
	for (unsigned i = 0; i < state.service_count; i++)
		if (state.services[i].prepare && state.services[i].prepare <= now)
			service_prepare(&state.services[i]);
	services_continue();
}

/* --- the first program --- */

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
static void job_again(void)
{
	session.again = true;
	if (state.job == JOB_START)
		session.step = NULL;
	worker_run();
}

/* Nothing runs, or nothing of what would be needed to go on or to end well. */
static void stop_at_once(void)
{
	log_line("cannot go on; stopping the machine");
	thread_sleep(time_now() + LAST_WORDS, 0);
	system_stop(SLOT_SYSTEM, 0);
}

static void machine_stop(void)
{
	if (state.stopping)
		return;
	state.stopping = true;
	job_begin(JOB_STOP);
}

static void session_begin(void)
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

static void session_started(void)
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

static void session_ended(void)
{
	if (!job_finished(JOB_WAIT))
		return;
	log_line("the first program has ended with wait status %#x", session.wait_status);
	machine_stop();
}

/* --- services --- */

/* Start the next services; each waits until the one before it is ready or given up. */
static void services_continue(void)
{
	while (state.next < state.service_count) {
		const struct service *before = state.next > 0 ? &state.services[state.next - 1] : NULL;
		if (before && !before->was_ready && before->state != SERVICE_FAILED)
			break;
		struct service *service = &state.services[state.next++];
		if (service->state == SERVICE_WAITING)
			service_start(service);
	}
	timer_set();
	const struct service *last = &state.services[state.service_count - 1];
	if (state.next == state.service_count && (last->was_ready || last->state == SERVICE_FAILED))
		session_begin();
}

/* It had nothing in hand, and had been ready for a while: what ended it came from outside, and says nothing about it. */
static bool was_at_rest(const struct service *service, uint64_t now)
{
	return service->stash && service->ready > service->started && now - service->ready > REST_LEAST && !service_in_step(service);
}

static void service_restart(struct service *service)
{
	uint64_t now = time_now();
	if (service_progressed(service) || was_at_rest(service, now) || now - service->started > RESTARTS_FORGOTTEN)
		service->recent = 0;
	*(service->doubting ? &service->doubts : &service->restarts) += 1;
	if (++service->recent > RESTARTS_MAX) {
		log_line("%s is given up after %u restarts", service->manifest.name, service->restarts - 1);
		service->state = SERVICE_FAILED;
		service->deadline = 0;
		return;
	}
	if (service->recent <= RESTARTS_AT_ONCE) {
		service_start(service);
		return;
	}
	service->state = SERVICE_WAITING;
	service->deadline = now + (RESTART_DELAY << (service->recent - RESTARTS_AT_ONCE - 1));
}

/* An incarnation must have ended before its successor begins, and must not be ended twice: that would be its successor. So
 * how far this has come is known to a successor of the supervisor. */
enum replacing { REPLACING_NOT, REPLACING_END, REPLACING_START };

/* Only what faulted or hung has a call to blame, and not where its program was damaged: that is looked for where the next start has to wait anyway. */
static void service_replace(struct service *service)
{
	if (service->replacing == REPLACING_END) {
		bool mended = service->recent >= RESTARTS_AT_ONCE && !service_progresses(service) && program_mend(service);
		service_end(service, mended || (service->cause != CAUSE_FAULT && service->cause != CAUSE_HUNG));
		service->replacing = REPLACING_START;
		recover_commit();
	}
	service->replacing = REPLACING_NOT;
	if (update_turn(service)) {
		service_start(service);
		service->deadline = service->started + UPDATE_READY;
		return;
	}
	bool by_order = service->cause == CAUSE_RESTARTED || service->cause == CAUSE_KILLED;
	if (!by_order || service->doubting) {
		service_restart(service);
		return;
	}
	service->restarts++;
	service_start(service);
}

static void service_replace_begin(struct service *service, bool doubting, bool left)
{
	service->doubting = doubting;
	update_choose(service, left);
	service->replacing = REPLACING_END;
	step_intend();
	service_replace(service);
}

/* It does not serve any more, or must not. */
static void service_lost(struct service *service, enum supervisor_cause cause)
{
	if (cause != CAUSE_HUNG)
		service->ended = time_now();
	service->cause = cause;
	service_replace_begin(service, false, update_left(service)); /* what it has left is nothing of its end */
}

/* It has ended itself for another build; where it only reverted something, its predecessor's end is what counts. */
static void service_left(struct service *service)
{
	if (service->update.state == UPDATE_BEGUN) {
		service->ended = time_now();
		service->cause = CAUSE_UPDATED;
	}
	service_replace_begin(service, false, true);
}

/* It wants to be started afresh, which is no end that anyone need hear of. */
static void service_doubted(struct service *service)
{
	service->pause = service_pause(service);
	service->ended = 0;
	service->fault = 0;
	service_replace_begin(service, true, false);
}

/* The answer to a thread's exception: it is stopped for good (and gone by then). */
static int service_died(struct service *service, const struct request *request)
{
	const uint64_t *words = request->words;
	if (words[0] == EXCEPTION_BREAKPOINT && update_left(service)) { /* step_leave, lib/server */
		service_left(service);
	} else if (words[0] == EXCEPTION_BREAKPOINT && service->stash) { /* step_doubt */
		service_doubted(service);
	} else {
		log_line("%s died: exception %lu, error %#lx, address %#lx, at %#lx", service->manifest.name, words[0],
		         words[1], words[2], words[3]);
		service->fault = words[0] == EXCEPTION_PAGE_FAULT ? words[2] : words[0] == EXCEPTION_PROTECTION ? UINT64_MAX : 0;
		service_lost(service, CAUSE_FAULT);
	}
	services_continue();
	return -EFAULT;
}

/* --- the protocol --- */

static struct service *service_at(uint64_t number)
{
	return number < state.service_count && state.services[number].state != SERVICE_ABSENT ? &state.services[number] : NULL;
}

static struct service *service_of(const struct request *request)
{
	uint64_t number = request->label - LABEL_SERVICE_FIRST;
	return service_at(number);
}

static int handle_ready(struct request *request)
{
	struct service *service = service_of(request);
	if (!service)
		return -EPERM;
	if (service->state != SERVICE_STARTING)
		return 0;
	service->state = SERVICE_READY;
	service->was_ready = true;
	service->deadline = 0;
	service->ready = time_now();
	service->prepare = service->ready + STANDBY_DELAY;
	if (service->update.state == UPDATE_BEGUN) /* its predecessor may have been asked, and died */
		watch_leave((unsigned)(service - state.services));
	services_continue();
	return 0;
}

static int handle_list(struct request *request, const struct supervisor_list_in *in,
                       struct supervisor_list_out *out)
{
	static struct supervisor_service answer; /* read when the answer goes out */
	struct pool_info pool = { 0 };
	(void)out;
	if (in->index >= state.service_count)
		return -ENOENT;
	struct service *service = &state.services[in->index];
	pool_info(service->pool, &pool);
	update_look(service, time_now());
	answer = (struct supervisor_service){ .state = service->state, .cause = service->cause,
	                                      .restarts = service->restarts, .doubts = service->doubts, .update = service->update.state, .verifies = service->verifies, .thread = (uint32_t)service->now.thread_number,
	                                      .pause = service_pause(service), .memory = pool.used };
	strcpy(answer.name, service->manifest.name);
	request_reply_data(request, &answer, sizeof(answer));
	return 0;
}

/* Its own end is tried out like that of others: when the step counts, so that it does not come again. */
static bool dying, hanging;

static bool runs(const struct service *service)
{
	return service->state == SERVICE_STARTING || service->state == SERVICE_READY;
}

static bool may_supervise(const struct request *request)
{
	const struct service *caller = service_of(request);
	return caller && caller->manifest.supervise;
}

/* A service, for another that may look into it and end it. */
static int service_for_supervision(const struct request *request, uint32_t index, struct service **service)
{
	if (!may_supervise(request))
		return -EPERM;
	*service = service_at(index);
	return *service ? 0 : -ENOENT;
}

static int handle_inspect(struct request *request, const struct supervisor_inspect_in *in)
{
	struct service *service;
	int status = service_for_supervision(request, in->index, &service);
	if (status < 0)
		return status;
	if (!runs(service))
		return -ENOENT;
	if (!service->stash)
		return -ENOTSUP;
	request_send_cap(request, 0, service->now.thread, false);
	request_send_cap(request, 1, service->now.space, false);
	request_send_cap(request, 2, service->stash, false);
	request_send_cap(request, 3, service->captable, false);
	return 0;
}

/* One that has been given up is started, too. */
static void service_renew(struct service *service)
{
	service->recent = 0;
	if (runs(service))
		service_lost(service, CAUSE_RESTARTED);
	else
		service_start(service);
}

/* From its next incarnation on, which begins now. */
static int service_verify(struct service *service, bool verifies)
{
	if (!service->stash)
		return -ENOTSUP;
	if (update_goes_on(service))
		return -EBUSY;
	service->verifies = verifies;
	service_standby_drop(service);
	service_renew(service);
	return 0;
}

static int handle_control(struct request *request, const struct supervisor_control_in *in)
{
	struct service *service;
	if (in->index == state.service_count && may_supervise(request) && (in->what == CONTROL_KILL || in->what == CONTROL_HANG)) {
		dying = in->what == CONTROL_KILL;
		hanging = !dying;
		return 0;
	}
	int status = service_for_supervision(request, in->index, &service);
	if (status < 0)
		return status;
	if (in->what != CONTROL_RESTART && !runs(service))
		return -ENOENT;
	if ((in->what == CONTROL_HANG || in->what == CONTROL_UPDATE) && service->manifest.limit == UINT64_MAX)
		return -ENOTSUP; /* it is not asked anything (watch.c) */
	if (in->what == CONTROL_RESTART)
		service_renew(service);
	else if (in->what == CONTROL_KILL)
		service_lost(service, CAUSE_KILLED);
	else if (in->what == CONTROL_UPDATE)
		status = update_begin(service);
	else if (in->what == CONTROL_HANG)
		watch_hang(in->index);
	else if (in->what == CONTROL_VERIFY || in->what == CONTROL_TRUST)
		status = service_verify(service, in->what == CONTROL_VERIFY);
	else
		return -EINVAL;
	timer_set();
	return status;
}

static int handle_note(struct request *request, const struct supervisor_note_in *in, struct supervisor_note_out *out)
{
	(void)out;
	if (in->index >= state.service_count)
		return -ENOENT;
	request_reply_data(request, update_note(&state.services[in->index]), sizeof(struct supervisor_note));
	return 0;
}

static int handle_memory(struct request *request, const struct supervisor_memory_in *in,
                         struct supervisor_memory_out *out)
{
	static struct supervisor_memory memory; /* read when the answer goes out */
	(void)out;
	if (in->index > state.service_count)
		return -ENOENT;
	memory = (struct supervisor_memory){ 0 };
	if (in->index == state.service_count)
		memory_of_supervisor(&memory);
	else if (service_at(in->index))
		memory_of_service(service_at(in->index), &memory);
	request_reply_data(request, &memory, sizeof(memory));
	return 0;
}

static int handle_program(struct request *request)
{
	if (!may_supervise(request))
		return -EPERM;
	int status = upload_begin();
	if (status == 0)
		request_send_cap(request, 0, state.upload, false);
	return status;
}

static int handle_program_written(struct request *request, const struct supervisor_program_written_in *in)
{
	return may_supervise(request) ? upload_written(in->size) : -EPERM;
}

/* One whose maker has died may have come without its bytes; it comes again, whole. */
static int handle_load(struct request *request, const struct supervisor_load_in *in)
{
	if (!may_supervise(request))
		return -EPERM;
	int status = request->data_length < request->send_length ? -EFAULT : load_ask(in->id, request->data, request->data_length);
	timer_set();
	return status;
}

static int handle_unload(struct request *request, const struct supervisor_unload_in *in)
{
	return may_supervise(request) ? unload_ask(in->id, in->index) : -EPERM;
}

static int handle_refusal(struct request *request, struct supervisor_refusal_out *out)
{
	static char refusal[sizeof(state.refusal)]; /* read when the answer goes out */
	memcpy(refusal, state.refusal, sizeof(refusal));
	out->length = strlen(refusal);
	request_reply_data(request, refusal, out->length);
	return 0;
}

static int handle_shut_down(struct request *request, const struct supervisor_shut_down_in *in)
{
	if (service_of(request) != service_find("proc"))
		return -EPERM;
	session.how = in->how == 1;
	machine_stop();
	return 0;
}

static uint64_t thread_number(slot_t thread)
{
	struct thread_info info;
	return thread && thread_info(thread, &info) >= 0 ? info.number : 0;
}

/* One of its own threads besides the main one: what it does is begun again. */
static int worker_died(const uint64_t *words)
{
	uint64_t now = time_now();
	log_line("a worker died: exception %lu, address %#lx, at %#lx", words[0], words[2], words[3]);
	if (now - state.worker_died > RESTARTS_FORGOTTEN)
		state.worker_deaths = 0;
	state.worker_died = now;
	if (++state.worker_deaths > RESTARTS_MAX)
		stop_at_once();
	else if (words[4] == thread_number(state.watcher))
		watch_again();
	else if (state.job && words[4] == thread_number(state.workers[state.job]))
		job_again();
	return -EFAULT;
}

/* The death of a service is never refused: nobody would see to it. */
static int request_refuse(const struct request *request)
{
	log_line("operation %#x has ended the supervisor three times, and is refused", request->operation);
	return -EIO;
}

/* What changes something is done once: if this one was answered by a predecessor that died before the answer was out, it
 * comes again. */
static int handle(struct request *request)
{
	static const struct supervisor_operations operations = {
		.ready = handle_ready,
		.list = handle_list,
		.shut_down = handle_shut_down,
		.control = handle_control,
		.memory = handle_memory,
		.note = handle_note,
		.inspect = handle_inspect,
		.program = handle_program,
		.program_written = handle_program_written,
		.load = handle_load,
		.unload = handle_unload,
		.refusal = handle_refusal,
	};
	struct service *service = service_of(request);
	bool exception = request->operation == OPERATION_EXCEPTION;
	if (request->id == state.done)
		return exception ? -EFAULT : 0;
	in_hand = request->id;
	int status = -EFAULT;
	if (!exception && !recover_tries(request->id))
		status = request_refuse(request);
	else if (!exception)
		status = supervisor_dispatch(&operations, request);
	else if (service)
		status = service_died(service, request);
	else if (request->label < LABEL_SERVICE_FIRST) /* else of a service that has been unloaded */
		status = worker_died(request->words);
	if (exception || (status == 0 && !request->reply_data_length && !request->reply_cap_count))
		state.done = in_hand;
	return status;
}

static void signalled(uint64_t bits)
{
	in_hand = 0;
	if (bits & BIT_TIMER)
		timer_expired();
	if (bits & BIT_STARTED)
		session_started();
	if (bits & BIT_ENDED)
		session_ended();
}

static bool slot_holds(slot_t slot, enum object_type type)
{
	return (cap_info(SELF_CAPTABLE, slot) & 0xff) == type;
}

/* The kernel's slots for the root server to where the library expects a server's own. A predecessor may have done it, or a
 * part. */
static bool slots_arrange(void)
{
	if (slot_holds(ROOT_SYSTEM, OBJECT_SYSTEM))
		cap_copy(SELF_CAPTABLE, SLOT_SYSTEM, SELF_CAPTABLE, ROOT_SYSTEM, RIGHTS_ALL);
	if (slot_holds(ROOT_ARCHIVE, OBJECT_MEMORY))
		cap_copy(SELF_CAPTABLE, SLOT_ARCHIVE, SELF_CAPTABLE, ROOT_ARCHIVE, RIGHTS_ALL);
	cap_copy(SELF_CAPTABLE, SELF_INCARNATION, SELF_CAPTABLE, SELF_POOL, RIGHTS_ALL);
	return slot_holds(SLOT_SYSTEM, OBJECT_SYSTEM) && slot_holds(SLOT_ARCHIVE, OBJECT_MEMORY) &&
	       (slot_holds(SELF_ENDPOINT, OBJECT_ENDPOINT) || endpoint_create(SELF_POOL, SELF_ENDPOINT) >= 0) &&
	       (slot_holds(SELF_SUPERVISOR, OBJECT_GATE) || gate_create(SELF_POOL, SELF_ENDPOINT, 0, SELF_SUPERVISOR) >= 0);
}

/* The services need not know. What had been begun is gone on with before anything else is looked at. */
static void again(void)
{
	log_line("has died, and goes on");
	if (!archive_open())
		log_line("the boot archive is gone");
	endpoint_reset(SELF_ENDPOINT);
	load_clear();
	for (unsigned i = 0; i < state.service_count; i++)
		update_clear(&state.services[i]);
	for (unsigned i = 0; i < state.service_count; i++)
		if (state.services[i].replacing)
			service_replace(&state.services[i]);
	if (state.begun && watch_again())
		state.look = time_now();
	for (unsigned i = 0; i < state.service_count; i++)
		if (state.services[i].update.state == UPDATE_BEGUN)
			watch_leave(i);
	if (state.job == JOB_START && !handoff_prepare())
		log_line("nothing to run");
	else if (state.job)
		job_again();
	services_continue();
}

static bool first(void)
{
	if ((state.notification = server_notification()) == 0)
		return false;
	state.spare = slot_kept();
	if (!upload_prepare() || !archive_open() || !services_create()) {
		log_line("the boot archive holds no services");
		return false;
	}
	services_continue();
	return true;
}

static void committed(void)
{
	recover_commit();
	upload_committed();
	if (dying)
		__builtin_trap();
	while (hanging)
		;
}

int main(void)
{
	static const struct server server = {
		.name = "supervisor",
		.handle = handle,
		.signalled = signalled,
		.committed = committed,
	};
	if (!slots_arrange())
		return 1;
	log_system_slot = SLOT_SYSTEM;
	if (recover_open())
		again();
	else if (!first())
		stop_at_once();
	server_serve(&server);
}
