/* Timers: a skew heap per CPU. A heap is a timer that is not later than any below it; merging two swaps the
 * sides on its way down, which keeps the way short on average. `link` is the pointer that leads to a timer, so that
 * it can be taken out anywhere: most timers are cancelled, not expired. */
#include "sched/timer.h"
#include "arch/arch.h"
#include "base/log.h"
#include "sched/cpu.h"

#define EXPIRED_AT_ONCE 8u /* by one interrupt; the next one follows at once where more are due */

/* Put one heap out of two (or NULL) behind a link. */
static void merge(struct timer **link, struct timer *first, struct timer *second)
{
	while (first && second) {
		struct timer *early = second->deadline < first->deadline ? second : first;
		struct timer *late = early == first ? second : first;
		*link = early;
		early->link = link;
		first = early->right;
		second = late;
		early->right = early->left;
		if (early->right)
			early->right->link = &early->right;
		link = &early->left;
	}
	*link = first ? first : second;
	if (*link)
		(*link)->link = link;
}

/* After a change. */
static void note_first(struct cpu *cpu)
{
	__atomic_store_n(&cpu->timer_first, cpu->timers ? cpu->timers->deadline : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&cpu->exit_work, true, __ATOMIC_RELAXED);
}

static void take_out(struct cpu *cpu, struct timer *timer)
{
	merge(timer->link, timer->left, timer->right);
	timer->armed = false;
	note_first(cpu);
}

static void disarm(struct timer *timer)
{
	while (__atomic_load_n(&timer->armed, __ATOMIC_ACQUIRE)) {
		struct cpu *cpu = &cpus[timer->cpu];
		spin_lock(&cpu->timer_lock);
		if (timer->armed && timer->cpu == cpu->index)
			take_out(cpu, timer);
		spin_unlock(&cpu->timer_lock);
	}
}

void timer_set(struct timer *timer, uint64_t deadline)
{
	disarm(timer);
	struct cpu *cpu = cpu_self();
	spin_lock(&cpu->timer_lock);
	timer->cpu = (uint16_t)cpu->index;
	timer->deadline = deadline;
	timer->armed = true;
	timer->left = timer->right = NULL;
	merge(&cpu->timers, cpu->timers, timer);
	note_first(cpu);
	spin_unlock(&cpu->timer_lock);
}

void timer_cancel(struct timer *timer)
{
	disarm(timer);
	timer->deadline = 0;
}

bool timer_expired(const struct timer *timer)
{
	return !timer->armed && timer->deadline != 0;
}

void timer_interrupt(void)
{
	struct cpu *cpu = cpu_self();
	uint64_t now = arch_time_now();
	for (unsigned i = 0; i < EXPIRED_AT_ONCE; i++) {
		spin_lock(&cpu->timer_lock);
		struct timer *timer = cpu->timers;
		bool due = timer && timer->deadline <= now;
		if (due)
			take_out(cpu, timer);
		spin_unlock(&cpu->timer_lock);
		if (!due)
			return;
		timer->expire(timer);
	}
}
