/* A recoverable server that dies at the Nth store of a call's step. N is another number for each call, and takes all values below
 * a prime before it comes again; so who makes the same few calls over and over sees each of them end at each of its stores.
 * Some calls end their server twice in a row; then it is let through. Linked with hooks that count (lib/stash/save.S). */
#include "stash/stash.h"

#define DEATHS STASH_JOURNAL + 8   /* struct stash_header, unused: of the call that the server died in last, */
#define CALL STASH_JOURNAL + 40    /* the call in hand, */
#define CALLS STASH_JOURNAL + 48   /* reserved: how many calls there were, */
#define LAST STASH_JOURNAL + 56    /* and the one it died in */
#define SPREAD 257
#define STRIDE 37                  /* small numbers far from each other */

	.data
	.globl stash_countdown
stash_countdown:
	.quad 1
current:
	.quad 0                      /* the call whose stores are counted */
left:
	.quad 0

	.text
	.globl stash_stop
stash_stop:
	movq $1, stash_countdown     /* look again at the next store */
	push %rax
	mov CALL, %rax
	test %rax, %rax
	je 1f
	cmp %rax, current
	jne 2f
	decq left
	je 5f
1:	pop %rax
	ret
2:	mov %rax, current
	cmp %rax, LAST
	je 4f
	movq $0, DEATHS
	incq CALLS
3:	push %rdx
	push %rcx
	imulq $STRIDE, CALLS, %rax
	xor %edx, %edx
	mov $SPREAD, %ecx
	div %rcx
	inc %rdx
	mov %rdx, left
	pop %rcx
	pop %rdx
	jmp 1b
4:	movq $0, left                /* it comes again: one time in two to its end at once */
	cmpq $2, DEATHS
	jae 1b
	testb $1, CALLS
	jne 3b
	jmp 1b
5:	mov %rax, LAST
	incq DEATHS
	movq $0, CALL                /* it is not the call's fault: see death_count */
	ud2

	.section .note.GNU-stack, "", @progbits
