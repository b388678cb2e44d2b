/* The first thing in a fresh space: from the handoff to the program's first instruction. There is no way back from
 * here; what fails ends the process as SIGKILL would, with a line in the log. */
#include "exec.h"
#include "memory.h"
#include "protocol_process.h"
#include "signals.h"
#include "trace.h"

static void start_fail(const char *what, int64_t status) __attribute__((noreturn));

static void start_fail(const char *what, int64_t status)
{
	uint64_t values[] = { thread_self()->task->process, (uint64_t)what, (uint64_t)status };
	trace_line("process %d cannot start: %s: %d", values);
	thread_die(SIGKILL);
}

static const struct process_descriptor *handoff_descriptors(const struct process_handoff *handoff)
{
	return (const void *)((const char *)handoff + handoff->descriptors_offset);
}

/* Entries with the same slot are one open file. */
static struct open_file *descriptor_file(struct task *task, const struct process_descriptor *entry)
{
	for (uint32_t i = 0; i < task->files.size; i++) {
		struct open_file *file = task->files.table[i].file;
		if (file && file->slot == entry->slot) {
			file_hold(file);
			return file;
		}
	}
	slots_mark(task, entry->slot);
	return file_make(task, entry->slot, FILE_GATE, entry->kind, NULL);
}

/* Takes the descriptors over. Returns the interpreter's slot, or 0. */
static slot_t descriptors_take(struct task *task, const struct process_handoff *handoff, slot_t *slot_end)
{
	const struct process_descriptor *list = handoff_descriptors(handoff);
	slot_t interpreter = 0;
	*slot_end = 0;
	for (uint32_t i = 0; i < handoff->descriptor_count; i++) {
		if (list[i].number == HANDOFF_DIRECTORY) {
			task->directory_mounted = (list[i].kind & FILE_MOUNTED) != 0;
		} else if (list[i].number == HANDOFF_SLOT_END) {
			*slot_end = list[i].slot;
		} else if (list[i].number == HANDOFF_LIMIT) {
			continue;
		} else if (list[i].number == HANDOFF_TRACE) {
			trace_slot = list[i].slot;
			slots_mark(task, trace_slot);
		} else if (list[i].number == HANDOFF_INTERPRETER) {
			interpreter = list[i].slot;
			slots_mark(task, interpreter);
		} else {
			struct open_file *file = descriptor_file(task, &list[i]);
			if (!file || descriptor_replace(task, file, list[i].number, 0) < 0)
				start_fail("descriptors", -ENOMEM);
		}
	}
	return interpreter;
}

/* The captable came along whole: what the handoff does not name (close-on-exec, other threads) goes. */
static void slots_sweep(struct task *task, slot_t end)
{
	for (slot_t slot = PROCESS_FIRST_FREE; slot < end && slot < SLOTS_MAX; slot++)
		if (!(task->files.slots[slot / 64] >> slot % 64 & 1))
			cap_drop(PROCESS_CAPTABLE, slot);
}

static char *string_copy(const char *string)
{
	uint64_t length = string_length(string) + 1;
	char *copy = heap_allocate(length);
	return copy ? memcpy(copy, string, length) : NULL;
}

static void name_take(struct task *task, const char *path)
{
	const char *name = path;
	for (; *path; path++)
		if (*path == '/' && path[1])
			name = path + 1;
	for (unsigned i = 0; i < sizeof(task->name) - 1 && name[i]; i++)
		task->name[i] = name[i];
}

static void signals_take(struct thread *thread, const struct process_handoff *handoff)
{
	for (unsigned i = 0; i < SIGNAL_COUNT; i++)
		if (handoff->signals_ignored >> i & 1)
			thread->task->actions[i].handler = SIG_IGN;
	thread->blocked = handoff->signals_blocked;
	thread->task->pending.set = handoff->signals_pending;
	signals_look(thread);
}

/* Returns whether the program gained rights it must not be talked out of (AT_SECURE). */
static bool credentials_take(struct task *task, struct process_handoff *handoff)
{
	task->credentials = handoff->credentials;
	if (handoff->flags & HANDOFF_CREDENTIALS_CHANGED)
		process_get_credentials(PROCESS_GATE, NULL, &task->credentials, sizeof(task->credentials), NULL);
	handoff->credentials = task->credentials;
	return handoff->flags & HANDOFF_SECURE || task->credentials.user != task->credentials.effective_user ||
	       task->credentials.group != task->credentials.effective_group;
}

