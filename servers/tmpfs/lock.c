/* Locks: see lock.h. Ranges of one owner never overlap: setting a range first cuts it out of
 * what the owner holds (two cuts at most), then adds it; equal neighbours are not joined, which only
 * costs a little memory. Waiters are tried again in order whenever something is released.
 */
#include "lock.h"

#include <errno.h>

struct lock {
	struct lock *next;                       /* of the node */
	struct lock *previous_all, *next_all;    /* of all, for the end of a process */
	struct node *node;
	struct lock_request held;
};

struct lock_waiter {
	struct lock_waiter *next;          /* of the node */
	struct lock_waiter *previous_all, *next_all; /* of all, for cancelling and deadlocks */
	struct node *node;
	uint64_t call;
	struct lock_request wanted;
};

static struct lock *locks;
static struct lock_waiter *waiters;

static void lock_link(struct lock *lock, struct node *node, const struct lock_request *held, struct lock **at)
{
	*lock = (struct lock){ .next = *at, .next_all = locks, .node = node, .held = *held };
	*at = lock;
	if (locks)
		locks->previous_all = lock;
	locks = lock;
}

static void lock_free(struct lock **at)
{
	struct lock *lock = *at;
	*at = lock->next;
	if (lock->previous_all)
		lock->previous_all->next_all = lock->next_all;
	else
		locks = lock->next_all;
	if (lock->next_all)
		lock->next_all->previous_all = lock->previous_all;
	heap_free(lock, sizeof *lock);
}

