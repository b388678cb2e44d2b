/* Which thread runs next, and the way out of the kernel.
 *
 * Each CPU has a queue of 32 levels; within a level threads stand in the order of their virtual
 * time, the time they have run divided by their weight, so that over time each gets its share. A
 * newcomer starts at the level's present virtual time: what it did not use it does not get back.
 * A more urgent thread preempts at once; one of the same level waits for the end of the time slice,
 * and the slice only exists while someone waits. `next` is the exception: the thread that the current
 * one has just called or answered runs at once in its place, as part of the same slice, on no queue. */
#include "sched/scheduler.h"
#include "arch/arch.h"
#include "arch/direct.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/trace.h"
#include "kernel_calls.h"

#define LOOKED_AT 16u /* on a queue for one that may run here: on its own CPU's the first may */
#define PASSED_AT_MOST 64u /* of those with more virtual time by a thread that comes: of hundreds the order is rough */

struct cpu cpus[SYSTEM_CPUS_MAX];
uint32_t cpu_count __attribute__((aligned(64))) = 1; /* read by all, so it stands apart from what is written */
static uint64_t idle_cpus; /* hints, atomic: a bit per CPU that waits for work */

void scheduler_init_cpu(struct cpu *cpu)
{
	spin_lock_init(&cpu->queue.lock, LOCK_RUN_QUEUE);
	spin_lock_init(&cpu->timer_lock, LOCK_TIMER);
	for (unsigned level = 0; level < PRIORITY_LEVELS; level++)
		list_init(&cpu->queue.level[level]);
	cpu->entered = (uint32_t)arch_cycles();
	cpu->online_since = arch_time_now();
}

/* --- queues --- */

static void insert(struct run_queue *queue, struct thread *thread)
{
	unsigned level = scheduler_level(thread);
	struct list_node *position = &queue->level[level];
	uint64_t oldest = queue->virtual_now[level] - TIME_SLICE;
	if ((int64_t)(thread->virtual_time - oldest) < 0)
		thread->virtual_time = oldest;
	for (unsigned i = 0; i < PASSED_AT_MOST && position->previous != &queue->level[level] &&
	       (int64_t)(container_of(position->previous, struct thread, runnable)->virtual_time -
	                 thread->virtual_time) > 0; i++)
		position = position->previous;
	list_insert_before(position, &thread->runnable);
	queue->ready_levels |= 1u << level;
}

static void take_from_queue(struct run_queue *queue, struct thread *thread)
{
	unsigned level = scheduler_level(thread);
	list_remove(&thread->runnable);
	if (list_empty(&queue->level[level]))
		queue->ready_levels &= ~(1u << level);
}

static struct cpu *place(struct thread *thread)
{
	uint32_t last = thread->cpu;
	uint64_t idle = __atomic_load_n(&idle_cpus, __ATOMIC_RELAXED) & thread->cpu_mask;
	if (idle) {
		uint32_t best = idle >> last & 1 ? last : (uint32_t)__builtin_ctzll(idle);
		__atomic_and_fetch(&idle_cpus, ~(1ull << best), __ATOMIC_RELAXED);
		return &cpus[best];
	}
	for (uint32_t i = 0; !(thread->cpu_mask >> last & 1) && i < cpu_count; i++)
		if (cpus[i].online && (thread->cpu_mask >> i & 1))
			return &cpus[i];
	return &cpus[last];
}

void scheduler_enqueue(struct thread *thread)
{
	struct cpu *cpu = place(thread);
	unsigned level = scheduler_level(thread);
	DEBUG_ASSERT(thread->state == THREAD_RUNNABLE && !thread->on_cpu);
	spin_lock(&cpu->queue.lock);
	if (thread->cpu != cpu->index || !thread->virtual_time)
		thread->virtual_time = cpu->queue.virtual_now[level];
	thread->cpu = cpu->index;
	insert(&cpu->queue, thread);
	spin_unlock(&cpu->queue.lock);
	/* Its current thread is set to NULL before it looks at its queue for the last time. */
	struct thread *current = __atomic_load_n(&cpu->current, __ATOMIC_SEQ_CST);
	if (!current || level < scheduler_level(current))
		__atomic_store_n(&cpu->need_reschedule, true, __ATOMIC_RELEASE);
	else if (level > scheduler_level(current) || cpu->slice_end)
		return;
	__atomic_store_n(&cpu->exit_work, true, __ATOMIC_RELAXED); /* a slice begins */
	if (cpu != cpu_self())
		arch_cpu_kick(cpu->index);
}

