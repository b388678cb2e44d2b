/* The hooks: recoverable code calls them with an address in rdi (and a length in rsi) before it stores there. They destroy rax,
 * rdx and the flags alone. What they save is a granule at a time: its old bytes, then a word with its offset (bits 0
 * to 31) and how many granules more follow on it (bits 32 up; stash_save_many). The entry counts once log_end is past it,
 * and the store comes after that. A granule's tag says that this step has saved it; tags are forgotten in a crash, as is
 * everything they spare. */
#include "stash/stash.h"

/* Tests stop the program at the Nth hook (tests/host/stash_host.c). */
	.macro hook
#ifdef STASH_COUNTED
	decq stash_countdown
	jne 99f
	call stash_stop
99:
#endif
	.endm

	.text

/* Up to a granule of bytes that do not cross into another. */
	.globl stash_save
	.type stash_save, @function
stash_save:
	hook
	lea -STASH_BASE(%rdi), %rax
	cmp $STASH_SIZE, %rax
	jae 1f
	shr $STASH_GRANULE_SHIFT, %rax
	cmpb $0, stash_tags(%rax)
	je save_granule
1:	ret
	.size stash_save, . - stash_save

/* The granule of index rax. */
	.type save_granule, @function
save_granule:
	movb $1, stash_tags(%rax)
	shl $STASH_GRANULE_SHIFT, %rax
	push %rcx
	mov STASH_JOURNAL + STASH_LOG_END, %rcx
	mov STASH_BASE(%rax), %rdx
	mov %rdx, (%rcx)
	mov STASH_BASE + 8(%rax), %rdx
	mov %rdx, 8(%rcx)
	mov STASH_BASE + 16(%rax), %rdx
	mov %rdx, 16(%rcx)
	mov STASH_BASE + 24(%rax), %rdx
	mov %rdx, 24(%rcx)
	mov %rax, 32(%rcx)
	add $STASH_GRANULE + 8, %rcx
	mov %rcx, STASH_JOURNAL + STASH_LOG_END
	pop %rcx
	ret
	.size save_granule, . - save_granule

/* 1 to STASH_GRANULE bytes, so that they lie in two granules at most. */
	.globl stash_save_two
	.type stash_save_two, @function
stash_save_two:
	hook
two:
	lea -STASH_BASE(%rdi), %rax
	cmp $STASH_SIZE, %rax
	jae 1f
	shr $STASH_GRANULE_SHIFT, %rax
	cmpb $0, stash_tags(%rax)
	jne 2f
	call save_granule
2:	lea -STASH_BASE - 1(%rdi,%rsi), %rax
	shr $STASH_GRANULE_SHIFT, %rax
	cmpb $0, stash_tags(%rax)
	je save_granule
1:	ret
	.size stash_save_two, . - stash_save_two

/* Any number of bytes. */
	.globl stash_save_range
	.type stash_save_range, @function
stash_save_range:
	hook
	lea -STASH_BASE(%rdi), %rax
	cmp $STASH_SIZE, %rax
	jae 1f
	lea -1(%rsi), %rdx
	cmp $STASH_GRANULE, %rdx /* of 0 bytes nothing is saved */
	jb two
	test %rsi, %rsi
	je 1f
	push %rbp
	mov %rsp, %rbp
	push %rcx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	and $-16, %rsp
	call stash_save_many /* general registers only */
	lea -56(%rbp), %rsp
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rcx
	pop %rbp
1:	ret
	.size stash_save_range, . - stash_save_range

	.section .note.GNU-stack, "", @progbits
