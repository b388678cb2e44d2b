/* Memory calls: all of them act on the own space, without a server, but for the memory object behind a file or a
 * shared anonymous mapping. Nothing at or above PROGRAM_END is the program's. */
#include "memory.h"
#include "protocol_process.h"

static struct lock break_lock;
static uint64_t break_first, break_now; /* of the space, not the process: vfork shares it */

uint32_t protection_flags(uint32_t protection)
{
	return (protection & PROT_READ ? MAP_READ : 0) | (protection & PROT_WRITE ? MAP_WRITE | MAP_READ : 0) |
	       (protection & PROT_EXEC ? MAP_EXECUTE | MAP_READ : 0);
}

/* Kernel statuses as the memory calls' errno values. */
static int64_t map_result(int64_t status)
{
	switch (status) {
	case STATUS_NO_RIGHT:
		return -EACCES;
	case STATUS_BUSY:
		return -EEXIST;
	case STATUS_BAD_ADDRESS:
		return -ENOMEM;
	default:
		return status < 0 ? status_to_errno(status) : status;
	}
}

/* --- mmap -------------------------------------------------------------------------------------------- */

struct map_request {
	uint64_t address, length, offset;
	uint32_t protection, flags, kernel_flags;
	slot_t memory; /* 0: none, zeros */
};

int64_t memory_map_slot(slot_t memory, uint64_t address, uint64_t length, uint64_t offset, uint32_t flags)
{
	return map_result(space_map(PROCESS_SPACE, memory, address, length, offset, flags));
}

/* With an address that is only a hint: there if it is free, else anywhere. */
static int64_t map_place(const struct map_request *request)
{
	uint64_t address = request->address;
	uint32_t flags = request->kernel_flags;
	if (request->flags & LINUX_MAP_FIXED_NOREPLACE)
		return memory_map_slot(request->memory, address, request->length, request->offset, flags);
	if (request->flags & LINUX_MAP_FIXED)
		return memory_map_slot(request->memory, address, request->length, request->offset, flags | MAP_REPLACE);
	address = PAGE_DOWN(address);
	if (address >= USER_ADDRESS_FIRST && user_range(address, request->length) &&
	    !(request->flags & LINUX_MAP_32BIT)) {
		int64_t result = space_map(PROCESS_SPACE, request->memory, address, request->length, request->offset, flags);
		if (result != STATUS_BUSY)
			return map_result(result);
	}
	flags |= MAP_ANYWHERE | (request->flags & LINUX_MAP_32BIT ? MAP_LOW : 0);
	return memory_map_slot(request->memory, 0, request->length, request->offset, flags);
}

static int map_check(const struct map_request *request)
{
	if (request->length == 0 || request->offset & PAGE_MASK)
		return -EINVAL;
	if (!user_range(0, request->length))
		return -ENOMEM;
	if (!(request->flags & (LINUX_MAP_FIXED | LINUX_MAP_FIXED_NOREPLACE)))
		return 0;
	if (request->address & PAGE_MASK)
		return -EINVAL;
	if (!user_range(request->address, request->length))
		return -ENOMEM;
	return request->address < USER_ADDRESS_FIRST ? -EPERM : 0;
}

#define ZERO_DEVICE (1 << 8 | 5)

static bool is_zero_device(struct task *task, int32_t descriptor)
{
	struct file_attributes attributes;
	struct open_file *file = file_find_io(task, descriptor);
	bool zero = file && file->kind == FILE_GATE &&
	            file_status(file->slot, NULL, &attributes, sizeof(attributes), NULL) == 0 &&
	            (attributes.mode & S_IFMT) == S_IFCHR && attributes.special_device == ZERO_DEVICE;
	file_release(task, file);
	return zero;
}

static int64_t map_zeros(struct thread *thread, struct map_request *request);

