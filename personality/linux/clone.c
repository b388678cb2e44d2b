/* New processes and threads.
 *
 * fork: the child's space is a copy, so its block and task are where ours are; it goes on with the same registers.
 * Before the copy is made this thread takes every lock, so that the child finds none held by a thread it does
 * not have. vfork and other CLONE_VM children share memory: they get a block, a stack and a task of their own.
 * Threads share the task and get a block. */
#include "files.h"
#include "protocol_process.h"
#include "signals.h"

struct clone {
	uint64_t flags, stack, parent_id, child_id, thread_area;
	uint32_t exit_signal;
};

static uint64_t fs_base_for(const struct clone *clone)
{
	return clone->flags & CLONE_SETTLS ? clone->thread_area : (uint64_t)thread_get_base(0);
}

static void request_fill(struct thread *thread, const struct clone *clone, struct thread *child,
                         struct process_fork *request)
{
	*request = (struct process_fork){
		.flags = clone->flags & (CLONE_VM | CLONE_VFORK | CLONE_PARENT),
		.instruction = (uint64_t)child_entry,
		.stack = child->stack_top,
		.fs_base = fs_base_for(clone),
		.gs_base = (uint64_t)child,
		.argument = (uint64_t)child,
		.exit_signal = clone->exit_signal,
		.thread = thread->id,
		.has_table = thread->task->files.table_state || task_is_shared(thread->task),
		.descriptors = (uint64_t)&child->task->files,
	};
}

/* The child's registers: ours, with a result of 0 and its own stack. */
static void child_prepare(struct thread *thread, struct thread *child, const struct clone *clone)
{
	child->frame = thread->frame;
	child->frame.registers.rax = 0;
	if (clone->stack)
		child->frame.registers.rsp = clone->stack;
	child->blocked = thread->blocked;
	child->policy = thread->policy;
	child->restart_number = CALL_NONE;
	child->set_address = clone->flags & CLONE_CHILD_SETTID ? clone->child_id : 0;
	child->clear_address = clone->flags & CLONE_CHILD_CLEARTID ? clone->child_id : 0;
	if (!(clone->flags & CLONE_VM) || clone->flags & CLONE_VFORK)
		child->alternate = thread->alternate;
}

static void parent_tell(const struct clone *clone, uint32_t id)
{
	if (clone->flags & CLONE_PARENT_SETTID)
		user_write32(clone->parent_id, id);
}

/* --- fork -------------------------------------------------------------------------------------------- */

static void locks_take(struct task *task)
{
	epolls_lock();
	lock_take(&task->lock);
	pipe_views_lock();
	lock_take(&task->files.lock);
	heap_lock();
}

static void locks_release(struct task *task)
{
	heap_unlock();
	lock_release(&task->files.lock);
	pipe_views_unlock();
	lock_release(&task->lock);
	epolls_unlock();
}

static int64_t fork_copy(struct thread *thread, const struct clone *clone)
{
	struct process_fork request;
	struct thread before = *thread; /* what the child's copy of the block replaces */
	uint32_t id = 0;
	child_prepare(thread, thread, clone);
	request_fill(thread, clone, thread, &request);
	thread->start = START_FORK;
	locks_take(thread->task); /* also by the only one: another may be just about to end, and hold one yet */
	int status = files_to_gates_locked(thread->task, 0);
	if (status == 0)
		status = process_fork(PROCESS_GATE, NULL, &request, &id);
	locks_release(thread->task);
	/* An alert may have come meanwhile: that word stays as it is. */
	thread->frame = before.frame;
	thread->set_address = before.set_address;
	thread->clear_address = before.clear_address;
	if (status < 0)
		return status;
	parent_tell(clone, id);
	return id;
}

/* --- shared memory ------------------------------------------------------------------------------------ */

static int64_t fork_shared(struct thread *thread, const struct clone *clone)
{
	struct process_fork request;
	uint32_t id = 0;
	struct task *task = task_copy(thread->task);
	struct thread *child = task ? thread_allocate(task) : NULL;
	if (!child) {
		if (task)
			task_free(task);
		return -EAGAIN;
	}
	child_prepare(thread, child, clone);
	request_fill(thread, clone, child, &request);
	if (!(clone->flags & CLONE_VFORK))
		request.clear_child_tid = (uint64_t)&child->alive;
	child->start = START_SHARED;
	child->slot = PROCESS_THREAD;
	int status = process_fork(PROCESS_GATE, NULL, &request, &id);
	if (status >= 0)
		parent_tell(clone, id);
	if (status < 0 || clone->flags & CLONE_VFORK) {
		/* It has left this space: by exec, or for good. */
		thread_release(child);
		task_free(task);
	}
	return status < 0 ? status : (int64_t)id;
}

static int64_t thread_make(struct thread *thread, const struct clone *clone)
{
	struct task *task = thread->task;
	uint32_t id = 0;
	slot_t slot = slot_take(task);
	struct thread *child = slot ? thread_allocate(task) : NULL;
	if (!child) {
		slot_give_back(task, slot);
		return -EAGAIN;
	}
	child_prepare(thread, child, clone);
	child->start = START_THREAD;
	child->slot = slot;
	/* The child takes this lock first thing: its id must be told before it can clear the word at its end. */
	lock_take(&task->lock);
	thread_link(child);
	int status = process_make_thread(PROCESS_GATE, NULL, thread->id, slot, (uint64_t)child_entry, (uint64_t)child,
	                                 fs_base_for(clone), (uint64_t)&child->alive, &id);
	if (status < 0) {
		thread_unlink(child);
	} else {
		child->id = id;
		parent_tell(clone, id);
	}
	lock_release(&task->lock);
	if (status >= 0)
		return id;
	thread_release(child);
	slot_give_back(task, slot);
	return status;
}

