/* The alternate signal stack, which each thread sets for itself. */
#include "signals.h"

bool alternate_holds(const struct thread *thread, uint64_t rsp)
{
	const struct linux_stack *stack = &thread->alternate;
	return rsp > stack->address && rsp - stack->address <= stack->size;
}

/* One that a frame takes out of use (SS_AUTODISARM) is in use nowhere. */
bool alternate_active(const struct thread *thread, uint64_t rsp)
{
	return !((uint32_t)thread->alternate.flags & SS_AUTODISARM) && alternate_holds(thread, rsp);
}

int alternate_set(struct thread *thread, const struct linux_stack *given, uint64_t rsp)
{
	uint32_t mode = (uint32_t)given->flags & ~SS_AUTODISARM;
	if (alternate_active(thread, rsp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode != SS_DISABLE && given->size < MINIMUM_SIGNAL_STACK)
		return -ENOMEM;
	thread->alternate = *given;
	if (mode == SS_DISABLE)
		thread->alternate.address = thread->alternate.size = 0;
	return 0;
}

int64_t linux_sigaltstack(struct thread *thread, uint64_t stack, uint64_t old)
{
	struct linux_stack given, before = thread->alternate;
	uint64_t rsp = thread->frame.registers.rsp;
	if (stack && user_read(&given, stack, sizeof(given)) < 0)
		return -EFAULT;
	before.flags = (int32_t)((uint32_t)before.flags & SS_AUTODISARM);
	before.flags |= before.size == 0 ? SS_DISABLE : alternate_active(thread, rsp) ? SS_ONSTACK : 0;
	before.padding = 0;
	int status = stack ? alternate_set(thread, &given, rsp) : 0;
	if (status < 0)
		return status;
	return old ? user_write(old, &before, sizeof(before)) : 0;
}
