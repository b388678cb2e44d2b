/* fault SEED COUNT MICROSECONDS KINDS SERVICES (both with commas between): so many faults, at most that long apart, of these
 * kinds, each in a random one of the services, while it has a step in hand. One line to the log for each fault. */
#include "injector.h"
#include "protocol_supervisor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VICTIMS_MAX 16
#define WAIT_STEP 10000ull          /* nanoseconds between looks for a step in hand */
#define LOOKS 200                   /* then any victim will do; */
#define LOOKS_ALL 8000              /* more than the workload rests; then it waits for one that has lost a message, */
#define WAIT_LONG 1000000ull        /* and is looked at so often, */
#define LOOKS_LONG 9000             /* at most: the supervisor has all servers look for what they have missed, every four seconds */
#define STEPS_USED 8                /* finished by one that is used */
#define TRIES_MESSAGE 8             /* a victim each, until a message comes along */
#define WATCH 200000ull             /* nanoseconds between looks at what a fault has done */
#define MANIFEST_TIME 40000000ull   /* nanoseconds in which it shows, or is taken to have done nothing, */
#define MANIFEST_STEPS 24           /* as when so many steps have been finished */
#define RECOVERY_TIME 8000000000ull /* nanoseconds: a victim that does not answer by then is lost */

#define PRIORITY_INJECTOR 2         /* before the supervisor */
#define APART_ROOT 60000000ull      /* nanoseconds: the kernel starts it again a few times in a tenth of a second */

static struct victim victims[VICTIMS_MAX], root;
static unsigned victim_count;
static enum fault_kind kinds[FAULT_KINDS];
static unsigned kind_count;

static void sleep_for(uint64_t nanoseconds)
{
	thread_sleep(time_now() + nanoseconds, 0);
}

static bool list_has(const char *list, const char *name)
{
	for (size_t length = strlen(name); *list; list += strcspn(list, ","), list += *list == ',')
		if (strncmp(list, name, length) == 0 && (list[length] == ',' || list[length] == '\0'))
			return true;
	return false;
}

static void kinds_read(const char *list)
{
	for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
		if (list_has(list, fault_names[kind]))
			kinds[kind_count++] = kind;
}

static void victims_read(const char *list)
{
	static char names[64];
	char *rest;
	snprintf(names, sizeof names, "%s", list);
	for (char *name = strtok_r(names, ",", &rest); name && victim_count < VICTIMS_MAX; name = strtok_r(NULL, ",", &rest))
		victim_count += victim_find(&victims[victim_count], name);
}

/* One that has a step in hand: the wanted one, or any. */
static struct victim *victim_busy(struct victim *wanted, bool any)
{
	if (!wanted->lost && victim_in_step(wanted))
		return wanted;
	for (unsigned i = 0; any && i < victim_count; i++)
		if (!victims[i].lost && victim_in_step(&victims[i]))
			return &victims[i];
	return NULL;
}

/* By devices and other threads; proc by its timer. */
static bool is_signalled(const struct victim *victim)
{
	return strncmp(victim->name, "serial", 6) == 0 || strcmp(victim->name, "tty") == 0 || strcmp(victim->name, "log") == 0 ||
	       strcmp(victim->name, "proc") == 0;
}

/* One whose messages are to be touched, whether or not it has a request in hand. Some are never asked for anything. */
static struct victim *victim_any(bool signalled)
{
	for (unsigned tries = 0; tries < LOOKS; tries++) {
		struct victim *victim = &victims[random_below(victim_count)];
		bool used = victim_steps(victim) >= STEPS_USED || tries >= LOOKS / 2;
		if (!victim->lost && used && (!signalled || is_signalled(victim)) && victim_look(victim))
			return victim;
	}
	return NULL;
}

/* Wait for a request in hand: at first of one chosen by chance, then of any, for some are hardly used. NULL: none is left. */
static struct victim *victim_catch(void)
{
	struct victim *wanted = &victims[random_below(victim_count)];
	for (unsigned looks = 0; looks < LOOKS_ALL + LOOKS_LONG; looks++) {
		uint64_t apart = looks < LOOKS_ALL ? WAIT_STEP : WAIT_LONG;
		struct victim *victim = victim_busy(wanted, looks >= LOOKS);
		if (victim && victim_look(victim))
			return victim;
		sleep_for(apart / 2 + random_below(apart));
	}
	return NULL;
}