static bool overlaps(const struct lock_request *a, const struct lock_request *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool conflicts(const struct lock_request *held, const struct lock_request *wanted)
{
	return held->whole == wanted->whole && held->owner != wanted->owner &&
	       (held->exclusive || wanted->exclusive) && overlaps(held, wanted);
}

static const struct lock *find_conflict(const struct node *node, const struct lock_request *request)
{
	const struct lock *lock = node->locks;
	while (lock && !conflicts(&lock->held, request))
		lock = lock->next;
	return lock;
}

bool lock_query(const struct node *node, const struct lock_request *request, struct lock_request *found)
{
	const struct lock *lock = find_conflict(node, request);
	if (lock)
		*found = lock->held;
	return lock;
}

/* Would waiting for this request close a circle of owners each waiting for the next? The search
 * gives up after ten steps, as Linux does. */
static bool closes_circle(const struct node *node, const struct lock_request *request, uint64_t owner,
                          unsigned depth)
{
	for (const struct lock *lock = node->locks; lock; lock = lock->next) {
		if (!conflicts(&lock->held, request))
			continue;
		if (lock->held.owner == owner)
			return true;
		for (const struct lock_waiter *waiter = waiters; waiter && depth < 10;
		     waiter = waiter->next_all) {
			bool waits = !waiter->wanted.whole && waiter->wanted.owner == lock->held.owner;
			if (waits && closes_circle(waiter->node, &waiter->wanted, owner, depth + 1))
				return true;
		}
	}
	return false;
}

/* Takes a range out of the owner's locks. `spare` is used up when one lock becomes two. */
static void cut_range(struct node *node, const struct lock_request *range, struct lock **spare)
{
	struct lock *lock;
	for (struct lock **link = &node->locks; (lock = *link);) {
		struct lock_request *held = &lock->held;
		bool own = held->whole == range->whole && held->owner == range->owner;
		if (!own || !overlaps(held, range)) {
			link = &lock->next;
		} else if (held->start >= range->start && held->end <= range->end) {
			lock_free(link);
		} else if (held->start < range->start && held->end > range->end) {
			struct lock_request tail = *held;
			tail.start = range->end + 1;
			held->end = range->start - 1;
			lock_link(*spare, node, &tail, &lock->next);
			*spare = NULL;
			return; /* no other lock of this owner can overlap */
		} else {
			if (held->start < range->start)
				held->end = range->start - 1;
			else
				held->start = range->end + 1;
			link = &lock->next;
		}
	}
}

static int apply(struct node *node, const struct lock_request *request, bool add)
{
	struct lock *spare = heap_allocate(sizeof *spare);
	struct lock *lock = add ? heap_allocate(sizeof *lock) : NULL;
	if (!spare || (add && !lock)) {
		if (spare)
			heap_free(spare, sizeof *spare);
		return -ENOLCK;
	}
	cut_range(node, request, &spare);
	if (spare)
		heap_free(spare, sizeof *spare);
	if (add)
		lock_link(lock, node, request, &node->locks);
	return 0;
}

static void waiter_free(struct lock_waiter *waiter)
{
	struct lock_waiter **link = &waiter->node->waiters;
	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	if (waiter->previous_all)
		waiter->previous_all->next_all = waiter->next_all;
	else
		waiters = waiter->next_all;
	if (waiter->next_all)
		waiter->next_all->previous_all = waiter->previous_all;
	heap_free(waiter, sizeof *waiter);
}

static void retry_waiters(struct node *node)
{
	struct lock_waiter *next;
	for (struct lock_waiter *waiter = node->waiters; waiter; waiter = next) {
		next = waiter->next;
		if (find_conflict(node, &waiter->wanted))
			continue;
		int status = apply(node, &waiter->wanted, true);
		uint64_t call = waiter->call;
		waiter_free(waiter);
		lock_answer(call, status);
		next = node->waiters; /* it may have made its own lock weaker */
	}
}

static int wait_for(struct node *node, const struct lock_request *request, uint64_t call)
{
	struct lock_waiter *waiter = heap_allocate(sizeof *waiter);
	if (!waiter)
		return -ENOLCK;
	*waiter = (struct lock_waiter){ .node = node, .call = call, .wanted = *request, .next_all = waiters };
	if (waiters)
		waiters->previous_all = waiter;
	waiters = waiter;
	struct lock_waiter **link = &node->waiters;
	while (*link)
		link = &(*link)->next;
	*link = waiter;
	return LOCK_WAITS;
}

int lock_set(struct node *node, const struct lock_request *request, uint64_t call)
{
	if (!find_conflict(node, request)) {
		int status = apply(node, request, true);
		retry_waiters(node); /* a write lock may have become a read lock */
		return status;
	}
	if (request->whole) { /* flock gives up what it has before it waits or fails */
		int status = apply(node, request, false);
		if (status)
			return status;
		retry_waiters(node);
	}
	if (!call)
		return -EAGAIN;
	if (!request->whole && closes_circle(node, request, request->owner, 0))
		return -EDEADLK;
	return wait_for(node, request, call);
}

int lock_clear(struct node *node, const struct lock_request *request)
{
	int status = node->locks ? apply(node, request, false) : 0;
	retry_waiters(node);
	return status;
}

static void release_where(struct node *node, bool by_owner, uint64_t key)
{
	struct lock *lock;
	bool released = false;
	for (struct lock **link = &node->locks; (lock = *link);) {
		const struct lock_request *held = &lock->held;
		if (by_owner ? held->whole || held->owner != key : held->file != key) {
			link = &lock->next;
			continue;
		}
		lock_free(link);
		released = true;
	}
	if (released)
		retry_waiters(node);
}

void lock_release_owner(struct node *node, uint64_t owner)
{
	release_where(node, true, owner);
}

void lock_release_process(uint64_t owner)
{
	struct lock *lock = locks;
	while (lock) {
		bool own = !lock->held.whole && lock->held.owner == owner;
		if (own)
			release_where(lock->node, true, owner); /* the list has changed */
		lock = own ? locks : lock->next_all;
	}
}

void lock_release_file(struct node *node, uint64_t file)
{
	struct lock_waiter *next;
	for (struct lock_waiter *waiter = node->waiters; waiter; waiter = next) {
		next = waiter->next;
		if (waiter->wanted.file != file)
			continue;
		uint64_t call = waiter->call;
		waiter_free(waiter);
		lock_answer(call, -EBADF);
	}
	release_where(node, false, file);
}

bool lock_cancel_call(uint64_t call)
{
	struct lock_waiter *waiter = waiters;
	while (waiter && waiter->call != call)
		waiter = waiter->next_all;
	if (waiter)
		waiter_free(waiter);
	return waiter;
}

void lock_forget_node(struct node *node)
{
	while (node->waiters)
		waiter_free(node->waiters);
	while (node->locks)
		lock_free(&node->locks);
}
