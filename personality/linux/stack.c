/* The initial stack of a program, as the x86-64 ABI lays it down: argument count, argument and environment
 * pointers, auxiliary vector; above them the strings. */
#include "exec.h"
#include "memory.h"
#include "signals.h"

enum { AT_NULL = 0, AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_BASE = 7, AT_FLAGS = 8, AT_ENTRY = 9,
       AT_UID = 11, AT_EUID = 12, AT_GID = 13, AT_EGID = 14, AT_PLATFORM = 15, AT_HWCAP = 16, AT_CLKTCK = 17,
       AT_SECURE = 23, AT_RANDOM = 25, AT_HWCAP2 = 26, AT_EXECFN = 31, AT_SYSINFO_EHDR = 33, AT_MINSIGSTKSZ = 51 };

#define AUXILIARY_MAX 24

struct auxiliary {
	uint64_t pairs[AUXILIARY_MAX][2];
	unsigned count;
};

static void auxiliary_add(struct auxiliary *auxiliary, uint64_t type, uint64_t value)
{
	auxiliary->pairs[auxiliary->count][0] = type;
	auxiliary->pairs[auxiliary->count++][1] = value;
}

static uint64_t hardware_capabilities(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return edx;
}

static void auxiliary_fill(struct auxiliary *auxiliary, const struct stack_contents *contents, uint64_t random,
                           uint64_t platform, uint64_t path)
{
	const struct process_credentials *credentials = &contents->handoff->credentials;
	auxiliary->count = 0;
	auxiliary_add(auxiliary, AT_SYSINFO_EHDR, (uint64_t)vdso_image);
	auxiliary_add(auxiliary, AT_MINSIGSTKSZ, frame_size_most());
	auxiliary_add(auxiliary, AT_HWCAP, hardware_capabilities());
	auxiliary_add(auxiliary, AT_PAGESZ, ATOLL_PAGE_SIZE);
	auxiliary_add(auxiliary, AT_CLKTCK, CLOCK_TICKS);
	auxiliary_add(auxiliary, AT_PHDR, contents->program->headers);
	auxiliary_add(auxiliary, AT_PHENT, sizeof(struct elf_segment));
	auxiliary_add(auxiliary, AT_PHNUM, contents->elf->header.program_header_count);
	auxiliary_add(auxiliary, AT_BASE, contents->interpreter_base);
	auxiliary_add(auxiliary, AT_FLAGS, 0);
	auxiliary_add(auxiliary, AT_ENTRY, contents->program->entry);
	auxiliary_add(auxiliary, AT_UID, credentials->user);
	auxiliary_add(auxiliary, AT_EUID, credentials->effective_user);
	auxiliary_add(auxiliary, AT_GID, credentials->group);
	auxiliary_add(auxiliary, AT_EGID, credentials->effective_group);
	auxiliary_add(auxiliary, AT_SECURE, contents->secure);
	auxiliary_add(auxiliary, AT_RANDOM, random);
	auxiliary_add(auxiliary, AT_HWCAP2, 0);
	auxiliary_add(auxiliary, AT_EXECFN, path);
	auxiliary_add(auxiliary, AT_PLATFORM, platform);
	auxiliary_add(auxiliary, AT_NULL, 0);
}

static uint64_t push_bytes(uint64_t *top, const void *bytes, uint64_t length)
{
	*top -= length;
	memcpy((void *)*top, bytes, length);
	return *top;
}

bool stack_map(bool executable)
{
	uint32_t flags = MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY | (executable ? MAP_EXECUTE : 0);
	uint64_t bottom = STACK_END - STACK_SIZE;
	if (memory_map_slot(0, bottom, STACK_SIZE, 0, flags | MAP_REPLACE) < 0)
		return false;
	/* Nothing else may be mapped right below: an overflow must fault. */
	return memory_map_slot(0, bottom - STACK_GUARD, STACK_GUARD, 0, MAP_PRIVATE_COPY | MAP_REPLACE) >= 0;
}

/* Writes the addresses of `count` strings that follow each other, and a NULL. */
static uint64_t *put_pointers(uint64_t *to, uint64_t *string, uint32_t count, uint64_t end)
{
	for (uint32_t i = 0; i < count && *string < end; i++) {
		*to++ = *string;
		*string += string_length((const char *)*string) + 1;
	}
	*to++ = 0;
	return to;
}

uint64_t stack_build(const struct stack_contents *contents)
{
	const struct process_handoff *handoff = contents->handoff;
	const char *base = (const char *)handoff, *path = base + handoff->program_path_offset;
	struct auxiliary auxiliary;
	uint8_t random_bytes[16];
	uint64_t top = STACK_END - 8; /* Linux leaves one empty word at the very top */
	uint64_t path_at = push_bytes(&top, path, string_length(path) + 1);
	uint64_t end = top;
	uint64_t string = push_bytes(&top, base + handoff->strings_offset, handoff->strings_length);
	uint64_t platform = push_bytes(&top, "x86_64", 7);
	random_fill(random_bytes, sizeof(random_bytes));
	top = top & ~15ull;
	uint64_t random = push_bytes(&top, random_bytes, sizeof(random_bytes));
	auxiliary_fill(&auxiliary, contents, random, platform, path_at);
	uint64_t words = 1 + handoff->argument_count + 1 + handoff->environment_count + 1 + auxiliary.count * 2;
	top = (top - words * 8) & ~15ull;
	uint64_t *to = (uint64_t *)top;
	*to++ = handoff->argument_count;
	to = put_pointers(to, &string, handoff->argument_count, end);
	to = put_pointers(to, &string, handoff->environment_count, end);
	memcpy(to, auxiliary.pairs, auxiliary.count * sizeof(auxiliary.pairs[0]));
	return top;
}

uint64_t stack_put_strings(const struct process_handoff *handoff, uint64_t *arguments, uint64_t *environment)
{
	const char *base = (const char *)handoff, *path = base + handoff->program_path_offset;
	uint64_t top = STACK_END - 8;
	uint64_t path_at = push_bytes(&top, path, string_length(path) + 1), end = top;
	uint64_t string = push_bytes(&top, base + handoff->strings_offset, handoff->strings_length);
	uint64_t words = handoff->argument_count + 1 + handoff->environment_count + 1;
	uint64_t *to = (uint64_t *)((top - words * 8) & ~15ull);
	*arguments = (uint64_t)to;
	to = put_pointers(to, &string, handoff->argument_count, end);
	*environment = (uint64_t)to;
	put_pointers(to, &string, handoff->environment_count, end);
	return path_at;
}