/* The memory object of a file goes to a slot; the mapping holds it from then on. */
static int64_t map_file(struct thread *thread, struct map_request *request, int32_t descriptor)
{
	struct task *task = thread->task;
	bool shared = !(request->kernel_flags & MAP_PRIVATE_COPY);
	struct open_file *file = file_find_io(task, descriptor);
	if (!file)
		return -EBADF;
	int64_t result = -ENODEV;
	request->memory = slot_take(task);
	if (!request->memory)
		result = -ENFILE;
	else if (file->kind == FILE_GATE)
		result = file_memory(file->slot, NULL,
		                     RIGHT_READ | (request->protection & PROT_EXEC || !shared ? RIGHT_EXECUTE : 0) |
		                         (shared && request->protection & PROT_WRITE ? RIGHT_WRITE : 0),
		                     NULL, request->memory);
	/* A shared mapping that is not written now may be later (mprotect), where the file allows it. */
	if (result == 0 && shared && !(request->protection & PROT_WRITE))
		file_memory(file->slot, NULL, RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE, NULL, request->memory);
	file_release(task, file);
	if (result == -ENOSYS || result == -EOPNOTSUPP)
		result = -ENODEV;
	if (result == 0)
		result = map_place(request);
	slot_give_back(task, request->memory);
	return result == -ENODEV && is_zero_device(task, descriptor) ? map_zeros(thread, request) : result;
}

static int64_t map_shared_anonymous(struct thread *thread, struct map_request *request)
{
	uint64_t reserved;
	request->memory = slot_take(thread->task);
	if (!request->memory)
		return -ENFILE;
	int64_t result = process_shared_memory(PROCESS_GATE, NULL, request->length, &reserved, request->memory);
	if (result == 0)
		result = map_place(request);
	slot_give_back(thread->task, request->memory);
	return result;
}

/* No file behind it: zeros, of the mapping's own or shared with children. */
static int64_t map_zeros(struct thread *thread, struct map_request *request)
{
	request->memory = 0;
	request->offset = 0;
	return request->kernel_flags & MAP_PRIVATE_COPY ? map_place(request) : map_shared_anonymous(thread, request);
}

int64_t linux_mmap(struct thread *thread, uint64_t address, uint64_t length, uint32_t protection, uint32_t flags,
                   int32_t descriptor, uint64_t offset)
{
	struct map_request request = {
		.address = address,
		.length = PAGE_UP(length),
		.offset = offset,
		.protection = protection,
		.flags = flags,
		.kernel_flags = protection_flags(protection),
	};
	int status = length > PROGRAM_END ? -ENOMEM : map_check(&request);
	if (status < 0)
		return status;
	switch (flags & LINUX_MAP_TYPE) {
	case LINUX_MAP_PRIVATE:
		request.kernel_flags |= MAP_PRIVATE_COPY;
		break;
	case LINUX_MAP_SHARED:
	case LINUX_MAP_SHARED_VALIDATE:
		break;
	default:
		return -EINVAL;
	}
	if (!(flags & LINUX_MAP_ANONYMOUS))
		return map_file(thread, &request, descriptor);
	return map_zeros(thread, &request);
}

int64_t linux_munmap(struct thread *thread, uint64_t address, uint64_t length)
{
	if (address & PAGE_MASK || length == 0 || !user_range(address, length) ||
	    !user_range(address, PAGE_UP(length)))
		return -EINVAL;
	return map_result(space_unmap(PROCESS_SPACE, address, PAGE_UP(length)));
}

int64_t linux_mprotect(struct thread *thread, uint64_t address, uint64_t length, uint32_t protection)
{
	if (address & PAGE_MASK || protection & ~(uint32_t)(PROT_READ | PROT_WRITE | PROT_EXEC))
		return -EINVAL;
	if (length == 0)
		return 0;
	if (!user_range(address, length) || !user_range(address, PAGE_UP(length)) || address < USER_ADDRESS_FIRST)
		return -ENOMEM;
	return map_result(space_protect(PROCESS_SPACE, address, PAGE_UP(length), protection_flags(protection)));
}

int64_t linux_mremap(struct thread *thread, uint64_t address, uint64_t old_length, uint64_t new_length, uint32_t flags,
                     uint64_t new_address)
{
	old_length = PAGE_UP(old_length);
	new_length = PAGE_UP(new_length);
	if (address & PAGE_MASK || flags & ~(uint32_t)(MREMAP_MAYMOVE | MREMAP_FIXED) || new_length == 0 ||
	    (flags & MREMAP_FIXED && (!(flags & MREMAP_MAYMOVE) || new_address & PAGE_MASK)))
		return -EINVAL;
	if (old_length == 0 || !user_range(address, old_length))
		return -EINVAL;
	if (!user_range(0, new_length))
		return -ENOMEM;
	if (flags & MREMAP_FIXED && !user_range(new_address, new_length))
		return -EINVAL;
	int64_t result = space_move(PROCESS_SPACE, address, old_length, new_address, new_length,
	                            flags & MREMAP_FIXED ? 3 : flags & MREMAP_MAYMOVE ? 1 : 0);
	return result == STATUS_BAD_ADDRESS ? -EFAULT : result == STATUS_BUSY ? -ENOMEM : map_result(result);
}

