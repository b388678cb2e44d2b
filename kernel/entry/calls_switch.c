/* The kernel call that turns parts of the kernel on and off. */
#include "arch/direct.h"
#include "entry/entry.h"
#include "kernel_calls.h"
#include "sched/cpu.h"

#define MILLISECOND 1000000ull /* nanoseconds */

status_t handle_system_switch(struct system *, uint32_t what, uint32_t on)
{
	if (what > SYSTEM_WATCHDOG)
		return STATUS_BAD_ARGUMENT;
	if (what == SYSTEM_WATCHDOG)
		root_watch(on * MILLISECOND);
	if (what == SYSTEM_EARLY_CONSOLE)
		arch_console_enable(on != 0);
	for (uint32_t i = 0; what == SYSTEM_FAST_PATH && i < SYSTEM_CPUS_MAX; i++)
		cpus[i].no_fast_path = !on || !arch_direct_possible();
	return STATUS_OK;
}
