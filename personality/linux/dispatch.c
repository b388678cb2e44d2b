/* From the entry code to the handlers: system calls by the generated table, exceptions to signals. */
#include "signals.h"
#include "trace.h"

/* The exit decides what becomes of it: with a handler to run or without. */
static __attribute__((noinline)) void call_interrupted(struct thread *thread, uint64_t number, int64_t result)
{
	unsigned restart = result == -EINTR ? system_calls[number].restart : RESTART_RESTART;
	thread->frame.registers.rax = (uint64_t)-EINTR;
	if (restart != RESTART_NEVER) {
		thread->interrupted = (uint8_t)(restart + 1);
		thread->alert = 1;
	}
}

void system_call_dispatch(struct thread *thread)
{
	uint64_t number = thread->call_number;
	if (number >= SYSTEM_CALL_COUNT || !system_calls[number].enter) {
		trace_call(thread, number, -ENOSYS);
		thread->frame.registers.rax = (uint64_t)-ENOSYS;
		return;
	}
	if (trace_enabled)
		trace_begin(thread, number);
	int64_t result = system_calls[number].enter(thread);
	thread->frame.registers.rax = (uint64_t)result;
	if (result == -EINTR || result == -ERESTARTSYS)
		call_interrupted(thread, number, result);
	if (trace_enabled)
		trace_call(thread, number, (int64_t)thread->frame.registers.rax);
}

/* The call that was interrupted goes on, under the deadline it has had. */
int64_t linux_restart_syscall(struct thread *thread)
{
	uint64_t number = thread->restart_number;
	if (number >= SYSTEM_CALL_COUNT || number == LINUX_RESTART_SYSCALL || !system_calls[number].enter)
		return -EINTR;
	thread->resuming = 1;
	int64_t result = system_calls[number].enter(thread);
	thread->resuming = 0;
	if (result == -EINTR) {
		thread->interrupted = (uint8_t)(system_calls[number].restart + 1);
		thread->alert = 1;
	}
	return result;
}

#define PAGE_FAULT 14
#define PAGE_FAULT_WRITE 2u
#define PAGE_FAULT_FETCH 16u

/* A page fault: nothing there, not allowed, or allowed and past the end of the object. */
static void page_fault(struct thread *thread)
{
	uint64_t address = thread->frame.fault_address, code = thread->frame.error_code;
	struct region_info region;
	uint64_t needed = code & PAGE_FAULT_FETCH ? MAP_EXECUTE : code & PAGE_FAULT_WRITE ? MAP_WRITE : MAP_READ;
	if (address >= PROGRAM_END || space_query(PROCESS_SPACE, address, &region) < 0 || region.address > address)
		signal_force(thread, SIGSEGV, SEGV_MAPERR, address);
	else if (!(region.flags & needed))
		signal_force(thread, SIGSEGV, SEGV_ACCERR, address);
	else
		signal_force(thread, SIGBUS, BUS_ADRERR, address);
}

/* si_code of a floating point exception, from the status bits that caused it. */
static int floating_point_code(uint64_t vector)
{
	uint32_t status;
	uint16_t x87;
	if (vector == 19) {
		__asm__ volatile("stmxcsr %0" : "=m"(status));
		status &= ~(status >> 7);
	} else {
		uint16_t control;
		__asm__ volatile("fnstsw %0; fnstcw %1" : "=m"(x87), "=m"(control));
		status = x87 & ~(uint32_t)control;
	}
	return status & 1 ? FPE_FLTINV : status & 4 ? FPE_FLTDIV : status & 8 ? FPE_FLTOVF
	     : status & 0x12 ? FPE_FLTUND : FPE_FLTRES;
}

void exception_handle(struct thread *thread)
{
	uint64_t vector = thread->frame.vector, rip = thread->frame.registers.rip;
	thread->interrupted = 0;
	switch (vector) {
	case REFLECT_VECTOR_ALERT:
		thread->alert = 1;
		break;
	case 0:
		signal_force(thread, SIGFPE, FPE_INTDIV, rip);
		break;
	case 1:
		signal_force(thread, SIGTRAP, TRAP_TRACE, rip);
		break;
	case 3:
		signal_force(thread, SIGTRAP, SI_KERNEL, 0);
		break;
	case 6:
		signal_force(thread, SIGILL, ILL_ILLOPN, rip);
		break;
	case PAGE_FAULT:
		page_fault(thread);
		break;
	case 16:
	case 19:
		signal_force(thread, SIGFPE, floating_point_code(vector), rip);
		break;
	case 17:
		signal_force(thread, SIGBUS, BUS_ADRALN, 0);
		break;
	default:
		signal_force(thread, SIGSEGV, SI_KERNEL, 0);
		break;
	}
}
