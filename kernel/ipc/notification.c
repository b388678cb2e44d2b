/* Notifications: bits that stay set until somebody takes them all.
 *
 * The bits are atomic. A signaller sets them first and looks for a waiter then; a waiter, under the
 * lock, looks at the bits first and waits then: so no signal is missed. A bound endpoint's receivers
 * take the bits under the endpoint's lock in the same way (endpoint.c). */
#include "ipc/notification.h"
#include "arch/arch.h"
#include "base/preempt.h"
#include "ipc/direct.h"
#include "kernel_calls.h"

#define SIGNAL_BITS (~0ull >> 1)
enum wait_flags { WAIT_INTERRUPTIBLE = 1, WAIT_POLL = 2 };

/* A waiter that is more urgent than the current thread, claimed to run here at once. */
static bool claim_directly(struct cpu *cpu, struct thread *waiter)
{
	return !cpu->attention && scheduler_level(waiter) < scheduler_level(cpu->current) &&
	       (direct_claim(cpu, waiter, WAIT_NOTIFICATION, false) || direct_claim(cpu, waiter, WAIT_NOTIFICATION, true));
}

/* Wakes the first waiter; or, where `cpu` is this one in a system call, claims it if it can and returns it. */
static struct thread *signal_or_claim(struct notification *notification, uint64_t bits, struct cpu *cpu)
{
	struct thread *claimed = NULL;
	__atomic_or_fetch(&notification->bits, bits, __ATOMIC_SEQ_CST);
	spin_lock(&notification->lock);
	if (!list_empty(&notification->waiters)) {
		struct thread *waiter = list_first(&notification->waiters, struct thread, waiting);
		uint64_t taken = __atomic_exchange_n(&notification->bits, 0, __ATOMIC_SEQ_CST);
		if (taken && cpu && claim_directly(cpu, waiter)) {
			claimed = waiter;
			list_remove(&waiter->waiting);
			arch_set_result(&waiter->arch, (status_t)taken);
		} else if (taken) {
			thread_wake_with(waiter, (status_t)taken);
		}
	}
	/* Kept in memory by this CPU being in the kernel; a dead one has no receivers. */
	struct endpoint *bound = notification->bound;
	spin_unlock(&notification->lock);
	if (bound)
		endpoint_notify(bound);
	return claimed;
}

void notification_signal(struct notification *notification, uint64_t bits)
{
	signal_or_claim(notification, bits, NULL);
}

static void timer_passed(struct timer *timer)
{
	struct notification *notification = container_of(timer, struct notification, timer);
	spin_lock(&notification->lock);
	bool passed = timer_expired(timer);
	uint64_t bits = notification->timer_bits;
	if (passed)
		timer_cancel(timer);
	spin_unlock(&notification->lock);
	if (passed)
		notification_signal(notification, bits);
}

status_t handle_notification_create(struct pool *pool, uint32_t slot)
{
	struct notification *notification = (struct notification *)object_create(pool, OBJECT_NOTIFICATION);
	if (!notification)
		return STATUS_NO_MEMORY;
	spin_lock_init(&notification->lock, LOCK_NOTIFICATION);
	list_init(&notification->waiters);
	notification->timer.expire = timer_passed;
	return thread_install_new(&notification->object, slot);
}

status_t handle_notification_signal(struct notification *notification, uint64_t bits)
{
	if (bits & ~SIGNAL_BITS)
		return STATUS_BAD_ARGUMENT;
	struct cpu *cpu = cpu_self();
	struct thread *waiter = signal_or_claim(notification, bits, cpu);
	if (!waiter)
		return STATUS_OK;
	arch_set_result(&cpu->current->arch, STATUS_OK);
	scheduler_preempt(cpu, waiter);
	return STATUS_SWITCHED;
}

status_t handle_notification_wait(struct notification *notification, uint64_t deadline, uint32_t flags)
{
	if (flags & ~(uint32_t)(WAIT_INTERRUPTIBLE | WAIT_POLL))
		return STATUS_BAD_ARGUMENT;
	spin_lock(&notification->lock);
	status_t status = (status_t)__atomic_exchange_n(&notification->bits, 0, __ATOMIC_SEQ_CST);
	if (!status && (flags & WAIT_POLL))
		status = STATUS_AGAIN;
	else if (!status && object_is_dead(&notification->object))
		status = STATUS_DESTROYED;
	else if (!status)
		status = thread_block(WAIT_NOTIFICATION, &notification->lock, deadline, flags & WAIT_INTERRUPTIBLE);
	if (status == STATUS_BLOCKED)
		list_append(&notification->waiters, &cpu_current()->waiting);
	spin_unlock(&notification->lock);
	return status;
}

status_t handle_notification_set_timer(struct notification *notification, uint64_t deadline, uint64_t bits)
{
	if (bits & ~SIGNAL_BITS)
		return STATUS_BAD_ARGUMENT;
	spin_lock(&notification->lock);
	notification->timer_bits = bits;
	if (deadline && !object_is_dead(&notification->object))
		timer_set(&notification->timer, deadline);
	else
		timer_cancel(&notification->timer);
	spin_unlock(&notification->lock);
	return STATUS_OK;
}

static status_t notification_destroy(struct object *object)
{
	struct notification *notification = (struct notification *)object;
	spin_lock(&notification->lock);
	timer_cancel(&notification->timer);
	while (!list_empty(&notification->waiters)) {
		thread_wake_with(list_first(&notification->waiters, struct thread, waiting), STATUS_DESTROYED);
		spin_unlock(&notification->lock);
		if (preempt_wanted())
			return STATUS_RESTART;
		spin_lock(&notification->lock);
	}
	struct endpoint *bound = notification->bound;
	spin_unlock(&notification->lock);
	if (bound)
		endpoint_unbind(bound, notification);
	return STATUS_OK;
}

void signal_target_set(struct signal_target *target, struct spin_lock *lock, struct notification *notification,
                       uint64_t bits)
{
	if (notification)
		object_reference(&notification->object);
	spin_lock(lock);
	struct notification *old = target->notification;
	target->notification = notification;
	target->bits = bits;
	spin_unlock(lock);
	if (old)
		object_unreference(&old->object);
}

const struct object_class notification_class = {
	.size = sizeof(struct notification), .destroy = notification_destroy,
};
