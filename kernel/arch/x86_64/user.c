/* Reading and writing the current thread's memory. The copy runs as if nothing could go wrong; where a
 * page is missing the page fault handler ends it (traps.c), the fault is resolved here, with the
 * kernel in a known state, and the copy goes on from there. */
#include "arch/local.h"
#include "ipc/call.h"
#include "sched/cpu.h"

bool user_touch_read(uint64_t address), user_touch_write(uint64_t address);

/* One of the two addresses is the user's, said again. FAULT_RESOLVED when all is copied. */
/* Straight through the program's own addresses, with SMAP lifted: no look-up and no lock where
 * nothing is missing, which is nearly always. (Measured: with a look-up in the page tables instead,
 * small file reads take a fifth more instructions.) The range is checked once; a hole that opens
 * meanwhile is a fault like any other. */
static enum fault_result copy_resolving(uint64_t user, void *to, const void *from, uint64_t length,
                                        struct fault *fault)
{
	if (user >= USER_ADDRESS_END || length > USER_ADDRESS_END - user)
		return FAULT_BAD;
	for (;;) {
		struct user_copy_result result = user_copy(to, from, length);
		if (!result.remaining)
			return FAULT_RESOLVED;
		to = (char *)to + (length - result.remaining);
		from = (const char *)from + (length - result.remaining);
		length = result.remaining;
		fault->address = result.fault_address;
		enum fault_result resolved = space_fault(cpu_current()->space, fault);
		if (resolved != FAULT_RESOLVED)
			return resolved;
	}
}

uint64_t arch_user_copy(uint64_t user, void *bytes, uint64_t length, bool to_user, uint64_t *missing)
{
	if (user >= USER_ADDRESS_END || length > USER_ADDRESS_END - user)
		return 0;
	struct user_copy_result result =
	    to_user ? user_copy((void *)user, bytes, length) : user_copy(bytes, (void *)user, length);
	*missing = result.fault_address;
	return length - result.remaining;
}

bool arch_user_touch(uint64_t user, bool write)
{
	return user < USER_ADDRESS_END && (write ? user_touch_write(user) : user_touch_read(user));
}

status_t arch_user_read(void *to, uint64_t from, uint64_t length)
{
	struct fault fault = { .access = MAP_READ };
	enum fault_result result = copy_resolving(from, to, (const void *)from, length, &fault);

	return result == FAULT_RESOLVED ? STATUS_OK : own_fault(result, &fault);
}

status_t arch_user_write(uint64_t to, const void *from, uint64_t length)
{
	struct fault fault = { .access = MAP_WRITE };
	enum fault_result result = copy_resolving(to, (void *)to, from, length, &fault);

	return result == FAULT_RESOLVED ? STATUS_OK : own_fault(result, &fault);
}

bool user_write_now(uint64_t to, const void *from, uint64_t length)
{
	struct fault fault = { .access = MAP_WRITE };

	return copy_resolving(to, (void *)to, from, length, &fault) == FAULT_RESOLVED;
}
