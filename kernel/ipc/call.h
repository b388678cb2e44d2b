/* What the files of IPC share: endpoint.c keeps the states of calls, call.c what a message carries,
 * copy.c moves bytes between callers and servers. */
#pragma once

#include "ipc/endpoint.h"

struct cpu;

/* What the end of a call leaves to be let go of once the endpoint's lock is released. */
struct call_remains {
	struct cap_list caps;
	struct object *owner; /* a gone thread whose record was all that was left, or a gate whose notice was answered; NULL: none */
};
void call_remains_drop(struct call_remains *remains);

/* Of the header that is sent, what the other side sees. */
#define MESSAGE_CARRIED(header) ((header) & (0xffffffffull | 7ull << MESSAGE_CAPS_SHIFT))

/* What an answer carries beside the words, which are in the registers of the current thread, the server. */
struct answer {
	uint64_t received_length;
	struct cap_list caps; /* moved into the caller's record, or to the remains */
};

static inline struct thread *call_thread(struct call *call)
{
	return container_of(call, struct thread, call);
}

/* --- endpoint.c; all with endpoint->lock held --- */
struct call *endpoint_find(struct endpoint *endpoint, uint64_t id); /* delivered or parked; or NULL */
void endpoint_put_message(struct thread *receiver, uint64_t id, uint64_t label, uint64_t header,
                          const uint64_t words[MESSAGE_WORDS]);
/* The last step of a direct switch (ipc/direct.h), where something came up for the thread that begins to wait. Lets go of
 * the lock; the CPU then leaves the kernel by kernel_exit. */
void endpoint_wait_late(struct endpoint *endpoint, struct thread *thread, enum wait_reason reason, bool interruptible);
/* A filled-in record becomes a queued call with a new id, and goes to a waiting receiver at once. */
void endpoint_submit(struct endpoint *endpoint, struct call *call, enum call_source source);
/* A delivered call into the receiver's registers. */
void endpoint_give(struct call *call, struct thread *receiver);
/* Put what has waited longest into the receiver's registers. False: there is nothing. */
bool endpoint_take(struct endpoint *endpoint, struct thread *receiver);
/* The parts of an answer that a caller's thread sees, and the end of the call; the thread is not woken yet. */
void endpoint_end_call(struct call *call, struct call_remains *remains);
void endpoint_fill_answer(struct thread *thread, struct answer *answer);
/* The whole. `answer` NULL: the endpoint is gone, or the call leaves before a server has seen it, with this status. */
void endpoint_answer(struct call *call, struct answer *answer, status_t status, struct call_remains *remains);

/* --- fastpath.c --- */
/* From the entry code, for these calls of the current thread, with their first two arguments. They return NULL, having
 * done nothing, where the slow path must do it; else they go to user mode (arch/direct.h), or return the thread that
 * is the current one now, to leave by kernel_exit. */
struct thread *fastpath_call(uint64_t slot, uint64_t header);
struct thread *fastpath_reply_receive(uint64_t slot, uint64_t header);

/* --- short.c --- */
/* From the entry code, after the fast path: a whole call, or answer and receive, with small buffers. Returns the other thread,
 * which is the current one now and goes to user mode; 1 where it does so by kernel_exit; NULL where nothing is done. */
struct thread *short_call_message(void);
struct thread *short_answer_message(void);

/* --- copy.c --- */
/* Copy between a buffer of a delivered or parked call and a memory object or (NULL) the current thread's space.
 * Returns bytes, short at an end or at a page that the caller has to bring in. */
status_t call_copy(struct endpoint *endpoint, uint64_t id, uint64_t offset, struct memory *memory, uint64_t address,
                   uint64_t length, bool to_caller);
/* Bring in the pages of an own buffer, so that a server can reach them later. */
status_t buffer_prepare(uint64_t address, uint64_t length, uint32_t access);
/* What a fault in the current thread's own memory is to its system call; STATUS_BLOCKED: it asks its pager. */
status_t own_fault(enum fault_result result, struct fault *fault);

void futex_init(void);
