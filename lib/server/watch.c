/* Poll watchers: a list per open file, oldest last; see watch.h. */
#include "server/watch.h"
#include <errno.h>
#include <stdlib.h>

/* A file that this many wait for drops its oldest watch: its notification is signalled, so that
 * its owner polls again rather than sleeping for ever. */
#define WATCHES_PER_FILE 256

struct watch {
	struct watch *next;
	uint64_t cookie, bits;
	uint32_t events;
	slot_t notification;
};

static void watch_remove(struct watch_list *list, struct watch **link, bool signal)
{
	struct watch *watch = *link;
	*link = watch->next;
	list->count--;
	if (signal)
		notification_signal(watch->notification, watch->bits);
	slot_free(watch->notification);
	free(watch);
}

static void watch_forget(struct watch_list *list, uint64_t cookie)
{
	for (struct watch **link = &list->first; *link; link = &(*link)->next) {
		if ((*link)->cookie == cookie) {
			watch_remove(list, link, false);
			return;
		}
	}
}

static void watch_drop_oldest(struct watch_list *list)
{
	struct watch **link = &list->first;
	while ((*link)->next)
		link = &(*link)->next;
	watch_remove(list, link, true);
}

int watch_poll(struct watch_list *list, struct request *request, uint32_t ready, uint32_t events,
               uint64_t cookie, uint64_t bits, uint32_t *result)
{
	watch_forget(list, cookie);
	*result = ready & (events | WATCH_ALWAYS);
	if ((*result && !(events & WATCH_EDGE)) || request->caps[0].kind != MESSAGE_CAP_SLOT)
		return 0;
	struct watch *watch = malloc(sizeof *watch);
	if (!watch)
		return -ENOMEM;
	if (list->count >= WATCHES_PER_FILE)
		watch_drop_oldest(list);
	*watch = (struct watch){ .next = list->first, .cookie = cookie, .bits = bits, .events = events,
	                         .notification = request_take_cap(request, 0) };
	list->first = watch;
	list->count++;
	return 0;
}

void watch_fire(struct watch_list *list, uint32_t ready)
{
	struct watch **link = &list->first;
	while (*link) {
		if (ready & ((*link)->events | WATCH_ALWAYS))
			watch_remove(list, link, true);
		else
			link = &(*link)->next;
	}
}

uint32_t watch_wanted(const struct watch_list *list)
{
	uint32_t events = 0;
	for (const struct watch *watch = list->first; watch; watch = watch->next)
		events |= watch->events;
	return events;
}

void watch_clear(struct watch_list *list)
{
	while (list->first)
		watch_remove(list, &list->first, true);
}