void scheduler_remove(struct thread *thread)
{
	struct run_queue *queue = &cpus[thread->cpu].queue;
	spin_lock(&queue->lock);
	if (!list_empty(&thread->runnable))
		take_from_queue(queue, thread);
	spin_unlock(&queue->lock);
}

void scheduler_kick(struct thread *thread)
{
	struct cpu *cpu = &cpus[thread->cpu];
	if (!thread->on_cpu)
		return;
	__atomic_store_n(&cpu->need_reschedule, true, __ATOMIC_RELEASE);
	if (cpu != cpu_self())
		arch_cpu_kick(cpu->index);
}

/* The most urgent thread of a queue, unless `limit` levels or more down. */
static struct thread *pop(struct run_queue *queue, unsigned limit, uint64_t allowed_cpu)
{
	struct thread *found = NULL;
	unsigned looked = 0;
	spin_lock(&queue->lock);
	for (uint32_t levels = queue->ready_levels; levels && !found; levels &= levels - 1) {
		unsigned level = (unsigned)__builtin_ctz(levels);
		if (level >= limit)
			break;
		list_for_each(&queue->level[level], node) {
			struct thread *thread = container_of(node, struct thread, runnable);
			if (++looked > LOOKED_AT)
				break;
			if (!(thread->cpu_mask & allowed_cpu))
				continue;
			found = thread;
			take_from_queue(queue, thread);
			if ((int64_t)(thread->virtual_time - queue->virtual_now[level]) > 0)
				queue->virtual_now[level] = thread->virtual_time;
			break;
		}
	}
	spin_unlock(&queue->lock);
	return found;
}

static struct thread *steal(struct cpu *cpu)
{
	struct thread *thread = NULL;
	for (uint32_t i = 1; !thread && i < cpu_count; i++) {
		struct run_queue *queue = &cpus[(cpu->index + i) % cpu_count].queue; /* one that is not online has nothing */
		if (__atomic_load_n(&queue->ready_levels, __ATOMIC_RELAXED))
			thread = pop(queue, PRIORITY_LEVELS, 1ull << cpu->index);
	}
	return thread;
}

/* --- choosing --- */

static bool runs_on(const struct thread *thread, const struct cpu *cpu)
{
	return thread->state == THREAD_RUNNABLE && !thread->stop_requested && (thread->cpu_mask >> cpu->index & 1);
}

/* Make a thread found on a queue this CPU's own. False: in the meantime it was stopped, or taken. */
static bool claim(struct cpu *cpu, struct thread *thread)
{
	spin_lock(&thread->lock);
	bool good = thread->state == THREAD_RUNNABLE && !thread->on_cpu && list_empty(&thread->runnable);
	if (good) {
		thread->on_cpu = true;
		if (thread->cpu != cpu->index)
			thread->virtual_time = cpu->queue.virtual_now[scheduler_level(thread)];
		thread->cpu = cpu->index;
		thread->switches++;
	}
	spin_unlock(&thread->lock);
	return good;
}

/* `next` is not to run at once after all. */
static void put_back(struct thread *thread)
{
	spin_lock(&thread->lock);
	if (thread->state == THREAD_RUNNABLE && !thread->on_cpu && list_empty(&thread->runnable))
		scheduler_enqueue(thread);
	spin_unlock(&thread->lock);
}

/* From this CPU's queue, one that goes before `keep` (NULL: any). What another thread pays for adds nothing to the time of `keep`: in
 * its turn any other goes before it. */
static struct thread *pop_better(struct cpu *cpu, struct thread *keep, bool turn)
{
	struct run_queue *queue = &cpu->queue;
	if (!queue->ready_levels)
		return NULL;
	unsigned limit = PRIORITY_LEVELS;
	if (keep) {
		limit = scheduler_level(keep);
		struct list_node *same = &queue->level[limit];
		if (turn && !list_empty(same) &&
		    (cpu->payer != keep ||
		     (int64_t)(list_first(same, struct thread, runnable)->virtual_time - keep->virtual_time) <= 0))
			limit++;
	}
	return pop(queue, limit, 1ull << cpu->index);
}

/* A slice that ends while its thread waits for a more urgent server is over all the same: turn_due says so until the
 * server is done, and keeps it from going straight back. */
