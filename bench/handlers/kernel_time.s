/* Before every file of a measured server: a kernel call adds the time it takes to handlers_kernel_time. rcx, r11 and the flags are the
 * call's to destroy. Of this macro nine instructions are not between the two readings; they are added, so that it costs nothing. */
	.macro syscall
	mov %rax, %r11
	mov %rdx, %rcx
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	sub %rax, handlers_kernel_time
	mov %r11, %rax
	mov %rcx, %rdx
	.byte 0x0f, 0x05
	mov %rax, %r11
	mov %rdx, %rcx
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	add $9, %rax
	add %rax, handlers_kernel_time
	mov %r11, %rax
	mov %rcx, %rdx
	.endm
