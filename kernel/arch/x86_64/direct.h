/* What the fast path (ipc/fastpath.c) needs of the machine: a message's registers, the switch in line, and straight to user
 * mode.
 *
 * The entry code has saved what a program gets back from a message call, and left the six words and the call id where they
 * are: the fast path is compiled without the use of those registers. Checks and traces use them, so in builds with any
 * they go by way of memory. */
#ifndef ARCH_DIRECT_H
#define ARCH_DIRECT_H

#include "arch/switch.h"
#include <stddef.h>

#if defined(ATOLL_DEBUG) || defined(ATOLL_TRACE)
#define WORDS_LOAD(name) "movq %c[" #name "](%[words]), %%" #name "\n\t"
#define WORDS_OF(thread) [words] "c"(thread)
#define ID_LOAD "movq %c[r13](%[words]), %0"
#define WORDS_IN_MEMORY true
#else
#define WORDS_LOAD(name)
#define WORDS_OF(thread) [words] "i"(0)
#define ID_LOAD "movq %%r13, %0"
#define WORDS_IN_MEMORY false
#endif
#define REGISTER_LOAD(name, to) "movq %c[" #name "](%%rax), %%" #to "\n\t"
#define REGISTER_STORE(name) "movq %%" #name ", %c[" #name "](%[thread])\n\t"
#define REGISTER_OFFSET(name) [name] "i"(offsetof(struct thread, arch.registers.name))
#define WORDS_OFFSETS REGISTER_OFFSET(rdx), REGISTER_OFFSET(r10), REGISTER_OFFSET(r8), REGISTER_OFFSET(r9), \
	REGISTER_OFFSET(r14), REGISTER_OFFSET(r15)

/* On CPUs of the last ten years; others take the slow path. */
static inline bool arch_direct_possible(void)
{
	return features.cr4 & CR4_FSGSBASE && features.extended_mask;
}

/* The address of the running thread's message_extra, and the call id it names. */
static inline uint64_t arch_direct_extra(const struct thread *thread)
{
	return thread->arch.registers.r12;
}

static inline uint64_t arch_direct_id(const struct thread *thread)
{
	uint64_t id;
	__asm__ volatile(ID_LOAD : "=r"(id) : [words] "r"(thread), REGISTER_OFFSET(r13));
	return id;
}

/* The running thread's words are kept with its other registers, too. */
__attribute__((always_inline)) static inline void arch_direct_keep_words(struct thread *thread)
{
	if (WORDS_IN_MEMORY)
		return;
	__asm__ volatile(REGISTER_STORE(rdx) REGISTER_STORE(r10) REGISTER_STORE(r8) REGISTER_STORE(r9) REGISTER_STORE(r14)
	                 REGISTER_STORE(r15) : : [thread] "r"(thread), WORDS_OFFSETS : "memory");
}

/* arch_thread_switch() for two threads. */
__attribute__((always_inline)) static inline void arch_switch_directly(struct cpu *cpu, struct thread *from, struct thread *to)
{
	bases_exchange(from, to);
	extended_exchange(cpu, from, to);
	space_load(cpu, &to->space->arch);
}

/* A thread that waits in a message call goes on with a message: status OK, the words those of `from`. It
 * is the current one already. Never returns: the kernel's stack is left as it is, and every entry begins at its top.
 * (Where there is no user mode, on the host, it returns the thread.) */
__attribute__((always_inline)) static inline _Noreturn struct thread *arch_leave(struct thread *thread,
		const struct thread *from, uint64_t label, uint64_t header, uint64_t id)
{
	__asm__ volatile("movq %[id], %%r13\n\t"
	                 REGISTER_LOAD(rbx, rbx) REGISTER_LOAD(rbp, rbp) REGISTER_LOAD(r12, r12)
	                 WORDS_LOAD(r10) WORDS_LOAD(r8) WORDS_LOAD(r9) WORDS_LOAD(r14) WORDS_LOAD(r15) WORDS_LOAD(rdx)
	                 REGISTER_LOAD(rip, rcx) REGISTER_LOAD(rflags, r11) REGISTER_LOAD(rsp, rsp)
	                 "xorl %%eax, %%eax\n\t"
	                 "swapgs\n\t"
	                 "sysretq"
	                 : : "a"(thread), WORDS_OF(from), "D"(label), "S"(header), [id] "r"(id), REGISTER_OFFSET(rbx),
	                   REGISTER_OFFSET(rbp), REGISTER_OFFSET(r12), REGISTER_OFFSET(rip), REGISTER_OFFSET(rflags),
	                   REGISTER_OFFSET(rsp), WORDS_OFFSETS
	                 : "memory");
	(void)from;
	__builtin_unreachable();
}

#undef WORDS_LOAD
#undef WORDS_OF
#undef WORDS_IN_MEMORY
#undef ID_LOAD
#undef REGISTER_LOAD
#undef REGISTER_STORE
#undef REGISTER_OFFSET
#undef WORDS_OFFSETS
#endif
