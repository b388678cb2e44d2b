/* A program into a fresh space: its ELF segments mapped from the program's memory object, and a first stack as
 * Linux lays it out, which is what the C library expects. */
#include "supervisor.h"
#include "stash/stash.h"
#include <elf.h>
#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 16
#define PAGE_MASK (ATOLL_PAGE_SIZE - 1)

static uint64_t page_up(uint64_t address)
{
	return (address + PAGE_MASK) & ~PAGE_MASK;
}

static uint64_t protection_of(const Elf64_Phdr *segment)
{
	return (segment->p_flags & PF_R ? MAP_READ : 0) | (segment->p_flags & PF_W ? MAP_WRITE : 0) |
	       (segment->p_flags & PF_X ? MAP_EXECUTE : 0);
}

/* Past the file's bytes a segment is zero: the rest of the last page is cleared, further pages are
 * anonymous. */
static int64_t segment_tail(slot_t space, const Elf64_Phdr *segment)
{
	static const char zeros[ATOLL_PAGE_SIZE];
	uint64_t file_end = segment->p_vaddr + segment->p_filesz;
	uint64_t end = page_up(segment->p_vaddr + segment->p_memsz);
	uint64_t page_end = page_up(file_end);
	if (segment->p_memsz == segment->p_filesz)
		return STATUS_OK;
	if (page_end > file_end) {
		int64_t status = space_write(space, file_end, zeros, page_end - file_end);
		if (status < 0)
			return status;
	}
	if (end <= page_end)
		return STATUS_OK;
	return space_map(space, 0, page_end, end - page_end, 0, protection_of(segment) | MAP_PRIVATE_COPY);
}

static int64_t segment_map(slot_t space, slot_t program, const Elf64_Phdr *segment)
{
	uint64_t start = segment->p_vaddr & ~PAGE_MASK;
	uint64_t length = page_up(segment->p_vaddr + segment->p_filesz) - start;
	uint64_t flags = protection_of(segment) | MAP_PRIVATE_COPY; /* text too: a debugger's changes are this incarnation's */
	if ((segment->p_offset & PAGE_MASK) != (segment->p_vaddr & PAGE_MASK))
		return STATUS_BAD_ARGUMENT;
	if (length > 0) {
		int64_t status =
			space_map(space, program, start, length, segment->p_offset & ~PAGE_MASK, flags);
		if (status < 0)
			return status;
	}
	return segment_tail(space, segment);
}

static bool headers_read(slot_t program, Elf64_Ehdr *header, Elf64_Phdr segments[HEADERS_MAX])
{
	if (memory_read(program, 0, header, sizeof(*header)) != sizeof(*header) ||
	    memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_machine != EM_X86_64 ||
	    header->e_phnum > HEADERS_MAX || header->e_phentsize != sizeof(segments[0]))
		return false;
	int64_t size = (int64_t)(header->e_phnum * sizeof(segments[0]));
	return memory_read(program, header->e_phoff, segments, (uint64_t)size) == size;
}

static bool all_zero(const char *bytes, uint64_t size)
{
	uint64_t words[4];
	for (; size >= sizeof(words); bytes += sizeof(words), size -= sizeof(words)) {
		memcpy(words, bytes, sizeof(words));
		if (words[0] | words[1] | words[2] | words[3])
			return false;
	}
	while (size > 0 && bytes[size - 1] == 0)
		size--;
	return size == 0;
}

bool program_write(slot_t memory, uint64_t offset, const char *bytes, uint64_t size)
{
	for (uint64_t part; size > 0; offset += part, bytes += part, size -= part) {
		uint64_t to_page_end = ATOLL_PAGE_SIZE - (offset & PAGE_MASK);
		part = size < to_page_end ? size : to_page_end;
		if (!all_zero(bytes, part) && memory_write(memory, offset, bytes, part) != (int64_t)part)
			return false;
	}
	return true;
}

bool program_copy(slot_t to, uint64_t to_offset, slot_t from, uint64_t from_offset, uint64_t size)
{
	static char bytes[16384];
	for (uint64_t done = 0; done < size;) {
		uint64_t left = size - done;
		int64_t part = memory_read(from, from_offset + done, bytes, left < sizeof(bytes) ? left : sizeof(bytes));
		if (part <= 0 || !program_write(to, to_offset + done, bytes, (uint64_t)part))
			return false;
		done += (uint64_t)part;
	}
	return true;
}

