/* The hooks: recoverable code calls them with an address in rdi (and a length in rsi) before it stores there. They destroy rax,
 * rdx, r11, xmm15 and the flags alone. What they save is a granule at a time, in an entry of the log: its old bytes, then
 * its mark, made of the granule's number, the entry's place and the step. The entry counts once its mark is written, and the
 * store that it is for comes after that. A granule's tag says that this step has saved it; tags are forgotten in a
 * crash, as is everything they spare. */
#include "stash/stash.h"

#define LOG_END STASH_JOURNAL + STASH_AT_LOG_END
#define STEP STASH_JOURNAL + STASH_AT_STEP

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

/* The granule of index rax. The mark is made before anything is written: what is written elsewhere then, because the place has
 * been damaged, does not count there. */
	.type save_granule, @function
save_granule:
	mov LOG_END, %r11
	imul $STASH_MARK, %rax, %rdx
	add %r11, %rdx
	add STEP, %rdx
	movb $1, stash_tags(%rax)
	shl $STASH_GRANULE_SHIFT, %rax
	movaps STASH_BASE(%rax), %xmm15
	movups %xmm15, (%r11)
	movaps STASH_BASE + 16(%rax), %xmm15
	movups %xmm15, 16(%r11)
	mov %rdx, STASH_GRANULE(%r11)
	add $STASH_GRANULE + 8, %r11
	mov %r11, LOG_END
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

/* Any number of bytes. What lies behind the end of the stash is nobody's. */
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
	mov $STASH_SIZE, %edx
	sub %rax, %rdx
	cmp %rdx, %rsi
	cmovb %rsi, %rdx
	lea -1(%rax,%rdx), %rdx
	push %rcx
	push %rbx
	mov %rdx, %rcx
	mov %rax, %rbx
	shr $STASH_GRANULE_SHIFT, %rcx
	shr $STASH_GRANULE_SHIFT, %rbx
2:	cmpb $0, stash_tags(%rbx)
	jne 3f
	mov %rbx, %rax
	call save_granule
3:	inc %rbx
	cmp %rcx, %rbx
	jbe 2b
	pop %rbx
	pop %rcx
1:	ret
	.size stash_save_range, . - stash_save_range

	.section .note.GNU-stack, "", @progbits
