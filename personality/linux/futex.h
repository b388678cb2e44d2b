/* Futexes: the robust list, which a thread's end walks. */
#ifndef PERSONALITY_FUTEX_H
#define PERSONALITY_FUTEX_H

#include "access.h"

/* Mutexes that this thread holds at its end are marked, and one waiter of each is woken. */
void robust_list_walk(struct thread *thread);

#endif
