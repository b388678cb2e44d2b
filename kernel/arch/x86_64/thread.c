/* Threads on x86-64: their registers, and the switch from one to another. */
#include "arch/switch.h"

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

/* What IRET and SYSRET must never see: an instruction pointer that is not canonical would fault in
 * ring 0, with the user's stack. Flags are cut to those a program may have; the interrupt flag is
 * always set. */
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

/* The registers themselves need nothing: they are in struct thread since the entry, and kernel_exit
 * names whose are loaded. */
void arch_thread_switch(struct thread *from, struct thread *to)
{
	if (from) {
		bases_save(from);
		if (from->arch.extended)
			extended_save(from);
	}
	if (!to)
		return; /* idle on what is loaded: it often comes back */
	bases_load(to);
	extended_switch(cpu_self(), to);
	space_load(cpu_self(), &to->space->arch);
}

status_t arch_thread_set_base(struct thread *thread, uint32_t which, uint64_t base)
{
	if (base >= USER_ADDRESS_END)
		return STATUS_BAD_ARGUMENT;
	thread_update_bases(thread);
	*(which == 0 ? &thread->arch.registers.fs_base : &thread->arch.registers.gs_base) = base;
	if (thread == cpu_current())
		bases_load(thread);
	return STATUS_OK;
}

uint64_t arch_thread_get_base(const struct thread *thread, uint32_t which)
{
	thread_update_bases(thread);
	return which == 0 ? thread->arch.registers.fs_base : thread->arch.registers.gs_base;
}
