/* ELF programs: what the checks before exec and the loader after it share. */
#ifndef PERSONALITY_ELF_H
#define PERSONALITY_ELF_H

#include "files.h"

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, program_headers, section_headers;
	uint32_t flags;
	uint16_t header_size, program_header_size, program_header_count;
	uint16_t section_header_size, section_header_count, section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "Elf64_Ehdr");
struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, address, physical, file_size, memory_size, alignment;
};
_Static_assert(sizeof(struct elf_segment) == 56, "Elf64_Phdr");

enum { ELF_EXECUTABLE = 2, ELF_SHARED = 3, ELF_X86_64 = 62 };
enum { SEGMENT_LOAD = 1, SEGMENT_INTERPRETER = 3, SEGMENT_HEADERS = 6, SEGMENT_STACK = 0x6474e551 };
enum { SEGMENT_EXECUTE = 1, SEGMENT_WRITE = 2, SEGMENT_READ = 4 };
#define ELF_SEGMENTS_MAX 72u

struct elf {
	struct elf_header header;
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	char interpreter[256]; /* empty: none */
	bool stack_executable;
};

/* Read the headers of an open program and check them: 0, -ENOEXEC, -ELIBBAD or an error of reading. */
int elf_read(slot_t file, struct elf *elf);

struct elf_image {
	uint64_t base, entry, headers, end; /* loaded at base (bias); AT_PHDR; end of the last segment */
};
/* Map its segments; position-independent ones at `base`, or where there is room if it is 0. */
int elf_load(struct thread *thread, slot_t file, const struct elf *elf, uint64_t base, struct elf_image *image);

#endif
