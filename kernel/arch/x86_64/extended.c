/* Extended state (x87, SSE, AVX): saved whenever its thread leaves the CPU, loaded before another's
 * runs. A CPU remembers whose state its registers hold (extended_owner): a thread that comes back
 * to it, after threads that have none, finds its registers still there. A thread without extended
 * state runs with CR0.TS set, so it can neither see nor change what is in them. */
#include "arch/switch.h"
#include "base/string.h"
#include "mm/pool.h"

#define NO_CPU (~0u)
#define CONTROL_WORD_DEFAULT 0x37f
#define MXCSR_DEFAULT 0x1f80

/* SDM vol 1, "Managing State Using the XSAVE Feature Set". CPUID 0Dh tells the size for what XCR0
 * has enabled now. */
void extended_setup(void)
{
	if (!features.extended_mask)
		return;
	__asm__ volatile("xsetbv" : : "c"(0), "a"(features.extended_mask), "d"(0));
	features.extended_size = cpuid(0xd, 0).ebx;
}

/* Zeros are the initial state but for these two control words: XSTATE_BV 0 means "as after reset",
 * and MXCSR is loaded from memory whatever it says. */
status_t extended_init(struct thread *thread, struct thread *like)
{
	thread->arch.extended = NULL;
	thread->arch.extended_cpu = NO_CPU;
	if (thread->flags & THREAD_NO_EXTENDED)
		return STATUS_OK;
	bool copy = like && like->arch.extended && thread->flags & THREAD_COPY_EXTENDED;
	physical_t page = charged_page(thread->object.pool, !copy);
	if (!page)
		return STATUS_NO_MEMORY;
	char *area = thread->arch.extended = arch_direct_map(page);
	if (copy) {
		if (like == cpu_current())
			extended_save(like);
		memcpy(area, like->arch.extended, (features.extended_size + 7) & ~7u);
	} else {
		*(uint16_t *)area = CONTROL_WORD_DEFAULT;
		*(uint32_t *)(area + 24) = MXCSR_DEFAULT;
	}
	return STATUS_OK;
}

void arch_thread_release(struct thread *thread)
{
	if (!thread->arch.extended)
		return;
	page_release(arch_direct_physical(thread->arch.extended));
	pool_credit(thread->object.pool, PAGE_SIZE);
	thread->arch.extended = NULL;
}
