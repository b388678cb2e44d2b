/* Files of the personality's own: eventfd and timerfd. A counter or a time in memory, and notifications of whoever
 * waits. They are not shared with a forked child, which gets a copy as it was. */
#include "ready.h"
#include "signals.h"
#include "time.h"

#define WATCHERS_MAX 16
#define EFD_SEMAPHORE 1u
#define COUNTER_MAX 0xfffffffffffffffeull

struct watcher {
	slot_t notification; /* 0: free */
	uint64_t bits;
};
/* One structure for both kinds: whoever waits registers with it. */
struct event {
	struct lock lock;
	bool semaphore;     /* eventfd */
	int32_t clock;      /* timerfd */
	uint32_t writes, reads; /* so far */
	uint64_t counter;   /* eventfd */
	uint64_t next, interval; /* timerfd: next expiry (0: off), in nanoseconds since boot */
	struct watcher watchers[WATCHERS_MAX];
};

/* --- watching: under the lock ----------------------------------------------------------------------- */

static void watch(struct event *event, slot_t notification, uint64_t bits)
{
	struct watcher *free = &event->watchers[0];
	for (unsigned i = 0; i < WATCHERS_MAX; i++) {
		struct watcher *watcher = &event->watchers[i];
		if (watcher->notification == notification && watcher->bits == bits)
			return;
		if (!watcher->notification)
			free = watcher;
	}
	/* Where all places are taken the first one is woken and asks again. */
	if (free->notification)
		notification_signal(free->notification, free->bits);
	*free = (struct watcher){ notification, bits };
}

static void watchers_wake(struct event *event)
{
	for (unsigned i = 0; i < WATCHERS_MAX; i++) {
		if (event->watchers[i].notification)
			notification_signal(event->watchers[i].notification, event->watchers[i].bits);
		event->watchers[i].notification = 0;
	}
}

static bool timer_expired(const struct event *event)
{
	return event->next && time_now() >= event->next;
}

/* Expiries so far, taken. */
static uint64_t expiries_take(struct event *event)
{
	uint64_t now = time_now(), count = 1;
	if (event->next == 0 || now < event->next)
		return 0;
	if (event->interval)
		count += (now - event->next) / event->interval;
	event->next = event->interval ? event->next + count * event->interval : 0;
	return count;
}

/* Single words, so that a look needs no lock. */
uint32_t event_ready(const struct open_file *file)
{
	const struct event *event = file->object;
	if (file->kind == FILE_TIMER)
		return timer_expired(event) ? POLLIN : 0;
	uint64_t counter = __atomic_load_n(&event->counter, __ATOMIC_ACQUIRE);
	return (counter > 0 ? POLLIN : 0) | (counter < COUNTER_MAX ? POLLOUT : 0);
}

void event_words(const struct open_file *file, const uint32_t **in, const uint32_t **out)
{
	const struct event *event = file->object;
	if (file->kind == FILE_EVENT) {
		*in = &event->writes;
		*out = &event->reads;
	}
}

/* A timer that has expired tells nothing more until that has been read. */
uint32_t event_news(const struct open_file *file, struct ready_marks *marks)
{
	struct event *event = file->object;
	lock_take(&event->lock);
	uint32_t in = file->kind == FILE_TIMER ? event->reads + timer_expired(event) : event->writes;
	uint32_t out = file->kind == FILE_TIMER ? 0 : event->reads;
	lock_release(&event->lock);
	uint32_t news = (in != marks->in ? READY_IN : 0u) | (out != marks->out ? READY_OUT : 0u);
	*marks = (struct ready_marks){ in, out };
	return news;
}

uint32_t own_ready(struct thread *thread, struct open_file *file, uint32_t events, const struct ready_watch *waiter)
{
	struct event *event = file->object;
	if (file->kind == FILE_EPOLL)
		return epoll_ready(thread, file, waiter) & events;
	if (file->kind == FILE_SIGNAL)
		return signal_file_ready(thread, file) & events;
	lock_take(&event->lock);
	uint32_t ready = event_ready(file) & events;
	if (waiter && (!ready || events & FILE_POLL_EDGE)) {
		watch(event, waiter->notification, waiter->bits);
		if (file->kind == FILE_TIMER && event->next && !timer_expired(event) && waiter->deadline)
			*waiter->deadline = MINIMUM(*waiter->deadline, event->next);
	}
	lock_release(&event->lock);
	return ready;
}

/* --- reading and writing ----------------------------------------------------------------------------- */

/* Wait until the file has one of these events: 0, -EAGAIN for O_NONBLOCK, -EINTR. */
static int64_t event_wait(struct thread *thread, struct open_file *file, uint32_t events)
{
	uint64_t deadline = FOREVER;
	if (file->flags & FILE_NONBLOCK)
		return -EAGAIN;
	if (!thread_notification(thread))
		return -ENOMEM;
	if (file_ready_watched(thread, file, events, &deadline))
		return 0;
	return watches_wait(thread, deadline);
}

static uint64_t event_take(struct open_file *file, struct event *event)
{
	uint64_t value;
	lock_take(&event->lock);
	if (file->kind == FILE_TIMER) {
		value = expiries_take(event);
		event->reads += value != 0;
	} else {
		value = event->semaphore ? event->counter > 0 : event->counter;
		event->counter -= value;
		if (value) {
			event->reads++;
			watchers_wake(event);
		}
	}
	lock_release(&event->lock);
	return value;
}

