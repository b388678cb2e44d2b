/* The signal frame: Linux's exact rt_sigframe on the program's stack, with the extended state (FPU, SSE,
 * AVX ...) as XSAVE writes it, and the way back.
 *
 *   high   FP_XSTATE_MAGIC2 | XSAVE area (64-byte aligned) | siginfo, ucontext, return address   low
 *
 * The personality uses general registers only, so the program's extended state is still in the CPU. */
#include "signals.h"

#define UC_FP_XSTATE 1u
#define UC_SIGCONTEXT_SS 2u
#define UC_STRICT_RESTORE_SS 4u
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
#define FP_XSTATE_MAGIC2_SIZE 4u
#define LEGACY_SIZE 512u
#define SOFTWARE_OFFSET 464u /* of struct software_bytes in the legacy area */
#define XSAVE_HEADER_SIZE 64u
#define RED_ZONE 128u
#define USER_CS 0x33
#define USER_SS 0x2b
#define FLAGS_FIXED 0x202ull      /* always set in user mode */
#define FLAGS_RESTORED 0x240cd5ull /* AC, OF, DF and the arithmetic ones; ID */
#define FLAGS_CLEARED_FOR_HANDLER 0x10500ull /* DF, TF, RF */

struct software_bytes {
	uint32_t magic, extended_size;
	uint64_t features;
	uint32_t state_size, padding[7];
};
_Static_assert(sizeof(struct software_bytes) == 48, "struct _fpx_sw_bytes");

static struct {
	bool known, xsave;
	uint32_t size;
	uint64_t features;
} extended;

static void extended_discover(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	extended.size = LEGACY_SIZE;
	if (ecx & 1u << 27) { /* OSXSAVE */
		uint32_t low, high;
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		extended.features = (uint64_t)high << 32 | low;
		eax = 0xd;
		ecx = 0;
		__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
		extended.size = ebx;
		extended.xsave = true;
	}
	extended.known = true;
}

/* What AT_MINSIGSTKSZ promises: Linux counts the larger frame of a 32-bit program and its FSAVE header, and
 * the most that aligning may cost. */
uint64_t frame_size_most(void)
{
	enum { FRAME_32_BIT = 732, FSAVE_HEADER = 112, FRAME_PADDING = 15, EXTENDED_PADDING = 63 };
	if (!extended.known)
		extended_discover();
	uint64_t state = extended.size + (extended.xsave ? FP_XSTATE_MAGIC2_SIZE : 0) + FSAVE_HEADER;
	return (FRAME_32_BIT + FRAME_PADDING + state + EXTENDED_PADDING + 15) & ~15ull;
}

/* --- saving ------------------------------------------------------------------------------------------- */

static bool extended_save(uint64_t at)
{
	struct software_bytes software = {
		.magic = FP_XSTATE_MAGIC1,
		.extended_size = extended.size + FP_XSTATE_MAGIC2_SIZE,
		.features = extended.features,
		.state_size = extended.size,
	};
	if (!user_range(at, extended.size + FP_XSTATE_MAGIC2_SIZE))
		return false;
	/* XSAVE leaves most of its header as it was, and XRSTOR wants zeros there. */
	if (extended.xsave && user_clear(at + LEGACY_SIZE, XSAVE_HEADER_SIZE) < 0)
		return false;
	if (access_save_extended((void *)at, extended.features, extended.xsave) < 0)
		return false;
	if (!extended.xsave)
		software = (struct software_bytes){ 0 };
	else if (user_write32(at + extended.size, FP_XSTATE_MAGIC2) < 0)
		return false;
	return user_write(at + SOFTWARE_OFFSET, &software, sizeof(software)) == 0;
}

/* Where a frame of this size goes; its extended state in *fpstate. 0: it does not fit on the alternate stack. */
static uint64_t frame_place(struct thread *thread, const struct linux_sigaction *action, uint64_t size,
                            uint64_t *fpstate)
{
	uint64_t rsp = thread->frame.registers.rsp, top = rsp - RED_ZONE;
	bool alternate = alternate_active(thread, rsp);
	if (action->flags & SA_ONSTACK && thread->alternate.size != 0 && !alternate_active(thread, top)) {
		top = thread->alternate.address + thread->alternate.size;
		alternate = true;
	}
	*fpstate = (top - extended.size - FP_XSTATE_MAGIC2_SIZE) & ~63ull;
	uint64_t at = ((*fpstate - size) & ~15ull) - 8;
	return at > top || (alternate && !alternate_holds(thread, at)) ? 0 : at;
}

void siginfo_to_linux(const struct process_siginfo *info, struct linux_siginfo *result)
{
	*result = (struct linux_siginfo){ .signal = info->signal, .error = info->error, .code = info->code };
	if (info->signal == SIGCHLD && info->code > 0) {
		result->child.process = info->process;
		result->child.user = info->user;
		result->child.status = info->status;
		result->child.user_time = info->user_time;
		result->child.system_time = info->system_time;
	} else if (info->code == SI_TIMER) {
		result->timer.timer = (int32_t)info->timer;
		result->timer.overrun = (int32_t)info->overrun;
		result->timer.value = info->value;
	} else if (info->process == 0 && info->code > 0) {
		result->fault.address = info->value;
	} else {
		result->sent.process = info->process;
		result->sent.user = info->user;
		result->sent.value = info->value;
	}
}

