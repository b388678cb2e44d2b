/* Exceptions and interrupts, after entry.S has saved the registers. */
#include "arch/local.h"
#include "base/log.h"
#include "base/trace.h"
#include "mm/space.h"
#include "sched/cpu.h"

struct patch {
	uint8_t *instruction;
	uint64_t last_byte;
};
extern const struct patch patches_begin[], patches_end[];
extern char user_copy_words[], user_copy_bytes[], user_copy_fault_words[], user_copy_fault_bytes[];
extern char user_touch_loads[], user_touch_stores[], user_touch_fault[];
static bool halting; /* a panic stops every CPU by NMI */

struct thread *trap_from_user(uint64_t vector, uint64_t error_code);
void trap_in_kernel(struct trap_frame *frame);
void trap_special(struct trap_frame *frame);

/* Before the text is made read-only. */
void traps_apply_patches(void)
{
	for (const struct patch *patch = patches_begin; features.cr4 & CR4_SMAP && patch < patches_end; patch++) {
		patch->instruction[1] = 0x01; /* 0f 01 cb: stac, 0f 01 ca: clac */
		patch->instruction[2] = (uint8_t)patch->last_byte;
	}
}

static void interrupt(uint8_t vector)
{
	kernel_enter();
	cpu_self()->interrupts++;
	trace(TRACE_INTERRUPT, vector, 0);
	switch (vector) {
	case VECTOR_TIMER:
		apic_end_interrupt();
		kernel_interrupt_timer();
		break;
	case VECTOR_KICK: /* whoever sent it has set need_reschedule, or only wants this CPU to pass through the kernel */
		apic_end_interrupt();
		break;
	case VECTOR_SHOOTDOWN:
		apic_end_interrupt();
		shootdown_serve();
		break;
	case VECTOR_SPURIOUS:
		break;
	default:
		if (vector >= VECTOR_DEVICE)
			ioapic_interrupt(vector);
	}
}

/* The registers are the thread's own, in struct thread; there is no frame on the stack to go back
 * to. */
static struct thread *exception_from_user(uint64_t vector, uint64_t error_code, uint64_t address)
{
	struct thread *thread = cpu_current();
	uint64_t rip = thread->arch.registers.rip;
	uint32_t access = 0;

	kernel_enter();
	trace(TRACE_EXCEPTION, vector, rip);
	if ((int64_t)(rip << 16) >> 16 != (int64_t)rip)
		thread->arch.registers.rip = 0; /* some CPUs report such a jump at its target: IRET would fault */
	if (vector == VECTOR_PAGE_FAULT) /* SDM 3A 4.7: bit 4 an instruction fetch, bit 1 a write */
		access = error_code & 1 << 4 ? MAP_EXECUTE : error_code & 1 << 1 ? MAP_WRITE : MAP_READ;
	return kernel_exception(vector, error_code, address, access);
}

/* The thread to go straight back to, or NULL. */
struct thread *trap_from_user(uint64_t vector, uint64_t error_code)
{
	uint64_t address = vector == VECTOR_PAGE_FAULT ? cr2_read() : 0;

	latency_begin(vector < VECTOR_PIC ? "exception" : "interrupt", vector);
	if (vector < VECTOR_PIC)
		return exception_from_user(vector, error_code, address);
	interrupt((uint8_t)vector);
	return NULL;
}

static void registers_log(const struct trap_frame *f)
{
	log_print("vector %lu error %lx cr2 %lx\n", f->vector, f->error_code, cr2_read());
	log_print("rsp %lx flags %lx cs %lx rip %lx\n", f->rsp, f->rflags, f->cs, f->rip);
	log_print("rax %lx rbx %lx rcx %lx rdx %lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	log_print("rsi %lx rdi %lx rbp %lx\n", f->rsi, f->rdi, f->rbp);
	log_print("r8 %lx r9 %lx r10 %lx r11 %lx\n", f->r8, f->r9, f->r10, f->r11);
	log_print("r12 %lx r13 %lx r14 %lx r15 %lx\n", f->r12, f->r13, f->r14, f->r15);
}

/* Every word on the stack that names a place in the code: the kernel keeps no frame pointers. tools/symbols.py tells
 * which of them a call has left there, and whose they are. Among them may be some of earlier calls. Only the stack is
 * read, whatever state it is in: this CPU's, or the one page of an NMI's. */
void arch_backtrace(void)
{
	uint64_t at = (uint64_t)__builtin_frame_address(0), top = cpu_self()->kernel_stack;

	if (top - at > KERNEL_STACK_SIZE)
		top = page_down(at) + PAGE_SIZE;
	for (unsigned lines = 0; at < top && lines < 64; at += sizeof(uint64_t)) {
		uint64_t word = *(const uint64_t *)at;

		if (word > (uint64_t)kernel_start && word <= (uint64_t)kernel_text_end) {
			log_print("  %lx\n", word);
			lines++;
		}
	}
}

static _Noreturn void fatal(const struct trap_frame *frame)
{
	arch_console_enable(true);
	log_print("\n");
	registers_log(frame);
	panic("exception %lu in the kernel", frame->vector);
}

/* A page fault of user_copy ends it; user.c resolves it. */
/* Only these two instructions may fault on a user address, and only by a page fault; anything else
 * is a bug of the kernel and fatal. Resolving it is left to user.c: a fault handler that takes
 * locks could meet its own. */
static bool user_copy_faulted(struct trap_frame *frame)
{
	uint64_t address = cr2_read();

	if (address >= USER_ADDRESS_END)
		return false;
	if (frame->rip == (uint64_t)user_copy_words) {
		frame->rip = (uint64_t)user_copy_fault_words;
		frame->r8 = frame->rdx;
	} else if (frame->rip == (uint64_t)user_copy_bytes) {
		frame->rip = (uint64_t)user_copy_fault_bytes;
	} else if (frame->rip == (uint64_t)user_touch_loads || frame->rip == (uint64_t)user_touch_stores) {
		frame->rip = (uint64_t)user_touch_fault;
	} else {
		return false;
	}
	frame->rdx = address;
	return true;
}

void trap_in_kernel(struct trap_frame *frame)
{
	if (frame->vector >= VECTOR_PIC) {
		latency_begin(NULL, 0);
		interrupt((uint8_t)frame->vector);
		latency_end();
	} else if (frame->vector != VECTOR_PAGE_FAULT || !user_copy_faulted(frame)) {
		fatal(frame);
	}
}

/* NMI, double fault, machine check: on their own stacks. */
void trap_special(struct trap_frame *frame)
{
	if (frame->vector != VECTOR_NMI)
		fatal(frame);
	while (__atomic_load_n(&halting, __ATOMIC_RELAXED))
		__asm__ volatile("cli; hlt");
}

void arch_halt(void)
{
	if (!__atomic_exchange_n(&halting, true, __ATOMIC_ACQ_REL))
		apic_send_others_nmi();
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* STI takes effect after the next instruction, so no interrupt can slip in between it and HLT and
 * be slept through. */
void arch_idle(void)
{
	latency_end();
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	latency_begin(NULL, 0);
}

/* STI holds interrupts back for one instruction: the first NOP ends that, pending ones come at the
 * second. */
void arch_interrupt_window(void)
{
	latency_end();
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	latency_begin(NULL, 0);
}
