/* What the fast path (ipc/fastpath.c) needs of the machine: a message's registers, the switch in line, and straight to user
 * mode.
 *
 * The entry code has saved what a program gets back from a message call, and left the six words and the call id where they
 * are: the fast path is compiled without the use of those registers. Checks and traces use them, so in builds with any
 * they go by way of memory. */
#pragma once

#include "arch/switch.h"
#include <stddef.h>

#if defined(ATOLL_DEBUG) || defined(ATOLL_TRACE)
#define MESSAGES_IN_MEMORY true
#else
#define MESSAGES_IN_MEMORY false
#endif
#define REGISTER_LOAD(name, to) "movq %c[" #name "](%%r11), %%" #to "\n\t"
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
	uint64_t id = thread->arch.registers.r13;
	if (!MESSAGES_IN_MEMORY)
		__asm__ volatile("movq %%r13, %0" : "=r"(id));
	return id;
}

/* At most a page between the current thread's memory and the kernel: `user` is one of the other two. Nothing is resolved;
 * false: a part may have been copied. */
static inline bool arch_user_move(uint64_t user, void *to, const void *from, uint64_t length)
{
	return user < USER_ADDRESS_END - PAGE_SIZE && !user_copy(to, from, length).remaining;
}

/* The running thread's words are kept with its other registers, too. */
__attribute__((always_inline)) static inline void arch_direct_keep_words(struct thread *thread)
{
	if (MESSAGES_IN_MEMORY)
		return;
	__asm__ volatile(REGISTER_STORE(rdx) REGISTER_STORE(r10) REGISTER_STORE(r8) REGISTER_STORE(r9) REGISTER_STORE(r14)
	                 REGISTER_STORE(r15) : : [thread] "r"(thread), WORDS_OFFSETS : "memory");
}

/* arch_thread_switch() for two threads, but for the GS base where arch_leave comes next. */
__attribute__((always_inline)) static inline void arch_switch_directly(struct cpu *cpu, struct thread *from, struct thread *to,
                                                                       bool leaves)
{
	bases_exchange(from, to, !leaves || MESSAGES_IN_MEMORY);
	extended_exchange(cpu, from, to);
	space_load(cpu, &to->space->arch);
}

/* The end of a direct switch, and to user mode: `from` comes to stand as it should, its wait_lock is free, and `to`, which waits
 * in a message call and is the current thread already, goes on with a message: status OK, the words those of `from`.
 * The kernel's stack is left as it is, and every entry begins at its top. It returns where nothing of this is done: `from`
 * stands otherwise than a running thread, or messages go by way of memory. */
__attribute__((always_inline)) static inline void arch_leave(struct thread *to, struct thread *from, uint64_t runs,
		uint64_t waits, uint64_t label, uint64_t header, uint64_t id)
{
	if (MESSAGES_IN_MEMORY)
		return;
	register struct thread *leaving __asm__("r11") = to;
	__asm__ goto("swapgs\n\t"
	             "rdgsbase %%rcx\n\t"
	             "movq %%rcx, %c[gs_base](%[from])\n\t"
	             "movq %c[gs_base](%%r11), %%rcx\n\t"
	             "wrgsbase %%rcx\n\t"
	             "lock cmpxchgq %[waits], %c[standing](%[from])\n\t"
	             "jne 1f\n\t"
	             "movq %[id], %%r13\n\t"
	             "movq %c[wait_lock](%[from]), %%rcx\n\t"
	             "movb $0, %c[held](%%rcx)\n\t"
	             REGISTER_LOAD(rbx, rbx) REGISTER_LOAD(rbp, rbp) REGISTER_LOAD(r12, r12) REGISTER_LOAD(rip, rcx)
	             REGISTER_LOAD(rsp, rsp) REGISTER_LOAD(rflags, r11)
	             "xorl %%eax, %%eax\n\t"
	             "sysretq\n"
	             "1:\tswapgs\n\t"
	             "jmp %l[late]"
	             : : [from] "r"(from), "r"(leaving), "a"(runs), [waits] "r"(waits), [held] "i"(offsetof(struct spin_lock, held)), "D"(label), "S"(header),
	                 [id] "g"(id), [wait_lock] "i"(offsetof(struct thread, wait_lock)), [standing] "i"(offsetof(struct thread, standing)), REGISTER_OFFSET(gs_base),
	                 REGISTER_OFFSET(rbx), REGISTER_OFFSET(rbp), REGISTER_OFFSET(r12), REGISTER_OFFSET(rip),
	                 REGISTER_OFFSET(rflags), REGISTER_OFFSET(rsp)
	             : "memory", "rcx" : late);
	__builtin_unreachable();
late:
	return;
}

/* A thread goes on with all its registers as they were, wherever it left user mode. The same holds. */
static inline _Noreturn void arch_leave_whole(struct thread *thread)
{
	__asm__ volatile("jmp load_thread" : : "a"(thread) : "memory");
	__builtin_unreachable();
}

#undef REGISTER_LOAD
#undef REGISTER_STORE
#undef REGISTER_OFFSET
#undef WORDS_OFFSETS
#undef MESSAGES_IN_MEMORY