static void context_fill(struct thread *thread, struct linux_sigcontext *context, uint64_t mask,
                         uint64_t fpstate, bool fault)
{
	const struct registers *r = &thread->frame.registers;
	*context = (struct linux_sigcontext){
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11,
		.r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
		.rdi = r->rdi, .rsi = r->rsi, .rbp = r->rbp, .rbx = r->rbx, .rdx = r->rdx, .rax = r->rax,
		.rcx = r->rcx, .rsp = r->rsp, .rip = r->rip, .rflags = r->rflags,
		.cs = USER_CS, .ss = USER_SS, .old_mask = mask, .fpstate = fpstate,
	};
	if (thread->call_number == CALL_NONE && thread->frame.vector < 32 && fault) {
		context->trap_number = thread->frame.vector;
		context->error_code = thread->frame.error_code;
		context->fault_address = thread->frame.fault_address;
	}
}

bool frame_push(struct thread *thread, const struct process_siginfo *info, const struct linux_sigaction *action,
                uint64_t mask_after)
{
	struct registers *r = &thread->frame.registers;
	struct linux_rt_sigframe frame;
	if (!extended.known)
		extended_discover();
	uint64_t fpstate, at = frame_place(thread, action, sizeof(frame), &fpstate);
	if (at == 0 || !extended_save(fpstate))
		return false;
	frame.return_address = action->restorer;
	frame.ucontext.flags = (extended.xsave ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	frame.ucontext.link = 0;
	frame.ucontext.stack = thread->alternate;
	context_fill(thread, &frame.ucontext.context, mask_after, fpstate, info->process == 0 && info->code > 0);
	frame.ucontext.mask = mask_after;
	siginfo_to_linux(info, &frame.info);
	if (user_write(at, &frame, sizeof(frame)) < 0)
		return false;
	if ((uint32_t)thread->alternate.flags & SS_AUTODISARM)
		thread->alternate = (struct linux_stack){ .flags = SS_DISABLE };
	r->rdi = (uint64_t)info->signal;
	r->rsi = at + __builtin_offsetof(struct linux_rt_sigframe, info);
	r->rdx = at + __builtin_offsetof(struct linux_rt_sigframe, ucontext);
	r->rax = 0;
	r->rsp = at;
	r->rip = action->handler;
	r->rflags = (r->rflags & ~FLAGS_CLEARED_FOR_HANDLER) | FLAGS_FIXED;
	thread->call_number = CALL_NONE;
	return true;
}

/* --- the way back ------------------------------------------------------------------------------------- */

static bool extended_restore(uint64_t at)
{
	struct software_bytes software;
	uint32_t magic = 0;
	if (at == 0)
		return true;
	if (!extended.known)
		extended_discover();
	if (!user_range(at, extended.size + FP_XSTATE_MAGIC2_SIZE) || user_read(&software, at + SOFTWARE_OFFSET, sizeof(software)) < 0)
		return false;
	bool whole = extended.xsave && software.magic == FP_XSTATE_MAGIC1 && software.state_size <= extended.size &&
	             user_read32(at + software.state_size, &magic) == 0 && magic == FP_XSTATE_MAGIC2;
	return access_load_extended((const void *)at, extended.features & software.features, whole) == 0;
}

static void context_load(struct registers *r, const struct linux_sigcontext *context)
{
	r->r8 = context->r8;
	r->r9 = context->r9;
	r->r10 = context->r10;
	r->r11 = context->r11;
	r->r12 = context->r12;
	r->r13 = context->r13;
	r->r14 = context->r14;
	r->r15 = context->r15;
	r->rdi = context->rdi;
	r->rsi = context->rsi;
	r->rbp = context->rbp;
	r->rbx = context->rbx;
	r->rdx = context->rdx;
	r->rax = context->rax;
	r->rcx = context->rcx;
	r->rsp = context->rsp;
	r->rip = context->rip;
	r->rflags = (context->rflags & FLAGS_RESTORED) | FLAGS_FIXED;
}

int64_t linux_rt_sigreturn(struct thread *thread)
{
	struct linux_rt_sigframe frame;
	uint64_t at = thread->frame.registers.rsp - 8;
	if (user_read(&frame, at, sizeof(frame)) < 0 || !extended_restore(frame.ucontext.context.fpstate)) {
		signal_force(thread, SIGSEGV, SI_KERNEL, 0);
		return (int64_t)thread->frame.registers.rax;
	}
	context_load(&thread->frame.registers, &frame.ucontext.context);
	/* What it refuses leaves the stack as it is. */
	alternate_set(thread, &frame.ucontext.stack, thread->frame.registers.rsp);
	thread->call_number = CALL_NONE;
	thread->restart_number = CALL_NONE;
	signal_mask_set(thread, frame.ucontext.mask);
	return (int64_t)thread->frame.registers.rax;
}
