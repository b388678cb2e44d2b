/* The kernel calls on threads. */
#include "arch/arch.h"
#include "kernel_calls.h"
#include "mm/pool.h"
#include "sched/scheduler.h"

/* Does a thread keep still enough to copy its extended state? One that has just begun to wait may not have left
 * its CPU yet. */
static status_t check_like(struct thread *like)
{
	status_t status = STATUS_OK;
	if (!like || like == cpu_current())
		return STATUS_OK;
	spin_lock(&like->lock);
	if (like->state != THREAD_BLOCKED && like->state != THREAD_STOPPED)
		status = STATUS_BAD_ARGUMENT;
	else if (like->on_cpu)
		status = STATUS_RESTART;
	spin_unlock(&like->lock);
	return status;
}

status_t handle_thread_create(struct pool *pool, struct space *space, struct captable *table,
                              struct gate *exception, struct thread *like, uint64_t parameters_address)
{
	struct thread *self = cpu_current();
	struct thread_parameters parameters;
	status_t status = arch_user_read(&parameters, parameters_address, sizeof(parameters));
	if (status == STATUS_OK)
		status = check_like(like);
	if (status != STATUS_OK)
		return status;
	if (parameters.slot == 0 || parameters.slot >= self->captable->slots)
		return STATUS_BAD_HANDLE;
	struct thread *thread =
	    thread_create(pool, space, table, (struct object *)exception, like, &parameters, &status);
	if (!thread)
		return status;
	uint64_t number = thread->object.number;
	status = captable_install(self->captable, (uint32_t)parameters.slot, &thread->object, RIGHTS_ALL);
	if (status == STATUS_OK)
		return (status_t)number;
	object_destroy_later(&thread->object);
	return status;
}

/* Waits (from the top) until no CPU runs it any more. */
status_t handle_thread_stop(struct thread *thread)
{
	status_t status = STATUS_OK;
	spin_lock(&thread->lock);
	thread->stop_requested = true;
	if (thread->on_cpu) {
		scheduler_kick(thread);
		status = thread == cpu_current() ? STATUS_OK : STATUS_RESTART;
	} else if (thread->state == THREAD_RUNNABLE) {
		scheduler_remove(thread);
		thread->state = THREAD_STOPPED;
	}
	spin_unlock(&thread->lock);
	return status;
}

status_t handle_thread_alert(struct thread *thread)
{
	spin_lock(&thread->lock);
	thread->alerted = true;
	thread->alert_shown = false;
	scheduler_kick(thread);
	spin_unlock(&thread->lock);
	thread_cancel_wait(thread, CANCEL_ALERT);
	return STATUS_OK;
}

status_t handle_thread_alert_clear(void)
{
	struct thread *self = cpu_current();
	if (!__atomic_load_n(&self->alerted, __ATOMIC_ACQUIRE))
		return false;
	spin_lock(&self->lock);
	bool alerted = self->alerted;
	self->alerted = self->alert_shown = false;
	spin_unlock(&self->lock);
	return alerted;
}

/* A thread whose registers nobody changes: stopped, or stopped in a wait. Its lock is held on success. */
static status_t lock_stopped(struct thread *thread)
{
	spin_lock(&thread->lock);
	bool still = thread->state == THREAD_STOPPED ||
	             (thread->state == THREAD_BLOCKED && thread->stop_requested);
	if (still && !thread->on_cpu)
		return STATUS_OK;
	spin_unlock(&thread->lock);
	return still ? STATUS_RESTART : STATUS_BUSY; /* it has begun to wait but not left its CPU yet */
}

status_t handle_thread_get_registers(struct thread *thread, uint64_t address)
{
	struct registers registers;
	status_t status = lock_stopped(thread);
	if (status != STATUS_OK)
		return status;
	arch_thread_get_registers(thread, &registers);
	spin_unlock(&thread->lock);
	return arch_user_write(address, &registers, sizeof(registers));
}

status_t handle_thread_set_registers(struct thread *thread, uint64_t address)
{
	struct registers registers;
	status_t status = arch_user_read(&registers, address, sizeof(registers));
	if (status == STATUS_OK)
		status = lock_stopped(thread);
	if (status != STATUS_OK)
		return status;
	status = thread->state == THREAD_STOPPED ? arch_thread_set_registers(thread, &registers) : STATUS_BUSY;
	spin_unlock(&thread->lock);
	return status;
}

status_t handle_thread_set_schedule(struct thread *thread, uint32_t priority, uint32_t weight, uint64_t cpu_mask)
{
	uint64_t present = cpu_count < 64 ? (1ull << cpu_count) - 1 : ~0ull;
	if (!cpu_mask)
		cpu_mask = ~0ull;
	if (priority >= PRIORITY_LEVELS || weight < 1 || weight > 131072 || !(cpu_mask & present))
		return STATUS_BAD_ARGUMENT;
	spin_lock(&thread->lock);
	bool queued = thread->state == THREAD_RUNNABLE && !thread->on_cpu;
	if (queued)
		scheduler_remove(thread);
	thread->priority = (uint8_t)priority;
	thread->weight = weight;
	thread->cpu_mask = cpu_mask;
	if (!queued && !thread->on_cpu && !(cpu_mask >> thread->cpu & 1))
		thread->cpu = (uint32_t)__builtin_ctzll(cpu_mask & present); /* where it waits it may be claimed (ipc/direct.h) */
	thread->virtual_time = 0; /* the present time of its new level */
	if (queued)
		scheduler_enqueue(thread);
	else
		scheduler_kick(thread);
	spin_unlock(&thread->lock);
	return STATUS_OK;
}

status_t handle_thread_info(struct thread *thread, uint64_t address)
{
	const struct cpu *cpu = &cpus[thread->cpu];
	uint64_t running = cpu->payer == thread ? arch_cycles() - cpu->charged : 0;
	uint64_t total = arch_cycles_time(thread->run_cycles + running), system = arch_cycles_time(thread->system_cycles);
	struct thread_info info = {
		.number = thread->object.number,
		.state = thread->state,
		.user_time = total > system ? total - system : 0,
		.system_time = system,
		.priority = thread->priority,
		.weight = thread->weight,
		.last_cpu = thread->cpu,
		.switches = thread->switches,
		.waiting_call = thread->call.progress.state != CALL_NONE ? thread->call.id : 0,
		.on_cpu = thread->on_cpu,
	};
	return arch_user_write(address, &info, sizeof(info));
}

/* A deadline and an alert may come at once, on two CPUs: one of them ends the sleep. */
static struct spin_lock sleep_lock = SPIN_LOCK(LOCK_FUTEX);

status_t handle_thread_sleep(uint64_t deadline, uint32_t flags)
{
	return thread_block(WAIT_SLEEP, &sleep_lock, deadline, flags & 1);
}

status_t handle_thread_set_base(uint32_t which, uint64_t base)
{
	return which > 1 ? STATUS_BAD_ARGUMENT : arch_thread_set_base(cpu_current(), which, base);
}

status_t handle_thread_get_base(uint32_t which)
{
	return which > 1 ? STATUS_BAD_ARGUMENT : (status_t)arch_thread_get_base(cpu_current(), which);
}
