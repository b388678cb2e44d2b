/* What exec and the start of the first program make: a fresh space that shows the personality and the
 * handoff, and a fresh thread at the personality's entry. launch_prepare is everything that can fail;
 * launch_commit cannot.
 *
 * The handoff is copied into private pages of the new space: the object it came in belongs to the
 * process that made it, and may end before the program's children do. proc fills in what only proc
 * may say (ids, credentials). */
#include "proc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HANDOFF_MAX (4ull << 20)
#define RECORD_MAX 65536u /* bytes of command line and of environment kept for /proc */
#define CHUNK 4096u
#define PAGE_MASK (ATOLL_PAGE_SIZE - 1)

void program_release(struct program *program)
{
	if (!program || --program->users)
		return;
	free(program->command);
	free(program->environment);
	free(program->path);
	free(program);
}

/* A copy of some bytes of the handoff, with a NUL behind; NULL: not there, or no memory. */
static char *handoff_copy(const struct launch *launch, uint64_t offset, uint64_t length)
{
	if (length > RECORD_MAX || offset > launch->head.size || length > launch->head.size - offset)
		return NULL;
	char *copy = malloc(length + 1);
	if (!copy)
		return NULL;
	if (memory_read(launch->handoff, offset, copy, length) != (int64_t)length) {
		free(copy);
		return NULL;
	}
	copy[length] = 0;
	return copy;
}

/* A NUL-terminated string of the handoff. */
static char *handoff_string(const struct launch *launch, uint64_t offset)
{
	if (offset == 0 || offset >= launch->head.size)
		return NULL;
	uint64_t left = launch->head.size - offset;
	return handoff_copy(launch, offset, left < CHUNK ? left : CHUNK);
}

static void launch_name(struct launch *launch, uint64_t offset)
{
	char *name = handoff_string(launch, offset);
	if (!name)
		return;
	const char *base = strrchr(name, '/');
	base = base && base[1] ? base + 1 : name;
	memset(launch->name, 0, sizeof launch->name);
	memcpy(launch->name, base, strnlen(base, sizeof launch->name - 1));
	free(name);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int launch_record(struct launch *launch, uint64_t name_offset, uint64_t command_offset, uint64_t command_length)
{
	const struct process_handoff *head = &launch->head;
	struct program *program = calloc(1, sizeof *program);
	if (!program)
		return -ENOMEM;
	launch->program = program;
	program->users = 1;
	launch_name(launch, name_offset);
	command_length = smaller(command_length, head->strings_length);
	program->command_length = (uint32_t)smaller(command_length, RECORD_MAX);
	program->environment_length = (uint32_t)smaller(head->strings_length - command_length, RECORD_MAX);
	program->command = handoff_copy(launch, command_offset, program->command_length);
	program->environment = handoff_copy(launch, head->strings_offset + command_length, program->environment_length);
	program->path = handoff_string(launch, head->executable_path_offset);
	if (!program->command)
		program->command_length = 0;
	if (!program->environment)
		program->environment_length = 0;
	return 0;
}

int launch_read(struct launch *launch, slot_t handoff)
{
	struct memory_info info;
	launch->handoff = handoff;
	int64_t length = memory_read(handoff, 0, &launch->head, sizeof launch->head);
	if (length == STATUS_NO_MEMORY)
		return -ENOMEM;
	if (length != sizeof launch->head || memory_info(handoff, &info) < 0 || launch->head.version != PROCESS_HANDOFF_VERSION)
		return -EINVAL;
	if (launch->head.size < sizeof launch->head || launch->head.size > info.size)
		return -EINVAL;
	return launch->head.size > HANDOFF_MAX ? -E2BIG : 0;
}

static int64_t handoff_show(const struct launch *launch)
{
	slot_t space = launch->space->space;
	static NOT_STATE char chunk[CHUNK];
	uint64_t size = launch->head.size;
	int64_t status = space_map(space, 0, PERSONALITY_HANDOFF, (size + PAGE_MASK) & ~PAGE_MASK, 0,
	                           MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY);
	for (uint64_t done = 0; done < size && status >= 0; done += CHUNK) {
		uint64_t piece = smaller(size - done, CHUNK);
		int64_t length = memory_read(launch->handoff, done, chunk, piece);
		if (length != (int64_t)piece)
			return length < 0 ? length : STATUS_BAD_ARGUMENT;
		status = space_write(space, PERSONALITY_HANDOFF + done, chunk, piece);
	}
	if (status >= 0)
		status = space_write(space, PERSONALITY_HANDOFF, &launch->head, sizeof launch->head);
	return status;
}

/* The part that may fail: the new space, complete, and its thread, not yet started. */
int launch_prepare(struct launch *launch, struct process *process, struct thread **thread)
{
	launch->head.process = launch->head.thread = process->id;
	launch->head.session = process->group->session->id;
	launch->head.group = process->group->id;
	if (!launch->captable)
		launch->head.credentials = process->credentials;
	launch->space = address_space_create(process->account);
	if (!launch->space)
		return -ENOMEM;
	int64_t status = handoff_show(launch);
	if (status < 0)
		return status_to_errno(status);
	if (launch->captable) {
		int filled = captable_fill(launch->captable, process, launch->serial, launch->space->space);
		if (filled < 0)
			return filled;
	}
	struct thread_start_point start = { .instruction = image_entry(), .argument = PERSONALITY_HANDOFF,
	                                    .captable = launch->captable };
	*thread = thread_make(process, process->id, launch->space, &start);
	return *thread ? 0 : -ENOMEM;
}

void launch_abandon(struct launch *launch)
{
	if (launch->captable)
		object_end(launch->captable);
	if (launch->space)
		address_space_release(launch->space);
	program_release(launch->program);
}

void launch_commit(struct launch *launch, struct process *process)
{
	if (launch->captable) {
		/* Whoever held a way into the process as it was holds nothing of what it becomes. */
		object_end(process->captable);
		process->captable = launch->captable;
		process->serial = launch->serial;
		process->credentials = launch->head.credentials;
	}
	if (process->space)
		address_space_release(process->space);
	process->space = launch->space;
	process->descriptors = image_descriptors();
	captable_give(process->captable, PROCESS_SPACE, launch->space->space, RIGHTS_ALL);
	captable_give(process->captable, PROCESS_HANDOFF, launch->handoff, RIGHTS_ALL);
	program_release(process->program);
	process->program = launch->program;
	memcpy(process->name, launch->name, sizeof process->name);
	process->ignored = launch->head.signals_ignored;
	process->caught = 0;
	process->executed = true;
	process->credentials.saved_user = process->credentials.file_user = process->credentials.effective_user;
	process->credentials.saved_group = process->credentials.file_group = process->credentials.effective_group;
}

/* Where the environment starts: nobody told, so count the arguments. */
uint64_t launch_arguments_length(const struct launch *launch)
{
	const struct process_handoff *head = &launch->head;
	uint64_t length = smaller(head->strings_length, RECORD_MAX), at = 0;
	char *strings = handoff_copy(launch, head->strings_offset, length);
	if (!strings)
		return 0;
	for (uint32_t i = 0; i < head->argument_count && at < length; i++)
		at += strlen(strings + at) + 1;
	free(strings);
	return smaller(at, length);
}
