/* kills CYCLES SECONDS PERIODS SERVICES (the last two with commas between): kills services in turn, one every PERIOD
 * milliseconds, for so many SECONDS; then with the next period; all of them CYCLES times. Period 0 kills nobody. It has a better
 * priority than its victims, so that they are stopped at any instruction.
 *
 * Phases begin at multiples of their length since power-on, so that whoever knows the time knows the phase. At the end the log has
 * for each kill how long it was until the victim's first answer. */
#include "atoll/atoll.h"
#include "protocol_supervisor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VICTIMS_MAX 16
#define PERIODS_MAX 8
#define PAUSES_MAX 32768
#define SECOND 1000000000ull
#define ROOT (-1) /* the supervisor's number, which is the one behind the last service */

static struct victim {
	const char *name;
	int number;
	uint32_t restarts; /* that it had when it was killed last */
	unsigned period;   /* during which; index */
	bool killed;       /* and the pause is not known yet */
} victims[VICTIMS_MAX];
static unsigned victim_count, turn;
static unsigned period_count, periods[PERIODS_MAX], kills[PERIODS_MAX]; /* milliseconds */
static struct {
	uint8_t period, victim;
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

static void pause_note(const struct victim *victim, unsigned period, uint64_t nanoseconds)
{
	if (nanoseconds == 0 || pause_count == PAUSES_MAX)
		return;
	pauses[pause_count].period = (uint8_t)period;
	pauses[pause_count].victim = (uint8_t)(victim - victims);
	pauses[pause_count++].nanoseconds = nanoseconds;
}

/* How it fared since it was killed last. A pause of 0: nobody has asked it anything. */
static void victim_look(struct victim *victim)
{
	struct supervisor_service service;
	uint64_t received, unused;
	if (victim->number == ROOT ||
	    supervisor_list(SELF_SUPERVISOR, NULL, (uint32_t)victim->number, &service, sizeof service, &received, &unused) != 0)
		return;
	if (victim->killed && service.restarts == victim->restarts + 1)
		pause_note(victim, victim->period, service.pause);
	else if (victim->killed)
		log_line("%s: %u restarts, expected %u", victim->name, service.restarts, victim->restarts + 1);
	if (service.state != SERVICE_READY)
		log_line("%s: state %u", victim->name, service.state);
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
	uint64_t before = time_now();
	int status = victim->number == ROOT ? root_kill() :
	                                      supervisor_control(SELF_SUPERVISOR, NULL, (uint32_t)victim->number, CONTROL_KILL);
	if (status != 0)
		log_line("%s: not killed: %d", victim->name, status);
	else if (victim->number == ROOT)
		pause_note(victim, period, time_now() - before); /* its successor has answered */
	victim->killed = status == 0;
	victim->period = period;
	kills[period] += status == 0;
}

static void phase_run(unsigned period, uint64_t end)
{
	uint64_t apart = periods[period] * (SECOND / 1000);
	for (uint64_t next = time_now() + apart / 2; apart && next < end; next += apart) {
		thread_sleep(next, 0);
		victim_kill(&victims[turn++ % victim_count], period);
	}
	thread_sleep(end, 0);
}

static void tell(void)
{
	for (unsigned i = 0; i < period_count; i++)
		log_line("period %u kills %u", periods[i], kills[i]);
	for (unsigned i = 0; i < pause_count; i++)
		log_line("pause %u %s %lu", periods[pauses[i].period], victims[pauses[i].victim].name, pauses[i].nanoseconds);
	log_line("end");
}

int main(void)
{
	unsigned cycles = (unsigned)strtoul(startup_argument(1), NULL, 10);
	uint64_t length = strtoull(startup_argument(2), NULL, 10) * SECOND;
	periods_read(startup_argument(3));
	victims_read(startup_argument(4));
	supervisor_ready(SELF_SUPERVISOR, NULL);
	for (unsigned cycle = 0; cycle < cycles; cycle++)
		for (unsigned period = 0; period < period_count; period++)
			phase_run(period, (cycle * period_count + period + 1) * length);
	for (unsigned i = 0; i < victim_count; i++)
		victim_look(&victims[i]);
	tell();
	thread_exit();
}
