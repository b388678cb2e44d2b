/* kills CYCLES SECONDS PERIODS SERVICES (the last two with commas between): kills services in turn, one every PERIOD
 * milliseconds, for so many SECONDS; then with the next period; all of them CYCLES times. Period 0 kills nobody. It has a better
 * priority than its victims, so that they are stopped at any instruction.
 *
 * Phases begin at multiples of their length since power-on, so that whoever knows the time knows the phase. At the end the log has a
 * line for each victim in each period, and some for all of them: kills asked for, kills done, restarts that the services table tells,
 * and of the pauses, each until the victim's first answer, how many were known, two quantiles and the worst. However long it has
 * gone on, these are few lines. */
#include "atoll/atoll.h"
#include "protocol_supervisor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VICTIMS_MAX 16
#define PERIODS_MAX 8
#define PAUSES_MAX 32768
#define SECOND 1000000000ull
#define READY_TIME (10 * SECOND)
#define ROOT (-1) /* the supervisor's number, which is the one behind the last service */

struct counts {
	unsigned asked, done, restarts; /* the last as the services table has it */
};

static struct victim {
	const char *name;
	int number;
	uint32_t restarts; /* that it had when it was looked at last */
	unsigned period;   /* in which it was killed last; index */
	bool killed;       /* and the pause is not known yet */
	bool known;        /* it was looked at before: what restarts there were until then is nobody's business */
	struct counts counts[PERIODS_MAX];
} victims[VICTIMS_MAX];
static unsigned victim_count, turn;
static unsigned period_count, periods[PERIODS_MAX]; /* milliseconds */
static struct pause {
	unsigned period, victim;
	uint64_t nanoseconds;
} pauses[PAUSES_MAX];
static unsigned pause_count;

static void victims_read(const char *list)
{
	static char names[256];
	char *rest;
	snprintf(names, sizeof names, "%s", list);
	for (char *name = strtok_r(names, ",", &rest); name && victim_count < VICTIMS_MAX; name = strtok_r(NULL, ",", &rest)) {
		int number = strcmp(name, "supervisor") == 0 ? ROOT : startup_service(name);
		victims[victim_count++] = (struct victim){ .name = name, .number = number };
	}
}

static void periods_read(const char *list)
{
	for (char *rest = (char *)list; *list && period_count < PERIODS_MAX; list = *rest ? rest + 1 : rest)
		periods[period_count++] = (unsigned)strtoul(list, &rest, 10);
}

static uint32_t services_count(void)
{
	struct supervisor_service service;
	uint64_t received, unused;
	uint32_t count = 0;
	while (supervisor_list(SELF_SUPERVISOR, NULL, count, &service, sizeof service, &received, &unused) == 0)
		count++;
	return count;
}

static void pause_note(const struct victim *victim, uint64_t nanoseconds)
{
	if (nanoseconds == 0)
		return;
	if (pause_count == PAUSES_MAX) {
		log_line("more pauses than there is room for");
		return;
	}
	pauses[pause_count++] = (struct pause){ victim->period, (unsigned)(victim - victims), nanoseconds };
}

/* Once it serves, which may take long where the host is busy elsewhere. */
static bool victim_wait(const struct victim *victim, struct supervisor_service *service)
{
	uint64_t received, unused, end = time_now() + READY_TIME;
	for (;;) {
		int status = supervisor_list(SELF_SUPERVISOR, NULL, (uint32_t)victim->number, service, sizeof *service, &received, &unused);
		if (status == 0 && service->state == SERVICE_READY)
			return true;
		if (status != 0 || service->state == SERVICE_FAILED || time_now() > end) {
			log_line("%s: status %d, state %u", victim->name, status, service->state);
			return false;
		}
		thread_sleep(time_now() + SECOND / 1000, 0);
	}
}

/* How it fared since it was looked at last. A pause of 0: nobody has asked it anything. */
static void victim_look(struct victim *victim)
{
	struct supervisor_service service;
	if (victim->number == ROOT || !victim_wait(victim, &service))
		return;
	if (victim->killed)
		pause_note(victim, service.pause);
	if (victim->known)
		victim->counts[victim->period].restarts += service.restarts - victim->restarts;
	victim->known = true;
	victim->restarts = service.restarts;
	victim->killed = false;
}

