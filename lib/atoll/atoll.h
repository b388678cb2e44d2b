/* Native programs' way to the kernel: the generated stubs of every kernel call, messages, slots.
 * For servers and drivers (static musl programs). The personality uses the same header without
 * the C library behind it. */
#ifndef ATOLL_H
#define ATOLL_H

#include "abi/message.h"
#include "abi/rights.h"
#include "abi/status.h"
#include "abi/structures.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t slot_t; /* a slot of the own captable; 0: none */
/* Where something is called: above the slot of a gate may stand the number of one of several objects behind it. It
 * goes into the upper half of the operation (protocols/path.proto, make_table). */
#define SLOT_MASK 0xffffu
#define SLOT_NUMBER_SHIFT 16

#include "atoll_calls.h" /* generated: static inline int64_t NAME(arguments), one for each kernel call */

/* The capabilities every native program starts with. Others are found by name with startup_slot. */
enum native_slot {
	SELF_CAPTABLE = 1,
	SELF_SPACE = 2,
	SELF_THREAD = 3,
	SELF_POOL = 4,
	SELF_ENDPOINT = 5,   /* the server's own; outlives its incarnations */
	SELF_SUPERVISOR = 6, /* gate: protocols/supervisor.proto */
	SELF_LOG = 7,        /* gate: protocols/log.proto; 0 in the log server itself */
	SELF_INCARNATION = 62, /* pool: what is made from it ends with this incarnation */
	SELF_STASH = 63,     /* memory, of a recoverable server (lib/stash) */
	SELF_FIRST_FREE = 64,
};

/* A message in hand; what the registers hold. */
struct message {
	uint64_t header;
	uint64_t words[MESSAGE_WORDS];
	uint64_t label; /* receive */
	uint64_t id;    /* receive: of the call; reply: to answer */
};

/* Raw calls (abi/message.h). `extra` may be NULL. Return a status. */
int64_t message_call(slot_t gate, struct message *message, struct message_extra *extra);
int64_t message_receive(slot_t endpoint, struct message *message, struct message_extra *extra);
int64_t message_reply(slot_t endpoint, struct message *message, struct message_extra *extra);
/* Answers message->id with header and words, then receives into the same message. */
int64_t message_reply_receive(slot_t endpoint, struct message *message, struct message_extra *extra);

struct call_options {
	uint64_t flags;    /* MESSAGE_INTERRUPTIBLE or 0 */
	uint64_t deadline; /* nanoseconds since boot, 0: none */
};

int status_to_errno(int64_t status); /* 0, or the negative errno that says the same */

/* Slots: which of the own captable are free. Not for use by two threads at once. */
slot_t slot_allocate(void); /* 0: none left */
void slot_free(slot_t slot);  /* and drop what it holds (a recoverable server: when the step counts) */

/* The capability the manifest calls `name`; 0: none. */
slot_t startup_slot(const char *name);
/* The environment string NAME=..., after the equals sign (services: the names of all, in the order of
 * their numbers). NULL: there is none. */
const char *startup_string(const char *name);
/* The number of the service of this name: its place among those. -1: there is none. */
int startup_service(const char *name);
/* Argument N: 0 is the service's name, the manifest's count from 1. NULL: there are no more. */
const char *startup_argument(unsigned number);

uint64_t time_now(void); /* nanoseconds since boot, no kernel call */
uint64_t time_real(void); /* nanoseconds since 1970 */

/* A second thread in the own space, for calls that take long. It runs on `stack`, without the C
 * library (no thread pointer, no reflected system calls), and ends with thread_exit: `run` must not return, which is a fault. */
int64_t worker_start(slot_t slot, void (*run)(void *), void *argument, void *stack, size_t stack_size);

/* The system object, for those who must not call the log server (supervisor, log itself): when set,
 * log_line appends to the kernel's log instead. */
extern slot_t log_system_slot;

/* One line to the system log. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