/* A segment of variables that live in the stash. */
static bool in_stash(const Elf64_Phdr *segment)
{
	return segment->p_type == PT_LOAD && segment->p_vaddr >= STASH_BASE &&
	       segment->p_vaddr < STASH_BASE + STASH_IMAGE_MAX;
}

static bool segment_is_sound(const Elf64_Phdr *segment, uint64_t size)
{
	return segment->p_offset <= size && segment->p_filesz <= size - segment->p_offset && segment->p_filesz <= segment->p_memsz &&
	       segment->p_vaddr < STACK_TOP - STACK_SIZE && segment->p_memsz < STACK_TOP - STACK_SIZE - segment->p_vaddr &&
	       (segment->p_offset & PAGE_MASK) == (segment->p_vaddr & PAGE_MASK);
}

/* lib/atoll/start.S */
static bool is_our_note(slot_t program, const Elf64_Phdr *segment)
{
	struct {
		Elf64_Nhdr header;
		char name[6];
	} note;
	return segment->p_type == PT_NOTE && memory_read(program, segment->p_offset, &note, sizeof(note)) == sizeof(note) &&
	       note.header.n_namesz == sizeof(note.name) && memcmp(note.name, "Atoll", sizeof(note.name)) == 0;
}

const char *program_fault(slot_t program, uint64_t size, bool stash)
{
	Elf64_Ehdr header;
	Elf64_Phdr segments[HEADERS_MAX];
	bool recovers = false, native = false;
	if (!headers_read(program, &header, segments) || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_EXEC)
		return "it is not a static ELF program for x86-64";
	for (unsigned i = 0; i < header.e_phnum; i++) {
		const Elf64_Phdr *segment = &segments[i];
		if (segment->p_type == PT_INTERP || (segment->p_type == PT_LOAD && !segment_is_sound(segment, size)))
			return segment->p_type == PT_INTERP ? "it is not a static program" : "it is cut short, or damaged";
		recovers |= in_stash(segment);
		native |= is_our_note(program, segment);
	}
	if (!native)
		return "it is a program for Linux, no service's";
	return recovers == stash ? NULL : stash ? "it does not recover: no stash" : "it recovers: its manifest must say stash";
}

int64_t program_fill_stash(const struct service *service)
{
	Elf64_Ehdr header;
	Elf64_Phdr segments[HEADERS_MAX];
	if (!headers_read(service->program, &header, segments))
		return STATUS_BAD_ARGUMENT;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		const Elf64_Phdr *segment = &segments[i];
		if (!in_stash(segment))
			continue;
		if (segment->p_memsz > STASH_IMAGE_MAX - (segment->p_vaddr - STASH_BASE))
			return STATUS_NO_SPACE;
		if (!program_copy(service->stash, segment->p_vaddr - STASH_BASE, service->program, segment->p_offset, segment->p_filesz))
			return STATUS_NO_MEMORY;
	}
	return STATUS_OK;
}

/* The same in every incarnation: image and heap, and the journal. */
static int64_t stash_map(const struct service *service, slot_t space)
{
	int64_t status = space_map(space, service->stash, STASH_BASE, STASH_SIZE, 0, MAP_READ | MAP_WRITE);
	return status < 0 ? status : space_map(space, service->stash, STASH_JOURNAL, STASH_JOURNAL_SIZE,
	                                       STASH_SIZE, MAP_READ | MAP_WRITE);
}

int64_t program_load(const struct service *service, slot_t space, struct image *image)
{
	Elf64_Ehdr header;
	Elf64_Phdr segments[HEADERS_MAX];
	if (!headers_read(service->program, &header, segments))
		return STATUS_BAD_ARGUMENT;
	uint64_t size = header.e_phnum * sizeof(segments[0]);
	*image = (struct image){
		.entry = header.e_entry,
		.header_count = header.e_phnum,
		.header_size = sizeof(segments[0]),
	};
	for (unsigned i = 0; i < header.e_phnum; i++) {
		const Elf64_Phdr *segment = &segments[i];
		if (segment->p_type != PT_LOAD || (service->stash && in_stash(segment)))
			continue;
		int64_t status = segment_map(space, service->program, segment);
		if (status < 0)
			return status;
		if (header.e_phoff >= segment->p_offset &&
		    header.e_phoff + size <= segment->p_offset + segment->p_filesz)
			image->header_address = segment->p_vaddr + header.e_phoff - segment->p_offset;
	}
	return service->stash ? stash_map(service, space) : STATUS_OK;
}

