/* epoll, inside the process, over the same readiness as poll.
 *
 * An item is in the queue of those to look at, or parked. It is parked where nothing can be new until its bit of
 * the instance's notification is signalled: its server has been asked, or the queue is long, so that a wait costs as much as
 * there are files with news, not as there are files. Files that this process can look at by itself (ready.h) stay in
 * a short queue, looked at each time, and nobody has to signal anything but for a wait that sleeps.
 *
 * A level-triggered item is told as long as it is ready. An edge-triggered one is told, with all its events, when there
 * has been news since the last time: bytes that came, room that was made, not what is left of before. `fresh` says
 * that there was some. An instance of a forked child is a copy. */
#include "frame_offsets.h"
#include "ready.h"
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
#define OUTER_COOKIE (1ull << 62) /* for whoever watches the instance itself */
#define QUEUE_SHORT 32u
#define NESTS_MAX 4

struct item {
	struct item *next_queued, **link; /* in the queue, or of those parked under the same bit; link: what points here */
	/* Words of the file that count what comes to it. While they hold what `marks` says the item is as it was at the last
	 * look, which found nothing. `in` is NULL: it must be looked at. */
	const uint32_t *in, *out;
	struct ready_marks marks;
	struct item *next;        /* of all */
	struct open_file *file;   /* not held: a file that goes takes its items with it (epoll_forget) */
	int32_t descriptor;
	uint32_t events; /* with EPOLLET, EPOLLONESHOT */
	uint64_t data;
	uint32_t told; /* edge-triggered, of kinds without marks: what was told and has held since */
	uint8_t bit;
	bool armed;  /* the bit will be signalled */
	bool asked;  /* the last look had to ask others */
	bool fresh, parked, disabled;
};
_Static_assert(__builtin_offsetof(struct item, next_queued) == ACCESS_STILL_NEXT, "access.S");
_Static_assert(__builtin_offsetof(struct item, in) == ACCESS_STILL_IN, "access.S");
_Static_assert(__builtin_offsetof(struct item, out) == ACCESS_STILL_OUT, "access.S");
_Static_assert(__builtin_offsetof(struct item, marks) == ACCESS_STILL_MARKS, "access.S");
struct epoll {
	struct epoll *next;
	struct lock lock;
	struct item *items, *queue, **queue_end;
	uint32_t queued, parked; /* how many */
	uint32_t sleepers;
	slot_t notification;
	uint32_t number;   /* of the instance in this space, for cookies */
	uint32_t next_bit;
	struct item *parked_under[ITEM_BITS];
};

static struct lock list_lock; /* taken before an instance's lock */
static struct epoll *instances;
static uint32_t instance_number;

/* --- the queue, and those parked: under the instance's lock ------------------------------------------------- */

static void queue_append(struct epoll *epoll, struct item *item)
{
	item->link = epoll->queue_end;
	item->next_queued = NULL;
	*item->link = item;
	epoll->queue_end = &item->next_queued;
	epoll->queued++;
}

/* Out of the queue or from where it is parked; one that is disabled is in neither. */
static void item_unlink(struct epoll *epoll, struct item *item)
{
	if (item->disabled)
		return;
	*item->link = item->next_queued;
	if (item->next_queued)
		item->next_queued->link = item->link;
	else if (!item->parked)
		epoll->queue_end = item->link;
	*(item->parked ? &epoll->parked : &epoll->queued) -= 1;
	item->parked = false;
}

static void item_park(struct epoll *epoll, struct item *item)
{
	struct item **first = &epoll->parked_under[item->bit];
	item_unlink(epoll, item);
	item->parked = true;
	item->link = first;
	item->next_queued = *first;
	if (*first)
		(*first)->link = &item->next_queued;
	*first = item;
	epoll->parked++;
}