static struct thread *choose(struct cpu *cpu, struct thread *keep)
{
	bool turn = cpu->turn_due || (cpu->slice_end && arch_time_now() >= cpu->slice_end);
	if (turn)
		cpu->slice_end = 0;
	cpu->turn_due = turn && keep && cpu->queue.ready_levels >> scheduler_level(keep) > 1;
	for (;;) {
		struct thread *thread = cpu->next;
		cpu->next = NULL;
		if (thread && (keep || turn ||
		               (cpu->queue.ready_levels & ((1u << scheduler_level(thread)) - 1)))) {
			put_back(thread);
			thread = NULL;
		}
		if (!thread) {
			thread = pop_better(cpu, keep, turn);
			if (thread)
				cpu->slice_end = 0;
		}
		if (!thread && !keep)
			thread = steal(cpu);
		if (!thread)
			return keep;
		if (claim(cpu, thread))
			return thread;
	}
}

/* --- time --- */

static void set_idle(struct cpu *cpu, bool idle)
{
	cpu->in_idle = idle;
	quiesce_set_idle(cpu->index, idle);
}

void kernel_enter(void)
{
	struct cpu *cpu = cpu_self();
	if (cpu->in_idle)
		set_idle(cpu, false); /* before this CPU looks anything up */
	if (!cpu->entered)
		cpu->entered = (uint32_t)arch_cycles();
}

/* What has run on this CPU since the last time goes to whoever pays for it; from now on `next` does. */
static void charge(struct cpu *cpu, uint64_t now, struct thread *next)
{
	struct thread *payer = cpu->payer ? cpu->payer : cpu->current;
	uint64_t cycles = now - cpu->charged, ran = arch_cycles_time(cycles);
	if (payer) {
		payer->run_cycles += cycles;
		payer->virtual_time += payer->weight == WEIGHT_NORMAL ? ran : ran * WEIGHT_NORMAL / payer->weight;
	}
	cpu->charged = now;
	cpu->payer = next;
}

void scheduler_payer_wakes(struct thread *payer)
{
	struct cpu *cpu = cpu_self();
	if (cpu->payer == payer && cpu->current != payer)
		charge(cpu, arch_cycles(), cpu->current);
}

