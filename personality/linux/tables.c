/* Open files by number: what this process opens, and nobody else knows yet, needs no gate.
 *
 * The file server keeps a table of open files for the process; its gate is in PROCESS_FILES. A file opened there has a
 * number, and whatever is called on it is called on the table's gate with the number above the slot (SLOT_MASK).
 * Opening and closing are then calls of a few words. A file gets a gate of its own, in a slot like any other, as soon as it
 * may have to be shared: by fork, by exec, as a capability in a call. Its number stays good until it is closed, for who is
 * using it.
 *
 * The table has the credentials and the root directory of when it was made, so it is left when these change. A
 * process that opens only a few files does without. */
#include "files.h"

enum table_state { TABLE_NOT_YET, TABLE_THERE, TABLE_NEVER };
#define OPENED_BEFORE 2u            /* files, before a table is worth its making */
#define DIRECTORY_ELSEWHERE 0xffffu /* the working directory is not this server's */

static slot_t number_slot(uint64_t number)
{
	return (slot_t)number << SLOT_NUMBER_SHIFT | PROCESS_FILES;
}

/* --- the table ----------------------------------------------------------------------------------------- */

static bool table_there(struct task *task)
{
	struct files *files = &task->files;
	uint64_t reserved;
	if (files->table_state != TABLE_NOT_YET)
		return files->table_state == TABLE_THERE;
	if (files->opened < OPENED_BEFORE) {
		files->opened++;
		return false;
	}
	lock_take(&files->lock);
	if (files->table_state == TABLE_NOT_YET)
		files->table_state = path_make_table(PROCESS_ROOT, NULL, 0, &reserved, PROCESS_FILES) == 0 ? TABLE_THERE
		                                                                                           : TABLE_NEVER;
	lock_release(&files->lock);
	return files->table_state == TABLE_THERE;
}

static uint16_t directory_adopt(struct files *files)
{
	uint64_t number = 0;
	lock_take(&files->lock);
	if (!files->directory_number) {
		int status = path_adopt(PROCESS_FILES, NULL, 0, PROCESS_DIRECTORY, &number);
		files->directory_number = status == 0 && number < DIRECTORY_ELSEWHERE ? (uint16_t)number : DIRECTORY_ELSEWHERE;
	}
	lock_release(&files->lock);
	return files->directory_number;
}

void table_directory_changed(struct task *task)
{
	uint16_t number = task->files.directory_number;
	task->files.directory_number = 0;
	if (number && number != DIRECTORY_ELSEWHERE)
		file_leave(number_slot(number), NULL);
}

void table_reset(struct files *files)
{
	files->table_state = TABLE_NOT_YET;
	files->opened = 0;
	files->directory_number = 0;
}

void table_forget(struct task *task)
{
	struct files *files = &task->files;
	if (files->table_state == TABLE_THERE)
		for (uint32_t i = 0; i < files->size; i++)
			if (files->table[i].file)
				files->table[i].file->numbered = 0;
	table_reset(files);
}

/* --- opening ------------------------------------------------------------------------------------------- */

/* Where the path starts, as something in the table; 0: it is not there. */
static slot_t start_find(struct task *task, int32_t directory, const char *path, struct open_file **held)
{
	if (path[0] == '/')
		return PROCESS_FILES;
	if (directory != AT_FDCWD) {
		*held = file_find(task, directory);
		return *held && (*held)->slot > SLOT_MASK ? (*held)->slot : 0;
	}
	if (task->directory_mounted)
		return 0;
	uint16_t number = task->files.directory_number;
	if (!number)
		number = directory_adopt(&task->files);
	return number == DIRECTORY_ELSEWHERE ? 0 : number_slot(number);
}

bool table_open_file(struct thread *thread, int32_t directory, const char *path, uint64_t length, uint32_t flags,
                     uint32_t mode, struct opened *opened, int *status)
{
	struct task *task = thread->task;
	struct open_file *held = NULL;
	struct message message;
	if (!table_there(task))
		return false;
	slot_t start = start_find(task, directory, path, &held);
	if (start) {
		message.header = OPERATION_PATH_BRIEF_OPEN;
		message.words[0] = (flags & ~(uint32_t)O_CLOEXEC) | (uint64_t)mode << 32;
		*status = brief_send(start, path, length, &message);
	}
	file_release(task, held);
	if (!start || *status == -EOPNOTSUPP || *status == -ENOSYS)
		return false;
	opened->slot = number_slot(message.words[0]);
	opened->file_flags = (flags & O_PATH ? FILE_PATH_ONLY : 0) |
	                     node_flags((uint32_t)message.words[1], message.words[2], flags);
	if (opened->file_flags & (FILE_CONTENT | FILE_CONTENT_WRITES) && !(flags & O_APPEND))
		opened->file_flags |= FILE_OFFSET_HERE;
	return true;
}

/* --- gates --------------------------------------------------------------------------------------------- */

static slot_t gate_make(struct task *task, struct open_file *file)
{
	uint64_t reserved;
	slot_t slot = slot_take_locked(task);
	offset_leave(file);
	if (!slot || file_fetch(file->slot, NULL, &reserved, slot) < 0) {
		if (slot)
			slot_return_locked(task, slot);
		return 0;
	}
	file->numbered = file->slot;
	__atomic_store_n(&file->slot, slot, __ATOMIC_RELEASE);
	return slot;
}

slot_t file_gate(struct task *task, struct open_file *file)
{
	if (file->slot <= SLOT_MASK)
		return file->slot;
	lock_take(&task->files.lock);
	slot_t slot = file->slot <= SLOT_MASK ? file->slot : gate_make(task, file);
	lock_release(&task->files.lock);
	return slot;
}

int files_to_gates_locked(struct task *task, uint32_t but)
{
	struct files *files = &task->files;
	if (files->table_state != TABLE_THERE)
		return 0;
	for (uint32_t i = 0; i < files->size; i++) {
		struct open_file *file = files->table[i].file;
		if (file && file->slot > SLOT_MASK && !(files->table[i].flags & but) && !gate_make(task, file))
			return -ENOMEM;
	}
	return 0;
}

int files_to_gates(struct task *task, uint32_t but)
{
	lock_take(&task->files.lock);
	int status = files_to_gates_locked(task, but);
	lock_release(&task->files.lock);
	return status;
}

int table_leave(struct task *task)
{
	struct files *files = &task->files;
	lock_take(&files->lock);
	int status = files_to_gates_locked(task, 0);
	if (status == 0 && files->table_state == TABLE_THERE) {
		table_forget(task);
		cap_drop(PROCESS_CAPTABLE, PROCESS_FILES);
	}
	lock_release(&files->lock);
	return status;
}
