/* Offsets of structure members for entry.S: absolute symbols that the linker fills in, so no
 * number is written twice. */
#include "arch/local.h"
#include "kernel_calls.h"
#include "sched/cpu.h"
#include <stddef.h>

#define OFFSET(name, value) __asm__ volatile(".globl " #name "\n.set " #name ", %c0" : : "i"(value))

_Static_assert(offsetof(struct cpu, current) == 0, "known to entry.S and cpu.h");
_Static_assert(offsetof(struct cpu, kernel_stack) == 8, "known to entry.S");
_Static_assert(offsetof(struct cpu, scratch) == 16, "known to entry.S");
_Static_assert(offsetof(struct cpu, self) == 24, "known to cpu.h");

void offsets(void);
void offsets(void)
{
	OFFSET(NUMBER_CALL, 2 * KERNEL_CALL_CALL + 1);
	OFFSET(NUMBER_REPLY_RECEIVE, 2 * KERNEL_CALL_REPLY_RECEIVE + 1);
	OFFSET(THREAD_REGISTERS, offsetof(struct thread, arch.registers));
	OFFSET(THREAD_FULL_RETURN, offsetof(struct thread, arch.full_return));
	OFFSET(THREAD_BY_PLACE, offsetof(struct thread, by_place));
	OFFSET(THREAD_SPACE, offsetof(struct thread, space));
	OFFSET(REFLECT_LIBRARY_BEGIN, offsetof(struct space, reflect.library_begin));
	OFFSET(REFLECT_LIBRARY_END, offsetof(struct space, reflect.library_end));
	OFFSET(REFLECT_ENTRY, offsetof(struct space, reflect.system_call_entry));
}
