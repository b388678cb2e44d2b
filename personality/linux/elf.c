/* The ELF loader: segments are mapped from the file's memory object, so text is shared and nothing is read
 * before it is touched. A file whose server has no memory object is read into private memory. */
#include "elf.h"
#include "memory.h"

static int read_exactly(slot_t file, void *to, uint64_t length, uint64_t offset)
{
	uint64_t done = 0;
	while (done < length) {
		uint64_t count = 0;
		int status = file_read(file, NULL, (int64_t)(offset + done), length - done, 0, (uint8_t *)to + done,
		                       length - done, NULL, &count);
		if (status < 0)
			return status;
		if (count == 0)
			return -ENOEXEC;
		done += count;
	}
	return 0;
}

static bool header_valid(const struct elf_header *header)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	return memcmp(header->ident, ident, sizeof(ident)) == 0 && header->machine == ELF_X86_64 &&
	       (header->type == ELF_EXECUTABLE || header->type == ELF_SHARED) &&
	       header->program_header_size == sizeof(struct elf_segment) && header->program_header_count > 0 &&
	       header->program_header_count <= ELF_SEGMENTS_MAX;
}

static bool segment_valid(const struct elf_segment *segment)
{
	return segment->memory_size >= segment->file_size && segment->address <= PROGRAM_END &&
	       segment->memory_size <= PROGRAM_END - segment->address &&
	       segment->offset <= INT64_MAX - segment->file_size &&
	       (segment->address - segment->offset) % ATOLL_PAGE_SIZE == 0;
}

int elf_read(slot_t file, struct elf *elf)
{
	int status = read_exactly(file, &elf->header, sizeof(elf->header), 0);
	if (status < 0)
		return status;
	if (!header_valid(&elf->header))
		return -ENOEXEC;
	unsigned count = elf->header.program_header_count;
	status = read_exactly(file, elf->segments, count * sizeof(elf->segments[0]), elf->header.program_headers);
	if (status < 0)
		return status;
	elf->interpreter[0] = 0;
	elf->stack_executable = true;
	bool loads = false;
	for (unsigned i = 0; i < count; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		if (segment->type == SEGMENT_LOAD) {
			if (!segment_valid(segment))
				return -ENOEXEC;
			loads = true;
		} else if (segment->type == SEGMENT_STACK) {
			elf->stack_executable = segment->flags & SEGMENT_EXECUTE;
		} else if (segment->type == SEGMENT_INTERPRETER && !elf->interpreter[0]) {
			if (segment->file_size < 2 || segment->file_size > sizeof(elf->interpreter))
				return -ENOEXEC;
			status = read_exactly(file, elf->interpreter, segment->file_size, segment->offset);
			if (status < 0)
				return status;
			if (elf->interpreter[segment->file_size - 1] != 0)
				return -ENOEXEC;
		}
	}
	return loads ? 0 : -ENOEXEC;
}

/* --- loading --------------------------------------------------------------------------------------- */

static uint32_t segment_flags(const struct elf_segment *segment)
{
	return MAP_PRIVATE_COPY | (segment->flags & SEGMENT_READ ? MAP_READ : 0) |
	       (segment->flags & SEGMENT_WRITE ? MAP_WRITE | MAP_READ : 0) |
	       (segment->flags & SEGMENT_EXECUTE ? MAP_EXECUTE | MAP_READ : 0);
}

/* The part of a segment that the file fills. */
static int segment_map_file(slot_t file, slot_t memory, const struct elf_segment *segment, uint64_t bias)
{
	uint64_t start = PAGE_DOWN(bias + segment->address);
	uint64_t head = (bias + segment->address) - start;
	uint64_t length = PAGE_UP(head + segment->file_size);
	uint32_t flags = segment_flags(segment) | MAP_REPLACE;
	int64_t status;
	if (memory) {
		status = memory_map_slot(memory, start, length, segment->offset - head, flags);
		return status < 0 ? (int)status : 0;
	}
	status = memory_map_slot(0, start, length, 0, MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY | MAP_REPLACE);
	if (status >= 0)
		status = read_exactly(file, (void *)(start + head), segment->file_size, segment->offset);
	if (status >= 0)
		status = space_protect(PROCESS_SPACE, start, length, flags & (MAP_READ | MAP_WRITE | MAP_EXECUTE));
	return status < 0 ? -ENOMEM : 0;
}

/* The rest reads as zeros: the tail of the last file page, then pages of their own. */
static int segment_map_zeros(const struct elf_segment *segment, uint64_t bias)
{
	uint64_t file_end = bias + segment->address + segment->file_size;
	uint64_t end = PAGE_UP(bias + segment->address + segment->memory_size);
	uint64_t pages = segment->file_size ? PAGE_UP(file_end) : PAGE_DOWN(file_end);
	if (pages > file_end && segment->flags & SEGMENT_WRITE && segment->file_size)
		if (user_clear(file_end, pages - file_end) < 0)
			return -ENOMEM;
	if (end <= pages)
		return 0;
	int64_t status = memory_map_slot(0, pages, end - pages, 0, segment_flags(segment) | MAP_REPLACE);
	return status < 0 ? -ENOMEM : 0;
}

static int segments_map(slot_t file, slot_t memory, const struct elf *elf, uint64_t bias)
{
	for (unsigned i = 0; i < elf->header.program_header_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		if (segment->type != SEGMENT_LOAD || segment->memory_size == 0)
			continue;
		int status = segment->file_size ? segment_map_file(file, memory, segment, bias) : 0;
		if (status == 0)
			status = segment_map_zeros(segment, bias);
		if (status < 0)
			return status;
	}
	return 0;
}

static void image_describe(const struct elf *elf, struct elf_image *image, uint64_t *low, uint64_t *high)
{
	*low = UINT64_MAX;
	*high = 0;
	image->headers = 0;
	for (unsigned i = 0; i < elf->header.program_header_count; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		uint64_t at = elf->header.program_headers;
		if (segment->type != SEGMENT_LOAD)
			continue;
		*low = MINIMUM(*low, PAGE_DOWN(segment->address));
		*high = MAXIMUM(*high, PAGE_UP(segment->address + segment->memory_size));
		if (at >= segment->offset && at < segment->offset + segment->file_size)
			image->headers = segment->address + (at - segment->offset);
	}
}

int elf_load(struct thread *thread, slot_t file, const struct elf *elf, uint64_t base, struct elf_image *image)
{
	uint64_t low, high, bias = 0;
	image_describe(elf, image, &low, &high);
	if (elf->header.type == ELF_SHARED) {
		if (base == 0) {
			/* One reservation for the whole, so that its segments keep their distances. */
			int64_t place = memory_map_slot(0, 0, high - low, 0, MAP_PRIVATE_COPY | MAP_ANYWHERE);
			if (place < 0)
				return (int)place;
			base = (uint64_t)place;
		}
		bias = base - low;
	} else if (low < USER_ADDRESS_FIRST) {
		return -EPERM;
	}
	if (!user_range(bias + low, high - low))
		return -ENOMEM;
	slot_t memory = slot_take(thread->task);
	bool have = memory && file_memory(file, NULL, RIGHT_READ | RIGHT_EXECUTE, NULL, memory) == 0;
	int status = segments_map(file, have ? memory : 0, elf, bias);
	slot_give_back(thread->task, memory);
	image->base = bias;
	image->entry = bias + elf->header.entry;
	image->headers = image->headers ? bias + image->headers : 0;
	image->end = bias + high;
	return status;
}