/* --- the child's side --------------------------------------------------------------------------------- */

/* In a copied space: this thread is all there is. */
static void fork_child(struct thread *thread, uint32_t process)
{
	struct task *task = thread->task;
	locks_release(task);
	for (struct thread *other = task->threads; other; other = other->next)
		if (other != thread)
			other->alive = 0;
	if (task_is_shared(task)) /* when it was copied */
		files_count_again(task);
	table_forget(task);
	windows_forget(task);
	task->threads = thread;
	thread->next = NULL;
	task->thread_count = 1;
	pipe_views_forget(task);
	epolls_renew(task);
	task->process = process;
	task->locks_used = 0;
	signals_clear(&task->pending);
	signals_clear(&thread->pending);
	memset(task->timers, 0, sizeof(task->timers));
	thread->slot = PROCESS_THREAD;
	thread->robust_head = 0;
	/* Notification and redirect slots came along in the captable's copy, but a notification shared with
	 * the parent would wake the wrong one. */
	if (thread->notification) {
		slot_give_back(task, thread->notification);
		thread->notification = 0;
		memset(thread->watched, 0, sizeof(thread->watched));
	}
}

void child_start(struct thread *thread, uint64_t process, uint64_t id)
{
	thread->id = (uint32_t)id;
	thread->interrupted = 0;
	thread->restore_mask = 0;
	thread->call_number = CALL_NONE;
	if (thread->start == START_FORK)
		fork_child(thread, (uint32_t)process);
	if (thread->start == START_SHARED) {
		thread->task->process = (uint32_t)process;
		pipe_views_inherit(thread->task);
	}
	if (thread->start != START_FORK) {
		lock_take(&thread->task->lock);
		if (thread->start == START_SHARED)
			thread_link(thread);
		lock_release(&thread->task->lock);
	}
	if (thread->set_address)
		user_write32(thread->set_address, (uint32_t)id);
	signals_look(thread);
}

/* --- the calls ------------------------------------------------------------------------------------------- */

static int clone_check(const struct clone *clone)
{
	uint64_t flags = clone->flags;
	if (flags & CLONE_NEW_NAMESPACES)
		return -EPERM;
	if (flags & CLONE_PIDFD)
		return -EINVAL;
	if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if (flags & CLONE_SIGHAND && !(flags & CLONE_VM))
		return -EINVAL;
	if (flags & CLONE_CLEAR_SIGHAND && flags & CLONE_SIGHAND)
		return -EINVAL;
	return clone->exit_signal > SIGNAL_COUNT ? -EINVAL : 0;
}

static int64_t clone_run(struct thread *thread, const struct clone *clone)
{
	int status = clone_check(clone);
	if (status < 0)
		return status;
	if (clone->flags & CLONE_THREAD)
		return thread_make(thread, clone);
	return clone->flags & CLONE_VM ? fork_shared(thread, clone) : fork_copy(thread, clone);
}

int64_t linux_clone(struct thread *thread, uint64_t flags, uint64_t stack, uint64_t parent_id, uint64_t child_id,
                    uint64_t thread_area)
{
	struct clone clone = {
		.flags = flags & 0xffffff00u,
		.stack = stack,
		.parent_id = parent_id,
		.child_id = child_id,
		.thread_area = thread_area,
		.exit_signal = flags & 0xff,
	};
	return clone_run(thread, &clone);
}

struct clone_arguments {
	uint64_t flags, pidfd, child_id, parent_id, exit_signal, stack, stack_size, thread_area, set_id, set_id_size,
		cgroup;
};

int64_t linux_clone3(struct thread *thread, uint64_t arguments, uint64_t size)
{
	struct clone_arguments given = { 0 };
	if (size < 64)
		return -EINVAL;
	if (size > ATOLL_PAGE_SIZE)
		return -E2BIG;
	if (user_read(&given, arguments, MINIMUM(size, sizeof(given))) < 0)
		return -EFAULT;
	if (given.set_id_size || given.cgroup || given.flags & 0xff || given.exit_signal > SIGNAL_COUNT ||
	    (given.stack == 0) != (given.stack_size == 0))
		return -EINVAL;
	struct clone clone = {
		.flags = given.flags,
		.stack = given.stack ? given.stack + given.stack_size : 0,
		.parent_id = given.parent_id,
		.child_id = given.child_id,
		.thread_area = given.thread_area,
		.exit_signal = (uint32_t)given.exit_signal,
	};
	return clone_run(thread, &clone);
}

int64_t linux_fork(struct thread *thread)
{
	struct clone clone = { .exit_signal = SIGCHLD };
	return clone_run(thread, &clone);
}

int64_t linux_vfork(struct thread *thread)
{
	struct clone clone = { .flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD };
	return clone_run(thread, &clone);
}

int64_t linux_unshare(struct thread *thread, uint64_t flags)
{
	if (flags & ~(CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VM | CLONE_THREAD | CLONE_NEW_NAMESPACES | 0x40000))
		return -EINVAL;
	if (flags & CLONE_NEW_NAMESPACES)
		return -EPERM;
	return flags != 0 && task_is_shared(thread->task) ? -EINVAL : 0;
}
