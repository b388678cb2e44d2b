/* Descriptors, open files, and the slots of the captable they use.
 *
 * A descriptor points to an open file, which dup shares and which holds one capability. A call that uses a file
 * holds it meanwhile, so that another thread's close drops the capability only afterwards. */
#include "files.h"
#include "protocol_pipe.h"

/* --- slots --------------------------------------------------------------------------------------- */

void slots_mark(struct task *task, slot_t slot)
{
	if (slot >= SLOTS_MAX)
		return;
	task->files.slots[slot / 64] |= 1ull << slot % 64;
	if (slot >= task->files.slot_end)
		task->files.slot_end = slot + 1;
}

slot_t slot_take_locked(struct task *task)
{
	struct files *files = &task->files;
	slot_t slot = 0;
	for (; files->first_slot_word < SLOTS_MAX / 64; files->first_slot_word++) {
		uint64_t free_bits = ~files->slots[files->first_slot_word];
		if (free_bits == 0)
			continue;
		slot = files->first_slot_word * 64 + (unsigned)__builtin_ctzll(free_bits);
		slots_mark(task, slot);
		break;
	}
	return slot;
}

slot_t slot_take(struct task *task)
{
	lock_take(&task->files.lock);
	slot_t slot = slot_take_locked(task);
	lock_release(&task->files.lock);
	return slot;
}

void slot_return_locked(struct task *task, slot_t slot)
{
	struct files *files = &task->files;
	files->slots[slot / 64] &= ~(1ull << slot % 64);
	if (slot / 64 < files->first_slot_word)
		files->first_slot_word = slot / 64;
}

void slot_give_back(struct task *task, slot_t slot)
{
	struct files *files = &task->files;
	if (slot > SLOT_MASK)
		file_leave(slot, NULL);
	if (slot == 0 || slot >= SLOTS_MAX)
		return;
	cap_drop(PROCESS_CAPTABLE, slot);
	if (slot < PROCESS_FIRST_FREE)
		return;
	lock_take(&files->lock);
	slot_return_locked(task, slot);
	lock_release(&files->lock);
}

slot_t slot_last_used(struct task *task)
{
	return task->files.slot_end;
}

/* --- open files ---------------------------------------------------------------------------------- */

static uint32_t serial_next(void)
{
	static uint32_t last;
	uint32_t serial;
	do {
		serial = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
	} while (serial == 0);
	return serial;
}

struct open_file *file_make(struct task *task, slot_t slot, enum descriptor_kind kind, unsigned flags, void *object)
{
	struct open_file *file = heap_allocate(sizeof(*file));
	if (!file) {
		slot_give_back(task, slot);
		return NULL;
	}
	file->references = 1;
	file->serial = serial_next();
	file->slot = slot;
	file->kind = (uint16_t)kind;
	file->flags = (uint16_t)flags;
	file->object = object;
	return file;
}

void file_hold(struct open_file *file)
{
	__atomic_add_fetch(&file->references, 1, __ATOMIC_RELAXED);
}

/* Where there is one thread, nobody counts beside us: it does without a locked instruction. A file held before
 * a thread is made and released after is counted right either way. */
static bool file_drop(struct task *task, struct open_file *file)
{
	if (!task_is_shared(task))
		return --file->references == 0;
	return __atomic_sub_fetch(&file->references, 1, __ATOMIC_ACQ_REL) == 0;
}

/* The last hold is gone. */
static __attribute__((noinline)) void file_end(struct task *task, struct open_file *file)
{
	if (file->flags & FILE_WATCHED)
		epoll_forget(file);
	if (file->kind != FILE_GATE)
		own_free(task, file);
	else if (file->object)
		pipe_view_drop(task, file);
	window_close(file);
	slot_give_back(task, file->slot);
	if (file->numbered)
		file_leave(file->numbered, NULL);
	if (file->flags & FILE_RING)
		pipe_settle(PROCESS_PIPE, NULL);
	heap_free(file);
}

void file_release(struct task *task, struct open_file *file)
{
	if (file && file_drop(task, file))
		file_end(task, file);
}

static __attribute__((noinline)) struct open_file *file_find_shared(struct files *files, int32_t descriptor)
{
	struct open_file *file = NULL;
	lock_take(&files->lock);
	if ((uint32_t)descriptor < files->size)
		file = files->table[descriptor].file;
	if (file)
		file_hold(file);
	lock_release(&files->lock);
	return file;
}

static inline struct open_file *file_take(struct task *task, int32_t descriptor)
{
	struct files *files = &task->files;
	if (task_is_shared(task))
		return file_find_shared(files, descriptor);
	struct open_file *file = (uint32_t)descriptor < files->size ? files->table[descriptor].file : NULL;
	if (file)
		file->references++;
	return file;
}

struct open_file *file_find(struct task *task, int32_t descriptor)
{
	return file_take(task, descriptor);
}

struct open_file *file_find_io(struct task *task, int32_t descriptor)
{
	struct open_file *file = file_take(task, descriptor);
	if (!file || !(file->flags & FILE_PATH_ONLY))
		return file;
	file_release(task, file);
	return NULL;
}

/* --- the table --------------------------------------------------------------------------------- */

/* Under the lock. A table that outgrows the first one is the heap's. */
static bool table_grow(struct files *files, uint32_t needed)
{
	uint32_t size = files->size;
	while (size <= needed)
		size *= 2;
	struct descriptor *table = heap_allocate(size * sizeof(*table));
	if (!table)
		return false;
	memcpy(table, files->table, files->size * sizeof(*table));
	if (files->table != files->first)
		heap_free(files->table);
	files->table = table;
	files->size = size;
	return true;
}

