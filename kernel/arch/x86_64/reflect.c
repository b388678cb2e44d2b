/* Reflection: foreign system calls (entry.S has those), exceptions and alerts go back to a handler in
 * the thread's own address space, so that a personality costs a kernel entry and exit and needs no
 * privilege. The rules are in abi/structures.h. Everything here is about the current thread. */
#include "arch/local.h"
#include "mm/space.h"
#include "sched/cpu.h"

static bool within(uint64_t address, uint64_t begin, uint64_t end)
{
	return address >= begin && address < end;
}

static void continue_at(struct thread *thread, uint64_t address)
{
	if (!thread->arch.full_return) { /* as the system call left them */
		thread->arch.registers.rcx = thread->arch.registers.rip;
		thread->arch.registers.r11 = thread->arch.registers.rflags;
		thread->arch.full_return = true;
	}
	thread->arch.registers.rip = address;
}

bool arch_thread_reflect_call(struct thread *thread)
{
	if (!(thread->flags & THREAD_REFLECT) || thread->by_place)
		return false;
	continue_at(thread, thread->space->reflect.system_call_entry);
	return true;
}

/* The frame is all the program gets, so nothing is changed until it is written. The address is the
 * program's choice and checked like any other; with a pager behind it the exception is not deferred
 * but goes to the gate. */
static bool frame_deliver(struct thread *thread, uint64_t vector, uint64_t error_code, uint64_t address)
{
	const struct reflect_config *config = &thread->space->reflect;
	struct reflect_frame frame = { .vector = vector, .error_code = error_code, .fault_address = address };

	if (!config->exception_entry)
		return false;
	arch_thread_get_registers(thread, &frame.registers);
	if (!user_write_now(frame.registers.gs_base + config->frame_offset, &frame, sizeof(frame)))
		return false;
	continue_at(thread, config->exception_entry);
	return true;
}

bool arch_thread_reflect(struct thread *thread, uint64_t vector, uint64_t error_code, uint64_t address)
{
	const struct reflect_config *config = &thread->space->reflect;
	uint64_t rip = thread->arch.registers.rip;

	if (!(thread->flags & THREAD_REFLECT))
		return false;
	if (within(rip, config->access_begin, config->access_end)) {
		thread->arch.registers.rax = address;
		continue_at(thread, config->access_fault);
		return true;
	}
	if (within(rip, config->library_begin, config->library_end))
		return false;
	return frame_deliver(thread, vector, error_code, address);
}

/* Inside the library its own code looks at the word before it blocks; the exit range closes the gap
 * between that look and the system call (docs/kernel/reflect.md). */
void arch_thread_show_alert(struct thread *thread)
{
	const struct reflect_config *config = &thread->space->reflect;
	uint64_t rip = thread->arch.registers.rip, one = 1;

	if (!(thread->flags & THREAD_REFLECT))
		return;
	if (!within(rip, config->library_begin, config->library_end)) {
		frame_deliver(thread, REFLECT_VECTOR_ALERT, 0, 0);
		return;
	}
	thread_update_bases(thread);
	user_write_now(thread->arch.registers.gs_base + config->alert_offset, &one, sizeof(one));
	if (within(rip, config->exit_begin, config->exit_end))
		continue_at(thread, config->exit_restart);
}
