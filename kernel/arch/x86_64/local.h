/* What the files of this architecture share among themselves. */
#pragma once

#include "arch/arch.h"
#include "arch/x86.h"
#include "sched/cpu.h"

/* The kernel's image is linked at KERNEL_OFFSET + where it lies in memory. */
#define KERNEL_OFFSET 0xffffffff80000000ull
#define KERNEL_STACK_SIZE 16384ull

static inline physical_t kernel_physical(const void *address)
{
	return (uint64_t)address - KERNEL_OFFSET;
}

extern char kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];

/* --- cpu.c: this machine's processors --- */
struct features {
	uint64_t cr4; /* what to set there; a CR4_ bit also says that the CPU has it */
	bool x2apic;
	uint32_t extended_size; /* bytes of extended state */
	uint32_t extended_mask; /* XCR0 */
};
extern struct features features;

void features_detect(void);
void cpu_setup(uint32_t index); /* descriptor tables, control registers, MSRs, GS */
void idt_setup(void);

/* --- paging.c: the kernel's own tables --- */
/* Bits of a page table entry (SDM vol 3A, "4-Level Paging and 5-Level Paging"). Without a PAT entry
 * of our own, UNCACHED (PCD and PWT) is strong uncacheable. */
#define PAGE_PRESENT (1ull << 0)
#define PAGE_WRITE (1ull << 1)
#define PAGE_USER (1ull << 2)
#define PAGE_UNCACHED (3ull << 3)
#define PAGE_ACCESSED (1ull << 5)
#define PAGE_DIRTY (1ull << 6)
#define PAGE_LARGE (1ull << 7)
#define PAGE_GLOBAL (1ull << 8)
#define PAGE_NO_EXECUTE (1ull << 63)
#define PAGE_ADDRESS 0x000ffffffffff000ull

extern uint64_t kernel_root[];
void paging_protect_kernel(void);        /* final permissions; leaves the boot tables */
physical_t paging_extend_direct_map(void); /* as far as this CPU can; its end */
/* Of every CPU there may be; those of CPUs that the machine lacks are handed out as memory. */
extern struct cpu_stacks {
	char guard[PAGE_SIZE]; /* unmapped */
	char kernel[KERNEL_STACK_SIZE], nmi[PAGE_SIZE], fatal[PAGE_SIZE];
} __attribute__((aligned(4096))) cpu_stacks[SYSTEM_CPUS_MAX];

/* --- space.c, tlb.c --- */
physical_t charged_page(struct pool *pool, bool zeroed); /* 0: no memory */
#define SPACE_GONE (~0ull) /* as `start` of a flush: the tables are about to be freed */
void space_flush(struct arch_space *space, uint64_t start, uint64_t end);
void shootdown_serve(void);

/* --- extended.c, thread.c, reflect.c, user.c --- */
void extended_setup(void);
status_t extended_init(struct thread *thread, struct thread *like);
void thread_update_bases(const struct thread *thread);
struct user_copy_result {
	uint64_t remaining, fault_address;
};
struct user_copy_result user_copy(void *to, const void *from, uint64_t length); /* entry.S */
/* Without waiting for a pager: false where it cannot be written now. */
bool user_write_now(uint64_t to, const void *from, uint64_t length);

/* --- acpi.c: what the firmware says --- */
struct machine {
	uint32_t cpu_apic_ids[SYSTEM_CPUS_MAX], cpu_count;
	struct io_apic {
		volatile uint32_t *page;
		uint32_t gsi_base, pins;
	} io_apics[4];
	uint32_t io_apic_count;
	struct line {
		uint32_t gsi;    /* how it is wired */
		bool low, level;
		bool enabled, masked, pending; /* under the lock of ioapic.c */
	} lines[ARCH_IRQ_LINES];
	uint16_t pm_timer, pm_control; /* ports; 0: none */
	uint16_t power_off_value;      /* for pm_control; 0: unknown */
};
extern struct machine machine;
void acpi_read(physical_t rsdp);

/* --- apic.c, ioapic.c, clock.c, smp.c --- */
void apic_setup_cpu(void);
uint32_t apic_id(void);
void apic_end_interrupt(void);
void apic_send(uint32_t apic_id, uint32_t command);
void apic_send_others_nmi(void);
void apic_timer_start(uint32_t count);
uint32_t apic_timer_count(void);
void pic_silence(void);
void ioapic_setup(void);
void ioapic_interrupt(uint8_t vector);
void clock_setup(void);
void clock_spin(uint64_t nanoseconds);
_Noreturn void smp_cpu_start(void); /* from the trampoline, on the new CPU */

/* --- entry.S and traps.c --- */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error_code;
	uint64_t rip, cs, rflags, rsp, ss;
};
void traps_apply_patches(void); /* STAC and CLAC where the CPU has SMAP */
