/* epoll: the calls, and the instances of this space; epoll_queue.c says how it works. */
#include "epoll.h"
#include "signals.h"
#include "time.h"

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP (1u << 29)
#define WAIT_AT_ONCE 64
#define NESTS_MAX 4

static struct lock list_lock; /* taken before an instance's lock */
static struct epoll *instances;
static uint32_t instance_number;

void epoll_forget(struct open_file *file)
{
	lock_take(&list_lock);
	for (struct epoll *epoll = instances; epoll; epoll = epoll->next) {
		lock_take(&epoll->lock);
		for (struct item **link = &epoll->items; *link;) {
			struct item *item = *link;
			if (item->file == file) {
				*link = item->next;
				epoll_unlink(epoll, item);
				heap_free(item);
			} else {
				link = &item->next;
			}
		}
		lock_release(&epoll->lock);
	}
	lock_release(&list_lock);
}

/* --- children --------------------------------------------------------------------------------------------- */

void epolls_lock(void)
{
	lock_take(&list_lock);
	for (struct epoll *epoll = instances; epoll; epoll = epoll->next)
		lock_take(&epoll->lock);
}

void epolls_unlock(void)
{
	for (struct epoll *epoll = instances; epoll; epoll = epoll->next)
		lock_release(&epoll->lock);
	lock_release(&list_lock);
}

void epolls_renew(struct task *task)
{
	for (struct epoll *epoll = instances; epoll; epoll = epoll->next) {
		epoll_signalled(epoll, ~0ull);
		for (struct item *item = epoll->queue; item; item = item->next_queued)
			item->in = NULL;
		epoll->sleepers = 0;
		if (notification_create(PROCESS_POOL, epoll->notification) < 0) /* in place of the parent's */
			slot_give_back(task, epoll->notification);
	}
}

/* --- the calls ------------------------------------------------------------------------------------------- */

void epoll_free(struct task *task, void *object)
{
	struct epoll *epoll = object;
	lock_take(&list_lock);
	for (struct epoll **link = &instances; *link; link = &(*link)->next) {
		if (*link == epoll) {
			*link = epoll->next;
			break;
		}
	}
	lock_release(&list_lock);
	while (epoll->items) {
		struct item *item = epoll->items;
		epoll->items = item->next;
		heap_free(item);
	}
	slot_give_back(task, epoll->notification);
	heap_free(epoll);
}