/* It dies in the step that this call is, which counts: the number keeps its successor from making it again. */
static int root_kill(void)
{
	static uint32_t services;
	struct message message = { .header = OPERATION_SUPERVISOR_CONTROL };
	if (services == 0)
		services = services_count();
	message.words[0] = services;
	message.words[1] = CONTROL_KILL;
	message.words[MESSAGE_WORDS - 1] = time_now();
	int64_t status = message_call(SELF_SUPERVISOR, &message, NULL);
	return status < 0 ? (int)status : MESSAGE_STATUS(message.header);
}

static void victim_kill(struct victim *victim, unsigned period)
{
	victim_look(victim);
	victim->period = period;
	struct counts *counts = &victim->counts[period];
	counts->asked++;
	uint64_t before = time_now();
	int status = victim->number == ROOT ? root_kill() :
	                                      supervisor_control(SELF_SUPERVISOR, NULL, (uint32_t)victim->number, CONTROL_KILL);
	if (status != 0) {
		log_line("%s: not killed: %d", victim->name, status);
		return;
	}
	counts->done++;
	victim->killed = true;
	if (victim->number == ROOT) { /* its successor has answered; it tells nobody how often it came back */
		pause_note(victim, time_now() - before);
		counts->restarts++;
	}
}

static void phase_run(unsigned period, uint64_t begin, uint64_t end)
{
	uint64_t apart = periods[period] * (SECOND / 1000), least = 0;
	for (uint64_t next = begin + apart / 2; apart && next < end; next += apart) {
		thread_sleep(next > least ? next : least, 0);
		least = time_now() + apart / 4; /* a host that was busy elsewhere does not make a burst of them */
		victim_kill(&victims[turn++ % victim_count], period);
	}
	thread_sleep(end, 0);
}

/* --- the figures --- */

#define ALL UINT32_MAX

static int pause_compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
	return (a > b) - (a < b);
}

static uint64_t quantile(const uint64_t *sorted, unsigned count, unsigned percent)
{
	unsigned index = count * percent / 100;
	return count == 0 ? 0 : sorted[index < count ? index : count - 1];
}

/* Of one period and one victim, or of all. */
static void figures_tell(unsigned period, unsigned victim)
{
	static uint64_t values[PAUSES_MAX];
	struct counts sum = { 0 };
	unsigned count = 0;
	char name[16] = "all";
	for (unsigned v = 0; v < victim_count; v++) {
		for (unsigned p = 0; p < period_count; p++) {
			const struct counts *counts = &victims[v].counts[p];
			if ((victim != ALL && v != victim) || (period != ALL && p != period))
				continue;
			sum = (struct counts){ sum.asked + counts->asked, sum.done + counts->done, sum.restarts + counts->restarts };
		}
	}
	for (const struct pause *pause = pauses; pause < pauses + pause_count; pause++) {
		if ((victim == ALL || pause->victim == victim) && (period == ALL || pause->period == period))
			values[count++] = pause->nanoseconds;
	}
	qsort(values, count, sizeof values[0], pause_compare);
	if (period != ALL)
		snprintf(name, sizeof name, "%u", periods[period]);
	log_line("figures %s %s asked %u done %u restarts %u pauses %u %lu %lu %lu", name, victim == ALL ? "all" : victims[victim].name,
	         sum.asked, sum.done, sum.restarts, count, quantile(values, count, 50), quantile(values, count, 99), quantile(values, count, 100));
}

static void tell(void)
{
	for (unsigned victim = 0; victim < victim_count; victim++) {
		for (unsigned period = 0; period < period_count; period++)
			figures_tell(period, victim);
		figures_tell(ALL, victim);
	}
	for (unsigned period = 0; period < period_count; period++)
		figures_tell(period, ALL);
	figures_tell(ALL, ALL);
	log_line("end");
}

int main(void)
{
	unsigned cycles = (unsigned)strtoul(startup_argument(1), NULL, 10);
	uint64_t length = strtoull(startup_argument(2), NULL, 10) * SECOND;
	periods_read(startup_argument(3));
	victims_read(startup_argument(4));
	supervisor_ready(SELF_SUPERVISOR, NULL);
	for (unsigned phase = 0; phase < cycles * period_count; phase++)
		phase_run(phase % period_count, phase * length, (phase + 1) * length);
	for (unsigned i = 0; i < victim_count; i++)
		victim_look(&victims[i]);
	tell();
	thread_exit();
}
