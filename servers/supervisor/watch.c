/* Servers that hang.
 *
 * A worker pings those that have run since they answered it last, and every few seconds all: a server that is pinged looks at all of its
 * sources and takes its unanswered calls again, so that a lost message, to it or from it, holds nobody up for ever. When one has not answered for as long as its manifest
 * allows for a call, the main thread looks at it again and again: it hangs if it finishes no step and is either blocked
 * where no other server is to blame, be it again and again for a short time, or runs and uses the time. So neither a machine that stood still nor a server
 * that gets no time is taken for one that hangs: the others are asked before it is again, and who takes it is among them. The ping
 * itself has no deadline: the successor answers it. */
#include "supervisor.h"
#include "protocol_server.h"

#define PERIOD 500000000ull /* nanoseconds from look to look */
#define PERIODS_ALL 8       /* after so many looks all are pinged */
#define LOOKS 8             /* that it fails before it is said to hang, spread over its limit */
#define STACK 4096

static struct {
	char stack[STACK] __attribute__((aligned(16)));
	/* Shared with the worker */
	uint32_t to_ping, to_hang, to_leave; /* bits by service */
	uint32_t question;         /* the worker's last one */
	uint32_t pinged;           /* number + 1 of the service that has not answered yet; 0: none */
	uint32_t turn;             /* the one to be asked first */
	uint64_t since;
	struct {
		uint64_t thread, switches;
	} answered[SERVICES_MAX]; /* what a thread had when it answered */
	unsigned looks;
	uint32_t silent; /* the main thread's, bits by service: never answered, not asked any more */
	/* Of the service that does not answer */
	struct {
		uint64_t since, thread, time, used, switches, steps, written;
		unsigned failed;
	} suspect;
} watch;

_Static_assert(SERVICES_MAX <= 32, "a bit for each");

/* --- the worker --- */

/* One at a time: the others are for the next worker, where this one is renewed. */
static bool take(uint32_t *bits, unsigned number)
{
	return __atomic_fetch_and(bits, ~(1u << number), __ATOMIC_ACQ_REL) >> number & 1;
}

enum question { PING, HANG, LEAVE };

/* Call it, and say so: the main thread sees if no answer comes. */
static void ask(unsigned number, enum question question)
{
	const struct service *service = &state.services[number];
	struct thread_info info = { 0 };
	watch.since = time_now();
	watch.question = question;
	__atomic_store_n(&watch.pinged, number + 1, __ATOMIC_RELEASE);
	int status = question == HANG  ? server_hang(service->control, NULL) :
	             question == LEAVE ? server_leave(service->control, NULL) :
	                                 server_ping(service->control, NULL);
	if (status == 0)
		__atomic_or_fetch(&state.served, 1u << number, __ATOMIC_ACQ_REL);
	thread_info(service->now.thread, &info);
	watch.answered[number].thread = info.number;
	watch.answered[number].switches = info.switches;
	__atomic_store_n(&watch.pinged, 0, __ATOMIC_RELEASE);
}

static void work(void *unused)
{
	(void)unused;
	for (;;) {
		notification_wait(state.watcher_wake, 0, 0);
		for (unsigned n = 0, i = watch.turn; n < SERVICES_MAX; n++, i = (i + 1) % SERVICES_MAX) {
			if (take(&watch.to_hang, i))
				ask(i, HANG);
			if (take(&watch.to_leave, i))
				ask(i, LEAVE);
			if (take(&watch.to_ping, i))
				ask(i, PING);
		}
	}
}

static void worker_tell(uint32_t *what, uint32_t bits)
{
	__atomic_or_fetch(what, bits, __ATOMIC_ACQ_REL);
	notification_signal(state.watcher_wake, 1);
}

static bool worker_renew(void)
{
	slot_destroy(state.watcher);
	if (watch.pinged && watch.question == LEAVE) /* it may not have been told yet; to be told twice does no harm */
		worker_tell(&watch.to_leave, 1u << (watch.pinged - 1));
	watch.pinged = 0;
	return worker_start(state.watcher, work, NULL, watch.stack, STACK) >= 0;
}

void watch_take_slots(void)
{
	state.watcher_wake = slot_kept();
	state.watcher = slot_kept();
}

bool watch_begin(void)
{
	slot_destroy(state.watcher_wake);
	return notification_create(SELF_POOL, state.watcher_wake) >= 0 && worker_renew();
}

bool watch_again(void)
{
	return worker_renew();
}

void watch_hang(unsigned number)
{
	worker_tell(&watch.to_hang, 1u << number);
}

