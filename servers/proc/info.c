/* What others may know of a process: /proc and ps. */
#include "proc.h"
#include <errno.h>
#include <string.h>

#define REGIONS_MOST 4096 /* looked at for one answer */
#define REGIONS_ANSWERED 1024
#define THREADS_ANSWERED 1024

static void memory_of(const struct process *process, uint64_t *size, uint64_t *resident)
{
	struct region_info region;
	uint64_t address = 0;
	*size = *resident = 0;
	if (!process->space)
		return;
	for (int i = 0; i < REGIONS_MOST && space_query(process->space->space, address, &region) >= 0; i++) {
		*size += region.length;
		*resident += region.resident;
		address = region.address + region.length;
	}
}

static uint32_t state_letter(const struct process *process)
{
	if (process->state != PROCESS_ALIVE)
		return process->state == PROCESS_ZOMBIE ? 'Z' : 'T';
	for (const struct thread *thread = process->threads; thread; thread = thread->next) {
		struct thread_info info;
		if (thread_info(thread->slot, &info) >= 0 && info.state == THREAD_RUNNABLE)
			return 'R';
	}
	return 'S';
}

static void place_of(const struct thread *thread, struct process_info *info)
{
	struct thread_info kernel;
	if (!thread || thread_info(thread->slot, &kernel) < 0)
		return;
	info->last_cpu = (uint32_t)kernel.last_cpu;
	info->cpu_mask = thread->cpu_mask;
}

void info_fill(const struct process *process, const struct thread *thread, struct process_info *info)
{
	const struct process_credentials *who = &process->credentials;
	const struct session *session = process->group->session;
	*info = (struct process_info){
		.process = process->id, .parent = process->parent ? process->parent->id : 0,
		.group = process->group->id, .session = session->id,
		.user = who->user, .effective_user = who->effective_user,
		.group_id = who->group, .effective_group = who->effective_group,
		.threads = process->thread_count, .state = state_letter(process), .nice = process->nice,
		.terminal = session->terminal, .terminal_group = session->foreground,
		.exit_code = process->exit_status, .start_time = process->start_time,
		.children_user_time = process->children_user_time,
		.children_system_time = process->children_system_time,
		.signals_pending = process->signals.pending,
		.signals_blocked = process->threads ? process->threads->blocked : 0,
		.signals_ignored = process->ignored, .signals_caught = process->caught,
		.command_length = process->program ? process->program->command_length : 0,
	};
	thread_usage(process, &info->user_time, &info->system_time);
	place_of(thread ? thread : process->threads, info);
	memory_of(process, &info->memory_size, &info->memory_resident);
	memcpy(info->name, process->name, sizeof info->name);
}

void usage_fill(const struct process *process, int who, struct process_usage *usage)
{
	*usage = (struct process_usage){ .memory_peak = process->memory_peak };
	if (who == -1) {
		usage->user_time = process->children_user_time;
		usage->system_time = process->children_system_time;
		return;
	}
	thread_usage(process, &usage->user_time, &usage->system_time);
	struct pool_info pool;
	if (process->account && pool_info(process->account->pool, &pool) >= 0 && pool.used > usage->memory_peak)
		usage->memory_peak = pool.used;
}

/* Both answers are read when the reply goes out. */
static uint64_t regions_of(const struct process *process, const char **bytes)
{
	static struct region_info regions[REGIONS_ANSWERED];
	uint64_t count = 0, address = 0;
	while (process->space && count < REGIONS_ANSWERED &&
	       space_query(process->space->space, address, &regions[count]) >= 0) {
		address = regions[count].address + regions[count].length;
		count++;
	}
	*bytes = (const char *)regions;
	return count * sizeof regions[0];
}

static uint64_t threads_of(const struct process *process, const char **bytes)
{
	static NOT_STATE uint32_t ids[THREADS_ANSWERED];
	uint64_t count = 0;
	for (const struct thread *thread = process->threads; thread && count < THREADS_ANSWERED; thread = thread->next)
		ids[count++] = thread->id;
	*bytes = (const char *)ids;
	return count * sizeof ids[0];
}

int64_t info_command(struct request *request, const struct process *process, uint32_t part)
{
	const struct program *program = process->program;
	const char *bytes = NULL;
	uint64_t length = 0;
	switch (part) {
	case 0:
		bytes = program ? program->command : NULL;
		length = program ? program->command_length : 0;
		break;
	case 1:
		bytes = program ? program->environment : NULL;
		length = program ? program->environment_length : 0;
		break;
	case 2:
		bytes = program ? program->path : NULL;
		break;
	case 3:
		bytes = process->directory;
		break;
	case 4:
		length = regions_of(process, &bytes);
		break;
	case 5:
		length = threads_of(process, &bytes);
		break;
	default:
		return -EINVAL;
	}
	if (bytes && (part == 2 || part == 3))
		length = strlen(bytes);
	if (length > request->receive_length)
		length = request->receive_length;
	if (length)
		request_reply_data(request, bytes, length);
	return (int64_t)length;
}
