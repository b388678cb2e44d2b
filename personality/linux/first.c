/* The very first program: before it nobody has opened a file, changed to a directory or followed a script. What
 * fails is said on its standard error, and its status is a shell's: 127 not found, 126 cannot be run. */
#include "exec.h"
#include "signals.h"

#define STATUS_NOT_FOUND 127
#define STATUS_NOT_RUN 126

static uint64_t text_add(char *line, uint64_t length, uint64_t room, const char *text)
{
	uint64_t added = MINIMUM(string_length(text), room - length);
	memcpy(line + length, text, added);
	return length + added;
}

static void first_fail(struct thread *thread, const char *path, int64_t status)
{
	bool found = status != -ENOENT && status != -ENOTDIR;
	const char *why = !found ? ": not found\n" : status == -EACCES ? ": permission denied\n"
	                : status == -ENOEXEC ? ": not a program\n" : ": cannot be run\n";
	struct open_file *file = file_find(thread->task, 2);
	char line[256];
	uint64_t length = text_add(line, 0, sizeof(line), "atoll: ");
	length = text_add(line, length, sizeof(line) - string_length(why), path);
	length = text_add(line, length, sizeof(line), why);
	if (file && file->kind == FILE_GATE)
		file_write(file->slot, NULL, FILE_OFFSET_CURRENT, 0, line, length, NULL);
	thread_die((found ? STATUS_NOT_RUN : STATUS_NOT_FOUND) << 8);
}

/* Not an ELF program: execve follows scripts. */
static void first_follow(struct thread *thread, const struct process_handoff *handoff, const char *path)
{
	uint64_t arguments, environment;
	int64_t status = -ENOMEM;
	if (stack_map(false)) {
		uint64_t name = stack_put_strings(handoff, &arguments, &environment);
		status = linux_execve(thread, name, arguments, environment);
	}
	first_fail(thread, path, status);
}

void first_program_open(struct thread *thread, struct process_handoff *handoff, struct elf *elf)
{
	struct opened opened;
	const char *base = (const char *)handoff, *directory = base + handoff->directory_offset;
	if (handoff->directory_offset && !string_equal(directory, "/")) {
		int64_t status = directory_enter(thread, AT_FDCWD, directory);
		if (status < 0)
			first_fail(thread, directory, status);
	}
	const char *path = base + handoff->program_path_offset;
	int status = path_open_file(thread, AT_FDCWD, path, O_RDONLY | PATH_OPEN_EXECUTE, 0, &opened);
	if (status < 0)
		first_fail(thread, path, status == -EISDIR ? -EACCES : status);
	handoff->program_slot = opened.slot;
	status = elf_read(opened.slot, elf);
	if (status < 0)
		first_follow(thread, handoff, path);
	char *executable = heap_allocate(PATH_MAX_BYTES);
	if (!executable)
		return;
	memcpy(executable, path, MINIMUM(string_length(path) + 1, (uint64_t)PATH_MAX_BYTES - 1));
	path_follow_last(thread, executable);
	heap_free(thread->task->executable_path);
	thread->task->executable_path = executable;
}
