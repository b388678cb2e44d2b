/* Recoverable code for test_stash.c. */
#ifndef STASH_PROGRAM_H
#define STASH_PROGRAM_H

#include <stdint.h>

extern uint64_t program_visible;
void program_step(uint64_t step);

/* Each returns 0, or the line of the check that failed. */
unsigned heap_random(void);
unsigned heap_limits(void);
unsigned heap_exhaustion(void);
#define BAD_FREES 6
void heap_bad_free(uint64_t which);

#endif