int64_t own_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length)
{
	uint64_t value;
	if (file->kind == FILE_SIGNAL)
		return signal_file_read(thread, file, buffer, length);
	if (file->kind == FILE_EPOLL || length < sizeof(value))
		return -EINVAL;
	while ((value = event_take(file, file->object)) == 0) {
		int64_t status = event_wait(thread, file, POLLIN);
		if (status < 0)
			return status;
	}
	return user_write(buffer, &value, sizeof(value)) < 0 ? -EFAULT : (int64_t)sizeof(value);
}

static bool event_add(struct event *event, uint64_t value)
{
	lock_take(&event->lock);
	bool fits = value <= COUNTER_MAX - event->counter;
	if (fits) {
		event->counter += value;
		event->writes++;
		watchers_wake(event);
	}
	lock_release(&event->lock);
	return fits;
}

int64_t own_write(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length)
{
	uint64_t value;
	if (file->kind != FILE_EVENT || length < sizeof(value))
		return -EINVAL;
	if (user_read(&value, buffer, sizeof(value)) < 0)
		return -EFAULT;
	if (value == UINT64_MAX)
		return -EINVAL;
	while (!event_add(file->object, value)) {
		int64_t status = event_wait(thread, file, POLLOUT);
		if (status < 0)
			return status;
	}
	return sizeof(value);
}

void own_free(struct task *task, struct open_file *file)
{
	if (file->kind == FILE_EPOLL)
		epoll_free(task, file->object);
	else
		heap_free(file->object);
}

/* --- the calls ------------------------------------------------------------------------------------------- */

static int64_t event_make(struct thread *thread, enum descriptor_kind kind, struct event **event, uint32_t flags)
{
	struct task *task = thread->task;
	*event = heap_allocate(sizeof(**event));
	struct open_file *file = *event ? file_make(task, 0, kind, flags & O_NONBLOCK ? FILE_NONBLOCK : 0, *event) : NULL;
	if (!file) {
		heap_free(*event);
		return -ENOMEM;
	}
	return descriptor_install(task, file, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

int64_t linux_eventfd2(struct thread *thread, uint32_t count, uint32_t flags)
{
	struct event *event;
	if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	int64_t result = event_make(thread, FILE_EVENT, &event, flags);
	if (result >= 0) {
		event->counter = count;
		event->semaphore = flags & EFD_SEMAPHORE;
	}
	return result;
}

int64_t linux_eventfd(struct thread *thread, uint32_t count)
{
	return linux_eventfd2(thread, count, 0);
}

int64_t linux_timerfd_create(struct thread *thread, int32_t clock, int32_t flags)
{
	struct event *event;
	if (flags & ~(O_CLOEXEC | O_NONBLOCK) ||
	    (!clock_is_real(clock) && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME && clock != CLOCK_BOOTTIME_ALARM))
		return -EINVAL;
	int64_t result = event_make(thread, FILE_TIMER, &event, (uint32_t)flags);
	if (result >= 0)
		event->clock = clock;
	return result;
}

/* The timer behind a descriptor, held; -EBADF, -EINVAL. */
static int timer_find(struct thread *thread, int32_t descriptor, struct open_file **file)
{
	*file = file_find_io(thread->task, descriptor);
	if (!*file)
		return -EBADF;
	if ((*file)->kind == FILE_TIMER)
		return 0;
	file_release(thread->task, *file);
	return -EINVAL;
}

static struct linux_itimerspec timer_value(const struct event *event)
{
	uint64_t now = time_now();
	return (struct linux_itimerspec){
		timespec_make(event->interval),
		timespec_make(event->next == 0 ? 0 : event->next > now ? event->next - now : 1),
	};
}

int64_t linux_timerfd_settime(struct thread *thread, int32_t descriptor, int32_t flags, uint64_t value, uint64_t old)
{
	struct linux_itimerspec given, before;
	struct open_file *file;
	if (user_read(&given, value, sizeof(given)) < 0)
		return -EFAULT;
	if (!timespec_valid(&given.value) || !timespec_valid(&given.interval) || flags & ~3)
		return -EINVAL;
	int status = timer_find(thread, descriptor, &file);
	if (status < 0)
		return status;
	struct event *event = file->object;
	uint64_t first = duration_of(&given.value);
	lock_take(&event->lock);
	before = timer_value(event);
	event->reads += timer_expired(event);
	event->interval = duration_of(&given.interval);
	event->next = first == 0 ? 0
	            : flags & TIMER_ABSTIME ? deadline_of_clock(event->clock, &given.value) : time_now() + first;
	watchers_wake(event);
	lock_release(&event->lock);
	file_release(thread->task, file);
	return old ? user_write(old, &before, sizeof(before)) : 0;
}

int64_t linux_timerfd_gettime(struct thread *thread, int32_t descriptor, uint64_t value)
{
	struct open_file *file;
	int status = timer_find(thread, descriptor, &file);
	if (status < 0)
		return status;
	struct linux_itimerspec now = timer_value(file->object);
	file_release(thread->task, file);
	return user_write(value, &now, sizeof(now));
}
