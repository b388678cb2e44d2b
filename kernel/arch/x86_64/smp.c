/* Starting the other processors, one after the other: each comes through the
 * trampoline (boot.S), sets itself up and leaves the kernel for the first thread. */
#include "arch/local.h"
#include "base/log.h"
#include "base/string.h"
#include "sched/cpu.h"

#define TRAMPOLINE 0x8000u
#define COMMAND_INIT 0x500u
#define COMMAND_STARTUP 0x600u

extern char trampoline_begin[], trampoline_end[];
uint64_t start_stack = (uint64_t)cpu_stacks[0].kernel + KERNEL_STACK_SIZE; /* of the CPU being started; read by boot.S */
static uint32_t smp_index;

/* On the new CPU, still on the boot tables. */
/* No lock, no log before cpu_setup: GS is not this CPU's yet. */
void smp_cpu_start(void)
{
	uint32_t index = smp_index;

	cr3_write(kernel_physical(kernel_root));
	cpu_setup(index);
	apic_setup_cpu();
	__atomic_store_n(&cpus[index].online, true, __ATOMIC_RELEASE);
	arch_kernel_leave();
}

/* INIT, wait, STARTUP, wait, STARTUP (SDM vol 3A, "MP Initialization Protocol"). cpu_count is
 * raised first: the new CPU's struct is then looked at by all others, and it is initialised. One
 * that does not answer in 200 ms ends the search: should it wake later, it would run on a stack and
 * an index that the next one has. */
static bool cpu_start(uint32_t index, uint32_t apic_id)
{
	start_stack = (uint64_t)cpu_stacks[index].kernel + KERNEL_STACK_SIZE;
	smp_index = index;
	cpus[index].arch.apic_id = apic_id;
	__atomic_store_n(&cpu_count, index + 1, __ATOMIC_RELEASE);
	apic_send(apic_id, COMMAND_INIT);
	clock_spin(10000);
	for (unsigned try = 0; try < 2; try++) { /* one that runs already takes no notice of the second */
		apic_send(apic_id, COMMAND_STARTUP | TRAMPOLINE >> PAGE_SHIFT);
		clock_spin(200000);
	}
	for (uint64_t end = arch_time_now() + 200000000; arch_time_now() < end;)
		if (__atomic_load_n(&cpus[index].online, __ATOMIC_ACQUIRE))
			return true;
	__atomic_store_n(&cpu_count, index, __ATOMIC_RELEASE);
	log_print("CPU with APIC id %u does not start\n", apic_id);
	return false;
}

uint32_t arch_cpu_start_others(void)
{
	memcpy(arch_direct_map(TRAMPOLINE), trampoline_begin, (uint64_t)(trampoline_end - trampoline_begin));
	for (uint32_t i = 0; i < machine.cpu_count && cpu_count < (ATOLL_ONE_CPU ? 1 : SYSTEM_CPUS_MAX); i++)
		if (machine.cpu_apic_ids[i] != cpus[0].arch.apic_id)
			if (!cpu_start(cpu_count, machine.cpu_apic_ids[i]))
				break;
	return cpu_count;
}
