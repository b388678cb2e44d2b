/* Bytes between callers and servers: copied once, straight from one address space to the other.
 *
 * Each side's missing pages are its own affair. A page the server has to ask a pager for makes the
 * server's system call start again after the page is there; one of the caller's ends the copy early, since a
 * server must not wait on a stranger's behalf. So that this stays rare, the caller brings its
 * buffers in when it makes the call. Nothing is locked during a copy but the page in hand: the
 * call may end meanwhile, and then the bytes have gone to, or come from, where the caller had asked. */
#include "arch/arch.h"
#include "base/preempt.h"
#include "ipc/call.h"

#define PAGES_AT_ONCE 4 /* between two looks at pending interrupts */

status_t own_fault(enum fault_result result, struct fault *fault)
{
	if (result == FAULT_PAGER)
		return kernel_user_fault(fault);
	return result == FAULT_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_BAD_ADDRESS;
}

status_t buffer_prepare(uint64_t address, uint64_t length, uint32_t access)
{
	struct space *space = cpu_current()->space;
	struct fault fault;
	uint64_t end = address + length;
	for (unsigned page = 0; address < end; page++, address += PAGE_SIZE - address % PAGE_SIZE) {
		if (page && page % PAGES_AT_ONCE == 0)
			preempt_wanted();
		while (!arch_user_touch(address, access & MAP_WRITE)) {
			fault = (struct fault){ .address = address, .access = access };
			enum fault_result result = space_fault(space, &fault);
			if (result != FAULT_RESOLVED)
				return own_fault(result, &fault);
		}
	}
	return STATUS_OK;
}

/* The part of a call's buffer from `offset` on, cut to the buffer's end; nothing where the caller is gone. The
 * space is valid until this CPU leaves the kernel. */
static status_t find_buffer(struct endpoint *endpoint, uint64_t id, uint64_t offset, uint64_t length, bool to_caller,
                            struct copy *copy)
{
	status_t status = STATUS_OK;
	spin_lock(&endpoint->lock);
	struct call *call = endpoint_find(endpoint, id);
	if (!call) {
		status = STATUS_BAD_CALL_ID;
	} else {
		bool reachable = call->progress.source == CALL_FROM_THREAD && !call->progress.abandoned;
		uint64_t size = !reachable ? 0 : to_caller ? call->receive_length : call->send_length;
		copy->address = (to_caller ? call->receive_address : call->send_address) + offset;
		copy->length = offset >= size ? 0 : length < size - offset ? length : size - offset;
		copy->space = reachable ? call_thread(call)->space : NULL;
	}
	spin_unlock(&endpoint->lock);
	return status;
}

status_t call_copy(struct endpoint *endpoint, uint64_t id, uint64_t offset, struct memory *memory, uint64_t address,
                   uint64_t length, bool to_caller)
{
	struct copy copy = {
		.memory = memory, .own = cpu_current()->space, .offset = address, .to_other = !to_caller,
	};
	status_t status = find_buffer(endpoint, id, offset, length, to_caller, &copy);
	if (status != STATUS_OK || !copy.length)
		return status;
	uint64_t done = copy_run(&copy);
	if (done == copy.length || copy.result == FAULT_RESOLVED)
		return (status_t)done;
	if (copy.fault_in_other)
		return own_fault(copy.result, &copy.fault);
	return done ? (status_t)done : STATUS_BAD_ADDRESS;
}

status_t handle_call_read(struct endpoint *endpoint, uint64_t id, uint64_t offset, uint64_t buffer, uint64_t length)
{
	return call_copy(endpoint, id, offset, NULL, buffer, length, false);
}

status_t handle_call_write(struct endpoint *endpoint, uint64_t id, uint64_t offset, uint64_t buffer, uint64_t length)
{
	return call_copy(endpoint, id, offset, NULL, buffer, length, true);
}

status_t handle_call_read_memory(struct endpoint *endpoint, uint64_t id, uint64_t offset, struct memory *memory,
                                 uint64_t memory_offset, uint64_t length)
{
	return call_copy(endpoint, id, offset, memory, memory_offset, length, false);
}

status_t handle_call_write_memory(struct endpoint *endpoint, uint64_t id, uint64_t offset, struct memory *memory,
                                  uint64_t memory_offset, uint64_t length)
{
	return call_copy(endpoint, id, offset, memory, memory_offset, length, true);
}
