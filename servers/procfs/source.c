/* What procfs knows, it asks of proc; nothing is kept. */
#include "procfs.h"
#include "protocol_supervisor.h"

#include <errno.h>
#include <string.h>

#define COMMAND_MAX 65536u
#define PART_THREADS 5u

static slot_t proc_gate(void)
{
	return startup_slot("proc");
}

int source_process(uint32_t process, uint32_t thread, struct process_info *info)
{
	int status = process_info(proc_gate(), NULL, process, thread, info, sizeof *info, NULL);
	info->name[sizeof info->name - 1] = 0;
	return status == -ESRCH ? -ENOENT : status;
}

int source_system(struct system_info *info)
{
	memset(info, 0, sizeof *info);
	int status = process_system(proc_gate(), NULL, info, sizeof *info, NULL);
	if (status == 0 && (info->cpu_count == 0 || info->cpu_count > SYSTEM_CPUS_MAX))
		info->cpu_count = 1;
	return status;
}

int source_command(uint32_t process, uint32_t part, struct text *text)
{
	static NOT_STATE char bytes[COMMAND_MAX];
	uint64_t length = 0;
	int status = process_command(proc_gate(), NULL, process, part, bytes, sizeof bytes, NULL, &length);
	if (status == 0)
		text_bytes(text, bytes, length < sizeof bytes ? length : sizeof bytes);
	return status == -ESRCH ? -ENOENT : status;
}

uint32_t source_list(uint32_t after, uint32_t *ids, uint32_t most)
{
	uint32_t count = 0;
	int status = process_list(proc_gate(), NULL, after, ids, most * sizeof *ids, NULL, &count);
	return status == 0 && count <= most ? count : 0;
}

/* The main thread's id is the process's; a proc that does not list threads still has that one. */
uint32_t source_threads(uint32_t process, uint32_t *ids, uint32_t most)
{
	uint64_t length = 0;
	int status =
	    process_command(proc_gate(), NULL, process, PART_THREADS, ids, most * sizeof *ids, NULL, &length);
	if (status == 0 && length >= sizeof *ids && length <= most * sizeof *ids)
		return (uint32_t)(length / sizeof *ids);
	ids[0] = process;
	return status == -ESRCH ? 0 : 1;
}

uint32_t source_descriptors(uint32_t process, uint32_t first, uint32_t *numbers, uint32_t most)
{
	uint32_t count = 0;
	int status = process_descriptors(proc_gate(), NULL, process, first, numbers, most * sizeof *numbers, NULL, &count);
	return status == 0 && count <= most ? count : 0;
}

int source_descriptor(uint32_t process, uint32_t number, uint32_t *kind, slot_t *gate)
{
	*gate = slot_allocate();
	if (!*gate)
		return -ENFILE;
	int status = process_descriptor(proc_gate(), NULL, process, number, kind, *gate);
	if (status || *kind != FILE_GATE) {
		slot_free(*gate);
		*gate = 0;
	}
	return status == -ESRCH ? -ENOENT : status;
}

int source_service(uint32_t index, struct supervisor_service *service)
{
	int status = supervisor_list(SELF_SUPERVISOR, NULL, index, service, sizeof *service, NULL, NULL);
	service->name[sizeof service->name - 1] = 0;
	return status;
}

int source_service_memory(uint32_t index, char name[SERVICE_NAME_SIZE], struct supervisor_memory *memory)
{
	struct supervisor_service service = { .name = "supervisor" };
	int status = supervisor_memory(SELF_SUPERVISOR, NULL, index, memory, sizeof *memory, NULL, NULL);
	if (status == 0)
		source_service(index, &service);
	memcpy(name, service.name, SERVICE_NAME_SIZE);
	return status;
}

int source_note(uint32_t index, struct supervisor_note *note)
{
	int status = supervisor_note(SELF_SUPERVISOR, NULL, index, note, sizeof *note, NULL, NULL);
	note->text[sizeof note->text - 1] = 0;
	return status;
}

int source_load(uint64_t id, const char *text, size_t length)
{
	return supervisor_load(SELF_SUPERVISOR, NULL, id, text, length);
}

int source_unload(uint64_t id, uint32_t index)
{
	return supervisor_unload(SELF_SUPERVISOR, NULL, id, index);
}

void source_refusal(struct text *text)
{
	char line[128];
	uint64_t length = 0;
	if (supervisor_refusal(SELF_SUPERVISOR, NULL, line, sizeof line, NULL, &length) == 0 && length > 0 && length <= sizeof line)
		text_add(text, "%.*s\n", (int)length, line);
}

/* It may be this server that is to be ended: the supervisor is told when this step cannot come again. */
int source_control(uint32_t index, uint32_t what)
{
	return supervisor_control_once(SELF_SUPERVISOR, index, what);
}

int source_program(slot_t memory)
{
	return supervisor_program(SELF_SUPERVISOR, NULL, memory);
}

int source_program_written(uint64_t size)
{
	return supervisor_program_written(SELF_SUPERVISOR, NULL, size);
}

int source_limit(uint32_t process, uint32_t resource, uint64_t *soft, uint64_t *hard)
{
	return process_get_limit(proc_gate(), NULL, process, resource, soft, hard);
}

void source_count(uint32_t *processes, uint32_t *running, uint32_t *threads, uint32_t *newest)
{
	uint32_t ids[256], count, after = 0;
	*processes = *running = *threads = *newest = 0;
	while ((count = source_list(after, ids, 256)) > 0) {
		for (uint32_t i = 0; i < count; i++) {
			struct process_info info;
			if (source_process(ids[i], 0, &info))
				continue;
			(*processes)++;
			*threads += info.threads;
			*running += info.state == 'R';
			if (ids[i] > *newest)
				*newest = ids[i];
		}
		after = ids[count - 1];
	}
}

void caller_identify(struct caller *caller)
{
	if (caller->asked)
		return;
	caller->asked = true;
	if (!caller->gate)
		return;
	uint32_t process = 0;
	if (process_identify(proc_gate(), NULL, caller->gate, &caller->credentials,
	                     sizeof caller->credentials, NULL, &process) == 0)
		caller->process = process;
}