/* The stack under construction: words, which will lie below the strings; these grow downwards from its top, so that all of
 * it mostly fits on a page. */
#define STACK_WORDS 512
#define STACK_STRINGS 4096
struct stack {
	uint64_t words[STACK_WORDS];
	char strings[STACK_STRINGS];
	unsigned word_count;
	uint64_t string_size;
};

static void stack_word(struct stack *stack, uint64_t word)
{
	if (stack->word_count < STACK_WORDS)
		stack->words[stack->word_count++] = word;
}

/* A string, and its address as the next word. */
static void stack_string(struct stack *stack, const char *text)
{
	uint64_t length = strlen(text) + 1;
	if (stack->string_size + length > STACK_STRINGS)
		return;
	stack->string_size += length;
	memcpy(stack->strings + STACK_STRINGS - stack->string_size, text, length);
	stack_word(stack, STACK_TOP - stack->string_size);
}

static void stack_services(struct stack *stack)
{
	char text[16 + SERVICES_MAX * NAME_SIZE] = "services=";
	for (unsigned i = 0; i < state.service_count; i++) {
		strcat(text, i > 0 ? " " : "");
		strcat(text, state.services[i].state == SERVICE_ABSENT ? "-" : state.services[i].manifest.name);
	}
	stack_string(stack, text);
}

static void stack_environment(struct stack *stack, const struct service *service)
{
	const struct manifest *manifest = &service->manifest;
	char text[NAME_SIZE + 32];
	for (unsigned i = 0; i < manifest->grant_count; i++) {
		snprintf(text, sizeof(text), "slot_%s=%u", manifest->grants[i].slot, service_grant_slot(i));
		stack_string(stack, text);
	}
	snprintf(text, sizeof(text), "captable_slots=%u", manifest->slots);
	stack_string(stack, text);
	if (service->verifies)
		stack_string(stack, "verify=1");
	if (service->update.give) {
		snprintf(text, sizeof(text), "give=%lu", service->update.give);
		stack_string(stack, text);
	}
	stack_services(stack);
	stack_word(stack, 0);
}

static void stack_auxiliary(struct stack *stack, const struct image *image)
{
	uint64_t random = time_now() * 0x9e3779b97f4a7c15ull;
	char seed[17] = { 0 };
	for (unsigned i = 0; i < 16; i++)
		seed[i] = (char)((random >> i * 3 & 0xff) | 1);
	const uint64_t pairs[][2] = {
		{ AT_PHDR, image->header_address }, { AT_PHENT, image->header_size },
		{ AT_PHNUM, image->header_count },  { AT_PAGESZ, ATOLL_PAGE_SIZE },
		{ AT_ENTRY, image->entry },
	};
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		stack_word(stack, pairs[i][0]);
		stack_word(stack, pairs[i][1]);
	}
	stack_word(stack, AT_RANDOM);
	stack_string(stack, seed);
	stack_word(stack, AT_NULL);
	stack_word(stack, 0);
}

int64_t program_stack(const struct service *service, slot_t space, const struct image *image, uint64_t *stack_pointer)
{
	static struct stack stack;
	const struct manifest *manifest = &service->manifest;
	stack.word_count = 0;
	stack.string_size = 0;
	stack_word(&stack, 1 + manifest->argument_count);
	stack_string(&stack, manifest->name);
	const char *argument = manifest->arguments;
	for (unsigned i = 0; i < manifest->argument_count; i++, argument += strlen(argument) + 1)
		stack_string(&stack, argument);
	stack_word(&stack, 0);
	stack_environment(&stack, service);
	stack_auxiliary(&stack, image);
	int64_t status = space_map(space, 0, STACK_TOP - STACK_SIZE, STACK_SIZE, 0,
	                           MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY);
	if (status < 0)
		return status;
	*stack_pointer = (STACK_TOP - stack.string_size - stack.word_count * sizeof(stack.words[0])) & ~15ull;
	status = space_write(space, *stack_pointer, stack.words, stack.word_count * sizeof(stack.words[0]));
	if (status < 0)
		return status;
	return space_write(space, STACK_TOP - stack.string_size, stack.strings + STACK_STRINGS - stack.string_size, stack.string_size);
}
