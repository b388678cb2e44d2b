/* execve, the part before the point of no return: the program is opened, scripts are followed to their
 * interpreters, ELF headers are checked, and everything the new image needs is written into the handoff (a
 * memory object). Then proc replaces the space. What comes after is in start.c. */
#include "exec.h"
#include "protocol_process.h"
#include "signals.h"
#include "trace.h"

#define SCRIPT_HEAD 256
#define SCRIPTS_MAX 4

struct exec {
	struct thread *thread;
	struct opened program;
	slot_t interpreter; /* of the ELF program; 0: none */
	uint32_t front_count, skip;
	uint64_t front_length;
	uint64_t arguments, environment; /* the program's pointers */
	/* From here on nothing is cleared beforehand. */
	char path[PATH_MAX_BYTES];       /* as opened */
	char executable[PATH_MAX_BYTES]; /* absolute */
	/* Arguments that scripts put in front, in place of the first `skip` given ones. */
	char front[SCRIPTS_MAX * (SCRIPT_HEAD + 2) + PATH_MAX_BYTES];
	struct elf elf;
};

/* --- scripts ------------------------------------------------------------------------------------------- */

static void front_push(struct exec *exec, const char *string, uint64_t length)
{
	if (exec->front_length + length + 1 > sizeof(exec->front))
		return;
	memmove(exec->front + length + 1, exec->front, exec->front_length);
	memcpy(exec->front, string, length);
	exec->front[length] = 0;
	exec->front_length += length + 1;
	exec->front_count++;
}

static void front_drop_first(struct exec *exec)
{
	uint64_t length = string_length(exec->front) + 1;
	memmove(exec->front, exec->front + length, exec->front_length - length);
	exec->front_length -= length;
	exec->front_count--;
}

/* "#! interpreter argument": the interpreter becomes the program, and the script's path an argument. */
static int script_follow(struct exec *exec, char *head, uint64_t length)
{
	uint64_t start = 2, end = 2;
	while (end < length && head[end] != '\n' && head[end])
		end++;
	if (end == length && length == SCRIPT_HEAD)
		return -ENOEXEC; /* the line is too long to trust its end */
	while (end > start && (head[end - 1] == ' ' || head[end - 1] == '\t'))
		end--;
	while (start < end && (head[start] == ' ' || head[start] == '\t'))
		start++;
	uint64_t name_end = start;
	while (name_end < end && head[name_end] != ' ' && head[name_end] != '\t')
		name_end++;
	if (name_end == start)
		return -ENOEXEC;
	uint64_t argument = name_end;
	while (argument < end && (head[argument] == ' ' || head[argument] == '\t'))
		argument++;
	if (exec->front_count > 0)
		front_drop_first(exec); /* argv[0] of the script that was an interpreter */
	else
		exec->skip = 1;
	front_push(exec, exec->path, string_length(exec->path));
	if (argument < end)
		front_push(exec, head + argument, end - argument);
	front_push(exec, head + start, name_end - start);
	memcpy(exec->path, head + start, name_end - start);
	exec->path[name_end - start] = 0;
	return 0;
}

/* Of /proc/self/exe the name stays, for argv and comm; the file is our own program's. */
static const char *path_to_open(const struct exec *exec)
{
	const char *own = exec->thread->task->executable_path;
	return own && string_equal(exec->path, "/proc/self/exe") ? own : exec->path;
}

static int program_open(struct exec *exec, int32_t directory)
{
	int status = path_open_file(exec->thread, directory, path_to_open(exec), O_RDONLY | PATH_OPEN_EXECUTE, 0, &exec->program);
	if (status == -EISDIR)
		return -EACCES;
	return status;
}

/* Opens what is in exec->path, through scripts, to an ELF program. */
static int program_find(struct exec *exec, int32_t directory)
{
	char head[SCRIPT_HEAD];
	for (unsigned i = 0; i <= SCRIPTS_MAX; i++) {
		uint64_t count = 0;
		int status = exec->program.slot ? 0 : program_open(exec, directory);
		if (status < 0)
			return status;
		status = file_read(exec->program.slot, NULL, 0, sizeof(head), 0, head, sizeof(head), NULL, &count);
		if (status < 0)
			return status == -EISDIR ? -EACCES : status;
		if (count < 3 || head[0] != '#' || head[1] != '!')
			return elf_read(exec->program.slot, &exec->elf);
		status = script_follow(exec, head, count);
		if (status < 0)
			return status;
		slot_give_back(exec->thread->task, exec->program.slot);
		exec->program.slot = 0;
		directory = AT_FDCWD;
	}
	return -ELOOP;
}

