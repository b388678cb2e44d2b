/* The edges of a step, between the loop (server.c) and what survives a crash. Two implementations, chosen at link time:
 * step_plain.c forgets everything; step_stash.c keeps it in the stash (README.md). */
#ifndef SERVER_STEP_H
#define SERVER_STEP_H

#include "server/server.h"

/* Once, before anything else: finish or take back what an earlier incarnation left. True: there was none. */
bool step_open(void);
/* Before a call with this id is handled (0: another event). */
void step_begin(uint64_t id);
/* The call in hand was answered with an error. One that is not often the answer may be the doing of a fault (a wrong value, damaged
 * code): then this does not return. The step is taken back and runs again in a new incarnation, with its code, stack and
 * registers as they should be; what that answers is believed. */
void step_doubt(const struct request *request, int status);
/* After what an incarnation does at its start. True: answers are verified, and so is this, with the first: the step goes on into that of the first
 * message. */
bool step_go_on(void);
/* No message comes soon, or one that needs no step. True: that of the start is open, and is to be ended now. */
bool step_goes_no_further(void);
/* The call in hand has been handled with this result; request holds the answer. NULL: another event. From here on it
 * counts. What it announced to others (answers to parked calls, slots to be emptied) is done on return. */
void step_commit(struct request *request, int status);
/* The first call of this incarnation has been handled, at this time if it was there at once; its answer goes out next. */
void step_awake(uint64_t time);
/* Is this the call that was handled last, come again because the answer may not have been sent? Then the answer, as
 * it was, is in the request, and *status is its result. */
bool step_repeated(struct request *request, int *status);
/* After the step in hand this incarnation ends, for another build to go on with the state: the answer to the call comes from there.
 * Nothing of this step, or of one before, is left to be done then. -ENOTSUP: there is no state to go on with. */
int step_leaving(void);
extern bool step_leaves;
_Noreturn void step_leave(void);
/* version.c, in the first step: the state is converted if it is of the version before. */
void version_take(void);
/* In a step of its own: it is reverted if it is not of this version, which is the one before. */
void version_give(uint64_t to);
/* The answer to the last call has been sent: slots that were to be emptied then. */
void step_answered(const struct request *request);

/* Answer a parked call: at once, or when the step counts. */
int64_t step_answer(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data,
                    uint64_t data_length, const slot_t *caps, unsigned cap_count);
/* Make a call that must be made once: at once, or when the step counts. */
int step_call(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length);
/* Calls that were delivered and have not been answered, by a step that counts or later, come again: that in hand too. */
void step_look(void);
/* These bytes will be written by what is not recoverable code. */
void step_save(const void *to, uint64_t length);

/* quarantine.c: all that is known of a call that is refused, to the log. `steps`: committed so far. */
void quarantine_tell(const struct request *request, unsigned deaths, uint64_t steps);

/* server.c: nothing is to be answered with the next receive. */
void reply_none(void);

/* server.c: the answer itself. */
int64_t answer_send(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data,
                    uint64_t data_length, const slot_t *caps, unsigned cap_count);

/* server.c: the call itself; the answer's status. */
int call_send(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length);

/* kept.c: what the loop itself remembers from step to step. */
extern struct kept {
	slot_t notification;
	slot_t receive_slots[MESSAGE_CAPS_MAX]; /* where capabilities of the next call arrive */
	bool taken; /* some of them, so that they are to be refilled */
	uint64_t once[ONCE_LABELS]; /* by label: the number of the last call that was to be carried out once */
} kept;
void kept_take_slot(unsigned index); /* it is the server's now */
void kept_refill(void);
void kept_set_notification(slot_t slot);
void kept_forget_session(uint64_t label); /* its gate is gone; the label may be used again */

#endif
