/* The kernel's own half of every address space, made once at boot: all memory at DIRECT_MAP_BASE, the
 * kernel's image with exact permissions. Its top-level entries never change, so a new space copies them and is never touched again. boot.S has the tables. */
#include "arch/local.h"

extern uint64_t kernel_tables[], direct_pointers[];
struct cpu_stacks cpu_stacks[SYSTEM_CPUS_MAX];

/* W^X, and the page below each CPU's stack missing: a kernel stack that is too small is a double
 * fault, not a silent overwrite. */
static uint64_t image_flags(uint64_t address)
{
	uint64_t at = address - (uint64_t)cpu_stacks;

	if (at < sizeof(cpu_stacks) && at % sizeof(cpu_stacks[0]) == 0)
		return 0;
	if (address < (uint64_t)kernel_text_end)
		return PAGE_PRESENT | PAGE_GLOBAL;
	if (address < (uint64_t)kernel_rodata_end)
		return PAGE_PRESENT | PAGE_GLOBAL | PAGE_NO_EXECUTE;
	return PAGE_PRESENT | PAGE_GLOBAL | PAGE_WRITE | PAGE_NO_EXECUTE;
}

/* The boot tables keep everything writable and executable, and stay for the trampoline. Other CPUs
 * come to kernel_root in smp_cpu_start. */
void paging_protect_kernel(void)
{
	for (uint64_t at = (uint64_t)kernel_start; at < (uint64_t)kernel_end; at += PAGE_SIZE) {
		uint64_t page = at - KERNEL_OFFSET, flags = image_flags(at);
		kernel_tables[page / PAGE_SIZE] = flags ? page | flags : 0;
	}
	cr3_write(kernel_physical(kernel_root));
}

/* In gigabyte pages, present or not: nothing uses an address that the memory map did not name. 4
 * GiB come from boot.S. */
physical_t paging_extend_direct_map(void)
{
	if (!(cpuid(0x80000001, 0).edx & 1 << 26)) /* 1 GiB pages */
		return 4ull << 30;
	for (uint64_t i = 4; i < 512; i++)
		direct_pointers[i] = i << 30 | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE | PAGE_GLOBAL;
	return 512ull << 30;
}
