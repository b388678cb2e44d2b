/* Resource limits, priorities and the CPUs where threads may run.
 *
 * Values are kept for all; proc itself acts on NPROC, SIGPENDING, and (through the process's pool)
 * on AS and DATA: what a process may map is at least what it may use. */
#include "proc.h"
#include <errno.h>

#define POOL_SLACK (4ull << 20) /* captable, threads, page tables */
#define NICE_LEAST (-20)
#define NICE_MOST 19

void limits_default(struct limit *limits)
{
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		limits[i] = (struct limit){ LIMIT_INFINITY, LIMIT_INFINITY };
	limits[RESOURCE_STACK].soft = 8ull << 20;
	limits[RESOURCE_CORE].soft = 0;
	/* One user's bomb leaves room for another to end it. */
	limits[RESOURCE_NPROC] = (struct limit){ state.thread_limit / 2, state.thread_limit / 2 };
	limits[RESOURCE_NOFILE] = (struct limit){ 1024, 8192 };
	limits[RESOURCE_MEMLOCK] = (struct limit){ 8ull << 20, 8ull << 20 };
	limits[RESOURCE_SIGPENDING] = (struct limit){ 1024, 1024 };
	limits[RESOURCE_MSGQUEUE] = (struct limit){ 819200, 819200 };
	limits[RESOURCE_NICE] = (struct limit){ 0, 0 };
	limits[RESOURCE_RTPRIO] = (struct limit){ 0, 0 };
}

int limit_set(struct process *caller, struct process *target, uint32_t resource, struct limit limit)
{
	if (resource >= LIMIT_COUNT || limit.soft > limit.hard)
		return -EINVAL;
	if (!credentials_may_inspect(caller, target))
		return -EPERM;
	if (limit.hard > target->limits[resource].hard && caller->credentials.effective_user != 0)
		return -EPERM;
	target->limits[resource] = limit;
	if (resource == RESOURCE_AS || resource == RESOURCE_DATA) {
		uint64_t space = target->limits[RESOURCE_AS].soft, data = target->limits[RESOURCE_DATA].soft;
		uint64_t most = space < LIMIT_INFINITY / 4 ? space + POOL_SLACK : LIMIT_INFINITY >> 1;
		/* Data is private; text and files shown are not charged to the process. */
		if (data < LIMIT_INFINITY / 4 && data + POOL_SLACK + target->limits[RESOURCE_STACK].soft < most)
			most = data + POOL_SLACK + target->limits[RESOURCE_STACK].soft;
		pool_limit(target->account->pool, most);
	}
	return 0;
}

/* Linux's table: programs share as they would there. Each step is a quarter more or less; 0 is WEIGHT_NORMAL. */
uint32_t nice_weight(int nice)
{
	static const uint32_t weights[NICE_MOST - NICE_LEAST + 1] = {
		88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
		3906, 3121, 2501, 1991, 1586, 1277, WEIGHT_NORMAL, 820, 655, 526, 423, 335, 272, 215, 172, 137,
		110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
	};
	return weights[nice - NICE_LEAST];
}

static bool concerns(const struct process *process, const struct process *caller, uint32_t which, uint32_t who)
{
	if (process->reaped || process->state == PROCESS_ZOMBIE || process == state.init)
		return false;
	switch (which) {
	case 0:
		return process->id == (who ? who : caller->id);
	case 1:
		return process->group->id == (who ? who : caller->group->id);
	default:
		return process->credentials.user == (who ? who : caller->credentials.user);
	}
}

int nice_get(struct process *caller, uint32_t which, uint32_t who, int32_t *nice)
{
	if (which > 2)
		return -EINVAL;
	int least = NICE_MOST + 1;
	for (const struct process *process = state.processes; process; process = process->next)
		if (concerns(process, caller, which, who) && process->nice < least)
			least = process->nice;
	*nice = least;
	return least > NICE_MOST ? -ESRCH : 0;
}

static int nice_set_one(struct process *caller, struct process *process, int nice)
{
	if (!credentials_may_change(caller, process))
		return -EPERM;
	int64_t allowed = 20 - (int64_t)(process->limits[RESOURCE_NICE].soft < 40 ? process->limits[RESOURCE_NICE].soft : 40);
	if (nice < process->nice && nice < allowed && caller->credentials.effective_user != 0)
		return -EACCES;
	process->nice = nice;
	for (struct thread *thread = process->threads; thread; thread = thread->next)
		thread_place(thread, thread->cpu_mask);
	return 0;
}

int nice_set(struct process *caller, uint32_t which, uint32_t who, int32_t nice)
{
	int result = -ESRCH;
	if (which > 2)
		return -EINVAL;
	nice = nice < NICE_LEAST ? NICE_LEAST : nice > NICE_MOST ? NICE_MOST : nice;
	for (struct process *process = state.processes; process; process = process->next) {
		if (!concerns(process, caller, which, who))
			continue;
		int status = nice_set_one(caller, process, nice);
		if (result == -ESRCH || status < 0)
			result = status;
	}
	return result;
}

int affinity_get(uint32_t id, uint64_t *mask)
{
	const struct thread *thread = thread_find(id);
	*mask = thread ? thread->cpu_mask : 0;
	return thread ? 0 : -ESRCH;
}

int affinity_set(struct process *caller, uint32_t id, uint64_t mask)
{
	struct thread *thread = thread_find(id);
	if (!thread)
		return -ESRCH;
	if (!credentials_may_change(caller, thread->process))
		return -EPERM;
	return mask ? thread_place(thread, mask) : -EINVAL;
}
