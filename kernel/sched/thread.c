/* The life of a thread: created, started, waiting, woken, stopped, ended.
 *
 * Two rules keep a thread's registers in one place. A thread that is on a CPU is only ever asked
 * (stop_requested, and a kick) to leave it: that CPU acts on its way to user mode. And only the
 * thread's lock holder puts it on a run queue, only when it is runnable and on no CPU; so whoever
 * takes one from a queue asks again, under the thread's lock, before running it.
 *
 * A wait begins under the lock of the thing waited for (wait_lock) and ends under it, so a thread
 * found on a list of waiters is waiting there. Whoever takes it from the list ends the wait. */
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"
#include "sched/call_record.h"
#include "sched/scheduler.h"


status_t thread_install_new(struct object *object, uint32_t slot)
{
	if (!object)
		return STATUS_NO_MEMORY;
	status_t status = captable_install(cpu_current()->captable, slot, object, RIGHTS_ALL);
	object_unreference(object);
	return status;
}

void cap_list_drop(struct cap_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->caps[i])
			object_capability_drop(list->caps[i]);
	list->count = 0;
}

void cap_list_move(struct cap_list *to, struct cap_list *from)
{
	*to = *from;
	from->count = 0;
}

/* --- waiting --- */

status_t thread_block(enum wait_reason reason, struct spin_lock *lock, uint64_t deadline, bool interruptible)
{
	struct thread *self = cpu_current();
	status_t status = STATUS_BLOCKED;
	if (deadline && deadline <= arch_time_now())
		status = STATUS_TIMED_OUT;
	spin_lock(&self->lock);
	if (interruptible && self->alerted)
		status = STATUS_INTERRUPTED;
	if (self->dying)
		status = STATUS_DESTROYED;
	if (status == STATUS_BLOCKED) {
		self->state = THREAD_BLOCKED;
		self->wait = reason;
		self->wait_lock = lock;
		self->interruptible = interruptible;
		self->timed = deadline != 0;
		if (deadline)
			timer_set(&self->timer, deadline);
	}
	spin_unlock(&self->lock);
	return status;
}

void thread_wake(struct thread *thread, bool here)
{
	struct cpu *cpu = cpu_self();
	spin_lock(&thread->lock);
	ASSERT(thread->state == THREAD_BLOCKED);
	scheduler_payer_wakes(thread);
	if (thread->timed)
		timer_cancel(&thread->timer);
	thread->wait = WAIT_NONE;
	thread->interruptible = thread->timed = false;
	thread->state = thread->stop_requested ? THREAD_STOPPED : THREAD_RUNNABLE;
	if (thread->state == THREAD_RUNNABLE && !thread->on_cpu) {
		if (here && !cpu->next && (thread->cpu_mask >> cpu->index & 1)) {
			cpu->next = thread;
			cpu->exit_work = true;
		} else {
			scheduler_enqueue(thread);
		}
	}
	spin_unlock(&thread->lock);
}

void thread_wake_with(struct thread *thread, status_t result)
{
	list_remove(&thread->waiting);
	arch_set_result(&thread->arch, result);
	thread_wake(thread, false);
}

bool thread_cancel_applies(struct thread *thread, enum cancel_reason reason)
{
	bool applies = false;
	spin_lock(&thread->lock);
	if (thread->state == THREAD_BLOCKED)
		applies = reason == CANCEL_ALERT ? thread->interruptible && thread->alerted :
		          reason == CANCEL_DEADLINE ? timer_expired(&thread->timer) : thread->dying;
	spin_unlock(&thread->lock);
	return applies;
}

static const status_t cancel_results[] = {
	[CANCEL_ALERT] = STATUS_INTERRUPTED, [CANCEL_DEADLINE] = STATUS_TIMED_OUT, [CANCEL_GONE] = STATUS_DESTROYED,
};

void thread_cancel_wait(struct thread *thread, enum cancel_reason reason)
{
	while (thread_cancel_applies(thread, reason)) {
		spin_lock(&thread->lock);
		enum wait_reason wait = thread->wait;
		struct spin_lock *lock = thread->wait_lock;
		spin_unlock(&thread->lock);
		if (wait == WAIT_CALL && call_cancel(thread, reason, cancel_results[reason]))
			return;
		if (wait == WAIT_CALL) /* it blocks or wakes this moment, on another CPU: its endpoint is not set */
			continue;
		/* The wait may end, and another begin, until its lock is held: so ask again under it. A requeued
		 * futex waiter has changed its lock: once more around. */
		spin_lock(lock);
		if (wait == WAIT_RECEIVE)
			receivers_settle(lock);
		bool same = thread->wait == wait && thread->wait_lock == lock && thread_cancel_applies(thread, reason);
		if (same)
			thread_wake_with(thread, cancel_results[reason]);
		spin_unlock(lock);
		if (same)
			return;
	}
}

static void deadline_passed(struct timer *timer)
{
	thread_cancel_wait(container_of(timer, struct thread, timer), CANCEL_DEADLINE);
}

/* --- beginning --- */