bool descriptor_has_room(struct task *task)
{
	struct files *files = &task->files;
	lock_take(&files->lock);
	uint32_t number = files->lowest_free;
	while (number < files->size && files->table[number].file)
		number++;
	lock_release(&files->lock);
	return number < task->descriptor_limit && number < DESCRIPTORS_MAX;
}

int descriptor_install(struct task *task, struct open_file *file, uint32_t from, uint32_t flags)
{
	struct files *files = &task->files;
	int result = -EMFILE;
	lock_take(&files->lock);
	uint32_t number = MAXIMUM(from, files->lowest_free);
	while (number < files->size && files->table[number].file)
		number++;
	if (number < task->descriptor_limit && number < DESCRIPTORS_MAX &&
	    (number < files->size || table_grow(files, number))) {
		files->table[number] = (struct descriptor){ file, flags };
		if (from <= files->lowest_free)
			files->lowest_free = number + 1;
		result = (int)number;
	}
	lock_release(&files->lock);
	if (result < 0)
		file_release(task, file);
	return result;
}

/* The last step of any close, with the table's hold in hand. */
static void descriptor_drop(struct task *task, struct open_file *file)
{
	if (task->locks_used && file->kind == FILE_GATE)
		file_release_locks(file->slot, NULL, task->process);
	file_release(task, file);
}

int descriptor_replace(struct task *task, struct open_file *file, uint32_t number, uint32_t flags)
{
	struct files *files = &task->files;
	struct open_file *old = NULL;
	int result = -EBADF;
	lock_take(&files->lock);
	if (number < task->descriptor_limit && number < DESCRIPTORS_MAX &&
	    (number < files->size || table_grow(files, number))) {
		old = files->table[number].file;
		files->table[number] = (struct descriptor){ file, flags };
		result = (int)number;
	}
	lock_release(&files->lock);
	if (old)
		descriptor_drop(task, old);
	if (result < 0)
		file_release(task, file);
	return result;
}

int descriptor_close(struct task *task, uint32_t number)
{
	struct files *files = &task->files;
	struct open_file *file = NULL;
	lock_take(&files->lock);
	if (number < files->size) {
		file = files->table[number].file;
		files->table[number].file = NULL;
		if (number < files->lowest_free)
			files->lowest_free = number;
	}
	lock_release(&files->lock);
	if (!file)
		return -EBADF;
	descriptor_drop(task, file);
	return 0;
}

int descriptor_open(struct task *task, slot_t slot, unsigned file_flags, uint32_t flags)
{
	struct open_file *file = file_make(task, slot, FILE_GATE, file_flags, NULL);
	return file ? descriptor_install(task, file, 0, flags) : -ENOMEM;
}

/* --- copies ------------------------------------------------------------------------------------------ */

static struct open_file *file_copy(const struct open_file *file)
{
	struct open_file *copy = heap_allocate(sizeof(*copy));
	if (copy) {
		const struct pipe_view *view = file->object;
		*copy = *file;
		copy->references = 0;
		copy->serial = serial_next();
		copy->object = NULL;
		copy->copy_index = view ? view->membership : 0; /* for pipe_views_inherit */
		copy->window = copy->reads = 0;
		copy->numbered = 0;
		copy->flags &= (uint16_t)~FILE_WATCHED;
	}
	return copy;
}

/* The personality's own kinds stay behind: their objects belong to the parent's open files. */
static bool descriptors_copy(struct files *from, struct files *to)
{
	for (uint32_t i = 0; i < from->size; i++)
		if (from->table[i].file)
			from->table[i].file->copy_index = 0;
	for (uint32_t i = 0; i < from->size; i++) {
		struct open_file *file = from->table[i].file;
		to->table[i] = (struct descriptor){ NULL, from->table[i].flags };
		if (!file || file->kind != FILE_GATE)
			continue;
		if (file->copy_index == 0) {
			to->table[i].file = file_copy(file);
			if (!to->table[i].file)
				return false;
			file->copy_index = i + 1;
		} else {
			to->table[i].file = to->table[file->copy_index - 1].file;
		}
		to->table[i].file->references++;
	}
	return true;
}

bool files_copy(struct task *from, struct task *to)
{
	struct files *source = &from->files, *target = &to->files;
	lock_take(&source->lock);
	target->lock.word = 0;
	target->table = target->first;
	table_reset(target);
	bool done = files_to_gates_locked(from, 0) == 0;
	if (done && source->size > DESCRIPTORS_FIRST) {
		target->table = heap_allocate(source->size * sizeof(*target->table));
		done = target->table != NULL;
	}
	if (done) {
		target->size = source->size;
		memcpy(target->slots, source->slots, sizeof(target->slots));
		done = descriptors_copy(source, target);
	}
	lock_release(&source->lock);
	return done;
}

void files_free(struct task *task)
{
	struct files *files = &task->files;
	for (uint32_t i = 0; i < files->size; i++) {
		struct open_file *file = files->table[i].file;
		if (!file || --file->references > 0)
			continue;
		window_close(file);
		pipe_view_abandon(file);
		heap_free(file);
	}
	if (files->table != files->first)
		heap_free(files->table);
}

void files_count_again(struct task *task)
{
	struct files *files = &task->files;
	for (uint32_t i = 0; i < files->size; i++)
		if (files->table[i].file)
			files->table[i].file->references = 0;
	for (uint32_t i = 0; i < files->size; i++)
		if (files->table[i].file)
			files->table[i].file->references++;
}
