/* Which CPU this is. In the kernel GS points at its struct cpu (sched/cpu.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct thread;
struct arch_space;

#define PCID_COUNT 64u
/* What this architecture keeps in struct cpu. Written by its own CPU only. */
struct arch_cpu {
	struct arch_space *space;      /* loaded; NULL: the kernel's own tables */
	struct thread *extended_owner; /* whose state the extended registers hold */
	bool task_switched;            /* CR0.TS is set */
	uint32_t apic_id;
	uint64_t bit;                  /* this CPU's in masks of CPUs */
	uint64_t pcid_serial[PCID_COUNT]; /* whose entries may be cached under each PCID */
};

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
