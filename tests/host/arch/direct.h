/* The host has no user mode: the way out of the fast path fills in the registers and returns. */
#ifndef ARCH_DIRECT_H
#define ARCH_DIRECT_H

#include "arch/arch.h"
#include "sched/thread.h"

static inline bool arch_direct_possible(void)
{
	return true;
}

static inline uint64_t arch_direct_extra(const struct thread *thread)
{
	return arch_message_extra(&thread->arch);
}

static inline uint64_t arch_direct_id(const struct thread *thread)
{
	return arch_message_id(&thread->arch);
}

static inline void arch_direct_keep_words(struct thread *thread)
{
	(void)thread;
}

static inline void arch_switch_directly(struct cpu *cpu, struct thread *from, struct thread *to)
{
	(void)cpu;
	arch_thread_switch(from, to);
}

static inline struct thread *arch_leave(struct thread *thread, const struct thread *sender, uint64_t label,
                                        uint64_t header, uint64_t id)
{
	uint64_t words[MESSAGE_WORDS];

	arch_message_get_words(&sender->arch, words);
	arch_message_set_words(&thread->arch, words);
	arch_message_set_label(&thread->arch, label);
	arch_message_set_header(&thread->arch, header);
	arch_message_set_id(&thread->arch, id);
	arch_set_result(&thread->arch, STATUS_OK);
	return thread;
}

#endif
