/* A recoverable server that dies at the Nth store of a call's step; N is another number in each incarnation, so that in the
 * end every store of every kind of request has been the last one. Linked with hooks that count (lib/stash/save.S). */
#include "stash/stash.h"

#define CALL STASH_JOURNAL + 40    /* struct stash_header: the call in hand, */
#define LIVES STASH_JOURNAL + 48   /* reserved: how many incarnations there were */
#define SPREAD 151                 /* a prime: N takes all values below it, small ones far from each other */
#define STRIDE 37

	.data
	.globl stash_countdown
stash_countdown:
	.quad 1
counting:
	.quad 0

	.text
	.globl stash_stop
stash_stop:
	movq $1, stash_countdown     /* outside of a call's step: look again at the next store */
	cmpq $0, CALL
	je 1f
	cmpq $0, counting
	jne 2f
	movq $1, counting
	push %rax
	push %rdx
	push %rcx
	incq LIVES
	imulq $STRIDE, LIVES, %rax
	xor %edx, %edx
	mov $SPREAD, %ecx
	div %rcx
	inc %rdx
	mov %rdx, stash_countdown
	pop %rcx
	pop %rdx
	pop %rax
1:	ret
2:	movq $0, CALL                /* it is not the call's fault: see death_count */
	ud2

	.section .note.GNU-stack, "", @progbits
