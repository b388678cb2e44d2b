/* Deferred freeing in grace periods.
 *
 * Objects are collected; when no period is running, those collected so far become the waiting
 * ones, and a new period begins: every CPU that does not idle owes a way out of the kernel. Once
 * all have paid, no CPU holds a lookup that could have found a waiting object, and they are freed, a
 * few at a time; when all are, the next period may begin. An idle CPU holds none by definition. One that
 * stays in user mode for long is sent a kick when much has piled up.
 */
#include "obj/quiesce.h"
#include "arch/arch.h"
#include "base/preempt.h"
#include "obj/object.h"

#define FREE_AT_ONCE 32     /* most objects, or parts of them, freed on one way out of the kernel */
#define COLLECTED_ENOUGH 64 /* kick the CPUs that hold the period up */

/* A bit per CPU bounds SYSTEM_CPUS_MAX at 64. Owing bits are set by the one CPU that begins a
 * period and cleared by each CPU for itself. Read on every way out: not beside what object.c counts. */
uint64_t quiesce_owing __attribute__((aligned(64)));
static uint64_t busy; /* a bit per CPU that does not idle; atomic */
static struct object *collected; /* a stack: pushed to by anyone, taken whole */
static uint32_t collected_count;
static bool working; /* one CPU at a time; protects what follows */
static struct object *waiting;

/* Called when a count has reached 0. A lookup may have raised it again meanwhile: then its owner's
 * unreference comes here later, and the exchange fails now. */
void quiesce_free(struct object *object)
{
	uint32_t none = 0;

	if (!__atomic_compare_exchange_n(&object->references, &none, OBJECT_FREEING, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_RELAXED))
		return;
	object_push(&collected, object);
	__atomic_add_fetch(&collected_count, 1, __ATOMIC_RELAXED);
}

/* The CPUs the running period waits for. One that began to idle since it began has paid. */
static uint64_t owed(void)
{
	return __atomic_load_n(&quiesce_owing, __ATOMIC_ACQUIRE) & __atomic_load_n(&busy, __ATOMIC_SEQ_CST);
}

bool quiesce_pending(void)
{
	return __atomic_load_n(&waiting, __ATOMIC_RELAXED) ? !owed() : __atomic_load_n(&collected, __ATOMIC_RELAXED) != NULL;
}

bool quiesce_waits(void)
{
	return __atomic_load_n(&collected, __ATOMIC_RELAXED) || __atomic_load_n(&waiting, __ATOMIC_RELAXED);
}

/* `count`: objects collected for the next period. */
static bool period_over(uint32_t count)
{
	uint64_t owing = owed();

	for (uint64_t left = owing; left && count >= COLLECTED_ENOUGH; left &= left - 1)
		arch_cpu_kick((uint32_t)__builtin_ctzll(left));
	return !owing;
}

/* Someone may have made a reference since: then its end brings the object here again. False: there is more to free. */
static bool free_unless_used(struct object *object)
{
	if (__atomic_load_n(&object->references, __ATOMIC_ACQUIRE) == OBJECT_FREEING)
		return object_free_memory(object);
	if (__atomic_sub_fetch(&object->references, OBJECT_FREEING, __ATOMIC_ACQ_REL) == 0)
		quiesce_free(object);
	return true;
}

/* The order is the whole argument: the stack is taken, then the busy CPUs are read. A CPU that is
 * busy after that read came out of idle later, and what it looks up it finds in slots that no
 * longer name what was taken. One that was busy before is in the mask. */
static void begin_period(uint32_t cpu)
{
	uint32_t count = __atomic_exchange_n(&collected_count, 0, __ATOMIC_RELAXED);

	waiting = __atomic_exchange_n(&collected, NULL, __ATOMIC_SEQ_CST);
	uint64_t others = __atomic_load_n(&busy, __ATOMIC_SEQ_CST) & ~(1ull << cpu); /* this one is on its way out */
	__atomic_store_n(&quiesce_owing, others, __ATOMIC_SEQ_CST);
	exit_work_set(others);
	period_over(count);
}

/* Paying comes first and costs one load where nothing is owed. Freeing is one CPU's work at a time
 * and at most FREE_AT_ONCE objects of it, so a way out stays short; quiesce_pending brings somebody
 * back for the rest. */
void quiesce_kernel_exit(uint32_t cpu)
{
	if (quiesce_owes(cpu)) /* right for whatever period now runs: it holds no lookup */
		__atomic_and_fetch(&quiesce_owing, ~(1ull << cpu), __ATOMIC_SEQ_CST);
	if (!quiesce_waits())
		return;
	if (__atomic_exchange_n(&working, true, __ATOMIC_ACQUIRE))
		return;
	if (!waiting && collected)
		begin_period(cpu);
	bool over = period_over(__atomic_load_n(&collected_count, __ATOMIC_RELAXED));
	for (int i = 0; over && waiting && i < FREE_AT_ONCE; i++) {
		struct object *next = waiting->next_free;

		if (free_unless_used(waiting))
			waiting = next;
	}
	__atomic_store_n(&working, false, __ATOMIC_RELEASE);
}

/* Sequentially consistent with begin_period's read. Going idle pays whatever is owed (see owed);
 * coming back must be seen before the first lookup. */
void quiesce_set_idle(uint32_t cpu, bool idle)
{
	if (idle)
		__atomic_and_fetch(&busy, ~(1ull << cpu), __ATOMIC_SEQ_CST);
	else if (!(__atomic_load_n(&busy, __ATOMIC_RELAXED) >> cpu & 1))
		__atomic_or_fetch(&busy, 1ull << cpu, __ATOMIC_SEQ_CST);
}
