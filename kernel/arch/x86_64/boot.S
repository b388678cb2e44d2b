/* From the loader's 32-bit world to C in the higher half.
 *
 * Two loaders lead here with paging off: QEMU (PVH, ebx = hvm_start_info) and GRUB (multiboot2, ebx =
 * boot information). Other processors come through the trampoline, which is copied below 1 MiB.
 * All of them use the boot tables: the first 4 GiB at 0 and at DIRECT_MAP_BASE, and the first at
 * KERNEL_OFFSET. paging_protect_kernel() goes on to tables with the final permissions.
 */
#define OFFSET 0xffffffff80000000
#define PHYSICAL(symbol) ((symbol) - OFFSET)
#define PVH_MAGIC 0x336ec578
#define TRAMPOLINE 0x8000
#define GDT_LIMIT 63	/* without the task states */

	.section .boot, "ax"

	/* Multiboot2: header, entry address. */
	.balign 8
multiboot_header:
	.long 0xe85250d6, 0, multiboot_end - multiboot_header
	.long -(0xe85250d6 + (multiboot_end - multiboot_header))
	.short 3, 0
	.long 12, PHYSICAL(multiboot_entry)
	.balign 8
	.short 6, 0		/* modules on page boundaries */
	.long 8
	.balign 8
	.short 0, 0
	.long 8
multiboot_end:

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 8, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad PHYSICAL(pvh_entry)

	.section .boot, "ax"
	.code32
	.globl pvh_entry
pvh_entry:
	movl $PVH_MAGIC, %eax
multiboot_entry:
	cli
	cld
	movl %eax, %edi		/* for boot_main: which loader */
	movl %ebx, %esi		/* and what it says */

enter_long_mode:
	movl $0x20, %eax	/* CR4.PAE */
	movl %eax, %cr4
	movl $PHYSICAL(boot_root), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx	/* EFER: long mode, no-execute, SYSCALL */
	rdmsr
	orl $0x901, %eax
	wrmsr
	movl $0x80050033, %eax	/* CR0: PG AM WP NE ET MP PE; not EM TS */
	movl %eax, %cr0
	lgdt PHYSICAL(boot_gdt_pointer)
	ljmp $0x10, $PHYSICAL(long_mode)

	.code64
long_mode:
	movabsq $1f, %rax
	jmp *%rax
1:	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	xorl %ebp, %ebp
	movq start_stack(%rip), %rsp
	testl %edi, %edi
	jz 2f
	call boot_main
2:	call smp_cpu_start

	/* Where the trampoline arrives, in protected mode. */
	.code32
trampoline_entry:
	movl $0x18, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %edi, %edi
	jmp enter_long_mode

	.balign 8
boot_gdt_pointer:
	.short GDT_LIMIT
	.long PHYSICAL(gdt)

	/* Copied to TRAMPOLINE; a new processor starts here in real mode. */
	.code16
	.globl trampoline_begin, trampoline_end
trampoline_begin:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl TRAMPOLINE + (trampoline_gdt_pointer - trampoline_begin)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $0x08, $PHYSICAL(trampoline_entry)
trampoline_gdt_pointer:
	.short GDT_LIMIT
	.long PHYSICAL(gdt)
trampoline_end:
	.code64

	/* The tables, for good but for boot_root and boot_pointers. Writable entries end in 3. */
	.data
	.balign 4096
	.globl kernel_root, direct_pointers
boot_root:		/* also the low part, for getting here */
	.quad PHYSICAL(direct_pointers) + 3
	.skip 255 * 8
	.quad PHYSICAL(direct_pointers) + 3
	.skip 254 * 8
	.quad PHYSICAL(boot_pointers) + 3
kernel_root:
	.skip 256 * 8
	.quad PHYSICAL(direct_pointers) + 3 + (1 << 63)	/* no execute */
	.skip 254 * 8
	.quad PHYSICAL(kernel_pointers) + 3
direct_pointers:
	.irp gigabyte, 0, 1, 2, 3
	.quad PHYSICAL(boot_directories) + 3 + 4096 * \gigabyte
	.endr
	.skip 508 * 8
boot_pointers:
	.skip 510 * 8
	.quad PHYSICAL(boot_directories) + 3, 0
kernel_pointers:
	.skip 510 * 8
	.quad PHYSICAL(kernel_directory) + 3, 0
kernel_directory:
	.irp table, 0, 1, 2, 3
	.quad PHYSICAL(kernel_tables) + 3 + 4096 * \table
	.endr
	.skip 508 * 8
boot_directories:	/* 0 to 4 GiB: present, writable, large, global; the APICs' part uncached */
	.set at, 0x183
	.rept 2048
	.if at > 0xfec00000
	.quad at | 0x18
	.else
	.quad at
	.endif
	.set at, at + 0x200000
	.endr

	.bss
	.balign 4096
	.globl kernel_tables
kernel_tables:		.skip 4096 * 4

	.section .note.GNU-stack, "", @progbits
