/* What a recoverable server notes of the step in hand and of its own deaths, for its successor. It is the scratch of the journal (lib/stash/stash.h):
 * written without hooks, and never taken back. */
#ifndef SERVER_SCRATCH_H
#define SERVER_SCRATCH_H

#include "server/doubt.h"
#include "server/step.h"
#include "server/verify.h"
#include "stash/stash.h"

#define NOTES_MAX 960
#define UNDO_MAX 32

struct scratch {
	uint64_t deadly;          /* the call that was in hand when a server died, */
	uint64_t reached;         /* with its list of changes ending here, */
	uint32_t alike;           /* so many times one after the other, */
	uint32_t deaths;          /* and so many in all */
	uint32_t note_count;
	uint32_t done;             /* so many effects have been carried out, */
	uint64_t done_step;        /* of this step */
	struct doubts doubts;
	uint64_t stuck_after;      /* the count of the last step that was committed when a server died, */
	uint32_t stuck;            /* so many times one after the other, */
	uint32_t anew;             /* and had not ended itself */
	uint32_t mended;           /* since something else was deadly */
	struct verify verify;
	uint64_t undo_count;
	struct undo {
		step_action run;
		uint64_t arguments[3];
		uint64_t seal;
	} undo[UNDO_MAX];
	uint64_t notes[NOTES_MAX]; /* slots that the step in hand has taken; sealed, as what they say is done to the captable */
};
_Static_assert(sizeof(struct scratch) <= STASH_SCRATCH_SIZE, "it fits");

static inline struct scratch *scratch(void)
{
	return (struct scratch *)stash_journal->scratch;
}

/* undo.c: what a step that was not committed did to the captable, and what it has said is to be undone (step_undo). Again, it does nothing. */
void notes_undo(void);
void actions_undo(void);

/* blame.c: in a new incarnation, before the step in hand is taken back. */
void death_count(void);
/* After that: incarnations that came to no step's end are counted, and damage that ends every one is mended. */
void state_mend(void);
/* The call in hand when a server died has come again. True: it is at fault, and is to be refused. */
bool call_is_refused(const struct request *request);

#endif
