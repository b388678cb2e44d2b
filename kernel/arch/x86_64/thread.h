/* What a thread looks like on x86-64: its registers, and where calls and messages are in them
 * (abi/message.h). Portable code reads and writes them only through these accessors. */
#pragma once

#include "abi/message.h"
#include "abi/structures.h"
#include <stdbool.h>
#include <stdint.h>

struct arch_thread {
	struct registers registers; /* of user mode, saved at every entry; FS and GS base only at a switch */
	void *extended;             /* page with the extended state; NULL: none (THREAD_NO_EXTENDED) */
	uint32_t extended_cpu;      /* the CPU whose registers still equal it, if that CPU agrees; ~0: none */
	/* Return to user mode by IRET, once: every register counts. False: it is in a system call, and SYSRET
	 * may destroy rcx and r11. Set by whatever changes registers other than a call's results. */
	bool full_return;
};

static inline uint64_t arch_call_number(const struct arch_thread *thread)
{
	return thread->registers.rax;
}

/* Arguments 0 to 5 of a system call. */
static inline uint64_t arch_call_argument(const struct arch_thread *thread, unsigned n)
{
	switch (n) {
	case 0: return thread->registers.rdi;
	case 1: return thread->registers.rsi;
	case 2: return thread->registers.rdx;
	case 3: return thread->registers.r10;
	case 4: return thread->registers.r8;
	default: return thread->registers.r9;
	}
}

static inline void arch_set_result(struct arch_thread *thread, int64_t result)
{
	thread->registers.rax = (uint64_t)result;
}

/* Make the system call again, from its instruction: valid while rax still holds its number. */
static inline void arch_call_restart(struct arch_thread *thread)
{
	thread->registers.rip -= 2;
}

static inline void arch_message_set_label(struct arch_thread *thread, uint64_t label)
{
	thread->registers.rdi = label;
}

static inline uint64_t arch_message_header(const struct arch_thread *thread)
{
	return thread->registers.rsi;
}

static inline void arch_message_set_header(struct arch_thread *thread, uint64_t header)
{
	thread->registers.rsi = header;
}

static inline uint64_t arch_message_extra(const struct arch_thread *thread)
{
	return thread->registers.r12;
}

static inline uint64_t arch_message_id(const struct arch_thread *thread)
{
	return thread->registers.r13;
}

static inline void arch_message_set_id(struct arch_thread *thread, uint64_t id)
{
	thread->registers.r13 = id;
}

static inline void arch_message_get_words(const struct arch_thread *thread, uint64_t words[MESSAGE_WORDS])
{
	words[0] = thread->registers.rdx;
	words[1] = thread->registers.r10;
	words[2] = thread->registers.r8;
	words[3] = thread->registers.r9;
	words[4] = thread->registers.r14;
	words[5] = thread->registers.r15;
}

static inline void arch_message_set_words(struct arch_thread *thread, const uint64_t words[MESSAGE_WORDS])
{
	thread->registers.rdx = words[0];
	thread->registers.r10 = words[1];
	thread->registers.r8 = words[2];
	thread->registers.r9 = words[3];
	thread->registers.r14 = words[4];
	thread->registers.r15 = words[5];
}

/* The user instruction pointer, for exception messages. */
static inline uint64_t arch_instruction_pointer(const struct arch_thread *thread)
{
	return thread->registers.rip;
}
