/* A stash on the building machine, and programs over it that are killed in the middle of a step.
 *
 * A step runs in a child that shares the stash and nothing else. It is killed at the Nth hook, or some instructions
 * later, one by one; what it left behind is then taken back as a new incarnation would. */
#ifndef STASH_HOST_H
#define STASH_HOST_H

#include "stash/stash.h"

/* A number from a seed that is advanced. */
uint32_t random_next(uint64_t *seed);

/* The part of the stash that is in use, to compare. */
void stash_snapshot(void);
bool stash_same_as_snapshot(void);

/* Run steps 0 to `steps` - 1, each killed that many times at random before it may finish. False: a step was not taken
 * back byte for byte, or the end is not that of a run that nothing interrupted; stderr has it. */
bool steps_survive_kills(void (*step)(uint64_t), unsigned steps, unsigned kills_a_step);
/* One step, killed that many instructions after that hook: what it leaves. False: it was committed before. */
bool step_dies(void (*step)(uint64_t), uint64_t argument, uint64_t hook, unsigned instructions);
/* Of a step in this very process. */
void roll_back_here(void);
/* A roll-back, killed after that many instructions. False: it came to its end. */
bool roll_back_dies(unsigned instructions);
/* How many hooks the step calls, and what it leaves, tried on a copy. */
uint64_t step_try(void (*step)(uint64_t), uint64_t argument, uint64_t *hash);
uint64_t stash_hash(void);
/* Bits of rbx, rbp, r12 to r15 that are inverted when the twin's protection has been changed so many times more. */
#define STASH_REGISTERS 6
extern uint64_t stash_damage[STASH_REGISTERS];
extern unsigned stash_damage_calls;
/* All of a stash, to be put back. */
struct stash_copy;
void stash_copy_take(struct stash_copy **copy);
void stash_copy_put(struct stash_copy *copy);
/* One step, without a kill; the number of hooks it called. */
uint64_t step_whole(void (*step)(uint64_t), uint64_t argument);

#endif
