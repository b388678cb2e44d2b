/* Functions that touch the program's memory. All of them are leaves that leave rsp alone: where a touch
 * faults the kernel continues at access_fault (struct reflect_config), which returns -EFAULT to
 * the caller. Only registers that a C function may destroy are used. */
#define EFAULT 14
#include "frame_offsets.h"

	.text
	.globl access_begin
access_begin:

/* rdi to, rsi from, rdx length */
	.globl access_copy
	.type access_copy, @function
access_copy:
	mov %rdx, %rcx
	shr $3, %rcx
	rep movsq
	mov %edx, %ecx
	and $7, %ecx
	rep movsb
	xor %eax, %eax
	ret

/* rdi to, rsi from, rdx limit (at least 1); the length without the NUL. Whole words as long as they lie in one page,
 * so that nothing is touched behind the string's own pages; what is stored after the NUL, inside the limit, is NULs. */
	.globl access_string_copy
	.type access_string_copy, @function
access_string_copy:
	mov %rdi, %r8
	mov $0x0101010101010101, %r9
	mov $0x8080808080808080, %r10
1:	cmp $8, %rdx
	jb 3f
	mov %esi, %eax
	and $0xfff, %eax
	cmp $0xff8, %eax
	ja 3f
	mov (%rsi), %rcx
	mov %rcx, %rax
	sub %r9, %rax
	mov %rcx, %r11
	not %r11
	and %r11, %rax
	and %r10, %rax
	jnz 2f
	mov %rcx, (%rdi)
	add $8, %rsi
	add $8, %rdi
	sub $8, %rdx
	jnz 1b
	jmp 4f
/* The lowest bit in rax is the top one of the NUL: what lies below it stays. */
2:	lea -1(%rax), %rdx
	bsf %rax, %r11
	xor %rdx, %rax
	shr $8, %rax
	and %rax, %rcx
	mov %rcx, (%rdi)
	shr $3, %r11d
	mov %r11d, %eax
	add %rdi, %rax
	sub %r8, %rax
	ret
3:	movzbl (%rsi), %eax
	mov %al, (%rdi)
	test %eax, %eax
	jz 4f
	inc %rsi
	inc %rdi
	dec %rdx
	jz 4f
	test $7, %esi
	jnz 3b
	jmp 1b
4:	mov %rdi, %rax
	sub %r8, %rax
	ret

/* rdi from, rsi limit */
	.globl access_string_length
	.type access_string_length, @function
access_string_length:
	xor %eax, %eax
1:	cmpb $0, (%rdi,%rax)
	je 2f
	inc %rax
	cmp %rsi, %rax
	jb 1b
2:	ret

/* rdi to, rsi length */
	.globl access_clear
	.type access_clear, @function
access_clear:
	xor %eax, %eax
	mov %rsi, %rcx
	shr $3, %rcx
	rep stosq
	mov %esi, %ecx
	and $7, %ecx
	rep stosb
	ret

/* rdi from, rsi value out */
	.globl access_load32
	.type access_load32, @function
access_load32:
	mov (%rdi), %eax
	mov %eax, (%rsi)
	xor %eax, %eax
	ret

/* rdi, rsi from; the second above the first. -EFAULT is a pair, too, which the caller tells apart. */
	.globl access_load_pair
	.type access_load_pair, @function
access_load_pair:
	mov (%rdi), %ecx
	mov (%rsi), %eax
	shl $32, %rax
	or %rcx, %rax
	ret

/* rdi an item of epoll.c: the first in the list from there that is not as it was */
	.globl access_still_list
	.type access_still_list, @function
access_still_list:
	test %rdi, %rdi
	jz 2f
1:	mov ACCESS_STILL_IN(%rdi), %rax
	test %rax, %rax
	jz 2f
	mov (%rax), %eax
	cmp ACCESS_STILL_MARKS(%rdi), %eax
	jne 2f
	mov ACCESS_STILL_OUT(%rdi), %rax
	mov (%rax), %eax
	cmp ACCESS_STILL_MARKS + 4(%rdi), %eax
	jne 2f
	mov ACCESS_STILL_NEXT(%rdi), %rdi
	test %rdi, %rdi
	jnz 1b
2:	mov %rdi, %rax
	ret

/* rdi at, esi expected, edx value, rcx found out */
	.globl access_exchange32
	.type access_exchange32, @function
access_exchange32:
	mov %esi, %eax
	lock cmpxchg %edx, (%rdi)
	mov %eax, (%rcx)
	xor %eax, %eax
	ret

/* rdi at, esi what to add */
	.globl access_add32
	.type access_add32, @function
access_add32:
	lock add %esi, (%rdi)
	xor %eax, %eax
	ret

/* rdi at, esi value, rdx old value out */
	.globl access_swap32
	.type access_swap32, @function
access_swap32:
	xchg %esi, (%rdi)
	mov %esi, (%rdx)
	xor %eax, %eax
	ret

/* rdi to, rsi mask, rdx kind */
	.globl access_save_extended
	.type access_save_extended, @function
access_save_extended:
	test %edx, %edx
	jz 1f
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
	xsave64 (%rdi)
	xor %eax, %eax
	ret
1:	fxsave64 (%rdi)
	xor %eax, %eax
	ret

/* rdi from, rsi mask, rdx kind */
	.globl access_load_extended
	.type access_load_extended, @function
access_load_extended:
	test %edx, %edx
	jz 1f
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
	xrstor64 (%rdi)
	xor %eax, %eax
	ret
1:	fxrstor64 (%rdi)
	xor %eax, %eax
	ret

	.globl access_end
access_end:

	.globl access_fault
access_fault:
	mov $-EFAULT, %rax
	ret

	.section .note.GNU-stack, "", @progbits
