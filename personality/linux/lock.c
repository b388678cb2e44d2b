/* The slow half of lock.h: sleep until the lock is free. */
#include "lock.h"

void lock_wait(struct lock *lock)
{
	/* Whoever has waited takes it as awaited: it cannot know whether others still do. */
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
		futex_wait(&lock->word, 2, 0, 0);
}
