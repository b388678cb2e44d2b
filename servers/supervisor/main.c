/* The root server: starts the services in order, watches them, starts them again when they die, and runs
 * the first program. Steps over `state` (supervisor.h). */
#include "supervisor.h"
#include "server/server.h"

#define PATIENCE 2000 /* milliseconds after a look at the services within which the next has to come, or the kernel starts a successor */

struct state state;

/* --- time --- */

/* One timer for all: the earliest deadline. */
void timer_set(void)
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

/* --- services --- */

void services_continue(void)
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

static void signalled(uint64_t bits)
{
	step_of_event();
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
	end_tried_out();
}

int main(void)
{
	static const struct server server = {
		.name = "supervisor",
		.handle = supervisor_handle,
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
