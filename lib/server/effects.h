/* What a step will have done to others once it counts: a list in the stash, made by the step, carried out after its commit (again
 * after a crash, so each is such that doing it twice is doing it once), and forgotten by the step that follows. */
#ifndef SERVER_EFFECTS_H
#define SERVER_EFFECTS_H

#include "server/server.h"

struct effect;
extern struct effects {
	struct effect *first, **last;
	uint64_t count;
	slot_t answered[MESSAGE_CAPS_MAX]; /* to be emptied when the answer to the last call has been sent */
	unsigned answered_count;
	uint64_t answered_seal; /* the sum of these */
} effects; /* most steps have none: who calls the functions below looks here first */

/* -ENOMEM: not noted. */
int effect_answer(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data, uint64_t data_length,
                  const slot_t *caps, unsigned cap_count);
int effect_call(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length);
void effect_drop(slot_t slot);
void effect_action(step_action run, uint64_t a, uint64_t b, uint64_t c);
/* The capabilities that went with the answer to the call in hand are dropped when it has been sent. */
void effect_drop_answered(slot_t slot);

/* Last in a step: the slots that will be emptied are free in the next one. A list that is not as it was made ends the server: once it
 * counted, it would end every successor. */
void effects_settle(void);
/* It is as it was made; else the server ends. */
void effects_check(void);
/* Between two steps, where what is left to be carried out ends every incarnation: the list ends before the first that is not as it was
 * made. How many are lost. */
uint64_t effects_cut(void);
/* After the commit: those from number *done on, which counts them as they are done. `look`: one that is not as it was made ends the server. */
void effects_run(uint32_t *done, bool look);
/* First in a step: what the last one had left to be done is done. Then, if the answer to the last call has certainly been sent: the slots that were to be emptied after it. */
void effects_forget(void);
void effects_forget_answered(void);
void effects_drop_answered(void);

#endif
