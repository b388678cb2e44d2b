/* A second thread of a native program, for calls that take long: the main thread goes on serving. */
#include "atoll/atoll.h"

int64_t worker_start(slot_t slot, void (*run)(void *), void *argument, void *stack, size_t stack_size)
{
	uint64_t *top = (uint64_t *)(((uint64_t)stack + stack_size) & ~15ull) - 1;
	*top = 0; /* where run would return to: the stack looks as after a call */
	struct thread_parameters parameters = {
		.registers = {
			.rip = (uint64_t)run,
			.rsp = (uint64_t)top,
			.rdi = (uint64_t)argument,
		},
		.slot = slot,
	};
	int64_t status = thread_create(SELF_INCARNATION, SELF_SPACE, SELF_CAPTABLE, SELF_SUPERVISOR, 0,
	                               &parameters);
	return status < 0 ? status : thread_start(slot);
}
