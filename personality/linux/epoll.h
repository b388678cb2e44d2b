/* An epoll instance: its items, and the look at them (epoll_queue.c). */
#ifndef PERSONALITY_EPOLL_H
#define PERSONALITY_EPOLL_H

#include "frame_offsets.h"
#include "ready.h"

#define EPOLLONESHOT (1u << 30)
#define EPOLLET (1u << 31)
#define ITEM_BITS 62u

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

/* All under the instance's lock. */
void epoll_append(struct epoll *epoll, struct item *item); /* to the queue */
void epoll_unlink(struct epoll *epoll, struct item *item); /* from wherever it is */
void epoll_signalled(struct epoll *epoll, uint64_t bits);
/* At most `room` events; how many. */
int epoll_collect(struct epoll *epoll, struct thread *thread, struct linux_epoll_event *events, int room,
                  uint64_t *deadline);
/* Before a sleep: has all signalled that comes. True: there is something after all. */
bool epoll_arm(struct epoll *epoll, struct thread *thread, uint64_t *deadline);

#endif
