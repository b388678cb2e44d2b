/* What the fast path (ipc/fastpath.c) needs of the machine: the switch in line, and straight to user mode. */
#ifndef ARCH_DIRECT_H
#define ARCH_DIRECT_H

#include "arch/switch.h"
#include <stddef.h>

/* arch_thread_switch() for two threads. */
__attribute__((always_inline)) static inline void arch_switch_directly(struct cpu *cpu, struct thread *from, struct thread *to)
{
	bases_exchange(from, to);
	if (from->arch.extended)
		extended_save(from);
	extended_switch(cpu, to);
	space_load(cpu, &to->space->arch);
}

/* A thread that waits in a message call goes on with a message: status OK, the words from another one's registers. It
 * is the current one already. Never returns: the kernel's stack is left as it is, and every entry begins at its top.
 * (Where there is no user mode, on the host, it returns the thread.) */
__attribute__((always_inline)) static inline _Noreturn struct thread *arch_leave(struct thread *thread, const struct thread *words, uint64_t label,
                                                  uint64_t header, uint64_t id)
{
#define AT(name) "%c[" #name "]"
#define OFFSET_OF(name) [name] "i"(offsetof(struct thread, arch.registers.name))
	register uint64_t r13 __asm__("r13") = id;
	__asm__ volatile("movq " AT(rbx) "(%%rax), %%rbx\n\t"
	                 "movq " AT(rbp) "(%%rax), %%rbp\n\t"
	                 "movq " AT(r12) "(%%rax), %%r12\n\t"
	                 "movq " AT(rip) "(%%rax), %%rcx\n\t"
	                 "movq " AT(rflags) "(%%rax), %%r11\n\t"
	                 "movq " AT(r8) "(%%rdx), %%r8\n\t"
	                 "movq " AT(r9) "(%%rdx), %%r9\n\t"
	                 "movq " AT(r10) "(%%rdx), %%r10\n\t"
	                 "movq " AT(r14) "(%%rdx), %%r14\n\t"
	                 "movq " AT(r15) "(%%rdx), %%r15\n\t"
	                 "movq " AT(rdx) "(%%rdx), %%rdx\n\t"
	                 "movq " AT(rsp) "(%%rax), %%rsp\n\t"
	                 "xorl %%eax, %%eax\n\t"
	                 "swapgs\n\t"
	                 "sysretq"
	                 : : "a"(thread), "d"(words), "D"(label), "S"(header), "r"(r13), OFFSET_OF(rbx),
	                   OFFSET_OF(rbp), OFFSET_OF(r12), OFFSET_OF(rip), OFFSET_OF(rflags), OFFSET_OF(rsp),
	                   OFFSET_OF(rdx), OFFSET_OF(r8), OFFSET_OF(r9), OFFSET_OF(r10), OFFSET_OF(r14), OFFSET_OF(r15)
	                 : "memory");
	__builtin_unreachable();
#undef AT
#undef OFFSET_OF
}

#endif
