/* The hooks: recoverable code calls them with an address in rdi (and a length in rsi) before it stores there. They destroy rax,
 * r11, the flags, and that of a range rdx. What they note is a granule at a time: its number, at the end of the list. A granule's tag says
 * that this step has noted it; tags are forgotten in a crash, as is everything they spare.
 *
 * And what a commit does with the list. */
#include "stash/stash.h"

#define LIST_END STASH_JOURNAL + STASH_AT_LIST_END
#define LIST_END_AGAIN STASH_JOURNAL + STASH_AT_LIST_END_AGAIN

/* Tests stop the program at the Nth hook (tests/host/stash_host.c). */
	.macro hook
#ifdef STASH_COUNTED
	decq stash_countdown
	jne 99f
	call stash_stop
99:
#endif
	.endm

/* 16 bytes each. (Not stash_save_range, which is seldom called.) */
#ifdef STASH_COUNTED
#define CODE_BLOCKS 17
#else
#define CODE_BLOCKS 15
#endif

	.text
	.balign 16
code_begin:

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

/* The granule of number rax. */
	.type save_granule, @function
save_granule:
	mov LIST_END, %r11
	movb $1, stash_tags(%rax)
	imul $STASH_CODE, %rax, %rax
	mov %rax, (%r11)
	add $8, %r11
	mov %r11, LIST_END
	mov %r11, LIST_END_AGAIN
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

/* void stash_list_settle(uint64_t end): what the list has up to there is brought to the twin, and its tags are cleared. Then this code
 * itself must be what it was when the server began, else it ends here: a successor does it again, and looks at everything. */
	.globl stash_list_settle
	.type stash_list_settle, @function
stash_list_settle:
	mov $STASH_LIST, %ecx
	movabs $STASH_CODE_INVERSE, %rdx
	jmp 2f
1:	mov (%rcx), %rax
	imul %rdx, %rax
	cmp $STASH_GRANULES, %rax
	jae 3f
	movb $0, stash_tags(%rax)
	shl $STASH_GRANULE_SHIFT, %rax
	movaps STASH_BASE(%rax), %xmm0
	movaps STASH_BASE + 16(%rax), %xmm1
	movaps %xmm0, STASH_TWIN(%rax)
	movaps %xmm1, STASH_TWIN + 16(%rax)
	add $8, %rcx
2:	cmp %rdi, %rcx
	jb 1b
	jne 3f
	call stash_code_sum
	cmp %rax, stash_code_sum_at_start
	jne 3f
	ret
3:	ud2
	.size stash_list_settle, . - stash_list_settle

	.org code_begin + CODE_BLOCKS * 16, 0x90

/* uint64_t stash_code_sum(void): of the words of the code above. */
	.globl stash_code_sum
	.type stash_code_sum, @function
stash_code_sum:
	mov $code_begin, %ecx
	movdqa (%rcx), %xmm0
	.set at, 16
	.rept CODE_BLOCKS - 1
	paddq at(%rcx), %xmm0
	.set at, at + 16
	.endr
	movhlps %xmm0, %xmm1
	paddq %xmm1, %xmm0
	movq %xmm0, %rax
	ret
	.size stash_code_sum, . - stash_code_sum

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