int64_t linux_epoll_create1(struct thread *thread, uint32_t flags)
{
	struct task *task = thread->task;
	if (flags & ~(uint32_t)O_CLOEXEC)
		return -EINVAL;
	struct epoll *epoll = heap_allocate(sizeof(*epoll));
	if (!epoll)
		return -ENOMEM;
	epoll->notification = slot_take(task);
	if (!epoll->notification || notification_create(PROCESS_POOL, epoll->notification) < 0) {
		slot_give_back(task, epoll->notification);
		heap_free(epoll);
		return -ENOMEM;
	}
	lock_take(&list_lock);
	epoll->number = ++instance_number;
	epoll->queue_end = &epoll->queue;
	epoll->next = instances;
	instances = epoll;
	lock_release(&list_lock);
	struct open_file *file = file_make(task, 0, FILE_EPOLL, 0, epoll);
	if (!file) {
		epoll_free(task, epoll);
		return -ENOMEM;
	}
	return descriptor_install(task, file, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

int64_t linux_epoll_create(struct thread *thread, int32_t size)
{
	return size <= 0 ? -EINVAL : linux_epoll_create1(thread, 0);
}

static struct item *item_find(struct epoll *epoll, struct open_file *file, int32_t descriptor)
{
	for (struct item *item = epoll->items; item; item = item->next)
		if (item->file == file && item->descriptor == descriptor)
			return item;
	return NULL;
}

static void item_set(struct epoll *epoll, struct open_file *file, struct item *item,
                     const struct linux_epoll_event *event)
{
	item->events = (event->events & ~(EPOLLWAKEUP | EPOLLEXCLUSIVE)) | POLLERR | POLLHUP;
	item->data = event->data;
	item->told = 0;
	item->armed = item->disabled = false;
	item->fresh = true;
	item->in = NULL;
	epoll_append(epoll, item);
	file->flags |= FILE_WATCHED;
	if (epoll->sleepers) /* who do not know of this yet */
		notification_signal(epoll->notification, 1ull << item->bit);
}

static int64_t item_add(struct epoll *epoll, struct open_file *file, int32_t descriptor,
                        const struct linux_epoll_event *event)
{
	if (item_find(epoll, file, descriptor))
		return -EEXIST;
	struct item *item = heap_allocate(sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->file = file;
	item->descriptor = descriptor;
	item->bit = epoll->next_bit++ % ITEM_BITS;
	item->next = epoll->items;
	epoll->items = item;
	item_set(epoll, file, item, event);
	return 0;
}

static int64_t item_change(struct epoll *epoll, struct open_file *file, int32_t descriptor, int32_t operation,
                           const struct linux_epoll_event *event)
{
	struct item *item = item_find(epoll, file, descriptor);
	if (!item)
		return -ENOENT;
	epoll_unlink(epoll, item);
	if (operation == EPOLL_CTL_MOD) {
		item_set(epoll, file, item, event);
		return 0;
	}
	for (struct item **link = &epoll->items; *link; link = &(*link)->next) {
		if (*link == item) {
			*link = item->next;
			break;
		}
	}
	heap_free(item);
	return 0;
}

/* Would watching this instance make one that watches itself, or a chain that is too long? */
static bool epoll_reaches(struct epoll *from, const struct epoll *target, unsigned depth)
{
	if (from == target || depth > NESTS_MAX)
		return true;
	bool reaches = false;
	lock_take(&from->lock);
	for (struct item *item = from->items; item && !reaches; item = item->next)
		reaches = item->file->kind == FILE_EPOLL && epoll_reaches(item->file->object, target, depth + 1);
	lock_release(&from->lock);
	return reaches;
}

/* One at a time, so that two cannot close a circle together. */
static int64_t epoll_add_epoll(struct epoll *epoll, struct open_file *file, int32_t descriptor,
                               const struct linux_epoll_event *event)
{
	lock_take(&list_lock);
	int64_t result = -ELOOP;
	if (!epoll_reaches(file->object, epoll, 0)) {
		lock_take(&epoll->lock);
		result = item_add(epoll, file, descriptor, event);
		lock_release(&epoll->lock);
	}
	lock_release(&list_lock);
	return result;
}

/* Linux refuses to watch what is always ready. */
static bool file_never_waits(struct task *task, struct open_file *file)
{
	struct file_attributes attributes;
	int error;
	if (file->flags & (FILE_DEVICES | FILE_DISK))
		return true;
	if (file->flags & FILE_RING)
		pipe_view(task, file, &error); /* from here on it can be looked at without the server */
	else if (file->kind == FILE_GATE && file_status(file->slot, NULL, &attributes, sizeof(attributes), NULL) == 0)
		return (attributes.mode & S_IFMT) == S_IFREG || (attributes.mode & S_IFMT) == S_IFDIR;
	return false;
}

static int64_t epoll_control(struct task *task, struct open_file *outer, struct open_file *file, int32_t operation, int32_t descriptor,
                             const struct linux_epoll_event *event)
{
	struct epoll *epoll = outer->object;
	if (file_never_waits(task, file))
		return -EPERM;
	if (outer->kind != FILE_EPOLL || outer == file)
		return -EINVAL;
	if (operation == EPOLL_CTL_ADD && file->kind == FILE_EPOLL)
		return epoll_add_epoll(epoll, file, descriptor, event);
	lock_take(&epoll->lock);
	int64_t result = operation == EPOLL_CTL_ADD ? item_add(epoll, file, descriptor, event)
	               : operation == EPOLL_CTL_DEL || operation == EPOLL_CTL_MOD
	                     ? item_change(epoll, file, descriptor, operation, event) : -EINVAL;
	lock_release(&epoll->lock);
	return result;
}

int64_t linux_epoll_ctl(struct thread *thread, int32_t number, int32_t operation, int32_t descriptor, uint64_t event)
{
	struct task *task = thread->task;
	struct linux_epoll_event given = { 0, 0 };
	if (operation != EPOLL_CTL_DEL && user_read(&given, event, sizeof(given)) < 0)
		return -EFAULT;
	struct open_file *outer = file_find_io(task, number), *file = file_find_io(task, descriptor);
	int64_t result = outer && file ? epoll_control(task, outer, file, operation, descriptor, &given) : -EBADF;
	file_release(task, file);
	file_release(task, outer);
	return result;
}

static int64_t epoll_wait_for(struct thread *thread, struct epoll *epoll, struct linux_epoll_event *events, int room,
                              uint64_t deadline)
{
	for (;;) {
		uint64_t wake = deadline;
		lock_take(&epoll->lock);
		int count = epoll_collect(epoll, thread, events, room, &wake);
		bool sleeps = count == 0 && deadline != AT_ONCE && !epoll_arm(epoll, thread, &wake);
		epoll->sleepers += sleeps;
		lock_release(&epoll->lock);
		if (count > 0 || deadline == AT_ONCE)
			return count;
		int64_t bits = 0;
		if (signals_pending_set(thread) & ~thread->blocked)
			bits = STATUS_INTERRUPTED;
		else if (sleeps && time_now() < deadline)
			bits = notification_wait(epoll->notification, wake, 1);
		lock_take(&epoll->lock);
		epoll->sleepers -= sleeps;
		if (bits > 0)
			epoll_signalled(epoll, (uint64_t)bits);
		lock_release(&epoll->lock);
		if (bits == STATUS_INTERRUPTED)
			return -EINTR;
		if (time_now() >= deadline)
			return 0;
	}
}

/* Waits and writes the events out; `most`: how many the caller has room for. */
static int64_t epoll_wait_to(struct thread *thread, struct epoll *epoll, uint64_t events, uint32_t most, uint64_t deadline)
{
	struct linux_epoll_event small[WAIT_AT_ONCE], *list = small;
	uint32_t room = MINIMUM(most, MAXIMUM(epoll->queued + epoll->parked, (uint32_t)WAIT_AT_ONCE));
	if (room > WAIT_AT_ONCE)
		list = heap_allocate_raw(room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	int64_t result = epoll_wait_for(thread, epoll, list, (int)room, deadline);
	if (result > 0 && user_write(events, list, (uint64_t)result * sizeof(*list)) < 0)
		result = -EFAULT;
	if (list != small)
		heap_free(list);
	return result;
}

static int64_t epoll_wait_call(struct thread *thread, int32_t number, uint64_t events, int32_t count,
                               uint64_t deadline, uint64_t mask, uint64_t set_size)
{
	struct task *task = thread->task;
	if (count <= 0 || (uint32_t)count > INT32_MAX / sizeof(struct linux_epoll_event))
		return -EINVAL;
	if (!user_range(events, (uint64_t)count * sizeof(struct linux_epoll_event)))
		return -EFAULT;
	struct open_file *file = file_find_io(task, number);
	if (!file)
		return -EBADF;
	int64_t result = file->kind == FILE_EPOLL ? signal_mask_for_call(thread, mask, set_size) : -EINVAL;
	if (result == 0)
		result = signal_mask_after_call(
			thread, epoll_wait_to(thread, file->object, events, (uint32_t)count, deadline));
	file_release(task, file);
	return result;
}

static uint64_t epoll_deadline(struct thread *thread, int32_t timeout)
{
	return timeout < 0 ? FOREVER : deadline_in(thread, (uint64_t)timeout * 1000000);
}

int64_t linux_epoll_wait(struct thread *thread, int32_t number, uint64_t events, int32_t count, int32_t timeout)
{
	return epoll_wait_call(thread, number, events, count, epoll_deadline(thread, timeout), 0, 0);
}

int64_t linux_epoll_pwait(struct thread *thread, int32_t number, uint64_t events, int32_t count, int32_t timeout,
                          uint64_t mask, uint64_t set_size)
{
	return epoll_wait_call(thread, number, events, count, epoll_deadline(thread, timeout), mask, set_size);
}

int64_t linux_epoll_pwait2(struct thread *thread, int32_t number, uint64_t events, int32_t count, uint64_t timeout,
                           uint64_t mask, uint64_t set_size)
{
	uint64_t deadline = FOREVER;
	int status = timeout ? duration_read(timeout, &deadline) : 0;
	if (status < 0)
		return status;
	if (timeout)
		deadline = deadline_in(thread, deadline);
	return epoll_wait_call(thread, number, events, count, deadline, mask, set_size);
}
