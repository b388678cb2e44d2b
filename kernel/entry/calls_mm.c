/* Kernel calls on memory objects and spaces that concern the calling thread; the others are in mm. The decoder
 * has checked types and rights; sizes and addresses are as hostile as they come. */
#include "arch/arch.h"
#include "base/preempt.h"
#include "ipc/call.h"
#include "kernel_calls.h"
#include "mm/region.h"

status_t handle_memory_create(struct pool *pool, uint64_t size, uint32_t flags, uint32_t slot)
{
	if (size > MEMORY_SIZE_MAX || (flags & ~(MEMORY_POPULATE | MEMORY_PINNED)))
		return STATUS_BAD_ARGUMENT;
	return thread_install_new((struct object *)memory_create(pool, size, flags), slot);
}

status_t handle_memory_create_paged(struct pool *pool, uint64_t size, struct gate *pager, uint32_t slot)
{
	if (size > MEMORY_SIZE_MAX)
		return STATUS_BAD_ARGUMENT;
	return thread_install_new((struct object *)memory_create_paged(pool, size, (struct object *)pager), slot);
}

/* Never memory that the kernel hands out: two owners of one page would be the end of all isolation.
 * 52 bits are the most an x86-64 physical address can have. */
status_t handle_memory_create_physical(struct system *, struct pool *pool, uint64_t physical,
                                       uint64_t size, uint32_t slot)
{
	if (size == 0 || size > MEMORY_SIZE_MAX || physical % PAGE_SIZE || physical >> 52 ||
	    arch_memory_is_free_ram(physical, physical + size))
		return STATUS_BAD_ARGUMENT;
	return thread_install_new((struct object *)memory_create_physical(pool, physical, size, true), slot);
}

/* What has been copied when a fault ends it is not told: the call fails, or is made again from the
 * top, which writes the same bytes once more. */
static status_t memory_transfer(struct memory *memory, uint64_t offset, uint64_t buffer, uint64_t length,
                                bool to_memory)
{
	struct copy copy = {
		.space = cpu_current()->space, .address = buffer, .length = length, .memory = memory, .offset = offset,
		.to_other = to_memory,
	};

	if (memory->uncached)
		return STATUS_BAD_ADDRESS;
	uint64_t done = copy_run(&copy);
	return done == length || copy.result == FAULT_RESOLVED ? (status_t)done : own_fault(copy.result, &copy.fault);
}

status_t handle_memory_read(struct memory *memory, uint64_t offset, uint64_t buffer, uint64_t length)
{
	return memory_transfer(memory, offset, buffer, length, false);
}

status_t handle_memory_write(struct memory *memory, uint64_t offset, uint64_t buffer, uint64_t length)
{
	return memory_transfer(memory, offset, buffer, length, true);
}

status_t handle_memory_info(struct memory *memory, uint64_t info)
{
	spin_lock(&memory->lock);
	struct memory_info answer = {
		.size = memory->size,
		.resident = memory->frames.count * PAGE_SIZE,
		.number = memory->object.number,
	};
	spin_unlock(&memory->lock);
	return arch_user_write(info, &answer, sizeof(answer));
}

status_t handle_memory_physical(struct memory *memory, uint64_t offset)
{
	physical_t page;

	if (!memory->pinned && memory->kind != MEMORY_PHYSICAL)
		return STATUS_BAD_ARGUMENT;
	spin_lock(&memory->lock);
	enum fault_result result = memory_page(memory, offset, false, &page);
	spin_unlock(&memory->lock);
	return result == FAULT_RESOLVED ? (status_t)(page + offset % PAGE_SIZE) : STATUS_BAD_ARGUMENT;
}

status_t handle_space_create(struct pool *pool, uint32_t slot)
{
	return thread_install_new((struct object *)space_create(pool), slot);
}

status_t handle_space_clone(struct pool *pool, struct space *source, uint32_t slot)
{
	struct space *clone;
	status_t status = space_clone(pool, source, &clone);

	return status == STATUS_OK ? thread_install_new(&clone->object, slot) : status;
}

#define RUNS_AT_ONCE 16u /* of frames, counted in one step */

