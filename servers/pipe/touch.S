/* The shared words of rings. Any process that uses a ring can take its pages away, and where memory is at its end they do
 * not come back: the kernel then continues at touch_fault (struct reflect_config, access_*), which tells the
 * caller. All are leaves that leave rsp alone and use only registers that a C function may destroy. */

	.text
	.globl touch_begin
touch_begin:

/* rdi word, rsi value out */
	.globl touch_load
	.type touch_load, @function
touch_load:
	mov (%rdi), %ecx
	mov %ecx, (%rsi)
	xor %eax, %eax
	ret

/* rdi word, esi bits */
	.globl touch_or
	.type touch_or, @function
touch_or:
	lock or %esi, (%rdi)
	xor %eax, %eax
	ret

/* rdi word, esi bits */
	.globl touch_and
	.type touch_and, @function
touch_and:
	lock and %esi, (%rdi)
	xor %eax, %eax
	ret

/* rdi word, esi expected, edx value */
	.globl touch_replace
	.type touch_replace, @function
touch_replace:
	mov %esi, %eax
	lock cmpxchg %edx, (%rdi)
	mov $0, %eax
	mov $-1, %ecx
	cmovne %ecx, %eax
	ret

	.globl touch_end
touch_end:

	.globl touch_fault
touch_fault:
	mov $-1, %eax
	ret

	.section .note.GNU-stack, "", @progbits
