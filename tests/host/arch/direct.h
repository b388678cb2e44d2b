/* The host has no user mode: nothing leaves for it. */
#ifndef ARCH_DIRECT_H
#define ARCH_DIRECT_H

#include "arch/arch.h"
#include "sched/thread.h"

static inline bool arch_user_move(uint64_t user, void *to, const void *from, uint64_t length)
{
	uint64_t missing;
	bool to_user = to == (void *)user;
	return arch_user_copy(user, to_user ? (void *)(uint64_t)from : to, length, to_user, &missing) == length;
}

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

static inline void arch_switch_directly(struct cpu *cpu, struct thread *from, struct thread *to, bool leaves)
{
	(void)cpu, (void)leaves;
	arch_thread_switch(from, to);
}

static inline void arch_leave_whole(struct thread *thread)
{
	(void)thread;
}

static inline void arch_leave(struct thread *to, struct thread *from, uint64_t runs, uint64_t waits, uint64_t label,
                              uint64_t header, uint64_t id)
{
	(void)to, (void)from, (void)runs, (void)waits, (void)label, (void)header, (void)id;
}

#endif
