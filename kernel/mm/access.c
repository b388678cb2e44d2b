/* The kernel's access to user memory of any space.
 *
 * A page found in the page tables stays usable while the space's table lock is held (mm/space.h). Where
 * it is missing, the lock is let go, the fault is resolved as the program's own would be, and the look-up is
 * made again.
 */
#include "arch/arch.h"
#include "base/string.h"
#include "mm/region.h"

/* Under the table lock: the bytes at an address if its page is there for this access. */
static void *bytes_at(struct space *space, uint64_t address, uint32_t access)
{
	uint32_t protection;
	physical_t page;

	if (address < USER_ADDRESS_FIRST || address >= USER_ADDRESS_END ||
	    !arch_space_lookup(&space->arch, address & ~(PAGE_SIZE - 1), &page, &protection))
		return NULL;
	if ((access & MAP_WRITE) && !(protection & MAP_WRITE))
		return NULL;
	return (char *)arch_direct_map(page) + address % PAGE_SIZE;
}

/* Resolve a fault; only memory will do, not device registers (which the direct map may lack). */
static enum fault_result bring_in(struct space *space, uint64_t address, uint32_t access, struct fault *fault)
{
	*fault = (struct fault){.address = address, .access = access};
	return space_fault(space, fault);
}

/* Whether the page shown is one that the kernel may touch. */
static bool touchable(const void *bytes)
{
	physical_t page = arch_direct_physical(bytes) & ~(PAGE_SIZE - 1);

	return page_is_memory(page) || page == arch_time_page();
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t left_on_page(uint64_t address)
{
	return PAGE_SIZE - address % PAGE_SIZE;
}

enum fault_result space_access(struct space *space, uint64_t address, uint32_t access, void **bytes,
                               uint64_t *available, struct fault *fault)
{
	for (;;) {
		enum fault_result result;

		spin_lock(&space->table_lock);
		*bytes = bytes_at(space, address, access);
		if (*bytes && touchable(*bytes)) {
			*available = left_on_page(address);
			return FAULT_RESOLVED;
		}
		spin_unlock(&space->table_lock);
		result = *bytes ? FAULT_BAD : bring_in(space, address, access, fault);
		if (result != FAULT_RESOLVED) {
			fault->address = address;
			return result;
		}
	}
}

void space_release(struct space *space)
{
	spin_unlock(&space->table_lock);
}

/* Part of a copy within one page on each side. 0: *result says why. */
static uint64_t copy_part(struct space *to, uint64_t to_address, struct space *from, uint64_t from_address,
                          uint64_t length, enum fault_result *result, struct fault *fault, bool *in_source)
{
	length = least(length, least(left_on_page(to_address), left_on_page(from_address)));
	for (;;) {
		void *source, *target;

		spin_lock_pair(&to->table_lock, &from->table_lock);
		source = bytes_at(from, from_address, MAP_READ);
		target = bytes_at(to, to_address, MAP_WRITE);
		*in_source = !source || !touchable(source);
		if (source && target && !*in_source && touchable(target)) {
			memmove(target, source, length);
			spin_unlock_pair(&to->table_lock, &from->table_lock);
			return length;
		}
		spin_unlock_pair(&to->table_lock, &from->table_lock);
		*result = FAULT_BAD;
		*fault = (struct fault){.address = *in_source ? from_address : to_address};
		if (!source)
			*result = bring_in(from, from_address, MAP_READ, fault);
		else if (!*in_source && !target)
			*result = bring_in(to, to_address, MAP_WRITE, fault);
		if (*result != FAULT_RESOLVED)
			return 0;
	}
}

uint64_t space_copy(struct space *to, uint64_t to_address, struct space *from, uint64_t from_address,
                    uint64_t length, enum fault_result *result, struct fault *fault, bool *in_source)
{
	uint64_t done = 0;

	*result = FAULT_RESOLVED;
	while (done < length) {
		uint64_t part = copy_part(to, to_address + done, from, from_address + done, length - done,
		                          result, fault, in_source);

		if (!part)
			break;
		done += part;
	}
	return done;
}

/* Under the memory object's lock. Part of a copy within one page; 0: *result says why, RESOLVED where the space's
 * page must be brought in first. */
static uint64_t copy_memory_part(struct space *space, uint64_t address, struct memory *memory, uint64_t offset,
                                 uint64_t length, bool to_memory, enum fault_result *result, bool *in_memory)
{
	physical_t page;
	char *bytes;

	*result = memory->uncached ? FAULT_BAD : memory_page(memory, offset, to_memory, false, &page);
	*in_memory = *result != FAULT_RESOLVED;
	if (*in_memory)
		return 0;
	spin_lock(&space->table_lock);
	bytes = bytes_at(space, address, to_memory ? MAP_READ : MAP_WRITE);
	if (!bytes) {
		length = 0;
	} else if (!touchable(bytes)) {
		*result = FAULT_BAD;
		length = 0;
	} else if (to_memory) {
		memmove((char *)arch_direct_map(page) + offset % PAGE_SIZE, bytes, length);
	} else if (page) {
		memmove(bytes, (char *)arch_direct_map(page) + offset % PAGE_SIZE, length);
	} else {
		memset(bytes, 0, length);
	}
	spin_unlock(&space->table_lock);
	return length;
}

uint64_t space_copy_memory(struct space *space, uint64_t address, struct memory *memory, uint64_t offset,
                           uint64_t length, bool to_memory, enum fault_result *result, struct fault *fault,
                           bool *in_memory)
{
	uint64_t done = 0;

	*result = FAULT_RESOLVED;
	*in_memory = false;
	while (done < length && *result == FAULT_RESOLVED) {
		uint64_t part = least(length - done, least(left_on_page(address + done),
		                                           left_on_page(offset + done)));

		spin_lock(&memory->lock);
		part = copy_memory_part(space, address + done, memory, offset + done, part, to_memory, result,
		                        in_memory);
		spin_unlock(&memory->lock);
		if (*result != FAULT_RESOLVED)
			*fault = (struct fault){.address = address + done, .memory = memory,
			                        .access = to_memory ? MAP_WRITE : MAP_READ,
			                        .offset = (offset + done) & ~(PAGE_SIZE - 1)};
		else if (part == 0)
			*result = bring_in(space, address + done, to_memory ? MAP_READ : MAP_WRITE, fault);
		done += part;
	}
	if (*in_memory && *result == FAULT_BAD)
		*result = FAULT_RESOLVED;
	return done;
}

enum fault_result space_poke(struct space *space, uint64_t address, const void *bytes, uint64_t length,
                             struct fault *fault)
{
	enum fault_result result = FAULT_BAD;
	struct region *region;
	uint64_t available;
	void *place;

	*fault = (struct fault){.address = address, .access = MAP_WRITE};
	spin_lock(&space->lock);
	region = region_at(space, address);
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