/* Until its steps go on: nanoseconds since `since`. 0: they do not. The first step of a successor is its own. */
static uint64_t recovery_wait(struct victim *victim, uint64_t since, uint64_t steps)
{
	uint64_t end = since + RECOVERY_TIME, apart = 20000;
	while (time_now() < end) {
		if (victim_steps(victim) >= steps + 2)
			return time_now() - since;
		if (time_now() - since > 2000000)
			apart = WATCH;
		sleep_for(apart);
	}
	victim->lost = true;
	return 0;
}

/* Has it died of the fault? One that works on no step and dies not is as if nothing had been. */
static const char *fault_watch(struct victim *victim, uint64_t since)
{
	uint64_t steps = victim_steps(victim);
	while (time_now() - since < MANIFEST_TIME && victim_steps(victim) < steps + MANIFEST_STEPS) {
		if (!victim_lives(victim))
			return "died";
		sleep_for(WATCH);
	}
	return victim_steps(victim) == steps && victim_in_step(victim) ? "hung" : "nothing";
}

/* What is left in its code goes with the incarnation. One that hangs is ended as the supervisor would, in a second or ten;
 * whether it does is seen with the faults that are made to hang. */
static void fault_clear(const struct victim *victim, enum fault_kind kind, const char *outcome)
{
	bool hung = strcmp(outcome, "hung") == 0;
	if ((fault_stays(kind) && strcmp(outcome, "nothing") == 0) || (hung && !fault_hangs(kind)))
		victim_restart(victim);
}

/* The supervisor has no steps: it is there again when it answers. */
static void fault_root(unsigned number, enum fault_kind kind)
{
	char detail[64] = "";
	bool done = fault_do(&root, kind, NULL, detail, sizeof detail);
	uint64_t since = time_now();
	bool answers = victim_look(&victims[0]);
	log_line("fault %u %s %s %s %lu %s", number, fault_names[kind], root.name, !answers ? "lost" : done ? "died" : "missed",
	         done ? time_now() - since : 0, detail);
	sleep_for(APART_ROOT);
}

static void fault_one(unsigned number)
{
	enum fault_kind kind = kinds[random_below(kind_count)];
	if (fault_is_root(kind)) {
		fault_root(number, kind);
		return;
	}
	struct victim *victim;
	char detail[64] = "";
	uint64_t steps = 0, since = 0;
	bool done = false;
	for (unsigned tries = fault_is_message(kind) ? TRIES_MESSAGE : 1; !done && tries > 0; tries--) {
		victim = fault_is_message(kind) ? victim_any(kind == FAULT_WAKE) : victim_catch();
		if (!victim) {
			log_line("nobody is busy: the workload has come to no end");
			thread_exit();
		}
		steps = victim_steps(victim);
		since = time_now();
		struct victim *other = kind == FAULT_ROOT ? &root : &victims[random_below(victim_count)];
		done = fault_do(victim, kind, other, detail, sizeof detail);
	}
	if (!done) {
		log_line("fault %u %s %s missed 0 %s", number, fault_names[kind], victim->name, detail);
		return;
	}
	const char *outcome = fault_ends(kind) ? "died" : fault_watch(victim, since);
	fault_clear(victim, kind, outcome);
	uint64_t pause = strcmp(outcome, "nothing") != 0 ? recovery_wait(victim, since, steps) : 0;
	if (fault_is_felt(kind) && strcmp(outcome, "nothing") == 0)
		outcome = "felt";
	log_line("fault %u %s %s %s %lu %s", number, fault_names[kind], victim->name, victim->lost ? "lost" : outcome, pause,
	         detail);
	if (kind == FAULT_ROOT)
		sleep_for(APART_ROOT);
}

int main(void)
{
	random_seed(strtoull(startup_argument(1), NULL, 0));
	unsigned long count = strtoul(startup_argument(2), NULL, 10);
	uint64_t apart = strtoull(startup_argument(3), NULL, 10) * 1000;
	kinds_read(startup_argument(4));
	victims_read(startup_argument(5));
	if (victim_find_root(&root))
		thread_set_schedule(SELF_THREAD, PRIORITY_INJECTOR, WEIGHT_NORMAL, 0);
	supervisor_ready(SELF_SUPERVISOR, NULL);
	for (unsigned i = 0; i < victim_count; i++)
		victim_look(&victims[i]);
	for (unsigned long done = 0; done < count; done++) {
		fault_one((unsigned)done);
		sleep_for(random_below(apart));
	}
	log_line("faults: %lu done", count);
	thread_exit();
}