/* These bits have been signalled: there may be news. */
static void bits_take(struct epoll *epoll, uint64_t bits)
{
	for (struct item *item = epoll->queue; item; item = item->next_queued)
		if (bits >> item->bit & 1)
			item->armed = false;
	for (; bits; bits &= bits - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(bits);
		while (bit < ITEM_BITS && epoll->parked_under[bit]) {
			struct item *item = epoll->parked_under[bit];
			item_unlink(epoll, item);
			item->armed = false;
			item->fresh = true;
			item->in = NULL;
			queue_append(epoll, item);
		}
	}
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
				item_unlink(epoll, item);
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
		bits_take(epoll, ~0ull);
		for (struct item *item = epoll->queue; item; item = item->next_queued)
			item->in = NULL;
		epoll->sleepers = 0;
		if (notification_create(PROCESS_POOL, epoll->notification) < 0) /* in place of the parent's */
			slot_give_back(task, epoll->notification);
	}
}

/* --- looking: under the instance's lock ------------------------------------------------------------------ */

static uint64_t item_cookie(const struct epoll *epoll, struct thread *thread, const struct item *item)
{
	/* Unique among all processes that share the file: process, instance, descriptor. */
	return EPOLL_COOKIE | (uint64_t)thread->task->process << 36 | (uint64_t)(epoll->number & 0xffff) << 20 |
	       ((uint64_t)item->descriptor & 0xfffff);
}

static uint32_t item_wanted(const struct item *item)
{
	return item->events & EVENT_BITS;
}

/* Asks whoever knows, who will signal the item's bit: if nothing is ready, with edges in any case. */
static uint32_t item_ask(struct epoll *epoll, struct thread *thread, struct item *item, uint64_t *deadline)
{
	struct ready_watch watch = { epoll->notification, 1ull << item->bit, item_cookie(epoll, thread, item), deadline };
	uint32_t edge = item->events & EPOLLET ? FILE_POLL_EDGE : 0;
	uint32_t ready = file_ready(thread, item->file, item_wanted(item) | edge, &watch);
	bool signalled = item->file->kind == FILE_GATE || item->file->kind == FILE_EVENT;
	item->armed = signalled && (edge || ready == 0);
	return ready;
}

/* What is new in an answer. A server's answer is; of kinds without a server and without marks what was not ready when
 * it was told of last. */
static uint32_t item_asked_news(struct item *item, uint32_t ready)
{
	uint32_t news = item->file->kind == FILE_GATE || !(item->events & EPOLLET) ? ready : ready & ~item->told;
	item->fresh = false;
	item->told = ready;
	return news;
}

static uint32_t item_news(struct epoll *epoll, struct thread *thread, struct item *item, uint64_t *deadline)
{
	int32_t known = file_ready_here(item->file);
	bool edges = item->events & EPOLLET;
	item->asked = known == READY_UNKNOWN;
	if (item->asked)
		return item->armed ? 0 : item_asked_news(item, item_ask(epoll, thread, item, deadline));
	item->in = NULL;
	if (!edges && (uint32_t)known & item_wanted(item))
		return (uint32_t)known & item_wanted(item);
	/* The marks first: what comes in between is news the next time, too. */
	uint32_t news = file_news(item->file, &item->marks);
	bool looks = !edges || item->fresh || news & item_wanted(item);
	uint32_t ready = looks ? (uint32_t)file_ready_here(item->file) & item_wanted(item) : 0;
	item->fresh = false;
	if (edges || !ready)
		file_words(item->file, &item->in, &item->out);
	return ready;
}

/* The first from here on that may have news. Where a word cannot be touched it is the first. */
static struct item *queue_stirred(const struct epoll *epoll, struct item *first)
{
	if (epoll->queued > QUEUE_SHORT)
		return first; /* they are to be parked */
	struct item *item = access_still_list(first);
	return (int64_t)item == -EFAULT ? first : item;
}

/* Has there been news since the last look? */
static void item_freshen(struct item *item)
{
	item->fresh = item->fresh || file_news(item->file, &item->marks) & item_wanted(item);
	if (item->fresh)
		item->in = NULL;
}

/* Has the item's bit signalled when there is news. True: there is some already. */
static bool item_arm(struct epoll *epoll, struct thread *thread, struct item *item, uint64_t *deadline)
{
	if (item->armed || item->asked)
		return false; /* the latter just now */
	uint32_t ready = item_ask(epoll, thread, item, deadline);
	if (!(item->events & EPOLLET))
		return ready != 0;
	item_freshen(item);
	return ready && item->fresh;
}