static int interpreter_find(struct exec *exec)
{
	struct opened opened;
	struct elf *elf;
	if (!exec->elf.interpreter[0])
		return 0;
	int status = path_open_file(exec->thread, AT_FDCWD, exec->elf.interpreter, O_RDONLY | PATH_OPEN_EXECUTE, 0,
	                            &opened);
	if (status < 0)
		return status;
	exec->interpreter = opened.slot;
	elf = heap_allocate(sizeof(*elf));
	if (!elf)
		return -ENOMEM;
	status = elf_read(opened.slot, elf);
	heap_free(elf);
	return status == -ENOEXEC ? -ELIBBAD : status;
}

/* The program's path from the root, for /proc/self/exe; links in its last name followed. */
static void executable_path_make(struct exec *exec)
{
	const char *path = path_to_open(exec);
	uint64_t length = 0;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	if (path[0] != '/') {
		int count = directory_path(exec->thread, exec->executable, PATH_MAX_BYTES - 2);
		length = count > 0 ? (uint64_t)count : 0;
		if (length == 0 || exec->executable[length - 1] != '/')
			exec->executable[length++] = '/';
	}
	uint64_t rest = MINIMUM(string_length(path), PATH_MAX_BYTES - 1 - length);
	memcpy(exec->executable + length, path, rest);
	exec->executable[length + rest] = 0;
	path_follow_last(exec->thread, exec->executable);
}

/* --- strings ------------------------------------------------------------------------------------------- */

/* Counts the strings behind a NULL-terminated array from `skip` on, and their bytes. */
static int64_t strings_measure(uint64_t array, uint32_t skip, uint32_t *count)
{
	uint64_t total = 0, string;
	*count = 0;
	for (uint64_t i = 0; array; i++) {
		if (user_read(&string, array + i * 8, 8) < 0)
			return -EFAULT;
		if (!string)
			break;
		if (i < skip)
			continue;
		int64_t length = user_string_length(string, EXEC_STRING_MAX);
		if (length < 0)
			return length == -ENAMETOOLONG ? -E2BIG : length;
		total += (uint64_t)length + 1;
		(*count)++;
		if (total + *count * 8 > EXEC_STRINGS_MAX)
			return -E2BIG;
	}
	return (int64_t)total;
}

/* Copies them one after the other; another thread may change them meanwhile, so the room is watched. */
static int64_t strings_copy(char *to, uint64_t room, uint64_t array, uint32_t skip, uint32_t count)
{
	uint64_t done = 0, string;
	for (uint32_t i = 0; i < count; i++) {
		if (user_read(&string, array + (skip + i) * 8ull, 8) < 0)
			return -EFAULT;
		int64_t length = room > done ? user_string(to + done, string, room - done) : -E2BIG;
		if (length < 0)
			return length == -ENAMETOOLONG ? -E2BIG : length;
		done += (uint64_t)length + 1;
	}
	return (int64_t)done;
}

/* --- the handoff ------------------------------------------------------------------------------------- */

static void descriptor_add(struct process_handoff *handoff, uint32_t number, slot_t slot, uint32_t kind)
{
	struct process_descriptor *list = (void *)((char *)handoff + handoff->descriptors_offset);
	list[handoff->descriptor_count++] = (struct process_descriptor){ number, slot, kind, 0 };
}

static void limit_add(struct process_handoff *handoff, uint32_t resource, uint64_t soft)
{
	struct process_descriptor *list = (void *)((char *)handoff + handoff->descriptors_offset);
	list[handoff->descriptor_count++] =
		(struct process_descriptor){ HANDOFF_LIMIT, resource, (uint32_t)soft, (uint32_t)(soft >> 32) };
}

