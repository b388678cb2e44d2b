/* From the hooks that count (lib/stash/save.S): before each store store_told is called, which is given with this and may end the
 * server. Nothing but the flags is destroyed. */
	.data
	.globl stash_countdown
stash_countdown:
	.quad 1

	.text
	.globl stash_stop
stash_stop:
	movq $1, stash_countdown
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbp
	mov %rsp, %rbp
	and $-16, %rsp
	call store_told
	mov %rbp, %rsp
	pop %rbp
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	ret

	.section .note.GNU-stack, "", @progbits
