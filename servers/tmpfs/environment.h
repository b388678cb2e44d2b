/* What the tree needs from outside: memory objects for file contents, a clock, small
 * allocations, and a way to answer a parked call. The server gives the kernel's
 * (environment.c); the host test gives a fake, so that everything else runs under the
 * sanitizers unchanged. A handle is a capability slot there, and only a number here; 0: none.
 */
#ifndef TMPFS_ENVIRONMENT_H
#define TMPFS_ENVIRONMENT_H

#include "stash/not_state.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t handle_t;

#define CONTENT_PAGE 4096ull

/* Anonymous, zero-filled, charged to the data quota. 0: the quota is used up. */
handle_t memory_object_make(uint64_t size);
/* 0, -ENOSPC or -EFBIG. Not to less than it was when the step began. */
int memory_object_resize(handle_t object, uint64_t size);
/* Before anything comes to lie past this size, or the object grows: it goes if the step is taken back. False: not now. */
bool memory_object_guard(handle_t object, uint64_t size);
/* When the step counts: what lies past this size is gone and reads as zeros later, and the object ends with the page (or is
 * one page). */
void memory_object_cut(handle_t object, uint64_t size);
/* Free the whole pages of a range and clear its ragged ends. */
void memory_object_discard(handle_t object, uint64_t offset, uint64_t length);
/* Give every page of a range its memory, so that writing there cannot fail for lack of it. `fresh`: nothing
 * was ever written there, and it is cleared. 0 or -ENOSPC (some pages may have theirs then). */
int memory_object_populate(handle_t object, uint64_t offset, uint64_t length, bool fresh);
/* Bytes done, or a negative errno. */
int64_t memory_object_write(handle_t object, uint64_t offset, const void *data, uint64_t length);
int64_t memory_object_read(handle_t object, uint64_t offset, void *data, uint64_t length);
uint64_t memory_object_resident(handle_t object);
/* A page that processes may be shown, zeroed: its number. 0: no memory, or there are enough. */
uint32_t shared_page_make(void);
void shared_page_drop(uint32_t page);
handle_t shared_page_handle(uint32_t page); /* 0: it has been dropped */
void *shared_page_at(uint32_t page); /* its address here; it cannot be taken away by who may only read it */
/* Forget any capability: a memory object, a gate. */
void handle_drop(handle_t handle);
/* Bytes of the data quota that are left, and its size. */
void memory_quota(uint64_t *total, uint64_t *left);

/* When the step counts, and perhaps once more: lib/server/server.h. */
void step_then(void (*run)(uint64_t a, uint64_t b, uint64_t c), uint64_t a, uint64_t b, uint64_t c);

int64_t clock_now(void); /* nanoseconds since 1970 */

void *heap_allocate(size_t size); /* zero-filled; NULL: no memory */
void heap_free(void *block, size_t size);

/* A lock that a parked call waited for is decided. */
void lock_answer(uint64_t call, int status);

#endif
