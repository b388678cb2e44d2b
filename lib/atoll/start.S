/* Entry points in assembly: a native program's first instruction, and where the kernel brings its
 * Linux system calls. */

	.text
	.globl atoll_start
	.type atoll_start, @function
atoll_start:
	xor %ebp, %ebp
	mov %rsp, %rbx
	mov %rsp, %rdi
	and $-16, %rsp
	call start_prepare
	mov %rbx, %rsp
	jmp _start
	.size atoll_start, . - atoll_start

/* As after a syscall instruction: rcx is the return address, r11 the flags, rax the number; only these
 * three may change. The caller's red zone below rsp is its own. */
	.globl reflect_entry
	.type reflect_entry, @function
reflect_entry:
	lea -128(%rsp), %rsp
	push %rbp
	mov %rsp, %rbp
	push %r11
	push %rcx
	/* the six arguments, in memory in order */
	push %r9
	push %r8
	push %r10
	push %rdx
	push %rsi
	push %rdi
	mov %rax, %rdi
	mov %rsp, %rsi
	and $-16, %rsp
	cld
	call reflect_call
	lea -64(%rbp), %rsp
	pop %rdi
	pop %rsi
	pop %rdx
	pop %r10
	pop %r8
	pop %r9
	pop %rcx
	popfq
	pop %rbp
	lea 128(%rsp), %rsp
	jmp *%rcx
	.size reflect_entry, . - reflect_entry

/* What the program is for, to be seen from its file (the supervisor does, when it is to load it). */
	.section .note.atoll, "a", @note
	.balign 4
	.long 6, 0, 1
	.asciz "Atoll"
	.balign 4

	.section .note.GNU-stack, "", @progbits
