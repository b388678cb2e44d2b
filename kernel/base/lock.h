/* Spin locks with levels.
 *
 * The kernel runs with interrupts off, so a lock is only ever spun on by another CPU. A CPU
 * takes locks in rising level, and those of one level in rising address (spin_lock_pair).
 * Debug builds check this, and that none is held on the way out of the kernel.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum lock_level {
	LOCK_CAPTABLE = 10,     /* slots of one captable: writers only, lookups take none */
	LOCK_SPACE = 20,        /* regions and own pages of one space */
	LOCK_MEMORY = 30,       /* pages of one memory object, and who maps it */
	LOCK_TABLE = 34,        /* page tables of one space; holds the frames they show in place */
	LOCK_ENDPOINT = 40,     /* an endpoint, its calls, its gates' notices, its waiting receivers */
	LOCK_NOTIFICATION = 44, /* a notification's bits and waiters */
	LOCK_FUTEX = 46,        /* one futex bucket */
	LOCK_THREAD = 50,       /* a thread's state, wait reason, alert, registers while it is off CPU */
	LOCK_TIMER = 54,        /* one CPU's timer queue */
	LOCK_RUN_QUEUE = 56,    /* one CPU's run queue */
	LOCK_DEVICE = 60,       /* irq lines, I/O APIC, ports */
	LOCK_CALL_RECORDS = 64, /* which call records are in use */
	LOCK_POOL = 70,         /* a pool's object list */
	LOCK_ALLOCATE = 76,     /* one size class of the small-object allocator */
	LOCK_PAGE = 80,         /* free page frames */
	LOCK_LOG = 90,          /* the log ring and the early console */
};

struct spin_lock {
	uint8_t held;  /* 0 or 1 */
	uint8_t level; /* enum lock_level */
	uint8_t owner; /* CPU + 1, debug builds */
	uint8_t none;
};

#define SPIN_LOCK(level_) { .level = (level_) }

static inline void spin_lock_init(struct spin_lock *lock, enum lock_level level)
{
	*lock = (struct spin_lock)SPIN_LOCK((uint8_t)level);
}

/* A build for one CPU has no locks, and CPUs beyond the first do not start. */
#ifndef ATOLL_ONE_CPU
#define ATOLL_ONE_CPU 0
#endif

#ifdef ATOLL_DEBUG
void spin_lock(struct spin_lock *lock);
bool spin_lock_try(struct spin_lock *lock); /* false: another CPU has it */
void spin_unlock(struct spin_lock *lock);
void lock_assert_none_held(void);
#else
/* The contended case. It keeps all registers, which makes the other cost its callers nothing. */
__attribute__((no_caller_saved_registers)) void spin_lock_wait(struct spin_lock *lock);
/* One bit of `held` and `level` together: on bytes the compiler has no single instruction for it. */
static inline bool spin_lock_try(struct spin_lock *lock)
{
	return ATOLL_ONE_CPU || !(__atomic_fetch_or((uint16_t *)lock, 1, __ATOMIC_ACQUIRE) & 1);
}

static inline void spin_lock(struct spin_lock *lock)
{
	if (__builtin_expect(!spin_lock_try(lock), 0))
		__asm__ volatile("call spin_lock_wait" : : "D"(lock) : "memory", "cc");
}

static inline void spin_unlock(struct spin_lock *lock)
{
	if (!ATOLL_ONE_CPU)
		__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}
#define lock_assert_none_held() ((void)0)
#endif
bool spin_lock_held(const struct spin_lock *lock); /* by this CPU; debug builds alone have it, for DEBUG_ASSERT */

/* Two locks of one level, which may be the same one. Address order makes two CPUs that want the same pair take them
 * alike. */
static inline void spin_lock_pair(struct spin_lock *first, struct spin_lock *second)
{
	spin_lock(first < second ? first : second);
	if (first != second)
		spin_lock(first < second ? second : first);
}

static inline void spin_unlock_pair(struct spin_lock *first, struct spin_lock *second)
{
	spin_unlock(first);
	if (first != second)
		spin_unlock(second);
}