/* Count on in a table, from *done pages of the region on. False: there is more. */
static bool count_some(struct frame_table *table, uint64_t first, uint64_t pages, uint64_t *done, uint64_t *count)
{
	uint64_t index = first + *done;

	*count += frame_table_count(table, &index, first + pages, RUNS_AT_ONCE);
	*done = index - first;
	return *done >= pages;
}

/* Each step is one moment under the space's lock, with the object's inside it; the count of a large region is of
 * several. An own page in front of one of the object's is counted twice, hence the bound. */
status_t handle_space_query(struct space *space, uint64_t address, uint64_t info)
{
	uint64_t own = 0, shown = 0, resident = 0;
	struct region_info answer;
	struct region *region;
	bool all = true; /* counted */

	do {
		spin_lock(&space->lock);
		region = region_find(space, address);
		if (region) {
			struct memory *memory = region->memory;
			uint64_t length = region->end - region->start, pages = length / PAGE_SIZE;

			all = !(region->flags & MAP_PRIVATE_COPY) ||
			      count_some(&space->own, region->start / PAGE_SIZE, pages, &own, &resident);
			if (memory && all) {
				spin_lock(&memory->lock);
				all = count_some(&memory->frames, region->offset / PAGE_SIZE, pages, &shown, &resident);
				spin_unlock(&memory->lock);
			}
			answer = (struct region_info){
				.address = region->start, .length = length, .offset = region->offset,
				.flags = region->flags, .memory = memory ? memory->object.number : 0,
				.resident = resident * PAGE_SIZE < length ? resident * PAGE_SIZE : length,
			};
		}
		spin_unlock(&space->lock);
	} while (!all && (preempt_wanted(), true));
	return region ? arch_user_write(info, &answer, sizeof(answer)) : STATUS_AGAIN;
}

/* Every address the kernel may jump to for a program is one of the program's. */
static bool reflect_config_good(const struct reflect_config *config)
{
	const uint64_t *addresses = (const uint64_t *)config;

	for (unsigned i = 0; i < offsetof(struct reflect_config, frame_offset) / sizeof(uint64_t); i++)
		if (addresses[i] >= USER_ADDRESS_END)
			return false;
	return config->library_begin <= config->library_end && config->exit_begin <= config->exit_end &&
	       config->access_begin <= config->access_end;
}

/* Under the lock against other writers; entry.S and reflect.c read it without, as the thread's own,
 * so a program that changes it while another of its threads enters has itself to blame: all values
 * are user addresses. */
status_t handle_space_set_reflect(struct space *space, uint64_t config)
{
	struct reflect_config wanted;
	status_t status = arch_user_read(&wanted, config, sizeof(wanted));

	if (status != STATUS_OK)
		return status;
	if (!reflect_config_good(&wanted))
		return STATUS_BAD_ARGUMENT;
	spin_lock(&space->lock);
	space->reflect = wanted;
	spin_unlock(&space->lock);
	if (cpu_current()->space == space)
		thread_enters(cpu_current(), space);
	return STATUS_OK;
}

/* All or an error: a debugger asks for what it knows to be there. */
status_t handle_space_read(struct space *space, uint64_t address, uint64_t buffer, uint64_t length)
{
	struct copy copy = {
		.space = space, .address = address, .length = length, .own = cpu_current()->space, .offset = buffer,
		.to_other = true,
	};

	return copy_run(&copy) == length ? STATUS_OK : own_fault(copy.result, &copy.fault);
}

/* Through a buffer on the stack, so that at no time memory of two spaces must be held. What was
 * written before an error stays written. */
status_t handle_space_write(struct space *space, uint64_t address, uint64_t buffer, uint64_t length)
{
	uint8_t bytes[512];

	for (uint64_t done = 0; done < length;) {
		uint64_t part = PAGE_SIZE - (address + done) % PAGE_SIZE, left = length - done;
		part = left < part ? left : part;
		part = part < sizeof(bytes) ? part : sizeof(bytes);
		status_t status = arch_user_read(bytes, buffer + done, part);
		struct fault fault;

		if (status != STATUS_OK)
			return status;
		enum fault_result result = space_poke(space, address + done, bytes, part, &fault);
		if (result != FAULT_RESOLVED)
			return own_fault(result, &fault);
		done += part;
		preempt_wanted();
	}
	return STATUS_OK;
}
