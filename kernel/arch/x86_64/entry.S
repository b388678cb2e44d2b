/* Every way into the kernel and out of it.
 *
 * A user thread's registers are saved straight into its struct thread; the kernel then runs on this
 * CPU's one stack, which is empty at every entry. kernel_exit() says whose registers to load on the
 * way out, so a switch of threads is nothing but another answer.
 *
 * GS: user's in user mode, this CPU's struct cpu in the kernel; SWAPGS on every crossing. NMI and the
 * fatal exceptions may hit between a crossing and its SWAPGS: they have their own stacks, find their
 * struct cpu at the top of it, and trust neither GS nor the interrupted stack.
 */
#define CPU_CURRENT 0
#define CPU_KERNEL_STACK 8
#define CPU_SCRATCH 16
#define CPU_SELF 24

	/* Where a register is in struct thread (struct registers, abi/structures.h). */
	.set at, 0
	.irp register, rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags
	.set at_\register, at
	.set at, at + 8
	.endr
#define REGISTER(name) (THREAD_REGISTERS + at_##name)

#define USER_DATA 0x2b
#define USER_CODE 0x33
#define HAVE_ERROR_CODE 0x227d00	/* vectors 8, 10 to 14, 17, 21 */

	/* STAC or CLAC where the CPU has SMAP: traps_apply_patches() writes the instruction. */
	.macro PATCH last
661:	nopl (%rax)
	.pushsection .patches, "a"
	.quad 661b
	.quad \last
	.popsection
	.endm
#define STAC PATCH 0xcb
#define CLAC PATCH 0xca

	/* All but rax, rcx, r11 and rsp. */
	.macro SAVE thread registers:vararg
	.irp register, \registers
	movq %\register, (THREAD_REGISTERS + at_\register)(\thread)
	.endr
	.endm
	.macro SAVE_COMMON thread
	SAVE \thread, rdx, rbx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15
	.endm

	.macro LOAD thread registers:vararg
	.irp register, \registers
	movq (THREAD_REGISTERS + at_\register)(\thread), %\register
	.endr
	.endm
	.macro LOAD_COMMON thread
	LOAD \thread, rdx, rbx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15
	.endm

	/* What the fast path has left where it was, rax with the number rotated; onto the kernel's stack. */
	.macro SAVE_REST
	rorq $1, %rax
	SAVE %rsp, rax, rdx, r8, r9, r10, r13, r14, r15
	movq %gs:CPU_KERNEL_STACK, %rsp
	.endm

	.text
	.globl system_call_entry, load_thread, arch_kernel_leave
	.balign 64
system_call_entry:
	swapgs
	movq %rsp, %gs:CPU_SCRATCH
	movq %gs:CPU_CURRENT, %rsp
	cmpb $0, THREAD_BY_PLACE(%rsp)
	jne reflect_check
native_call:
	movq %rcx, REGISTER(rip)(%rsp)
	movq %r11, REGISTER(rflags)(%rsp)
	SAVE %rsp, rbx, rsi, rdi, rbp, r12
	movq %gs:CPU_SCRATCH, %rcx
	movq %rcx, REGISTER(rsp)(%rsp)
	rolq $1, %rax		/* as NUMBER_ are: the top bit, which says native, is the lowest */
	cmpq $NUMBER_CALL, %rax
	je try_call
	cmpq $NUMBER_REPLY_RECEIVE, %rax
	je try_reply_receive
	SAVE_REST
slow_path:
	xorl %ebp, %ebp
	call kernel_system_call
	testq %rax, %rax
	jnz load_from_call
load_next:
	call kernel_exit
load_thread:
	cmpb $0, THREAD_FULL_RETURN(%rax)
	jne load_full
load_from_call:
	movq REGISTER(rip)(%rax), %rcx
	movq REGISTER(rflags)(%rax), %r11
	LOAD_COMMON %rax
	movq REGISTER(rsp)(%rax), %rsp
	movq REGISTER(rax)(%rax), %rax
	swapgs
	sysretq

	/* The registers that the fast path leaves alone; in builds with checks and traces, which do not, they go by memory. */
	.macro SPARED instruction
#if defined(ATOLL_DEBUG) || defined(ATOLL_TRACE)
	movq %gs:CPU_CURRENT, %rcx
	\instruction %rcx, rdx, r8, r9, r10, r13, r14, r15
#endif
	.endm
	/* The fast path comes back where it could not be taken, or not all the way (ipc/fastpath.c). Then the way of short messages
	 * (ipc/short.c), which a call takes only with a message_extra: 0, not taken; 1, out by kernel_exit; or the thread to go to. */
	.macro TRY fastpath short number
	SPARED SAVE
	movq %gs:CPU_KERNEL_STACK, %rsp
	call \fastpath
	testq %rax, %rax
	jnz load_next
	SPARED LOAD
	movq %gs:CPU_CURRENT, %rsp
\short:
	movq $\number, %rax
	SAVE_REST
	call \short\()_message
	testq %rax, %rax
	jz slow_path
	cmpq $1, %rax
	je load_next
	jmp load_from_call
	.endm
try_call:
	testq %r12, %r12
	jnz short_call
	TRY fastpath_call short_call NUMBER_CALL
try_reply_receive:
	TRY fastpath_reply_receive short_answer NUMBER_REPLY_RECEIVE

