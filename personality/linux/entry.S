/* The way in and out of the personality.
 *
 * In: the kernel jumps here with the program's registers untouched (rcx and r11 as syscall sets them). They
 * are saved in the thread's block, found through GS: the program's stack is not ours to touch.
 *
 * Out: one sequence, [exit_begin, exit_end), that checks the alert word and then loads the program's
 * registers from the block. An alert that comes inside it makes the kernel continue at exit_restart, so none
 * is left behind: nothing in the sequence changes the block. */
#include "frame_offsets.h"

	.section .header, "a", @progbits
	.globl personality_header
personality_header:
	.quad PERSONALITY_MAGIC_VALUE
	.quad start_entry
	/* struct reflect_config */
	.quad system_call_entry, exception_entry
	.quad library_begin, library_end
	.quad exit_begin, exit_end, exit_restart
	.quad access_begin, access_end, access_fault
	.quad 0, ALERT
	.quad first_task
	.quad first_stack_top, ROBUST_HEAD

	.text
	.type system_call_entry, @function
system_call_entry:
	mov %rsp, %gs:FRAME_RSP
	mov %gs:STACK_TOP, %rsp
	mov %rax, %gs:FRAME_RAX
	mov %rax, %gs:CALL_NUMBER
	mov %rbx, %gs:FRAME_RBX
	mov %rcx, %gs:FRAME_RCX
	mov %rdx, %gs:FRAME_RDX
	mov %rsi, %gs:FRAME_RSI
	mov %rdi, %gs:FRAME_RDI
	mov %rbp, %gs:FRAME_RBP
	mov %r8, %gs:FRAME_R8
	mov %r9, %gs:FRAME_R9
	mov %r10, %gs:FRAME_R10
	mov %r11, %gs:FRAME_R11
	mov %r12, %gs:FRAME_R12
	mov %r13, %gs:FRAME_R13
	mov %r14, %gs:FRAME_R14
	mov %r15, %gs:FRAME_R15
	mov %rcx, %gs:FRAME_RIP
	mov %r11, %gs:FRAME_RFLAGS
	mov %gs:SELF, %rdi
	xor %ebp, %ebp
	cld
	call system_call_dispatch

exit_begin:
	cmpq $0, %gs:ALERT
	jne exit_restart
	pushq %gs:FRAME_RFLAGS
	popfq
	mov %gs:FRAME_RAX, %rax
	mov %gs:FRAME_RBX, %rbx
	mov %gs:FRAME_RCX, %rcx
	mov %gs:FRAME_RDX, %rdx
	mov %gs:FRAME_RSI, %rsi
	mov %gs:FRAME_RDI, %rdi
	mov %gs:FRAME_RBP, %rbp
	mov %gs:FRAME_R8, %r8
	mov %gs:FRAME_R9, %r9
	mov %gs:FRAME_R10, %r10
	mov %gs:FRAME_R11, %r11
	mov %gs:FRAME_R12, %r12
	mov %gs:FRAME_R13, %r13
	mov %gs:FRAME_R14, %r14
	mov %gs:FRAME_R15, %r15
	mov %gs:FRAME_RSP, %rsp
	jmp *%gs:FRAME_RIP
exit_end:

exit_restart:
	mov %gs:STACK_TOP, %rsp
	mov %gs:SELF, %rdi
	xor %ebp, %ebp
	cld
	call signals_deliver
	jmp exit_begin

/* The kernel has written the whole frame at the start of the block. */
	.type exception_entry, @function
exception_entry:
	mov %gs:STACK_TOP, %rsp
	movq $-1, %gs:CALL_NUMBER
	mov %gs:SELF, %rdi
	xor %ebp, %ebp
	cld
	call exception_handle
	jmp exit_begin

/* A new thread or process: rdi its block, rsi its process id, rdx its thread id, rsp its stack_top. */
	.globl child_entry
	.type child_entry, @function
child_entry:
	xor %ebp, %ebp
	call child_start
	jmp exit_begin

/* A new program: rdi the handoff, rsi the process id; no stack, no block. */
	.globl start_entry
	.type start_entry, @function
start_entry:
	lea first_stack_top(%rip), %rsp
	xor %ebp, %ebp
	call personality_start
	jmp exit_begin

/* The block and stack of the first thread, in one piece: the block above, the stack below it. */
	.bss
	.balign 4096
	.globl first_stack_top
	.skip FIRST_STACK_SIZE
first_stack_top:
	.skip BLOCK_SIZE

	.section .note.GNU-stack, "", @progbits
