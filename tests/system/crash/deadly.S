/* A recoverable server that has a call it always dies of: whichever is in hand at the server's FUSEth store in a call's step. */
#include "stash/stash.h"

#define CALL STASH_JOURNAL + 40    /* struct stash_header: the call in hand, */
#define DEADLY STASH_JOURNAL + 48  /* reserved: the one it dies of; 0: not chosen yet */
#define FUSE 1000

	.data
	.globl stash_countdown
stash_countdown:
	.quad 1
fuse:
	.quad FUSE

	.text
	.globl stash_stop
stash_stop:
	movq $1, stash_countdown     /* look again at the next store */
	push %rax
	mov CALL, %rax
	test %rax, %rax
	je 1f
	cmp %rax, DEADLY
	je 2f
	cmpq $0, DEADLY
	jne 1f
	decq fuse
	jne 1f
	mov %rax, DEADLY
2:	ud2
1:	pop %rax
	ret

	.section .note.GNU-stack, "", @progbits
