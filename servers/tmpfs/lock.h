/* Locks of files: fcntl ranges owned by processes, and flock owned by open files.
 *
 * Both kinds hang from the node as one list; they do not see each other. A request that must
 * wait is a waiter on the node, named by the parked call; lock_answer decides it.
 */
#ifndef TMPFS_LOCK_H
#define TMPFS_LOCK_H

#include "node.h"

#define LOCK_WAITS 1 /* the request was recorded: park the call */

struct lock_request {
	bool whole;      /* flock: owner is the open file, and the range everything */
	bool exclusive;
	uint64_t owner;  /* process number, or open file label */
	uint64_t file;   /* label of the open file it was made through */
	uint64_t start, end; /* bytes, last one included; UINT64_MAX: to the end */
};

/* 0, LOCK_WAITS, -EAGAIN (not to wait: call 0), -EDEADLK, -ENOLCK. */
int lock_set(struct node *node, const struct lock_request *request, uint64_t call);
int lock_clear(struct node *node, const struct lock_request *request);
/* The first lock that stands against the request; false: none does. */
bool lock_query(const struct node *node, const struct lock_request *request, struct lock_request *found);
/* The process closed a descriptor of the file. */
void lock_release_owner(struct node *node, uint64_t owner);
/* The process has ended. */
void lock_release_process(uint64_t owner);
/* The open file is gone: its flock, and the fcntl locks made through it. Who still waits through it (another
 * thread closed the descriptor) gets EBADF. */
void lock_release_file(struct node *node, uint64_t file);
/* Take back what this call waits for; false: it waits for no lock. */
bool lock_cancel_call(uint64_t call);
void lock_forget_node(struct node *node);

#endif
