/* What the supervisor is asked (protocols/supervisor.proto), by services, and by those who supervise. */
#include "supervisor.h"
#include "protocol_supervisor.h"
#include "server/server.h"
#include <errno.h>
#include <string.h>

#define STANDBY_DELAY 2000000ull /* nanoseconds after being ready: those who waited are served first */

static uint64_t in_hand; /* id of the call whose step this is; 0: another event */

void step_intend(void)
{
	if (in_hand)
		state.done = in_hand;
	recover_commit();
}

void step_of_event(void)
{
	in_hand = 0;
}

/* Its own end is tried out like that of others: when the step counts, so that it does not come again. */
static bool dying, hanging;

void end_tried_out(void)
{
	if (dying)
		__builtin_trap();
	while (hanging)
		;
}

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

/* The death of a service is never refused: nobody would see to it. */
static int request_refuse(const struct request *request)
{
	log_line("operation %#x has ended the supervisor three times, and is refused", request->operation);
	return -EIO;
}

/* The answer stops the thread for good (if it is not gone by then). Of a service that has been unloaded nothing is left. */
static void exception_handle(struct service *service, const struct request *request)
{
	if (service) {
		service_died(service, request->words);
		services_continue();
	} else if (request->label < LABEL_SERVICE_FIRST) {
		worker_died(request->words);
	}
}

/* What changes something is done once: if this one was answered by a predecessor that died before the answer was out, it
 * comes again. */
int supervisor_handle(struct request *request)
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
	else
		exception_handle(service, request);
	if (exception || (status == 0 && !request->reply_data_length && !request->reply_cap_count))
		state.done = in_hand;
	return status;
}
