/* The kernel's access to user memory of any space.
 *
 * A page found in the page tables stays usable while the space's table lock is held (mm/space.h). Where
 * it is missing, the lock is let go, the fault is resolved as the program's own would be, and the look-up is
 * made again.
 */
#include "arch/arch.h"
#include "base/preempt.h"
#include "base/string.h"
#include "mm/region.h"

#define COPY_STEP (16ull * 1024) /* bytes between two looks at pending interrupts */

/* Under the table lock: the bytes at an address if its page is there for this access. Only memory will do, not device
 * registers: reading one may change it, and the direct map may lack it. */
static void *bytes_at(struct space *space, uint64_t address, uint32_t access)
{
	uint32_t protection;
	physical_t page;

	if (address < USER_ADDRESS_FIRST || address >= USER_ADDRESS_END ||
	    !arch_space_lookup(&space->arch, page_down(address), &page, &protection))
		return NULL;
	if ((access & MAP_WRITE) && !(protection & MAP_WRITE))
		return NULL;
	if (!page_is_memory(page) && page != arch_time_page())
		return NULL;
	return (char *)arch_direct_map(page) + address % PAGE_SIZE;
}

/* Resolve a fault that bytes_at met, with no lock held. After FAULT_RESOLVED it is worth another look. */
static enum fault_result bring_in(struct space *space, uint64_t address, uint32_t access, struct fault *fault)
{
	*fault = (struct fault){ .address = address, .access = access };
	enum fault_result result = space_fault(space, fault);
	if (result == FAULT_RESOLVED && fault->memory && fault->memory->uncached)
		return FAULT_BAD; /* there for the program, but not for us: see bytes_at */
	return result;
}

static uint64_t left_on_page(uint64_t address)
{
	return PAGE_SIZE - address % PAGE_SIZE;
}

/* The loop ends: a fault that was resolved has made an entry, and only another thread of the space,
 * which takes the page away at that very moment, sends us round again. */
enum fault_result space_access(struct space *space, uint64_t address, uint32_t access, void **bytes,
                               uint64_t *available, struct fault *fault)
{
	enum fault_result result;

	*available = left_on_page(address);
	for (;;) {
		spin_lock(&space->table_lock);
		*bytes = bytes_at(space, address, access);
		if (*bytes)
			return FAULT_RESOLVED;
		spin_unlock(&space->table_lock);
		result = bring_in(space, address, access, fault);
		if (result != FAULT_RESOLVED)
			return result;
	}
}

void space_release(struct space *space)
{
	spin_unlock(&space->table_lock);
}

/* Part of a copy within one page of copy->space, whose table lock keeps the frame in place; the own side is left to the
 * MMU. What is short of `length` was not copied; FAULT_RESOLVED in copy->result then means that a page was brought in
 * and the rest is to be tried again. */
static uint64_t copy_with_own(struct copy *copy, uint64_t address, uint64_t own_address, uint64_t length)
{
	uint32_t access = copy->to_other ? MAP_READ : MAP_WRITE, own_access = copy->to_other ? MAP_WRITE : MAP_READ;
	uint64_t done = 0, missing = own_address;

	spin_lock(&copy->space->table_lock);
	void *bytes = bytes_at(copy->space, address, access);
	if (bytes)
		done = arch_user_copy(own_address, bytes, length, copy->to_other, &missing);
	spin_unlock(&copy->space->table_lock);
	copy->fault_in_other = bytes != NULL;
	if (!bytes)
		copy->result = bring_in(copy->space, address, access, &copy->fault);
	else if (done < length)
		copy->result = bring_in(copy->own, missing, own_access, &copy->fault);
	return done;
}

/* Both locks held, the memory object's and the space's table lock. `page` 0: zeros. */
static void copy_bytes(struct copy *copy, char *bytes, physical_t page, uint64_t within, uint64_t length)
{
	char *other = (char *)arch_direct_map(page) + within;

	if (copy->to_other)
		memmove(other, bytes, length);
	else if (page)
		memmove(bytes, other, length);
	else
		memset(bytes, 0, length);
}

/* The same with a memory object. Its lock is taken first (mm/space.h), and let go of before the space's page is brought
 * in: that page may be this very object's. */
static uint64_t copy_with_memory(struct copy *copy, uint64_t address, uint64_t offset, uint64_t length)
{
	uint32_t access = copy->to_other ? MAP_READ : MAP_WRITE;
	struct memory *memory = copy->memory;
	char *bytes = NULL;
	physical_t page;

	spin_lock(&memory->lock);
	copy->result = memory->uncached ? FAULT_BAD : memory_page(memory, offset, copy->to_other, &page);
	copy->fault_in_other = copy->result != FAULT_RESOLVED;
	if (!copy->fault_in_other) {
		spin_lock(&copy->space->table_lock);
		bytes = bytes_at(copy->space, address, access);
		if (bytes)
			copy_bytes(copy, bytes, page, offset % PAGE_SIZE, length);
		spin_unlock(&copy->space->table_lock);
	}
	spin_unlock(&memory->lock);
	if (copy->fault_in_other)
		copy->fault = (struct fault){ .address = address, .access = copy->to_other ? MAP_WRITE : MAP_READ,
			                      .memory = memory, .offset = page_down(offset) };
	else if (!bytes)
		copy->result = bring_in(copy->space, address, access, &copy->fault);
	return bytes ? length : 0;
}

uint64_t copy_run(struct copy *copy)
{
	uint64_t done = 0;

	copy->result = FAULT_RESOLVED;
	while (done < copy->length && copy->result == FAULT_RESOLVED) {
		uint64_t address = copy->address + done, offset = copy->offset + done, before = done;
		uint64_t part = smaller(copy->length - done, left_on_page(address));

		done += copy->memory ? copy_with_memory(copy, address, offset, smaller(part, left_on_page(offset)))
		                     : copy_with_own(copy, address, offset, part);
		if (done / COPY_STEP != before / COPY_STEP)
			preempt_wanted();
	}
	if (copy->memory && copy->fault_in_other && copy->result == FAULT_BAD)
		copy->result = FAULT_RESOLVED; /* the object's end is no fault */
	return done;
}

/* A private page is the space's own after region_fault, and stays so as long as the space's lock is
 * held, since only a clone shares own pages and it takes that lock. It is reached through `own`,
 * not through the tables, whose entry may be read-only: that is what lets a debugger set a
 * breakpoint in program text. A shared page is left to the program's own rights: what others see is
 * not a debugger's to change. */
enum fault_result space_poke(struct space *space, uint64_t address, const void *bytes, uint64_t length,
                             struct fault *fault)
{
	enum fault_result result = FAULT_BAD;
	uint64_t available;
	void *place;

	*fault = (struct fault){.address = address, .access = MAP_WRITE};
	spin_lock(&space->lock);
	struct region *region = region_at(space, address);
	if (region && (region->flags & MAP_PRIVATE_COPY) && !space->cleared) {
		result = region_fault(space, region, fault);
		if (result == FAULT_RESOLVED) /* the page is the space's own now, writable or not */
			memcpy((char *)arch_direct_map(*frame_table_find(&space->own, address / PAGE_SIZE)) +
			       address % PAGE_SIZE, bytes, length);
		spin_unlock(&space->lock);
		return result;
	}
	spin_unlock(&space->lock);
	result = space_access(space, address, MAP_WRITE, &place, &available, fault);
	if (result == FAULT_RESOLVED) {
		memcpy(place, bytes, length);
		space_release(space);
	}
	return result;
}
