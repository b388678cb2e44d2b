/* Tasks and threads as memory: blocks with their stacks, lists, and the copy that a child gets which
 * shares our memory (vfork) but nothing else.
 *
 * A thread's region is guard page, stack, block. Its own exit cannot free it, because it runs on it: proc zeroes
 * `alive` when the thread is gone, and a region whose word is zero is used again. If proc dies just then, its successor zeroes the
 * word once more, unless that is another one by then: it is, where the region is another thread's. */
#include "files.h"
#include "frame_offsets.h"
#include "signals.h"

_Static_assert(sizeof(struct thread) <= BLOCK_SIZE, "the block's room at the end of a region");

struct task first_task;
extern char first_stack_top[];

#define REGIONS_MAX ((THREAD_AREA_END - THREAD_AREA) / THREAD_REGION_SIZE)
static struct lock regions_lock;
static uint32_t regions_used; /* regions ever mapped in this space, from the bottom */
static uint32_t lives;        /* the last word that a region in use had: no two have the same */

struct thread *first_thread(void)
{
	return (struct thread *)first_stack_top;
}

static struct thread *region_thread(uint32_t index)
{
	return (struct thread *)(THREAD_AREA + (index + 1) * THREAD_REGION_SIZE - BLOCK_SIZE);
}

static struct thread *region_reuse(void)
{
	for (uint32_t i = 0; i < regions_used; i++) {
		struct thread *thread = region_thread(i);
		if (__atomic_load_n(&thread->alive, __ATOMIC_ACQUIRE) == 0)
			return thread;
	}
	return NULL;
}

static struct thread *region_map(void)
{
	if (regions_used >= REGIONS_MAX)
		return NULL;
	uint64_t address = THREAD_AREA + regions_used * THREAD_REGION_SIZE;
	int64_t status = space_map(PROCESS_SPACE, 0, address + ATOLL_PAGE_SIZE, THREAD_REGION_SIZE - ATOLL_PAGE_SIZE, 0,
	                           MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY | MAP_REPLACE);
	return status < 0 ? NULL : region_thread(regions_used++);
}

struct thread *thread_allocate(struct task *task)
{
	lock_take(&regions_lock);
	struct thread *thread = region_reuse();
	if (!thread)
		thread = region_map();
	if (thread) {
		memset(thread, 0, sizeof(*thread));
		lives += 1 + (lives == UINT32_MAX);
		__atomic_store_n(&thread->alive, lives, __ATOMIC_RELEASE);
	}
	lock_release(&regions_lock);
	if (!thread)
		return NULL;
	thread->task = task;
	thread->self = thread;
	thread->stack_top = (uint64_t)thread;
	thread->call_number = CALL_NONE;
	thread->alternate.flags = SS_DISABLE;
	thread->restart_number = CALL_NONE;
	return thread;
}

void thread_release(struct thread *thread)
{
	signals_clear(&thread->pending);
	__atomic_store_n(&thread->alive, 0, __ATOMIC_RELEASE);
}

void thread_link(struct thread *thread)
{
	struct task *task = thread->task;
	thread->next = task->threads;
	task->threads = thread;
	task->thread_count++;
}

void thread_unlink(struct thread *thread)
{
	struct task *task = thread->task;
	for (struct thread **link = &task->threads; *link; link = &(*link)->next) {
		if (*link == thread) {
			*link = thread->next;
			task->thread_count--;
			break;
		}
	}
}

struct thread *task_find_thread(struct task *task, uint32_t id)
{
	for (struct thread *thread = task->threads; thread; thread = thread->next)
		if (thread->id == id)
			return thread;
	return NULL;
}

void task_prepare_first(struct task *task, struct thread *thread, uint32_t process)
{
	task->process = process;
	task->setting_dumpable = 1;
	task->descriptor_limit = 1024;
	task->file_size_limit = RLIM_INFINITY;
	task->files.table = task->files.first;
	task->files.size = DESCRIPTORS_FIRST;
	for (slot_t slot = 0; slot < PROCESS_FIRST_FREE; slot++)
		slots_mark(task, slot);
	thread->task = task;
	thread->self = thread;
	thread->stack_top = (uint64_t)thread;
	thread->call_number = CALL_NONE;
	thread->id = process;
	thread->slot = PROCESS_THREAD;
	thread->alive = 1;
	thread->alternate.flags = SS_DISABLE;
	thread->restart_number = CALL_NONE;
	thread_link(thread);
}

struct task *task_copy(struct task *task)
{
	struct task *copy = heap_allocate(sizeof(*copy));
	if (!copy)
		return NULL;
	lock_take(&task->lock);
	memcpy(copy, task, sizeof(*copy));
	lock_release(&task->lock);
	copy->lock.word = 0;
	copy->threads = NULL;
	copy->thread_count = 0;
	copy->pending = (struct signal_queue){ 0 };
	copy->spare_signal = NULL;
	memset(copy->timers, 0, sizeof(copy->timers));
	copy->executable_path = NULL;
	copy->exec_buffer = copy->exec_state = NULL;
	if (task->executable_path) {
		uint64_t length = string_length(task->executable_path) + 1;
		copy->executable_path = heap_allocate(length);
		if (copy->executable_path)
			memcpy(copy->executable_path, task->executable_path, length);
	}
	if (files_copy(task, copy))
		return copy;
	heap_free(copy->executable_path);
	heap_free(copy);
	return NULL;
}

void task_free(struct task *task)
{
	if (task == &first_task)
		return;
	files_free(task);
	signals_clear(&task->pending);
	heap_free(task->spare_signal);
	heap_free(task->executable_path);
	heap_free(task->exec_buffer);
	heap_free(task->exec_state);
	heap_free(task);
}

slot_t thread_notification(struct thread *thread)
{
	if (thread->notification)
		return thread->notification;
	slot_t slot = slot_take(thread->task);
	if (!slot)
		return 0;
	if (notification_create(PROCESS_POOL, slot) < 0) {
		slot_give_back(thread->task, slot);
		return 0;
	}
	return thread->notification = slot;
}
