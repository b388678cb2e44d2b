/* The fault injector: a service with a better priority than its victims, so that what it does to them it does between two
 * of their instructions. README.md (one folder up) has the kinds of faults and what is reported. */
#ifndef INJECTOR_H
#define INJECTOR_H

#include "atoll/atoll.h"

/* --- random.c: one sequence, which a seed repeats --- */
void random_seed(uint64_t seed);
uint64_t random_below(uint64_t limit);

/* --- victim.c --- */
struct victim {
	const char *name;
	uint32_t number;      /* of the service */
	slot_t thread, space, stash; /* of its present incarnation */
	slot_t text;          /* its table of instructions; 0: none */
	uint64_t text_count;  /* entries of that */
	bool lost;            /* given up by the supervisor */
};

bool victim_find(struct victim *victim, const char *name);
/* Its present incarnation. False: it has none just now. */
bool victim_look(struct victim *victim);
/* Steps it has committed in its life; grows by one with each. */
uint64_t victim_steps(const struct victim *victim);
bool victim_in_step(const struct victim *victim);
/* Is it still the incarnation that was looked at? */
bool victim_lives(const struct victim *victim);
/* Stop it in user mode and read its registers, or leave it as it was. */
bool victim_stop(const struct victim *victim, struct registers *registers);
int victim_restart(const struct victim *victim);
/* Have it fault where it is, but without blame for its call. False: it cannot now, because it waits. */
bool victim_fault(const struct victim *victim);
/* The supervisor, through its captable; it has no steps and no stash that are looked at. */
bool victim_find_root(struct victim *root);
bool victim_look_root(struct victim *root);
/* The step in hand has saved what is at this offset of the stash (a random one of those). 0: nothing yet. */
uint64_t victim_written(const struct victim *victim);

/* --- fault.c --- */
enum fault_kind {
	FAULT_KILL, FAULT_REGISTER, FAULT_CODE, FAULT_OPERAND, FAULT_BRANCH, FAULT_SKIP, FAULT_STASH, FAULT_HANG,
	FAULT_AGAIN, FAULT_BOTH, FAULT_ROOT, FAULT_KINDS
};
extern const char *const fault_names[FAULT_KINDS];

/* Do it to a victim that has a step in hand. False: it could not be done at this moment. `other`: another victim; `detail`:
 * where, for the log. */
bool fault_do(struct victim *victim, enum fault_kind kind, struct victim *other, char *detail, size_t size);
/* It ends its victim at once. */
bool fault_ends(enum fault_kind kind);

#endif
