/* The instructions C has no words for, and the numbers that go with them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum msr {
	MSR_APIC_BASE = 0x1b,
	MSR_X2APIC = 0x800,
	MSR_STAR = 0xc0000081,
	MSR_LSTAR = 0xc0000082,
	MSR_FMASK = 0xc0000084,
	MSR_FS_BASE = 0xc0000100,
	MSR_GS_BASE = 0xc0000101,
	MSR_KERNEL_GS_BASE = 0xc0000102,
};

#define CR0_TASK_SWITCHED (1ull << 3)

/* SDM vol 3A, "Control Registers". LONG_TABLES is PAE, FXSR and SIMD_EXCEPTIONS are OSFXSR and
 * OSXMMEXCPT, XSAVE is OSXSAVE. */
#define CR4_LONG_TABLES (1ull << 5)
#define CR4_GLOBAL_PAGES (1ull << 7)
#define CR4_FXSR (1ull << 9)
#define CR4_SIMD_EXCEPTIONS (1ull << 10)
#define CR4_UMIP (1ull << 11)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_PCID (1ull << 17)
#define CR3_KEEP (1ull << 63) /* with PCIDs: what is cached stays */
#define CR4_XSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)

#define FLAG_ALWAYS (1ull << 1)
#define FLAG_INTERRUPT (1ull << 9)
/* What a program may choose of its flags: CF PF AF ZF SF TF DF OF RF AC ID. */
#define FLAGS_USER 0x250dd5ull

/* Selectors, in the order SYSCALL and SYSRET need; user code is 0x33 as elsewhere. */
#define SELECTOR_BOOT_CODE 0x08 /* 32 bits */
#define SELECTOR_KERNEL_CODE 0x10
#define SELECTOR_KERNEL_DATA 0x18
#define SELECTOR_USER_BASE 0x23
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33
#define SELECTOR_TSS 0x40

/* Below 32 they are the CPU's (SDM vol 3A, "Exception and Interrupt Vectors"). A higher sixteen is
 * a higher priority for the local APIC: kicks, shootdowns and the timer come before devices. */
enum vector {
	VECTOR_NMI = 2,
	VECTOR_BREAKPOINT = 3,
	VECTOR_OVERFLOW = 4,
	VECTOR_DOUBLE_FAULT = 8,
	VECTOR_PAGE_FAULT = 14,
	VECTOR_MACHINE_CHECK = 18,
	VECTOR_PIC = 0x20,    /* here exceptions end; 16 that must never come */
	VECTOR_DEVICE = 0x30, /* + line */
	VECTOR_KICK = 0xf0,
	VECTOR_SHOOTDOWN = 0xf1,
	VECTOR_TIMER = 0xf2,
	VECTOR_SPURIOUS = 0xff,
};

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t part)
{
	struct cpuid r;
	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(part));
	return r;
}

static inline uint64_t msr_read(enum msr msr)
{
	uint32_t low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void msr_write(enum msr msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* port_read8(port), port_write8(port, value), and so on. */
#define PORT_ACCESS(bits, letter) \
	static inline uint##bits##_t port_read##bits(uint16_t port) \
	{ \
		uint##bits##_t value; \
		__asm__ volatile("in" letter " %1, %0" : "=a"(value) : "Nd"(port)); \
		return value; \
	} \
	static inline void port_write##bits(uint16_t port, uint##bits##_t value) \
	{ \
		__asm__ volatile("out" letter " %0, %1" : : "a"(value), "Nd"(port)); \
	}
PORT_ACCESS(8, "b")
PORT_ACCESS(16, "w")
PORT_ACCESS(32, "l")

/* cr0_read(), cr0_write(value), and so on. */
#define CONTROL_REGISTER(name) \
	static inline uint64_t name##_read(void) \
	{ \
		uint64_t value; \
		__asm__ volatile("movq %%" #name ", %0" : "=r"(value)); \
		return value; \
	} \
	static inline void name##_write(uint64_t value) \
	{ \
		__asm__ volatile("movq %0, %%" #name : : "r"(value) : "memory"); \
	}
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
