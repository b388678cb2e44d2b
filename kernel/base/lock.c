/* The slow half of spin locks, and the checks of debug builds. While it spins a CPU calls
 * arch_spin_hint(), which serves other CPUs' requests (TLB shootdown), so that one may hold a
 * lock while it waits for all CPUs. */
#include "base/lock.h"
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"

/* Spins on a load: the cache line stays shared until it is free. No fairness: no section is long,
 * no CPU starves for long. */
void spin_lock_wait(struct spin_lock *lock)
{
	do {
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
			arch_spin_hint();
	} while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE));
}

#ifdef ATOLL_DEBUG
static struct {
	uint32_t count;
	struct spin_lock *locks[16];
} held[SYSTEM_CPUS_MAX];

/* The order is checked before the lock is waited for, so that a wrong order is a panic with a
 * backtrace and not a deadlock that needs two CPUs and luck. */
void spin_lock(struct spin_lock *lock)
{
	uint32_t cpu = cpu_number(), count = held[cpu].count;

	for (uint32_t i = 0; i < count; i++) {
		const struct spin_lock *other = held[cpu].locks[i];
		if (other->level > lock->level || (other->level == lock->level && other >= lock))
			panic("lock of level %u taken while one of level %u is held", lock->level, other->level);
	}
	ASSERT(count < sizeof(held[cpu].locks) / sizeof(held[cpu].locks[0]));
	if (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		spin_lock_wait(lock);
	lock->owner = (uint8_t)(cpu + 1);
	held[cpu].locks[held[cpu].count++] = lock;
}

bool spin_lock_try(struct spin_lock *lock)
{
	if (lock->held)
		return false;
	spin_lock(lock);
	return true;
}

void spin_unlock(struct spin_lock *lock)
{
	uint32_t cpu = cpu_number(), i = held[cpu].count;

	ASSERT(spin_lock_held(lock));
	while (held[cpu].locks[--i] != lock)
		;
	held[cpu].locks[i] = held[cpu].locks[--held[cpu].count];
	lock->owner = 0;
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

bool spin_lock_held(const struct spin_lock *lock)
{
	return lock->held && lock->owner == cpu_number() + 1;
}

void lock_assert_none_held(void)
{
	if (held[cpu_number()].count)
		panic("a lock of level %u is held on the way out", held[cpu_number()].locks[0]->level);
}
#endif