static void descriptors_add(struct process_handoff *handoff, struct exec *exec)
{
	struct task *task = exec->thread->task;
	lock_take(&task->files.lock);
	for (uint32_t i = 0; i < task->files.size; i++) {
		struct descriptor *descriptor = &task->files.table[i];
		if (descriptor->file && descriptor->file->kind == FILE_GATE && descriptor->file->slot <= SLOT_MASK &&
		    !(descriptor->flags & FD_CLOEXEC))
			descriptor_add(handoff, i, descriptor->file->slot,
			               descriptor->file->flags & ~(uint32_t)FILE_WATCHED);
	}
	lock_release(&task->files.lock);
	descriptor_add(handoff, HANDOFF_DIRECTORY, PROCESS_DIRECTORY, task->directory_mounted ? FILE_MOUNTED : 0);
	descriptor_add(handoff, HANDOFF_SLOT_END, slot_last_used(task), 0);
	limit_add(handoff, RLIMIT_NOFILE, task->descriptor_limit);
	limit_add(handoff, RLIMIT_FSIZE, task->file_size_limit);
	if (trace_slot)
		descriptor_add(handoff, HANDOFF_TRACE, trace_slot, 0);
	if (exec->interpreter)
		descriptor_add(handoff, HANDOFF_INTERPRETER, exec->interpreter, 0);
}

static void handoff_fill(struct process_handoff *handoff, struct exec *exec)
{
	struct task *task = exec->thread->task;
	bool set_id = exec->program.attributes.mode & (S_ISUID | S_ISGID);
	handoff->version = PROCESS_HANDOFF_VERSION;
	handoff->process = handoff->thread = task->process;
	handoff->umask = task->umask;
	handoff->program_slot = exec->program.slot;
	handoff->signals_blocked = exec->thread->blocked;
	handoff->signals_pending = signals_pending_set(exec->thread);
	for (unsigned i = 0; i < SIGNAL_COUNT; i++)
		if (task->actions[i].handler == SIG_IGN)
			handoff->signals_ignored |= 1ull << i;
	handoff->flags = (set_id ? HANDOFF_CREDENTIALS_CHANGED : 0) | (task->locks_used ? HANDOFF_LOCKS_USED : 0) |
	                 (task->files.table_state ? HANDOFF_TABLE : 0);
	handoff->session = task->session;
	handoff->credentials = task->credentials;
	descriptors_add(handoff, exec);
}

static uint32_t descriptors_bound(struct task *task)
{
	return task->files.size + 12;
}

/* The whole handoff in memory of ours, then in one write in a memory object. */
static int64_t handoff_write(struct exec *exec, slot_t slot, const struct process_handoff *handoff)
{
	if (!slot)
		return -ENFILE;
	int64_t status = memory_create(PROCESS_POOL, handoff->size, MEMORY_ZERO, slot);
	if (status >= 0)
		status = memory_write(slot, 0, handoff, handoff->size);
	return status < 0 ? -ENOMEM : 0;
}

static uint64_t base_name_offset(const char *path)
{
	uint64_t offset = 0;
	for (uint64_t i = 0; path[i]; i++)
		if (path[i] == '/' && path[i + 1])
			offset = i + 1;
	return offset;
}

/* Does not return when it succeeds. */
static int64_t exec_commit(struct exec *exec, const struct process_handoff *handoff, uint64_t command_length)
{
	struct task *task = exec->thread->task;
	bool set_id = handoff->flags & HANDOFF_CREDENTIALS_CHANGED;
	slot_t slot = slot_take(task);
	int64_t status = handoff_write(exec, slot, handoff);
	const char *path = (const char *)handoff + handoff->program_path_offset;
	if (status == 0)
		status = process_exec(PROCESS_GATE, NULL, exec->thread->id, set_id,
		                      handoff->program_path_offset + base_name_offset(path), handoff->strings_offset,
		                      command_length, slot, set_id ? exec->program.slot : 0);
	slot_give_back(task, slot);
	return status;
}

static int64_t exec_with_strings(struct exec *exec, struct process_handoff *handoff, uint64_t arguments_length,
                                 uint64_t environment_length, uint32_t arguments, uint32_t environment)
{
	char *base = (char *)handoff, *to = base + handoff->strings_offset;
	memcpy(base + handoff->program_path_offset, exec->path, string_length(exec->path) + 1);
	memcpy(base + handoff->executable_path_offset, exec->executable, string_length(exec->executable) + 1);
	memcpy(to, exec->front, exec->front_length);
	int64_t done = strings_copy(to + exec->front_length, arguments_length, exec->arguments, exec->skip, arguments);
	if (done < 0)
		return done;
	uint64_t command_length = exec->front_length + (uint64_t)done;
	handoff->argument_count = exec->front_count + arguments;
	if (handoff->argument_count == 0) {
		/* Linux gives a program that was started with none an empty argv[0]. */
		to[command_length++] = 0;
		handoff->argument_count = 1;
	}
	done = strings_copy(to + command_length, environment_length, exec->environment, 0, environment);
	if (done < 0)
		return done;
	handoff->environment_count = environment;
	handoff->strings_length = command_length + (uint64_t)done;
	handoff_fill(handoff, exec);
	return exec_commit(exec, handoff, command_length);
}