/* The previous program knew them; before the very first one there was none. */
static void limits_take(struct task *task, const struct process_handoff *handoff)
{
	const struct process_descriptor *list = handoff_descriptors(handoff);
	uint64_t soft, hard;
	bool told = false;
	for (uint32_t i = 0; i < handoff->descriptor_count; i++) {
		if (list[i].number != HANDOFF_LIMIT)
			continue;
		soft = (uint64_t)list[i].flags << 32 | list[i].kind;
		if (list[i].slot == RLIMIT_NOFILE)
			task->descriptor_limit = MINIMUM(soft, DESCRIPTORS_MAX);
		else if (list[i].slot == RLIMIT_FSIZE)
			task->file_size_limit = soft;
		told = true;
	}
	if (!told && process_get_limit(PROCESS_GATE, NULL, 0, RLIMIT_NOFILE, &soft, &hard) == 0)
		task->descriptor_limit = MINIMUM(soft, DESCRIPTORS_MAX);
}

/* The first traced program's standard error, in a slot that its children keep. */
static void trace_open(struct task *task)
{
	struct open_file *file = file_find(task, 2);
	trace_slot = file && file->kind == FILE_GATE ? slot_take(task) : 0;
	if (trace_slot && cap_copy(PROCESS_CAPTABLE, trace_slot, PROCESS_CAPTABLE, file->slot, RIGHTS_ALL) < 0)
		trace_slot = 0;
	file_release(task, file);
}

/* ATOLL_STRACE=1 in the environment. */
static void trace_look(struct task *task, const struct process_handoff *handoff)
{
	const char *string = (const char *)handoff + handoff->strings_offset, *end = string + handoff->strings_length;
	for (uint32_t i = 0; string < end; i++, string += string_length(string) + 1)
		if (i >= handoff->argument_count && string_equal(string, "ATOLL_STRACE=1"))
			trace_enabled = true;
	if (trace_enabled && !trace_slot)
		trace_open(task);
}

/* --- loading --------------------------------------------------------------------------------------- */

static uint64_t interpreter_load(struct thread *thread, const char *path, slot_t slot, uint64_t *base)
{
	struct elf elf;
	struct elf_image image;
	if (!slot) {
		struct opened opened;
		int status = path_open_file(thread, AT_FDCWD, path, O_RDONLY | PATH_OPEN_EXECUTE, 0, &opened);
		if (status < 0)
			start_fail(path, status);
		slot = opened.slot;
	}
	int status = elf_read(slot, &elf);
	if (status == 0)
		status = elf_load(thread, slot, &elf, 0, &image);
	if (status < 0)
		start_fail(path, status);
	slot_give_back(thread->task, slot);
	*base = image.base;
	return image.entry;
}

static void program_load(struct thread *thread, struct process_handoff *handoff, slot_t interpreter, bool secure)
{
	struct elf elf;
	struct elf_image image;
	struct stack_contents contents = { .handoff = handoff, .elf = &elf, .program = &image, .secure = secure };
	slots_mark(thread->task, handoff->program_slot);
	int status = 0;
	if (handoff->program_slot)
		status = elf_read(handoff->program_slot, &elf);
	else
		first_program_open(thread, handoff, &elf);
	if (status == 0 && !stack_map(elf.stack_executable))
		status = -ENOMEM;
	if (status == 0)
		status = elf_load(thread, handoff->program_slot, &elf, PROGRAM_BASE, &image);
	if (status < 0)
		start_fail("program", status);
	slot_give_back(thread->task, handoff->program_slot);
	break_start(image.end);
	uint64_t entry = image.entry;
	if (elf.interpreter[0])
		entry = interpreter_load(thread, elf.interpreter, interpreter, &contents.interpreter_base);
	uint64_t stack = stack_build(&contents);
	thread->frame.registers = (struct registers){ .rip = entry, .rsp = stack, .rflags = 0x202 };
}

void personality_start(struct process_handoff *handoff, uint64_t process)
{
	struct thread *thread = first_thread();
	struct task *task = &first_task;
	slot_t slot_end;
	thread_set_base(1, (uint64_t)thread);
	task_prepare_first(task, thread, (uint32_t)process);
	if (handoff->version != PROCESS_HANDOFF_VERSION)
		start_fail("handoff", -EINVAL);
	task->umask = handoff->umask;
	task->session = handoff->session;
	task->locks_used = (handoff->flags & HANDOFF_LOCKS_USED) != 0;
	if (handoff->flags & HANDOFF_TABLE)
		cap_drop(PROCESS_CAPTABLE, PROCESS_FILES);
	limits_take(task, handoff);
	slot_t interpreter = descriptors_take(task, handoff, &slot_end);
	slots_mark(task, handoff->program_slot);
	slots_sweep(task, slot_end);
	trace_look(task, handoff);
	signals_take(thread, handoff);
	task->executable_path = string_copy((const char *)handoff + handoff->executable_path_offset);
	name_take(task, (const char *)handoff + handoff->program_path_offset);
	program_load(thread, handoff, interpreter, credentials_take(task, handoff));
	thread->alert = 1; /* the kernel had no place to set it before there was a block */
	space_unmap(PROCESS_SPACE, PERSONALITY_HANDOFF, PAGE_UP(handoff->size));
	cap_drop(PROCESS_CAPTABLE, PROCESS_HANDOFF);
}
