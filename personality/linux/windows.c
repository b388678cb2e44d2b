/* Windows: file contents that are read and written without asking the server.
 *
 * An open file that is read often gets a window: part of the file's memory object, mapped read-only, and beside it the
 * page in which the server says how long the file is and whether a read would change its access time (struct
 * file_window). A read at an offset is then a copy. A read at the file's own offset, which other processes may share,
 * is a call of a few words that moves the offset, and the copy.
 *
 * One that is written often, at given offsets, gets a write window: the memory can be written, and a third page says
 * when it was (struct file_written). A write inside the file's size is then a copy, too.
 *
 * What cannot be done so takes a call, which is always right: where the copy faults (somebody truncated the file, or
 * the program's buffer is bad), where the file has become shorter meanwhile, outside the window.
 *
 * There is a fixed number of windows in a space; who needs one takes it from another open file that is not reading.
 * A window belongs to one open file, and to the space: a forked child has none. */
#include "files.h"

#define WINDOWS_MAX 16u
#define WINDOW_BYTES 0x800000ull
#define WINDOW_STRIDE 0x900000ull
#define WINDOW_ALIGNMENT 0x100000ull
#define READS_BEFORE 4u /* calls before a window is worth its making */
#define CLOSED 0x80000000u

static struct window {
	struct open_file *file; /* under windows_lock; a reader that is in looks whether it is his */
	uint32_t users;         /* readers that are in; CLOSED: nobody may come in */
	uint64_t start;         /* offset in the file; changes while closed */
	bool writable;          /* likewise: a write window */
} windows[WINDOWS_MAX];
static struct lock windows_lock;
static uint32_t window_next; /* to be taken from its file, under the lock */

static uint64_t window_address(const struct window *window)
{
	return WINDOW_AREA + (uint64_t)(window - windows) * WINDOW_STRIDE;
}

static const struct file_window *window_page(const struct window *window)
{
	return (const struct file_window *)(window_address(window) + WINDOW_BYTES);
}

static struct file_written *window_written(const struct window *window)
{
	return (struct file_written *)(window_address(window) + WINDOW_BYTES + ATOLL_PAGE_SIZE);
}

/* --- making --------------------------------------------------------------------------------------------- */

