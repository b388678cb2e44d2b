/* From the end of an incarnation to its successor: why it ended, whether and when the next one starts. */
#include "supervisor.h"

#define RESTARTS_MAX 10                   /* close together, then the service is given up */
#define RESTARTS_AT_ONCE 2                /* of these, without waiting */
#define RESTART_DELAY 10000000ull         /* nanoseconds, doubled each time */
#define RESTARTS_FORGOTTEN 10000000000ull /* nanoseconds of running well, */
#define REST_LEAST 200000ull              /* or of rest */
#define UPDATE_READY 1000000000ull        /* nanoseconds in which another build is ready, or has reverted */
#define EXCEPTION_BREAKPOINT 3            /* SDM 3A 6.15; so are these */
#define EXCEPTION_PROTECTION 13
#define EXCEPTION_PAGE_FAULT 14

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
void service_replace(struct service *service)
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

void service_lost(struct service *service, enum supervisor_cause cause)
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

void service_died(struct service *service, const uint64_t *words)
{
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
}
