/* Waiters: parked opens, in a queue in order of arrival and in a table by call id, so that a
 * cancel request finds its own at once. */
#include "pipe.h"
#include <stdlib.h>

static struct waiter **waiter_bucket(uint64_t id)
{
	return &state.waiters[id % WAITER_BUCKETS];
}

struct waiter *waiter_create(struct request *request, struct end *end)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);
	if (!waiter)
		return NULL;
	waiter->id = request->id;
	waiter->end = end;
	waiter->same_hash = *waiter_bucket(waiter->id);
	*waiter_bucket(waiter->id) = waiter;
	return waiter;
}

void waiter_append(struct waiter_queue *queue, struct waiter *waiter)
{
	waiter->next = NULL;
	*queue->last = waiter;
	queue->last = &waiter->next;
}

void waiter_remove(struct waiter_queue *queue, struct waiter *waiter)
{
	struct waiter **link = &queue->first;
	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	if (!waiter->next)
		queue->last = link;
	for (link = waiter_bucket(waiter->id); *link != waiter; link = &(*link)->same_hash)
		;
	*link = waiter->same_hash;
	free(waiter);
}

struct waiter *waiter_find(uint64_t id)
{
	struct waiter *waiter = *waiter_bucket(id);
	while (waiter && waiter->id != id)
		waiter = waiter->same_hash;
	return waiter;
}