static int64_t exec_build(struct exec *exec)
{
	struct task *task = exec->thread->task;
	uint32_t arguments, environment;
	int64_t arguments_length = strings_measure(exec->arguments, exec->skip, &arguments);
	if (arguments_length < 0)
		return arguments_length;
	int64_t environment_length = strings_measure(exec->environment, 0, &environment);
	if (environment_length < 0)
		return environment_length;
	if (arguments_length + environment_length + (arguments + environment) * 8ll > EXEC_STRINGS_MAX)
		return -E2BIG;
	struct process_handoff layout = { .descriptors_offset = sizeof(layout) };
	layout.program_path_offset =
		(uint32_t)(sizeof(layout) + descriptors_bound(task) * sizeof(struct process_descriptor));
	layout.executable_path_offset = layout.program_path_offset + (uint32_t)string_length(exec->path) + 1;
	layout.strings_offset = layout.executable_path_offset + string_length(exec->executable) + 1;
	layout.size = layout.strings_offset + exec->front_length + (uint64_t)arguments_length +
	              (uint64_t)environment_length + 8;
	struct process_handoff *handoff = heap_allocate_raw(layout.size);
	if (!handoff)
		return -ENOMEM;
	*handoff = layout;
	task->exec_buffer = handoff;
	int64_t status = exec_with_strings(exec, handoff, (uint64_t)arguments_length, (uint64_t)environment_length,
	                                   arguments, environment);
	task->exec_buffer = NULL;
	heap_free(handoff);
	return status;
}

static int64_t exec_run(struct exec *exec, int32_t directory)
{
	struct task *task = exec->thread->task;
	int64_t status = program_find(exec, directory);
	if (status == 0)
		status = interpreter_find(exec);
	if (status == 0)
		status = files_to_gates(task, FD_CLOEXEC);
	if (status == 0) {
		executable_path_make(exec);
		status = exec_build(exec);
	}
	slot_give_back(task, exec->program.slot);
	slot_give_back(task, exec->interpreter);
	return status;
}

/* An open descriptor as the program (fexecve). */
static int program_from_descriptor(struct exec *exec, int32_t descriptor)
{
	static const char prefix[] = "/dev/fd/";
	int status = path_open_file(exec->thread, descriptor, "", O_RDONLY | PATH_OPEN_EXECUTE, 0, &exec->program);
	if (status < 0)
		return status == -ENOTDIR || status == -EISDIR ? -EACCES : status;
	memcpy(exec->path, prefix, sizeof(prefix));
	char digits[12];
	unsigned count = 0, at = sizeof(prefix) - 1;
	do {
		digits[count++] = (char)('0' + descriptor % 10);
	} while ((descriptor /= 10) > 0);
	while (count > 0)
		exec->path[at++] = digits[--count];
	exec->path[at] = 0;
	return 0;
}

int64_t linux_execveat(struct thread *thread, int32_t directory, uint64_t path, uint64_t arguments,
                       uint64_t environment, uint32_t flags)
{
	if (flags & ~(uint32_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	struct exec *exec = heap_allocate_raw(sizeof(*exec));
	if (!exec)
		return -ENOMEM;
	memset(exec, 0, __builtin_offsetof(struct exec, path));
	thread->task->exec_state = exec;
	exec->thread = thread;
	exec->arguments = arguments;
	exec->environment = environment;
	int64_t status = user_string(exec->path, path, sizeof(exec->path));
	if (status == 0)
		status = flags & AT_EMPTY_PATH ? program_from_descriptor(exec, directory) : -ENOENT;
	else if (status > 0)
		status = 0;
	if (status == 0)
		status = exec_run(exec, directory);
	else
		slot_give_back(thread->task, exec->program.slot);
	thread->task->exec_state = NULL;
	heap_free(exec);
	return status;
}

int64_t linux_execve(struct thread *thread, uint64_t path, uint64_t arguments, uint64_t environment)
{
	return linux_execveat(thread, AT_FDCWD, path, arguments, environment, 0);
}
