/* Errors that are believed when two incarnations come to them (docs/decisions/010-wrong-answers.md). What is noted of them is in the scratch
 * of the journal, which no step takes back. */
#ifndef SERVER_DOUBT_H
#define SERVER_DOUBT_H

#include "server/server.h"

#define DOUBT_ERRORS 32 /* that are known at a time, each in one of two places */

struct doubts {
	uint64_t call; /* whose error was not believed at first */
	uint64_t paid; /* the time up to which doubts are paid for */
	struct known_error {
		uint32_t operation;
		int32_t status;
		uint64_t time; /* when it was answered twice */
	} known[DOUBT_ERRORS];
};

/* True: another incarnation is to handle the call. */
bool doubt_is_due(struct doubts *doubts, const struct request *request, int status);

#endif