void scheduler_payer_gone(struct thread *payer)
{
	for (uint32_t i = 0; i < cpu_count; i++) {
		struct thread *expected = payer;
		__atomic_compare_exchange_n(&cpus[i].payer, &expected, NULL, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
}

/* The one-shot timer: the first timer of this CPU, or the end of the slice if someone waits for it. */
static void program_timer(struct cpu *cpu)
{
	uint64_t deadline = __atomic_load_n(&cpu->timer_first, __ATOMIC_RELAXED);
	struct thread *current = cpu->current;
	if (!current || !cpu->queue.ready_levels)
		cpu->slice_end = 0;
	else if (!cpu->slice_end && (cpu->queue.ready_levels & ((2u << scheduler_level(current)) - 1)))
		cpu->slice_end = arch_time_now() + TIME_SLICE;
	if (cpu->slice_end && (!deadline || cpu->slice_end < deadline))
		deadline = cpu->slice_end;
	if (deadline == cpu->timer_programmed)
		return;
	cpu->timer_programmed = deadline;
	arch_timer_set(deadline);
}

status_t handle_thread_yield(void)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu->current;
	struct list_node *level = &cpu->queue.level[scheduler_level(self)];
	spin_lock(&cpu->queue.lock);
	if (!list_empty(level)) {
		uint64_t last = container_of(level->previous, struct thread, runnable)->virtual_time;
		if ((int64_t)(last - self->virtual_time) > 0)
			self->virtual_time = last;
		cpu->slice_end = 1;
		cpu->need_reschedule = true;
	}
	spin_unlock(&cpu->queue.lock);
	return STATUS_OK;
}

void exit_work_set(uint64_t mask)
{
	for (; mask; mask &= mask - 1)
		__atomic_store_n(&cpus[__builtin_ctzll(mask)].exit_work, true, __ATOMIC_RELAXED);
}

uint32_t cpu_number(void)
{
	return cpu_self()->index;
}

uint64_t thread_current_number(void)
{
	return cpu_current() ? cpu_current()->object.number : 0;
}

bool preempt_wanted(void)
{
	arch_interrupt_window();
	cpu_self()->exit_work = true; /* long work: its time is counted there */
	return __atomic_load_n(&cpu_self()->need_reschedule, __ATOMIC_RELAXED);
}

/* --- the way out --- */

static void switch_to(struct cpu *cpu, struct thread *from, struct thread *to)
{
	trace(TRACE_SWITCH, from ? from->object.number : 0, to ? to->object.number : 0);
	arch_thread_switch(from, to);
	__atomic_store_n(&cpu->current, to, __ATOMIC_SEQ_CST);
	cpu->context_switches++;
	if (from)
		thread_off_cpu(from);
}

/* A thread that could run on has left the registers: back to the queue here, if no other CPU could take it at once. */
static void put_back_preempted(struct cpu *cpu, struct thread *from)
{
	spin_lock(&from->lock);
	bool here = !from->stop_requested && !from->dying && !(__atomic_load_n(&idle_cpus, __ATOMIC_RELAXED) & from->cpu_mask) &&
	            (from->cpu_mask >> cpu->index & 1);
	if (here) {
		from->on_cpu = false;
		spin_lock(&cpu->queue.lock);
		insert(&cpu->queue, from);
		spin_unlock(&cpu->queue.lock);
	}
	spin_unlock(&from->lock);
	if (!here)
		thread_off_cpu(from);
}

void scheduler_preempt(struct cpu *cpu, struct thread *to)
{
	struct thread *from = cpu->current;
	charge(cpu, arch_cycles(), to);
	trace(TRACE_SWITCH, from->object.number, to->object.number);
	arch_switch_directly(cpu, from, to, false);
	__atomic_store_n(&cpu->current, to, __ATOMIC_SEQ_CST);
	put_back_preempted(cpu, from);
}

static struct thread *idle(struct cpu *cpu)
{
	struct thread *thread;
	cpu->idle_since = arch_time_now();
	set_idle(cpu, false);
	for (;;) {
		cpu->need_reschedule = false;
		__atomic_or_fetch(&idle_cpus, 1ull << cpu->index, __ATOMIC_SEQ_CST);
		thread = choose(cpu, NULL);
		if (thread)
			break;
		if (object_destroy_pending())
			object_destroy_some();
		quiesce_kernel_exit(cpu->index);
		if (object_destroy_pending() || cpu->need_reschedule || cpu->next) {
			arch_interrupt_window();
			continue;
		}
		program_timer(cpu);
		set_idle(cpu, true);
		arch_idle();
		set_idle(cpu, false);
	}
	__atomic_and_fetch(&idle_cpus, ~(1ull << cpu->index), __ATOMIC_SEQ_CST);
	cpu->idle_time += arch_time_now() - cpu->idle_since;
	return thread;
}

/* The thread that this CPU runs now. */
static struct thread *schedule(struct cpu *cpu, uint64_t now)
{
	struct thread *from = cpu->current, *next = cpu->next, *to;
	if (from) {
		bool keep = runs_on(from, cpu);
		if (keep && !cpu->need_reschedule && !cpu->next)
			return from;
		charge(cpu, now, cpu->payer);
		cpu->need_reschedule = false;
		to = choose(cpu, keep ? from : NULL);
		if (to == from)
			return from;
		/* A caller pays for the server it goes straight to. */
		if (to != next || from->state != THREAD_BLOCKED || from->wait != WAIT_CALL)
			cpu->payer = to;
		switch_to(cpu, from, to);
		if (to)
			return to;
	}
	to = idle(cpu);
	charge(cpu, arch_cycles(), to);
	switch_to(cpu, NULL, to);
	return to;
}

void thread_finish(struct thread *thread)
{
	void (*finish)(struct thread *) = thread->finish;
	thread->finish = NULL;
	if (finish)
		finish(thread);
}

struct thread *kernel_exit(void)
{
	struct cpu *cpu = cpu_self();
	struct thread *thread;
	uint64_t now = arch_cycles();
	if (cpu->current)
		cpu->current->system_cycles += (uint32_t)now - cpu->entered;
	cpu->in_system_call = false;
	cpu->exit_work = false;
	if (object_destroy_pending())
		object_destroy_some();
	for (;;) {
		thread = schedule(cpu, now);
		if (thread->finish) {
			thread_finish(thread);
		} else if (thread->alerted && !thread->alert_shown) {
			thread->alert_shown = true;
			arch_thread_show_alert(thread);
		} else if (!cpu->need_reschedule) {
			break;
		}
	}
	program_timer(cpu);
	quiesce_kernel_exit(cpu->index);
	lock_assert_none_held();
	if (object_destroy_pending() || quiesce_waits() || thread->alerted) /* no short cut for one that begins no waits */
		cpu->exit_work = true;
	cpu->entered = 0;
	latency_end();
	return thread;
}
