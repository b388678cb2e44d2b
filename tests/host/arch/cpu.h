/* The host machine has one CPU. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdint.h>

struct cpu;
struct thread;

/* It keeps nothing in struct cpu. */
struct arch_cpu {
	char none;
};

struct cpu *cpu_self(void);
struct thread *cpu_current(void);
uint64_t arch_cycles(void);

#endif
