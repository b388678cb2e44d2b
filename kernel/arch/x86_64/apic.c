/* The local APIC: this CPU's timer, and interrupts between CPUs. Registers are reached through MSRs
 * where there is an x2APIC, else through its page. */
#include "arch/local.h"
#include "sched/cpu.h"

/* Offsets in the register page; in x2APIC mode register 0x10 * n is MSR 0x800 + n (SDM vol 3A,
 * "Extended XAPIC (x2APIC)"). */
enum apic_register {
	APIC_ID = 0x20,
	APIC_PRIORITY = 0x80,
	APIC_END = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_COMMAND = 0x300,
	APIC_COMMAND_HIGH = 0x310,
	APIC_TIMER = 0x320,
	APIC_LINT0 = 0x350,
	APIC_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
};

#define APIC_ENABLED (1u << 8)
#define APIC_MASKED (1u << 16)
#define COMMAND_PENDING (1u << 12)
#define COMMAND_NMI 0x400u
#define COMMAND_ASSERT (1u << 14)
#define COMMAND_OTHERS (3u << 18)
#define BASE_X2APIC (1ull << 10)
#define BASE_ENABLE (1ull << 11)

/* Where firmware leaves it, and no system moves it. The boot tables map it uncached (boot.S). */
static volatile uint32_t *const apic_page = (void *)(DIRECT_MAP_BASE + 0xfee00000);

static uint32_t apic_read(enum apic_register at)
{
	return features.x2apic ? (uint32_t)msr_read(MSR_X2APIC + at / 16) : apic_page[at / 4];
}

static void apic_write(enum apic_register at, uint32_t value)
{
	if (features.x2apic)
		msr_write(MSR_X2APIC + at / 16, value);
	else
		apic_page[at / 4] = value;
}

/* On each CPU, with interrupts off. LINT0 was the old controller's way in, and the error interrupt
 * has nobody to tell. The divide register's encoding of "by 1" is 1011b (SDM vol 3A, "APIC Timer"). */
void apic_setup_cpu(void)
{
	msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | BASE_ENABLE | (features.x2apic ? BASE_X2APIC : 0));
	apic_write(APIC_SPURIOUS, APIC_ENABLED | VECTOR_SPURIOUS);
	apic_write(APIC_PRIORITY, 0);
	apic_write(APIC_LINT0, APIC_MASKED);
	apic_write(APIC_ERROR, APIC_MASKED);
	apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
	apic_write(APIC_TIMER, VECTOR_TIMER);
	cpu_self()->arch.apic_id = apic_id();
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(APIC_ID);
	return features.x2apic ? id : id >> 24;
}

/* Before the handler works: interrupts stay off until the kernel is left, so none nests. */
void apic_end_interrupt(void)
{
	apic_write(APIC_END, 0);
}

/* The page's two halves are one command to the hardware only with the low half last, and the
 * previous one must have been accepted. Interrupts are off, so nothing of this CPU comes between. */
void apic_send(uint32_t target, uint32_t command)
{
	command |= COMMAND_ASSERT;
	if (features.x2apic) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the write does not wait for earlier stores */
		msr_write(MSR_X2APIC + APIC_COMMAND / 16, (uint64_t)target << 32 | command);
		return;
	}
	while (apic_read(APIC_COMMAND) & COMMAND_PENDING)
		__builtin_ia32_pause();
	apic_write(APIC_COMMAND_HIGH, target << 24);
	apic_write(APIC_COMMAND, command);
}

void apic_send_others_nmi(void)
{
	if (cpu_count > 1)
		apic_send(0, COMMAND_OTHERS | COMMAND_NMI);
}

void arch_cpu_kick(uint32_t cpu)
{
	apic_send(cpus[cpu].arch.apic_id, VECTOR_KICK);
}

/* One-shot; 0 stops it. A count that runs out while it is set again may still interrupt once: too
 * early is checked for. */
void apic_timer_start(uint32_t count)
{
	apic_write(APIC_TIMER_INITIAL, count);
}

uint32_t apic_timer_count(void)
{
	return apic_read(APIC_TIMER_CURRENT);
}
