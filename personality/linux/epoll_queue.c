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
#include "epoll.h"
#include "signals.h"
#include "time.h"

#define EVENT_BITS 0xffffu
#define EPOLL_COOKIE (1ull << 63)
#define OUTER_COOKIE (1ull << 62) /* for whoever watches the instance itself */
#define QUEUE_SHORT 32u

/* --- the queue, and those parked: under the instance's lock ------------------------------------------------- */

void epoll_append(struct epoll *epoll, struct item *item)
{
	item->link = epoll->queue_end;
	item->next_queued = NULL;
	*item->link = item;
	epoll->queue_end = &item->next_queued;
	epoll->queued++;
}

/* Out of the queue or from where it is parked; one that is disabled is in neither. */
void epoll_unlink(struct epoll *epoll, struct item *item)
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
	epoll_unlink(epoll, item);
	item->parked = true;
	item->link = first;
	item->next_queued = *first;
	if (*first)
		(*first)->link = &item->next_queued;
	*first = item;
	epoll->parked++;
}

/* These bits have been signalled: there may be news. */
void epoll_signalled(struct epoll *epoll, uint64_t bits)
{
	for (struct item *item = epoll->queue; item; item = item->next_queued)
		if (bits >> item->bit & 1)
			item->armed = false;
	for (; bits; bits &= bits - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(bits);
		while (bit < ITEM_BITS && epoll->parked_under[bit]) {
			struct item *item = epoll->parked_under[bit];
			epoll_unlink(epoll, item);
			item->armed = false;
			item->fresh = true;
			item->in = NULL;
			epoll_append(epoll, item);
		}
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
int epoll_collect(struct epoll *epoll, struct thread *thread, struct linux_epoll_event *events, int room,
                         uint64_t *deadline)
{
	int count = 0;
	if (epoll->parked) {
		int64_t bits = notification_wait(epoll->notification, 0, 2);
		if (bits > 0)
			epoll_signalled(epoll, (uint64_t)bits);
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
			epoll_unlink(epoll, item);
			item->disabled = true;
		} else if (item_may_park(epoll, thread, item, news, deadline)) {
			item_park(epoll, item);
		}
	}
	return count;
}

/* Before a sleep. True: there is something after all. */
bool epoll_arm(struct epoll *epoll, struct thread *thread, uint64_t *deadline)
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
		epoll_signalled(epoll, (uint64_t)bits);
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
