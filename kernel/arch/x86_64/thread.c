/* Threads on x86-64: their registers, and the switch from one to another. */
#include "arch/local.h"
#include "sched/cpu.h"

/* Of the current thread. The user's GS base waits behind SWAPGS while the kernel runs. */
static void bases_load(struct thread *thread)
{
	if (features.cr4 & CR4_FSGSBASE) {
		__asm__ volatile("wrfsbase %0; swapgs; wrgsbase %1; swapgs" : :
		                 "r"(thread->arch.registers.fs_base), "r"(thread->arch.registers.gs_base));
	} else {
		msr_write(MSR_FS_BASE, thread->arch.registers.fs_base);
		msr_write(MSR_KERNEL_GS_BASE, thread->arch.registers.gs_base);
	}
}

/* With FSGSBASE a program changes them as it likes; otherwise the copies are right. */
static void bases_save(struct thread *thread)
{
	if (features.cr4 & CR4_FSGSBASE)
		__asm__ volatile("rdfsbase %0; swapgs; rdgsbase %1; swapgs" :
		                 "=r"(thread->arch.registers.fs_base), "=r"(thread->arch.registers.gs_base));
}

void thread_update_bases(const struct thread *thread)
{
	if (thread == cpu_current())
		bases_save(cpu_current());
}

status_t arch_thread_init(struct thread *thread, const struct registers *registers, struct thread *like)
{
	status_t status = arch_thread_set_registers(thread, registers);

	return status == STATUS_OK ? extended_init(thread, like) : status;
}

void arch_thread_get_registers(const struct thread *thread, struct registers *registers)
{
	thread_update_bases(thread);
	*registers = thread->arch.registers;
	if (!thread->arch.full_return) { /* in a system call, which destroys these */
		registers->rcx = registers->rip;
		registers->r11 = registers->rflags;
	}
}

status_t arch_thread_set_registers(struct thread *thread, const struct registers *registers)
{
	if (registers->rip >= USER_ADDRESS_END || registers->fs_base >= USER_ADDRESS_END ||
	    registers->gs_base >= USER_ADDRESS_END)
		return STATUS_BAD_ARGUMENT;
	thread->arch.registers = *registers;
	thread->arch.registers.rflags = (registers->rflags & FLAGS_USER) | FLAG_ALWAYS | FLAG_INTERRUPT;
	thread->arch.full_return = true;
	if (thread == cpu_current())
		bases_load(thread);
	return STATUS_OK;
}

void arch_thread_switch(struct thread *from, struct thread *to)
{
	if (from) {
		bases_save(from);
		extended_save(from);
	}
	if (!to)
		return; /* idle on what is loaded: it often comes back */
	extended_switch(to);
	bases_load(to);
	space_load(&to->space->arch);
}

status_t arch_thread_set_base(struct thread *thread, uint32_t which, uint64_t base)
{
	if (base >= USER_ADDRESS_END)
		return STATUS_BAD_ARGUMENT;
	thread_update_bases(thread);
	if (which == 0)
		thread->arch.registers.fs_base = base;
	else
		thread->arch.registers.gs_base = base;
	if (thread == cpu_current())
		bases_load(thread);
	return STATUS_OK;
}

uint64_t arch_thread_get_base(const struct thread *thread, uint32_t which)
{
	thread_update_bases(thread);
	return which == 0 ? thread->arch.registers.fs_base : thread->arch.registers.gs_base;
}