static void init_fields(struct thread *thread, const struct thread_parameters *parameters)
{
	struct thread *creator = cpu_current();
	uint64_t priority = parameters->priority, weight = parameters->weight;
	spin_lock_init(&thread->lock, LOCK_THREAD);
	list_init(&thread->waiting);
	list_init(&thread->runnable);
	thread->timer.expire = deadline_passed;
	thread->state = THREAD_STOPPED;
	thread->flags = (uint32_t)parameters->flags;
	thread->priority = (uint8_t)(priority ? priority : creator ? creator->priority : PRIORITY_SERVER);
	thread->weight = (uint32_t)(weight ? weight : creator ? creator->weight : WEIGHT_NORMAL);
	thread->lent_priority = PRIORITY_LEVELS;
	thread->cpu = cpu_self()->index;
	thread->cpu_mask = creator ? creator->cpu_mask : ~0ull;
}

static bool parameters_valid(const struct thread_parameters *parameters)
{
	return !(parameters->flags & ~(uint64_t)(THREAD_REFLECT | THREAD_NO_EXTENDED | THREAD_COPY_EXTENDED)) &&
	       parameters->priority < PRIORITY_LEVELS && parameters->weight <= 131072;
}

struct thread *thread_create(struct pool *pool, struct space *space, struct captable *captable,
                             struct object *exception, struct thread *like,
                             const struct thread_parameters *parameters, status_t *status)
{
	*status = STATUS_BAD_ARGUMENT;
	if (!parameters_valid(parameters))
		return NULL;
	*status = STATUS_NO_MEMORY;
	struct thread *thread = (struct thread *)object_create(pool, OBJECT_THREAD);
	if (!thread)
		return NULL;
	init_fields(thread, parameters);
	thread_enters(thread, space);
	object_reference(&space->object);
	thread->captable = captable;
	object_reference(&captable->object);
	if (exception && object_capability_take(exception))
		thread->exception = exception;
	if (call_record_init(&thread->call))
		*status = arch_thread_init(thread, &parameters->registers, like);
	if (*status == STATUS_OK)
		return thread;
	object_destroy_later(&thread->object);
	return NULL;
}

status_t thread_start(struct thread *thread)
{
	status_t status = STATUS_OK;
	spin_lock(&thread->lock);
	if (thread->dying) {
		status = STATUS_DESTROYED;
	} else {
		thread->stop_requested = false;
		if (thread->state == THREAD_STOPPED) {
			thread->state = THREAD_RUNNABLE;
			scheduler_enqueue(thread);
		}
	}
	spin_unlock(&thread->lock);
	return status;
}

/* --- ending --- */

/* Once, off CPU, in no wait: let go of everything but the record of an abandoned call. */
static void take_apart(struct thread *thread)
{
	DEBUG_ASSERT(thread->state == THREAD_DEAD && !thread->on_cpu);
	scheduler_payer_gone(thread);
	if (thread->finish == finish_call)
		cap_list_drop(&thread->call.caps);
	thread->finish = NULL;
	arch_thread_release(thread);
	if (!thread->call.progress.abandoned)
		call_record_release(&thread->call);
	object_unreference(&thread->space->object);
	thread->space = NULL;
	object_unreference(&thread->captable->object);
	thread->captable = NULL;
	if (thread->exception)
		object_capability_drop(thread->exception);
	thread->exception = NULL;
	object_unreference(&thread->object); /* its own: without a name, that is its end */
}

void thread_off_cpu(struct thread *thread)
{
	spin_lock(&thread->lock);
	thread->on_cpu = false;
	bool dead = thread->dying && thread->state != THREAD_BLOCKED;
	if (dead)
		thread->state = THREAD_DEAD;
	else if (thread->state == THREAD_RUNNABLE && thread->stop_requested)
		thread->state = THREAD_STOPPED;
	else if (thread->state == THREAD_RUNNABLE)
		scheduler_enqueue(thread);
	spin_unlock(&thread->lock);
	if (dead)
		take_apart(thread);
}

status_t thread_exit(void)
{
	struct thread *self = cpu_current();
	spin_lock(&self->lock);
	self->dying = self->stop_requested = true;
	spin_unlock(&self->lock);
	exit_work_set(1ull << cpu_number());
	return STATUS_OK;
}

/* STATUS_RESTART while another CPU has not yet left it: whoever destroyed it may rely on its silence. */
static status_t thread_destroy(struct object *object)
{
	struct thread *thread = (struct thread *)object;
	spin_lock(&thread->lock);
	thread->dying = thread->stop_requested = true;
	bool on_cpu = thread->on_cpu, leaves = thread == cpu_current() && thread->state == THREAD_RUNNABLE;
	scheduler_kick(thread);
	spin_unlock(&thread->lock);
	if (on_cpu)
		return leaves ? STATUS_OK : STATUS_RESTART; /* a wait has to be ended off CPU */
	thread_cancel_wait(thread, CANCEL_GONE);
	spin_lock(&thread->lock);
	bool last = thread->state != THREAD_DEAD && !thread->on_cpu;
	if (last) {
		scheduler_remove(thread);
		thread->state = THREAD_DEAD;
	}
	bool again = thread->on_cpu;
	spin_unlock(&thread->lock);
	if (last)
		take_apart(thread);
	return again ? STATUS_RESTART : STATUS_OK;
}

/* A thread that runs or waits lives on without a name until it ends. */
static void thread_unnamed(struct object *object)
{
	struct thread *thread = (struct thread *)object;
	spin_lock(&thread->lock);
	bool idle = thread->state == THREAD_DEAD || (thread->state == THREAD_STOPPED && !thread->on_cpu);
	spin_unlock(&thread->lock);
	if (idle)
		object_destroy_later(object);
}

const struct object_class thread_class = {
	.size = sizeof(struct thread), .destroy = thread_destroy, .unnamed = thread_unnamed,
};
