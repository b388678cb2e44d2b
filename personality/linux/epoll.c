/* epoll, inside the process, over the same readiness as poll.
 *
 * Each watched file has one of 62 bits of the instance's notification. A file that was not ready is `armed`: its
 * server will signal the bit, and until then it is not asked again. What was ready is asked again at the next wait:
 * level-triggered, it is reported again while it is still ready. An edge-triggered file is armed whether it was
 * ready or not, and only bits are reported that were not ready before, or after its server has signalled a change,
 * or that the program has read or written since (epoll_rearm): that is how a new edge is told from the old one. An
 * instance of a forked child is a copy. */
#include "files.h"
#include "signals.h"
#include "time.h"

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
#define EPOLLONESHOT (1u << 30)
#define EPOLLET (1u << 31)
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP (1u << 29)
#define EVENT_BITS 0xffffu
#define ITEM_BITS 62u
#define WAIT_AT_ONCE 64
#define EPOLL_COOKIE (1ull << 63)
#define NESTS_MAX 4

struct item {
	struct item *next;
	struct open_file *file; /* not held: a file that goes takes its items with it (epoll_forget) */
	int32_t descriptor;
	uint32_t events; /* with EPOLLET, EPOLLONESHOT */
	uint64_t data;
	uint32_t reported; /* edge-triggered: bits told and not used since */
	uint8_t bit;
	bool armed, disabled;
};
struct epoll {
	struct epoll *next;
	struct lock lock;
	struct item *items;
	slot_t notification;
	uint32_t number;   /* of the instance in this space, for cookies */
	uint8_t next_bit;
	struct open_file *outer; /* itself, as others watch it */
	slot_t outer_notification; /* whoever polls this instance; 0: nobody */
	uint64_t outer_bits;
};

static struct lock list_lock; /* taken before an instance's lock */
static struct epoll *instances;
static uint32_t instance_number;

/* --- files that others use ---------------------------------------------------------------------------- */

void epoll_rearm(struct open_file *file, uint32_t events)
{
	lock_take(&list_lock);
	for (struct epoll *epoll = instances; epoll; epoll = epoll->next) {
		lock_take(&epoll->lock);
		for (struct item *item = epoll->items; item; item = item->next)
			if (item->file == file) {
				item->reported &= ~events;
				item->armed = false;
			}
		lock_release(&epoll->lock);
	}
	lock_release(&list_lock);
}

void epoll_forget(struct open_file *file)
{
	lock_take(&list_lock);
	for (struct epoll *epoll = instances; epoll; epoll = epoll->next) {
		lock_take(&epoll->lock);
		for (struct item **link = &epoll->items; *link;) {
			struct item *item = *link;
			if (item->file == file) {
				*link = item->next;
				heap_free(item);
			} else {
				link = &item->next;
			}
		}
		lock_release(&epoll->lock);
	}
	lock_release(&list_lock);
}

/* --- collecting: under the instance's lock ------------------------------------------------------------ */

static uint64_t item_cookie(const struct epoll *epoll, struct thread *thread, const struct item *item)
{
	/* Unique among all processes that share the file: process, instance, descriptor. */
	return EPOLL_COOKIE | (uint64_t)thread->task->process << 36 | (uint64_t)(epoll->number & 0xffff) << 20 |
	       ((uint64_t)item->descriptor & 0xfffff);
}

/* What to report for one item now; arms it where that is nothing. */
static uint32_t item_check(struct epoll *epoll, struct thread *thread, struct item *item, uint64_t *deadline)
{
	uint32_t wanted = item->events & EVENT_BITS;
	bool edges = item->events & EPOLLET, gate = item->file->kind == FILE_GATE;
	uint32_t asked = !edges ? wanted : gate ? wanted | FILE_POLL_EDGE : wanted & ~item->reported;
	if (asked == 0)
		asked = wanted & POLLHUP; /* all told: only errors can still be news */
	uint32_t ready = file_ready(thread, item->file, asked, item_cookie(epoll, thread, item), epoll->notification,
	                            1ull << item->bit, deadline);
	/* A timer or another own kind is asked each time; servers signal the bit. */
	item->armed = gate && (edges || ready == 0);
	return edges ? ready & ~item->reported : ready;
}

static void item_told(struct item *item, uint32_t news)
{
	if (item->events & EPOLLET)
		item->reported |= news;
	if (item->events & EPOLLONESHOT)
		item->disabled = true;
}

/* Fills at most `room` events; 0 room: only says whether there is one. */
static int epoll_collect(struct epoll *epoll, struct thread *thread, struct linux_epoll_event *events, int room,
                         uint64_t *deadline)
{
	struct item *first = epoll->items, *last = NULL;
	int count = 0;
	for (struct item *item = first; item; item = item->next) {
		last = item;
		if (item->armed || item->disabled || (room > 0 && count >= room))
			continue;
		uint32_t news = item_check(epoll, thread, item, deadline);
		if (!news)
			continue;
		if (room > 0) {
			events[count] = (struct linux_epoll_event){ news, item->data };
			item_told(item, news);
		}
		count++;
	}
	/* The first goes to the end, so that a full answer does not starve the rest. */
	if (count > 0 && count >= room && first != last) {
		epoll->items = first->next;
		last->next = first;
		first->next = NULL;
	}
	return count;
}

