/* From the hooks (lib/stash/save.S), which may destroy nothing more than rax, rdx and the flags. */
	.text
	.globl stash_stop
stash_stop:
	push %rbp
	mov %rsp, %rbp
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	and $-16, %rsp
	call sweep_store
	lea -72(%rbp), %rsp
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	pop %rbp
	ret

	.section .note.GNU-stack, "", @progbits
