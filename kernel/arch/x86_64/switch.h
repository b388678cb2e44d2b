/* The parts of a switch from one thread to another, in line for the fast path (direct.h) and thread.c. */
#pragma once

#include "arch/local.h"

/* Of the current thread. The user's GS base waits behind SWAPGS while the kernel runs. */
static inline void bases_load(const struct thread *thread)
{
	if (features.cr4 & CR4_FSGSBASE) {
		__asm__ volatile("wrfsbase %0; swapgs; wrgsbase %1; swapgs" : :
		                 "r"(thread->arch.registers.fs_base), "r"(thread->arch.registers.gs_base));
	} else {
		msr_write(MSR_FS_BASE, thread->arch.registers.fs_base);
		msr_write(MSR_KERNEL_GS_BASE, thread->arch.registers.gs_base);
	}
}

/* With FSGSBASE a program changes them as it likes; otherwise the copies are right. */
static inline void bases_save(struct thread *thread)
{
	if (features.cr4 & CR4_FSGSBASE)
		__asm__ volatile("rdfsbase %0; swapgs; rdgsbase %1; swapgs" :
		                 "=r"(thread->arch.registers.fs_base), "=r"(thread->arch.registers.gs_base));
}

/* Both at once, where the CPU has FSGSBASE. */
static inline void bases_exchange(struct thread *from, const struct thread *to, bool gs_too)
{
	__asm__ volatile("rdfsbase %0; wrfsbase %1" : "=&r"(from->arch.registers.fs_base) : "r"(to->arch.registers.fs_base));
	if (gs_too)
		__asm__ volatile("swapgs; rdgsbase %0; wrgsbase %1; swapgs" : "=&r"(from->arch.registers.gs_base) :
		                 "r"(to->arch.registers.gs_base));
}

/* Of a thread that has extended state, and leaves this CPU or is about to be copied. */
static inline void extended_save(struct thread *thread)
{
	/* edx counts for nothing: XCR0 has no bit so high. */
	if (features.extended_mask)
		__asm__ volatile("xsaveopt64 (%0)" : : "r"(thread->arch.extended), "a"(features.extended_mask) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(thread->arch.extended) : "memory");
}

static inline void extended_load(struct cpu *cpu, struct thread *to)
{
	if (features.extended_mask)
		__asm__ volatile("xrstor64 (%0)" : : "r"(to->arch.extended), "a"(features.extended_mask) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(to->arch.extended) : "memory");
	cpu->arch.extended_owner = to;
	to->arch.extended_cpu = cpu->index;
}

static inline void extended_switch(struct cpu *cpu, struct thread *to)
{
	struct arch_cpu *local = &cpu->arch;

	if (!to->arch.extended) {
		if (!local->task_switched)
			cr0_write(cr0_read() | CR0_TASK_SWITCHED);
		local->task_switched = true;
		return;
	}
	if (local->task_switched)
		__asm__ volatile("clts");
	local->task_switched = false;
	if (local->extended_owner != to || to->arch.extended_cpu != cpu->index)
		extended_load(cpu, to);
}

/* Both at once, where the CPU has XSAVE. What is asked for beyond XCR0 counts for nothing. */
static inline void extended_exchange(struct cpu *cpu, struct thread *from, struct thread *to)
{
	if (from->arch.extended && to->arch.extended) {
		__asm__ volatile("xsaveopt64 (%0); xrstor64 (%1)" : : "r"(from->arch.extended), "r"(to->arch.extended),
		                 "a"(~0u) : "memory");
		cpu->arch.extended_owner = to;
		to->arch.extended_cpu = cpu->index;
		return;
	}
	if (from->arch.extended)
		extended_save(from);
	extended_switch(cpu, to);
}

/* What to load where there are PCIDs: with the mark to keep what is cached, if that is right still. */
static inline uint64_t space_tagged_root(struct cpu *cpu, struct arch_space *space)
{
	uint64_t slot = space->serial % PCID_COUNT, bit = cpu->arch.bit, *owner = &cpu->arch.pcid_serial[slot];
	bool stale = __atomic_load_n(&space->stale_cpus, __ATOMIC_SEQ_CST) & bit;

	if (stale)
		__atomic_fetch_and(&space->stale_cpus, ~bit, __ATOMIC_SEQ_CST);
	bool keep = !stale && *owner == space->serial;
	*owner = space->serial;
	return space->root | (slot + 1) | (keep ? CR3_KEEP : 0); /* PCID 0 is the kernel's */
}

/* The space that this CPU runs in. */
__attribute__((always_inline)) static inline void space_load(struct cpu *cpu, struct arch_space *space)
{
	if (space == cpu->arch.space)
		return;
	cpu->arch.space = space;
	if (!(__atomic_load_n(&space->active_cpus, __ATOMIC_RELAXED) & cpu->arch.bit))
		__atomic_fetch_or(&space->active_cpus, cpu->arch.bit, __ATOMIC_SEQ_CST);
	cr3_write(features.cr4 & CR4_PCID ? space_tagged_root(cpu, space) : space->root);
}