/* --- the break ---------------------------------------------------------------------------------------- */

void break_start(uint64_t address)
{
	break_first = break_now = PAGE_UP(address);
}

int64_t linux_brk(struct thread *thread, uint64_t end)
{
	lock_take(&break_lock);
	uint64_t have = PAGE_UP(break_now), need = PAGE_UP(end);
	bool done = end >= break_first && user_range(0, need);
	if (done && need > have)
		done = space_map(PROCESS_SPACE, 0, have, need - have, 0, MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY) >= 0;
	else if (done && need < have)
		done = space_unmap(PROCESS_SPACE, need, have - need) >= 0;
	if (done)
		break_now = end;
	int64_t result = (int64_t)break_now;
	lock_release(&break_lock);
	return result;
}

/* --- advice ----------------------------------------------------------------------------------------- */

/* Every page of the range is mapped. */
static bool range_mapped(uint64_t address, uint64_t length)
{
	struct region_info region;
	for (uint64_t at = address; at < address + length; at = region.address + region.length)
		if (space_query(PROCESS_SPACE, at, &region) < 0 || region.address > at)
			return false;
	return true;
}

static int range_check(uint64_t address, uint64_t length)
{
	if (address & PAGE_MASK)
		return -EINVAL;
	if (!user_range(address, length) || !user_range(address, PAGE_UP(length)))
		return -ENOMEM;
	return 0;
}

int64_t linux_madvise(struct thread *thread, uint64_t address, uint64_t length, int32_t advice)
{
	int status = address & PAGE_MASK ? -EINVAL : range_check(address, length);
	if (status < 0 || length == 0)
		return status;
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_REMOVE:
		return map_result(space_discard(PROCESS_SPACE, address, PAGE_UP(length)));
	default:
		if (advice < 0 || (advice > 25 && advice != MADV_HWPOISON) || advice == MADV_HWPOISON)
			return -EINVAL;
		return range_mapped(address, PAGE_UP(length)) ? 0 : -ENOMEM;
	}
}

int64_t linux_msync(struct thread *thread, uint64_t address, uint64_t length, uint32_t flags)
{
	int status = flags & ~7u || (flags & 5) == 5 ? -EINVAL : range_check(address, length);
	if (status < 0 || length == 0)
		return status;
	/* Shared pages are the file's own: there is nothing to write back to. */
	return range_mapped(address, PAGE_UP(length)) ? 0 : -ENOMEM;
}

int64_t linux_mincore(struct thread *thread, uint64_t address, uint64_t length, uint64_t result)
{
	static const uint8_t present = 1;
	int status = range_check(address, length);
	if (status < 0)
		return status;
	if (length > 0 && !range_mapped(address, PAGE_UP(length)))
		return -ENOMEM;
	for (uint64_t i = 0; i < PAGE_UP(length) / ATOLL_PAGE_SIZE; i++)
		if (user_write(result + i, &present, 1) < 0)
			return -EFAULT;
	return 0;
}

int64_t linux_mlock(struct thread *thread, uint64_t address, uint64_t length)
{
	address = PAGE_DOWN(address);
	if (!user_range(address, length))
		return -ENOMEM;
	return length == 0 || range_mapped(address, length) ? 0 : -ENOMEM;
}

int64_t linux_mlock2(struct thread *thread, uint64_t address, uint64_t length, uint32_t flags)
{
	return flags & ~1u ? -EINVAL : linux_mlock(thread, address, length);
}

int64_t linux_munlock(struct thread *thread, uint64_t address, uint64_t length)
{
	return linux_mlock(thread, address, length);
}

int64_t linux_mlockall(struct thread *thread, uint32_t flags)
{
	return flags == 0 || flags & ~7u ? -EINVAL : 0;
}

int64_t linux_munlockall(struct thread *thread)
{
	return 0;
}
