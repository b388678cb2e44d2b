/* The ways into the kernel: system calls, exceptions, interrupts. Each ends in kernel_exit()
 * (sched/scheduler.c), called by the architecture's entry code. */
#include "arch/arch.h"
#include "base/log.h"
#include "base/trace.h"
#include "dev/device.h"
#include "entry/entry.h"
#include "ipc/call.h"
#include "ipc/notification.h"
#include "kernel_calls.h"
#include "mm/pool.h"
#include "sched/scheduler.h"

/* Straight back with the current thread, which can run on, where nothing is to be done on the way out. NULL: by
 * kernel_exit, which also counts the time here as the system's: what returns at once is the program's own. */
static inline struct thread *leave(struct cpu *cpu, struct thread *self)
{
	if (cpu->exit_attention) {
		system_log_signal();
		return NULL;
	}
	lock_assert_none_held();
	cpu->entered = 0;
	latency_end();
	return self;
}

static status_t foreign_call(struct thread *self)
{
	bool native = arch_call_number(&self->arch) & NATIVE_CALL;
	return !native && arch_thread_reflect_call(self) ? STATUS_REFLECTED : STATUS_BAD_CALL;
}

static struct thread *leave_otherwise(struct cpu *cpu, struct thread *self, status_t status)
{
	cpu->in_system_call = false;
	if (status == STATUS_SWITCHED) {
		if (cpu->current->finish)
			thread_finish(cpu->current);
		if (!cpu->current->finish)
			return leave(cpu, cpu->current);
	}
	if (status == STATUS_RESTART) {
		arch_call_restart(&self->arch);
		arch_interrupt_window();
	}
	system_log_signal();
	return NULL;
}

/* Registers are in self->arch, interrupts off, no lock held. The result goes into the registers
 * before anything else may switch threads. A call that is to be made again has changed nothing the
 * caller can see: its instruction runs once more, after the interrupts that it made way for. Returns the thread to go to
 * user mode with, or NULL for kernel_exit to say. */
struct thread *kernel_system_call(void)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu->current;
	uint64_t number = arch_call_number(&self->arch) ^ NATIVE_CALL;
	cpu->entered = (uint32_t)arch_cycles();
	cpu->in_system_call = true;
	latency_begin("call", number);
	trace(TRACE_CALL_IN, number ^ NATIVE_CALL, arch_call_argument(&self->arch, 0));
	status_t status = number < KERNEL_CALLS ? kernel_calls[number](self) : foreign_call(self);
	if (STATUS_IS_INTERNAL(status))
		return leave_otherwise(cpu, self, status);
	arch_set_result(&self->arch, status);
	trace(TRACE_CALL_OUT, (uint64_t)status, 0);
	return leave(cpu, self);
}

/* To the program itself, if it has a handler for this place; else to its exception gate. A thread without one is the
 * root server's, or has nobody who would care: stopped. */
static void reflect_or_report(struct thread *self, uint64_t vector, uint64_t error_code, uint64_t address)
{
	if (arch_thread_reflect(self, vector, error_code, address))
		return;
	uint64_t place = arch_instruction_pointer(&self->arch);
	uint64_t words[MESSAGE_WORDS] = { vector, error_code, address, place, self->object.number };
	if (self->exception &&
	    endpoint_call_fault((struct gate *)self->exception, CALL_FROM_FAULT, OPERATION_EXCEPTION, words))
		return;
	log_print("kernel: thread %lu: exception %lu (error %lx) at %lx, address %lx\n", self->object.number, vector,
	          error_code, place, address);
	if (root_owns(self)) {
		thread_exit();
		root_restart();
		return;
	}
	spin_lock(&self->lock);
	self->stop_requested = true;
	spin_unlock(&self->lock);
}

/* Ask the pager of a page that user mode has touched. False: it has none, or no longer. */
/* The exception's own figures are kept: if the pager refuses, finish_fault goes on with them,
 * perhaps on another CPU and much later. */
static bool ask_pager(struct thread *self, uint64_t vector, uint64_t error_code, const struct fault *fault)
{
	self->fault_vector = vector;
	self->fault_error = error_code;
	self->fault_address = fault->address;
	self->fault_access = fault->access;
	return endpoint_call_pager(fault, CALL_FROM_FAULT);
}

struct thread *kernel_exception(uint64_t vector, uint64_t error_code, uint64_t address, uint32_t page_access)
{
	struct cpu *cpu = cpu_self();
	struct thread *self = cpu->current;
	struct fault fault = { .address = address, .access = page_access };
	enum fault_result result = page_access ? space_fault(self->space, &fault) : FAULT_BAD;
	if (result == FAULT_RESOLVED)
		return leave(cpu, self);
	if (result == FAULT_PAGER && ask_pager(self, vector, error_code, &fault)) /* the pager may run already */
		return cpu->current != self && !cpu->current->finish ? leave(cpu, cpu->current) : NULL;
	reflect_or_report(self, vector, error_code, address);
	system_log_signal();
	return NULL;
}

/* The pager has refused the page, so the touch is an exception after all. */
void finish_fault(struct thread *self)
{
	reflect_or_report(self, self->fault_vector, self->fault_error, self->fault_address);
}

/* Where it is not there after all, the thread finds out by its next fault. */
void finish_page(struct thread *self)
{
	struct fault fault = { .address = self->fault_address, .access = self->fault_access, .alone = true };
	space_fault(self->space, &fault);
}

void kernel_interrupt_timer(void)
{
	struct cpu *cpu = cpu_self();
	cpu->timer_programmed = 0;
	timer_interrupt();
	if (cpu->slice_end && arch_time_now() >= cpu->slice_end)
		cpu->need_reschedule = true;
	system_log_signal();
}

const struct object_class *const object_classes[OBJECT_TYPE_COUNT] = {
	[OBJECT_POOL] = &pool_class,
	[OBJECT_SPACE] = &space_class,
	[OBJECT_CAPTABLE] = &captable_class,
	[OBJECT_THREAD] = &thread_class,
	[OBJECT_MEMORY] = &memory_class,
	[OBJECT_ENDPOINT] = &endpoint_class,
	[OBJECT_GATE] = &gate_class,
	[OBJECT_NOTIFICATION] = &notification_class,
	[OBJECT_IRQ] = &irq_class,
	[OBJECT_IOPORT] = &ioport_class,
	[OBJECT_SYSTEM] = &system_class,
};

void entry_init(void)
{
	futex_init();
	for (uint32_t i = 0; i < SYSTEM_CPUS_MAX; i++)
		scheduler_init_cpu(&cpus[i]);
}
