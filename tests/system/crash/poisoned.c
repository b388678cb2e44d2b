/* A proc that faults each time a process ends with status 77, but not where it ends of a fault. */
#include "servers/proc/proc.h"

#define POISON (77 << 8) /* a wait status */

void __real_process_end(struct process *process, uint32_t status);
void __wrap_process_end(struct process *process, uint32_t status);

void __wrap_process_end(struct process *process, uint32_t status)
{
	if (status == POISON)
		__builtin_trap();
	__real_process_end(process, status);
}
