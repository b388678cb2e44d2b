/* Which CPU this is. In the kernel GS points at its struct cpu (sched/cpu.h). */
#pragma once

#include <stdint.h>

struct cpu;
struct thread;

/* A thread in the kernel never moves to another CPU, so the compiler may keep the result. */
static inline struct cpu *cpu_self(void)
{
	struct cpu *cpu;
	__asm__("movq %%gs:24, %0" : "=r"(cpu)); /* struct cpu.self */
	return cpu;
}

/* cpu_self()->current in one instruction. */
static inline struct thread *cpu_current(void)
{
	struct thread *thread;
	__asm__ volatile("movq %%gs:0, %0" : "=r"(thread));
	return thread;
}

/* A clock that every CPU reads alike, cheaper than the time. */
static inline uint64_t arch_cycles(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}