load_full:
	movb $0, THREAD_FULL_RETURN(%rax)	/* so it is false at every system call */
	movq %gs:CPU_KERNEL_STACK, %rsp
	pushq $USER_DATA
	pushq REGISTER(rsp)(%rax)
	pushq REGISTER(rflags)(%rax)
	pushq $USER_CODE
	pushq REGISTER(rip)(%rax)
	LOAD_COMMON %rax
	movq REGISTER(rcx)(%rax), %rcx
	movq REGISTER(r11)(%rax), %r11
	movq REGISTER(rax)(%rax), %rax
	swapgs
	iretq

	/* From a system call that ends elsewhere, kernel_main or smp_cpu_start: their stack is left behind. */
arch_kernel_leave:
	movq %gs:CPU_KERNEL_STACK, %rsp
	xorl %ebp, %ebp
	jmp load_next

	/* Inside the library everything is native; whatever comes from outside reflects. */
	.balign 16
reflect_check:
	movq THREAD_SPACE(%rsp), %rsp
	cmpq REFLECT_LIBRARY_END(%rsp), %rcx
	jae reflect
	cmpq REFLECT_LIBRARY_BEGIN(%rsp), %rcx
	movq %gs:CPU_CURRENT, %rsp
	jae native_call
reflect:
	/* Only rip changes; SYSRET needs rcx for it, which must hold the return address. Nothing
	 * can use the stack below rsp meanwhile: interrupts are off, NMIs have their own. */
	movq %gs:CPU_KERNEL_STACK, %rsp
	pushq $USER_DATA
	pushq %gs:CPU_SCRATCH
	pushq %r11
	pushq $USER_CODE
	movq %rax, -16(%rsp)
	movq %gs:CPU_CURRENT, %rax
	movq THREAD_SPACE(%rax), %rax
	pushq REFLECT_ENTRY(%rax)
	movq -8(%rsp), %rax
	swapgs
	iretq

	/* Interrupts and exceptions: one stub a vector, 16 bytes each. */
	.globl trap_stubs
	.balign 16
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector > 31 || !(HAVE_ERROR_CODE >> vector & 1)
	pushq $0
	.endif
	pushq $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp trap_paranoid
	.else
	jmp trap_common
	.endif
	.set vector, vector + 1
	.endr

	/* vector 0, error code 8, rip 16, cs 24, rflags 32, rsp 40, ss 48 */
	.balign 16
trap_common:
	CLAC
	cld
	testb $3, 24(%rsp)
	jz trap_from_kernel
	swapgs
	pushq %rcx
	movq %gs:CPU_CURRENT, %rcx
	movq %rax, REGISTER(rax)(%rcx)
	movq %r11, REGISTER(r11)(%rcx)
	SAVE_COMMON %rcx
	movb $1, THREAD_FULL_RETURN(%rcx)
	popq %rax
	movq %rax, REGISTER(rcx)(%rcx)
	popq %rdi		/* vector */
	popq %rsi		/* error code */
	popq %rax
	movq %rax, REGISTER(rip)(%rcx)
	movq 8(%rsp), %rax
	movq %rax, REGISTER(rflags)(%rcx)
	movq 16(%rsp), %rax
	movq %rax, REGISTER(rsp)(%rcx)
	movq %gs:CPU_KERNEL_STACK, %rsp
	xorl %ebp, %ebp
	call trap_from_user
	testq %rax, %rax
	jnz load_thread
	jmp load_next

	/* struct trap_frame, with what the CPU and the stub pushed before. */
	.macro PUSH_FRAME
	.irp register, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	pushq %\register
	.endr
	.endm

trap_from_kernel:
	PUSH_FRAME
	movq %rsp, %rdi
	call trap_in_kernel
pop_frame:
	.irp register, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
	popq %\register
	.endr
	addq $16, %rsp
	iretq

trap_paranoid:
	PUSH_FRAME
	CLAC
	cld
	movl $0xc0000101, %ecx	/* GS base: as it was, whoever's it is */
	rdmsr
	movl %eax, %r12d
	movl %edx, %r13d
	movq %rsp, %rbx		/* this CPU's: at the top of the stack's page */
	orq $4088, %rbx
	movl (%rbx), %eax
	movl 4(%rbx), %edx
	wrmsr
	movq %rsp, %rdi
	call trap_special
	movl $0xc0000101, %ecx
	movl %r12d, %eax
	movl %r13d, %edx
	wrmsr
	jmp pop_frame

	/* struct user_copy_result user_copy(void *to, const void *from, uint64_t length): bytes not
	 * copied, and where it faulted (rdx, by the page fault handler, which comes to user_copy_fault). */
	.globl user_copy, user_copy_words, user_copy_bytes, user_copy_fault_words, user_copy_fault_bytes
	.balign 16
user_copy:
	STAC
	movq %rdx, %rcx
	shrq $3, %rcx
	andl $7, %edx
user_copy_words:
	rep movsq
	movl %edx, %ecx
user_copy_bytes:
	rep movsb
	CLAC
	xorl %eax, %eax
	ret
user_copy_fault_words:
	CLAC
	leaq (%r8, %rcx, 8), %rax	/* the handler moved the remainder to r8, the address to rdx */
	ret
user_copy_fault_bytes:
	CLAC
	movq %rcx, %rax
	ret

	/* bool user_touch_read(uint64_t address), user_touch_write: can it be, without a fault? Nothing is changed. */
	.globl user_touch_read, user_touch_write, user_touch_loads, user_touch_stores, user_touch_fault
	.balign 16
user_touch_read:
	STAC
user_touch_loads:
	movb (%rdi), %al
	CLAC
	movl $1, %eax
	ret
user_touch_write:
	STAC
user_touch_stores:
	lock orb $0, (%rdi)
	CLAC
	movl $1, %eax
	ret
user_touch_fault:
	CLAC
	xorl %eax, %eax
	ret

	.section .note.GNU-stack, "", @progbits