/* Bits that servers have signalled: those items are asked again. */
static void epoll_disarm(struct epoll *epoll, uint64_t bits)
{
	for (struct item *item = epoll->items; item; item = item->next)
		if (bits >> item->bit & 1) {
			item->armed = false;
			item->reported = 0;
		}
}

static void epoll_take_bits(struct epoll *epoll)
{
	int64_t bits = notification_wait(epoll->notification, 0, 2);
	if (bits > 0)
		epoll_disarm(epoll, (uint64_t)bits);
}

uint32_t epoll_ready(struct thread *thread, struct open_file *file, slot_t notification, uint64_t bits,
                     uint64_t *deadline)
{
	struct epoll *epoll = file->object;
	/* The watcher waits on its own notification, not on ours, so every item is asked for it: rare. */
	uint32_t ready = 0;
	lock_take(&epoll->lock);
	for (struct item *item = epoll->items; item && !ready; item = item->next) {
		if (item->disabled)
			continue;
		uint32_t wanted = item->events & EVENT_BITS;
		if (file_ready(thread, item->file, item->events & EPOLLET ? wanted & ~item->reported : wanted,
		               item_cookie(epoll, thread, item) | 1ull << 62, notification, bits, deadline))
			ready = POLLIN | POLLRDNORM;
	}
	lock_release(&epoll->lock);
	return ready;
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
	item->reported = 0;
	item->armed = item->disabled = false;
	file->flags |= FILE_WATCHED | (event->events & EPOLLET ? FILE_EDGES : 0);
	/* Whoever waits now does not know of this yet. */
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
	item->bit = (uint8_t)(epoll->next_bit++ % ITEM_BITS);
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

static int64_t epoll_control(struct open_file *outer, struct open_file *file, int32_t operation, int32_t descriptor,
                             const struct linux_epoll_event *event)
{
	struct file_attributes attributes;
	struct epoll *epoll = outer->object;
	if (outer->kind != FILE_EPOLL || outer == file)
		return -EINVAL;
	if (operation == EPOLL_CTL_ADD && file->kind == FILE_GATE &&
	    file_status(file->slot, NULL, &attributes, sizeof(attributes), NULL) == 0) {
		uint32_t type = attributes.mode & S_IFMT;
		if (type == S_IFREG || type == S_IFDIR)
			return -EPERM; /* always ready: Linux refuses to watch them */
	}
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
	int64_t result = outer && file ? epoll_control(outer, file, operation, descriptor, &given) : -EBADF;
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
		epoll_take_bits(epoll);
		int count = epoll_collect(epoll, thread, events, room, &wake);
		lock_release(&epoll->lock);
		if (count > 0 || time_now() >= deadline)
			return count;
		if (signals_pending_set(thread) & ~thread->blocked)
			return -EINTR;
		int64_t bits = notification_wait(epoll->notification, wake, 1);
		if (bits == STATUS_INTERRUPTED)
			return -EINTR;
		if (bits > 0) {
			lock_take(&epoll->lock);
			epoll_disarm(epoll, (uint64_t)bits);
			lock_release(&epoll->lock);
		}
	}
}

static int64_t epoll_wait_call(struct thread *thread, int32_t number, uint64_t events, int32_t count,
                               uint64_t deadline, uint64_t mask, uint64_t set_size)
{
	struct linux_epoll_event list[WAIT_AT_ONCE];
	struct task *task = thread->task;
	if (count <= 0 || (uint32_t)count > INT32_MAX / sizeof(list[0]))
		return -EINVAL;
	if (!user_range(events, (uint64_t)count * sizeof(list[0])))
		return -EFAULT;
	struct open_file *file = file_find_io(task, number);
	if (!file)
		return -EBADF;
	int64_t result = file->kind == FILE_EPOLL ? signal_mask_for_call(thread, mask, set_size) : -EINVAL;
	if (result == 0)
		result = epoll_wait_for(thread, file->object, list, MINIMUM(count, WAIT_AT_ONCE), deadline);
	file_release(task, file);
	if (result > 0 && user_write(events, list, (uint64_t)result * sizeof(list[0])) < 0)
		return -EFAULT;
	return result;
}

static uint64_t epoll_deadline(struct thread *thread, int32_t timeout)
{
	return timeout < 0 ? FOREVER : deadline_after(thread, (uint64_t)timeout * 1000000);
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
		deadline = deadline_after(thread, deadline);
	return epoll_wait_call(thread, number, events, count, deadline, mask, set_size);
}
