/* The kernel's own half of every address space, made once at boot: all memory at DIRECT_MAP_BASE, the
 * kernel's image with exact permissions, and the stacks of the other CPUs. Its top-level entries never
 * change, so a new space copies them and is never touched again. boot.S has the tables. */
#include "arch/local.h"
#include "base/log.h"

#define STACKS_BASE 0xffffffffc0000000ull
#define STACK_PAGES (KERNEL_STACK_SIZE / PAGE_SIZE)

_Static_assert(SYSTEM_CPUS_MAX * (STACK_PAGES + 1) <= 512, "one table holds all stacks");

extern uint64_t kernel_tables[], stacks_table[], direct_pointers[];
extern char boot_stack_guard[];

/* W^X, and the page below the boot stack missing: a kernel stack that is too small is a double
 * fault, not a silent overwrite. */
static uint64_t image_flags(uint64_t address)
{
	if (address == (uint64_t)boot_stack_guard)
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

physical_t boot_page_allocate(void)
{
	physical_t page = page_allocate(false);

	if (!page)
		panic("no memory to start the CPUs");
	return page;
}

/* At boot only, for a CPU that does not run yet: entries that were absent need no flush. */
uint64_t stack_create(uint32_t index)
{
	uint64_t first = index * (STACK_PAGES + 1) + 1; /* the one before it stays unmapped */

	for (uint64_t i = first; i < first + STACK_PAGES; i++)
		stacks_table[i] = boot_page_allocate() | PAGE_PRESENT | PAGE_WRITE | PAGE_GLOBAL | PAGE_NO_EXECUTE;
	return STACKS_BASE + (first + STACK_PAGES) * PAGE_SIZE;
}