/* What was told of goes to the end of the queue, so that a full answer does not starve the rest. */
static void queue_rotate(struct epoll *epoll, struct item *first)
{
	struct item *told = epoll->queue, **told_end = first->link;
	if (told == first)
		return;
	*told_end = NULL;
	*epoll->queue_end = told;
	told->link = epoll->queue_end;
	epoll->queue_end = told_end;
	epoll->queue = first;
	first->link = &epoll->queue;
}

/* After a look: may it be left alone until its bit is signalled? */
static bool item_may_park(struct epoll *epoll, struct thread *thread, struct item *item, uint32_t news,
                          uint64_t *deadline)
{
	if (item->asked || news)
		return item->asked && item->armed;
	return epoll->queued > QUEUE_SHORT && !item_arm(epoll, thread, item, deadline) && item->armed;
}

/* At most `room` events. */
static int epoll_collect(struct epoll *epoll, struct thread *thread, struct linux_epoll_event *events, int room,
                         uint64_t *deadline)
{
	int count = 0;
	if (epoll->parked) {
		int64_t bits = notification_wait(epoll->notification, 0, 2);
		if (bits > 0)
			bits_take(epoll, (uint64_t)bits);
	}
	for (struct item *item = queue_stirred(epoll, epoll->queue), *next; item; item = queue_stirred(epoll, next)) {
		next = item->next_queued;
		if (count == room) {
			queue_rotate(epoll, item);
			break;
		}
		uint32_t news = item_news(epoll, thread, item, deadline);
		if (news)
			events[count++] = (struct linux_epoll_event){ news, item->data };
		else if (!item->asked && epoll->queued <= QUEUE_SHORT)
			continue;
		if (news && item->events & EPOLLONESHOT) {
			item_unlink(epoll, item);
			item->disabled = true;
		} else if (item_may_park(epoll, thread, item, news, deadline)) {
			item_park(epoll, item);
		}
	}
	return count;
}

/* Before a sleep. True: there is something after all. */
static bool queue_arm(struct epoll *epoll, struct thread *thread, uint64_t *deadline)
{
	for (struct item *item = epoll->queue; item; item = item->next_queued)
		if (item_arm(epoll, thread, item, deadline))
			return true;
	return false;
}

/* Is anything ready, as far as others are told who watch the instance? The watch is left with each file: rare. */
uint32_t epoll_ready(struct thread *thread, struct open_file *file, const struct ready_watch *watch)
{
	struct epoll *epoll = file->object;
	uint32_t ready = 0;
	lock_take(&epoll->lock);
	int64_t bits = epoll->parked ? notification_wait(epoll->notification, 0, 2) : 0;
	if (bits > 0)
		bits_take(epoll, (uint64_t)bits);
	for (struct item *item = epoll->items; item && !ready; item = item->next) {
		struct ready_watch outer = { 0 };
		if (item->disabled)
			continue;
		if (watch) {
			outer = *watch;
			outer.cookie = item_cookie(epoll, thread, item) | OUTER_COOKIE;
		}
		bool edges = item->events & EPOLLET;
		uint32_t now = file_ready(thread, item->file, item_wanted(item) | (edges && watch ? FILE_POLL_EDGE : 0),
		                          watch ? &outer : NULL);
		if (edges && file_ready_here(item->file) != READY_UNKNOWN)
			item_freshen(item);
		else if (edges && item->file->kind != FILE_GATE)
			now &= ~item->told;
		bool quiet = edges && !item->fresh && (item->file->kind == FILE_GATE || item->file->kind == FILE_EVENT ||
		                                       item->file->kind == FILE_TIMER);
		ready = now && !quiet ? POLLIN | POLLRDNORM : 0;
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
	queue_append(epoll, item);
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
	item_unlink(epoll, item);
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
		bool sleeps = count == 0 && deadline != AT_ONCE && !queue_arm(epoll, thread, &wake);
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
			bits_take(epoll, (uint64_t)bits);
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
