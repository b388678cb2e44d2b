/* Answers that count only if two incarnations come to the same (docs/decisions/014-answers-twice.md). What is noted of them is in the
 * scratch of the journal, which no step takes back. */
#ifndef SERVER_VERIFY_H
#define SERVER_VERIFY_H

#include "server/server.h"

#define VERIFY_SUMS 4     /* different ones; a further one is believed */
#define VERIFY_RECALLED 8 /* values for each call; further ones are taken as they are */

struct verify {
	uint64_t call;     /* the id of the call that is being verified */
	uint32_t count;    /* so many incarnations have handled it, */
	uint32_t recalled_count;
	uint64_t sums[VERIFY_SUMS]; /* and came to this */
	uint64_t recalled[VERIFY_RECALLED]; /* what it was told when it was first handled (step_recall) */
};

/* First in a step: the call in hand has this id; 0: another event, which is not verified. */
void verify_begin(struct verify *verify, uint64_t id);
/* Last in it. True: it counts, because one before came to the same, or because all came to different things, so that they cannot be
 * compared. False: another incarnation has to handle it. */
bool verify_agrees(struct verify *verify, const struct request *request, int status);
/* It has done this to others: they belong to what it has come to. */
void verify_witness(const void *bytes, uint64_t length);
/* See step_recall. */
uint64_t verify_recall(struct verify *verify, uint64_t value);

#endif
