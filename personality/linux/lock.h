/* A lock for threads of one address space: a futex word, 0 free, 1 held, 2 held and awaited. Held for
 * short stretches only, never across a blocking call. */
#ifndef PERSONALITY_LOCK_H
#define PERSONALITY_LOCK_H

#include "atoll/atoll.h"

struct lock {
	uint32_t word;
};

void lock_wait(struct lock *lock);

static inline void lock_take(struct lock *lock)
{
	uint32_t free = 0;
	if (!__atomic_compare_exchange_n(&lock->word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		lock_wait(lock);
}

static inline void lock_release(struct lock *lock)
{
	if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
		futex_wake(&lock->word, 1);
}

#endif
