/* Errors that are doubted: each is asked for once more, is known for a second after it was answered twice, and is doubted again behind
 * that; many at a time are not paid for; others may take its place. */
#include "check.h"
#include "server/doubt.h"
#include <stdio.h>

#define MILLISECOND 1000000ull

static uint64_t now = 5000 * MILLISECOND, last_call;

uint64_t time_now(void)
{
	return now;
}

/* One call, which comes again while it is doubted: how often it was. */
static unsigned doubted(struct doubts *doubts, uint32_t operation, int status)
{
	struct request request = { .id = ++last_call, .operation = operation };
	unsigned times = 0;
	while (times < 3 && doubt_is_due(doubts, &request, status))
		times++;
	return times;
}

static void known_for_a_while(void)
{
	struct doubts doubts = { 0 };
	CHECK(doubted(&doubts, 600, -2) == 1);
	CHECK(doubted(&doubts, 600, -2) == 0);
	CHECK(doubted(&doubts, 600, -9) == 1);
	CHECK(doubted(&doubts, 601, -2) == 1);
	now += 999 * MILLISECOND;
	CHECK(doubted(&doubts, 600, -2) == 0);
	now += MILLISECOND;
	CHECK(doubted(&doubts, 600, -2) == 1);
}

/* Errors that all differ, at once: eight are doubted, and then one in ten milliseconds. */
static void paid_for(void)
{
	struct doubts doubts = { 0 };
	unsigned times = 0;
	for (uint32_t operation = 1; operation <= 100; operation++)
		times += doubted(&doubts, operation, -5);
	CHECK(times == 8);
	for (uint32_t operation = 101; operation <= 200; operation++) {
		now += MILLISECOND;
		times += doubted(&doubts, operation, -5);
	}
	CHECK(times == 18);
}

/* However many there are, each is asked for twice at most. */
static void places_are_shared(void)
{
	struct doubts doubts = { 0 };
	for (uint32_t round = 0; round < 3 * DOUBT_ERRORS; round++) {
		now += 100 * MILLISECOND;
		CHECK(doubted(&doubts, 1 + round, -1) == 1);
		CHECK(doubted(&doubts, 1 + round, -1) == 0);
	}
}

int main(void)
{
	known_for_a_while();
	paid_for();
	places_are_shared();
	return failures != 0;
}
