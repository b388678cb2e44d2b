/* What this machine's processors can do, and one processor's tables and control registers: the task
 * state with its stacks, the system call entry, and the protections. boot.S has set CR0 and EFER. */
#include "arch/direct.h"
#include "base/log.h"
#include "sched/cpu.h"

#define XCR0_WANTED 0xe7u /* x87, SSE, AVX, AVX-512: fits in a page */

/* SDM vol 3A, "Task Management in 64-bit Mode": only stacks are left of the task state. */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t interrupt_stack[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct idt_gate {
	uint16_t offset_low, selector;
	uint8_t stack, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct features features;
/* Also boot.S's. From SELECTOR_TSS on two entries for each CPU's task state. */
uint64_t gdt[SELECTOR_TSS / 8 + 2 * SYSTEM_CPUS_MAX] = {
	[SELECTOR_BOOT_CODE / 8] = 0x00cf9b000000ffff,
	[SELECTOR_KERNEL_CODE / 8] = 0x00af9b000000ffff,
	[SELECTOR_KERNEL_DATA / 8] = 0x00cf93000000ffff,
	[SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff,
	[SELECTOR_USER_CODE / 8] = 0x00affb000000ffff,
};
static struct tss tss[SYSTEM_CPUS_MAX];
static struct idt_gate idt[256];
extern char trap_stubs[], system_call_entry[];

/* SDM vol 3A, "Interrupt Stack Table". NMI, double fault and machine check can come when rsp is a
 * program's, or about to be (entry.S), so they bring their own. An NMI during an NMI is held back
 * until its IRET. */
enum interrupt_stack { STACK_NONE, STACK_NMI, STACK_FATAL };

/* What is set in CR4 is what the CPU has and the kernel uses. PCID, SMEP, SMAP, UMIP and FSGSBASE
 * are taken where they are; the code that does without is the same but for FS and GS (thread.c) and
 * the TLB (tlb.c). */
void features_detect(void)
{
	struct cpuid basic = cpuid(1, 0), more = { 0 };

	if (cpuid(0, 0).eax >= 7)
		more = cpuid(7, 0);
	features.x2apic = basic.ecx & 1 << 21;
	features.cr4 = CR4_LONG_TABLES | CR4_GLOBAL_PAGES | CR4_FXSR | CR4_SIMD_EXCEPTIONS;
	features.cr4 |= basic.ecx & 1 << 17 ? CR4_PCID : 0;
	features.cr4 |= more.ebx & 1 << 0 ? CR4_FSGSBASE : 0;
	features.cr4 |= more.ebx & 1 << 7 ? CR4_SMEP : 0;
	features.cr4 |= more.ebx & 1 << 20 ? CR4_SMAP : 0;
	features.cr4 |= more.ecx & 1 << 2 ? CR4_UMIP : 0;
	features.extended_size = 512;
	if (basic.ecx & 1 << 26 && cpuid(0xd, 1).eax & 1) { /* with XSAVEOPT, or not at all */
		features.cr4 |= CR4_XSAVE;
		features.extended_mask = cpuid(0xd, 0).eax & XCR0_WANTED;
	}
}

/* A page whose top word says whose it is (entry.S, trap_paranoid). */
static uint64_t special_stack(uint32_t index, char *page)
{
	uint64_t *top = (uint64_t *)(page + PAGE_SIZE - 8);

	*top = (uint64_t)&cpus[index];
	return (uint64_t)(top - 1);
}

/* All are interrupt gates: the kernel is entered with interrupts off. Programs may raise breakpoint
 * and overflow themselves (INT3, INT 4: DPL 3); any other INT n is a general protection fault. */
void idt_setup(void)
{
	for (unsigned vector = 0; vector < 256; vector++) {
		uint64_t stub = (uint64_t)trap_stubs + vector * 16;
		bool by_program = vector == VECTOR_BREAKPOINT || vector == VECTOR_OVERFLOW;
		idt[vector] = (struct idt_gate){
			.offset_low = (uint16_t)stub,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
			.selector = SELECTOR_KERNEL_CODE,
			.type = by_program ? 0xee : 0x8e,
		};
	}
	idt[VECTOR_NMI].stack = STACK_NMI;
	idt[VECTOR_DOUBLE_FAULT].stack = STACK_FATAL;
	idt[VECTOR_MACHINE_CHECK].stack = STACK_FATAL;
}

/* The descriptor stays "busy" in the table once it is loaded, so each CPU has its own. Data
 * segments are not loaded: base and limit count for nothing in 64-bit mode, and null selectors do. */
static void tables_load(uint32_t index)
{
	uint64_t task = (uint64_t)&tss[index], selector = SELECTOR_TSS + 16 * index;
	struct table_pointer segments = { sizeof(gdt) - 1, (uint64_t)gdt };
	struct table_pointer interrupts = { sizeof(idt) - 1, (uint64_t)idt };

	tss[index].rsp[0] = cpus[index].kernel_stack;
	tss[index].interrupt_stack[STACK_NMI - 1] = special_stack(index, cpu_stacks[index].nmi);
	tss[index].interrupt_stack[STACK_FATAL - 1] = special_stack(index, cpu_stacks[index].fatal);
	tss[index].io_map = sizeof(struct tss); /* beyond the limit: no ports for programs */
	gdt[selector / 8] = (sizeof(struct tss) - 1) | (task & 0xffffff) << 16 | 0x89ull << 40 |
	                    (task >> 24 & 0xff) << 56;
	gdt[selector / 8 + 1] = task >> 32;
	__asm__ volatile("lgdt %0; lidt %1; ltr %w2" : : "m"(segments), "m"(interrupts), "r"(selector) : "memory");
}

/* Runs on the kernel's final page tables. The GS base comes first: panic and locks need it. */
void cpu_setup(uint32_t index)
{
	cpus[index].index = index;
	cpus[index].kernel_stack = (uint64_t)cpu_stacks[index].kernel + KERNEL_STACK_SIZE;
	cpus[index].self = &cpus[index];
	cpus[index].arch.bit = 1ull << index;
	cpus[index].no_fast_path = !arch_direct_possible();
	msr_write(MSR_GS_BASE, (uint64_t)&cpus[index]);
	msr_write(MSR_KERNEL_GS_BASE, 0);
	tables_load(index);
	cr4_write(features.cr4); /* the tables loaded now are page aligned: PCID 0 */
	msr_write(MSR_STAR, (uint64_t)SELECTOR_USER_BASE << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
	msr_write(MSR_LSTAR, (uint64_t)system_call_entry);
	msr_write(MSR_FMASK, (uint32_t)~FLAG_ALWAYS); /* the kernel begins with no flag set */
	extended_setup();
}