void watch_leave(unsigned number)
{
	worker_tell(&watch.to_leave, 1u << number);
}

/* --- the main thread --- */

void watch_forget(unsigned number)
{
	watch.silent &= ~(1u << number);
	__atomic_and_fetch(&state.served, ~(1u << number), __ATOMIC_ACQ_REL);
	watch.answered[number].thread = 0;
}

/* One without a limit is not asked: it might never answer, and keep the worker from the others. */
static bool serves(const struct service *service)
{
	return service->was_ready && service->manifest.limit != UINT64_MAX && (service->state == SERVICE_READY || service->state == SERVICE_STARTING);
}

static bool is_asked(unsigned number)
{
	return serves(&state.services[number]) && !(watch.silent >> number & 1);
}

/* It has run since it answered, or runs. */
static bool has_run(unsigned number)
{
	struct thread_info info;
	return thread_info(state.services[number].now.thread, &info) >= 0 &&
	       (info.on_cpu || info.number != watch.answered[number].thread || info.switches != watch.answered[number].switches);
}

enum verdict { PROGRESS, UNDECIDED, NOTHING, STARVED };

/* This look at the suspect, beside the last one: whether anything came of the time in between, if it had it. */
static enum verdict look_compare(const struct thread_info *info, uint64_t steps, uint64_t written, uint64_t now)
{
	uint64_t used = info->user_time + info->system_time - watch.suspect.used;
	bool switched = info->switches != watch.suspect.switches;
	if (steps != watch.suspect.steps || written != watch.suspect.written)
		return PROGRESS;
	if (info->state != THREAD_RUNNABLE) /* one that has ended itself tells nobody */
		return NOTHING;
	if (!switched) /* on a CPU of its own its time may be another's */
		return info->on_cpu ? NOTHING : STARVED;
	return used >= (now - watch.suspect.time) / 8 ? NOTHING : UNDECIDED;
}

static enum verdict suspect_look(const struct service *service, const struct thread_info *info, uint64_t now)
{
	uint64_t steps = service_steps(service), written = service_written(service);
	bool same = watch.suspect.since == watch.since && watch.suspect.thread == info->number;
	enum verdict verdict = same ? look_compare(info, steps, written, now) : PROGRESS;
	watch.suspect.failed = verdict == PROGRESS ? 0 : watch.suspect.failed + (verdict == NOTHING);
	watch.suspect.since = watch.since;
	watch.suspect.thread = info->number;
	watch.suspect.time = now;
	watch.suspect.used = info->user_time + info->system_time;
	watch.suspect.switches = info->switches;
	watch.suspect.steps = steps;
	watch.suspect.written = written;
	return verdict;
}

/* The worker asks the others, those behind it first. */
static uint64_t pass_over(const struct service *service, uint64_t now)
{
	watch.turn = (uint32_t)(service - state.services + 1) % SERVICES_MAX;
	worker_renew();
	return now + PERIOD;
}

/* Who waits for another server is not to blame, and must not keep that from being looked at. What has no stash and has never
 * answered is no server, and is left alone. */
static bool is_passed_over(const struct service *service, struct thread_info *info)
{
	uint32_t bit = 1u << (service - state.services);
	if (!service->manifest.stash && !(__atomic_load_n(&state.served, __ATOMIC_ACQUIRE) & bit)) {
		watch.silent |= bit;
		return true;
	}
	return !serves(service) || (thread_info(service->now.thread, info) >= 0 && info->waiting_call);
}

uint64_t watch_look(uint64_t now, struct service **hung)
{
	uint32_t pinged = __atomic_load_n(&watch.pinged, __ATOMIC_ACQUIRE), bits = 0;
	struct service *service = pinged ? &state.services[pinged - 1] : NULL;
	struct thread_info info = { .state = THREAD_DEAD };
	bool all = ++watch.looks % PERIODS_ALL == 0;
	for (unsigned i = 0; i < state.service_count; i++)
		if (i + 1 != pinged && is_asked(i) && (all || has_run(i)))
			bits |= 1u << i;
	if (bits)
		worker_tell(&watch.to_ping, bits);
	if (!service || now - watch.since < service->manifest.limit)
		return now + PERIOD;
	if (is_passed_over(service, &info) || suspect_look(service, &info, now) == STARVED)
		return pass_over(service, now);
	if (watch.suspect.failed >= LOOKS) {
		service->ended = watch.since;
		*hung = service;
	}
	uint64_t apart = service->manifest.limit / LOOKS;
	return now + (apart < PERIOD ? apart : PERIOD);
}