/* Under the lock: the file's own window, a free one, or another's; closed. NULL: all are in use. */
static struct window *window_take(struct open_file *file)
{
	for (unsigned i = 0; i <= WINDOWS_MAX; i++) {
		struct window *window = file->window ? &windows[file->window - 1] : &windows[window_next];
		uint32_t nobody = 0;
		window_next = (window_next + 1) % WINDOWS_MAX;
		if (!__atomic_compare_exchange_n(&window->users, &nobody, CLOSED, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			continue;
		if (window->file)
			window->file->window = 0;
		window->file = NULL;
		return window;
	}
	return NULL;
}

struct window_parts {
	slot_t memory, page, written;
	bool writable;
};

static bool parts_map(const struct window_parts *parts, uint64_t address, uint64_t start)
{
	const uint32_t flags = MAP_READ | MAP_REPLACE | MAP_NOT_CLONED, more = parts->writable ? MAP_WRITE : 0;
	uint64_t page = address + WINDOW_BYTES;
	return space_map(PROCESS_SPACE, parts->memory, address, WINDOW_BYTES, start, flags | more) >= 0 &&
	       space_map(PROCESS_SPACE, parts->page, page, ATOLL_PAGE_SIZE, 0, flags) >= 0 &&
	       (!parts->writable || space_map(PROCESS_SPACE, parts->written, page + ATOLL_PAGE_SIZE, ATOLL_PAGE_SIZE, 0,
	                                      flags | more) >= 0);
}

/* Under the lock. */
static bool window_map(struct open_file *file, const struct window_parts *parts, uint64_t offset)
{
	struct window *window = window_take(file);
	if (!window)
		return false;
	uint64_t address = window_address(window), start = offset & ~(WINDOW_ALIGNMENT - 1);
	bool good = parts_map(parts, address, start);
	if (good) {
		window->start = start;
		window->writable = parts->writable;
		window->file = file;
		file->window = (uint16_t)(window - windows + 1);
	} else {
		space_unmap(PROCESS_SPACE, address, WINDOW_STRIDE);
	}
	__atomic_sub_fetch(&window->users, CLOSED, __ATOMIC_SEQ_CST);
	return good;
}

static bool parts_fetch(struct open_file *file, const struct window_parts *parts)
{
	uint64_t reserved;
	if (!parts->memory || !parts->page || (parts->writable && !parts->written))
		return false;
	if (parts->writable)
		return file_write_window(file->slot, NULL, &reserved, parts->memory, parts->page, parts->written) == 0;
	return file_window(file->slot, NULL, &reserved, parts->memory, parts->page) == 0;
}

static void window_open(struct thread *thread, struct open_file *file, uint64_t offset, bool writable)
{
	struct task *task = thread->task;
	task->windows_used = 1;
	struct window_parts parts = {
		.memory = slot_take(task), .page = slot_take(task), .written = writable ? slot_take(task) : 0,
		.writable = writable,
	};
	bool good = parts_fetch(file, &parts);
	if (good) {
		lock_take(&windows_lock);
		good = window_map(file, &parts, offset);
		lock_release(&windows_lock);
	}
	if (!good)
		__atomic_and_fetch(&file->flags, (uint16_t)~(writable ? FILE_CONTENT_WRITES : FILE_CONTENT), __ATOMIC_RELAXED);
	slot_give_back(task, parts.memory);
	slot_give_back(task, parts.page);
	slot_give_back(task, parts.written);
}

void window_close(struct open_file *file)
{
	if (!file->window)
		return;
	lock_take(&windows_lock);
	if (file->window) {
		struct window *window = &windows[file->window - 1];
		window->file = NULL;
		file->window = 0;
		space_unmap(PROCESS_SPACE, window_address(window), WINDOW_STRIDE);
	}
	lock_release(&windows_lock);
}

void windows_forget(struct task *task)
{
	struct files *files = &task->files;
	if (!task->windows_used)
		return;
	task->windows_used = 0;
	for (uint32_t i = 0; i < files->size; i++)
		if (files->table[i].file)
			files->table[i].file->window = 0;
	memset(windows, 0, sizeof(windows));
	windows_lock.word = 0;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static struct window *window_enter(struct open_file *file)
{
	uint32_t number = __atomic_load_n(&file->window, __ATOMIC_RELAXED);
	if (!number)
		return NULL;
	struct window *window = &windows[number - 1];
	uint32_t users = __atomic_add_fetch(&window->users, 1, __ATOMIC_SEQ_CST);
	if (!(users & CLOSED) && __atomic_load_n(&window->file, __ATOMIC_RELAXED) == file)
		return window;
	__atomic_sub_fetch(&window->users, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void window_leave(struct window *window)
{
	__atomic_sub_fetch(&window->users, 1, __ATOMIC_RELEASE);
}

static bool window_covers(const struct window *window, uint64_t offset, uint64_t length)
{
	return offset >= window->start && length <= WINDOW_BYTES && offset - window->start <= WINDOW_BYTES - length;
}

/* All of it lies before the end of the file, also when it is done. */
static bool window_copy(const struct window *window, uint64_t buffer, uint64_t offset, uint64_t length)
{
	const void *from = (const void *)(window_address(window) + (offset - window->start));
	return window_covers(window, offset, length) && access_copy((void *)buffer, from, length) == 0 &&
	       __atomic_load_n(&window_page(window)->size, __ATOMIC_ACQUIRE) >= offset + length;
}

static bool read_positioned(const struct window *window, uint64_t buffer, uint64_t length, uint64_t offset,
                            int64_t *result)
{
	const struct file_window *page = window_page(window);
	if (__atomic_load_n(&page->accessed_until, __ATOMIC_ACQUIRE) <= time_real())
		return false;
	uint64_t size = __atomic_load_n(&page->size, __ATOMIC_ACQUIRE);
	length = offset < size ? MINIMUM(length, size - offset) : 0;
	*result = (int64_t)length;
	return length == 0 || window_copy(window, buffer, offset, length);
}

/* The offset has moved; what the copy does not give, a call at that place does. What was not read is taken back. */
static int64_t read_moved(struct open_file *file, uint64_t buffer, uint64_t length, int64_t offset)
{
	uint64_t count = 0;
	int status = file_read(file->slot, NULL, offset, length, 0, (void *)buffer, length, NULL, &count);
	if (status < 0)
		count = 0;
	if (count < length)
		file_seek(file->slot, NULL, (int64_t)(count - length), SEEK_CUR, NULL);
	file->position = (uint64_t)offset + count;
	file->reads = 0;
	return status < 0 ? status : (int64_t)count;
}

static bool read_current(struct open_file *file, const struct window *window, uint64_t buffer, uint64_t length,
                         int64_t *result)
{
	uint64_t count = 0;
	int64_t offset = 0;
	if (file_advance(file->slot, NULL, length, &offset, &count) < 0)
		return false;
	file->position = (uint64_t)offset + count;
	*result = (int64_t)count;
	if (count > 0 && !window_copy(window, buffer, (uint64_t)offset, count))
		*result = read_moved(file, buffer, count, offset);
	return true;
}

bool window_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, int64_t offset,
                 int64_t *result)
{
	bool current = offset == FILE_OFFSET_CURRENT;
	uint64_t place = current ? file->position : (uint64_t)offset;
	if (length == 0 || length > WINDOW_BYTES)
		return false;
	struct window *window = window_enter(file);
	bool near = window && window_covers(window, place, 1);
	if (!near && ++file->reads >= READS_BEFORE) {
		bool writable = window && window->writable;
		if (window)
			window_leave(window);
		file->reads = 0;
		window_open(thread, file, place, writable);
		window = window_enter(file);
		near = window != NULL;
	}
	bool done = near && (current ? read_current(file, window, buffer, length, result)
	                             : read_positioned(window, buffer, length, place, result));
	if (window)
		window_leave(window);
	return done;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* Inside the file, also when it is done: otherwise a call writes it all again. */
static bool write_positioned(const struct window *window, uint64_t buffer, uint64_t length, uint64_t offset)
{
	const struct file_window *page = window_page(window);
	struct file_written *written = window_written(window);
	uint32_t nobody = 0;
	if (!__atomic_load_n(&page->writable, __ATOMIC_ACQUIRE) || !window_covers(window, offset, length) ||
	    offset + length > __atomic_load_n(&page->size, __ATOMIC_ACQUIRE))
		return false;
	if (!__atomic_compare_exchange_n(&written->writer, &nobody, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&written->time, time_real(), __ATOMIC_RELEASE);
	void *to = (void *)(window_address(window) + (offset - window->start));
	int64_t status = access_copy(to, (const void *)buffer, length);
	__atomic_store_n(&written->writer, 0, __ATOMIC_RELEASE);
	return status == 0 && __atomic_load_n(&page->size, __ATOMIC_SEQ_CST) >= offset + length;
}

bool window_write(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, int64_t offset,
                  int64_t *result)
{
	if (offset == FILE_OFFSET_CURRENT || length == 0 || length > WINDOW_BYTES)
		return false;
	struct window *window = window_enter(file);
	bool near = window && window->writable && window_covers(window, (uint64_t)offset, 1);
	if (!near && ++file->reads >= READS_BEFORE) {
		if (window)
			window_leave(window);
		file->reads = 0;
		window_open(thread, file, (uint64_t)offset, true);
		window = window_enter(file);
		near = window && window->writable;
	}
	bool done = near && write_positioned(window, buffer, length, (uint64_t)offset);
	if (window)
		window_leave(window);
	*result = (int64_t)length;
	return done;
}
