/* Between an exec and the new program: what the handoff holds beyond its structure, and the initial stack. */
#ifndef PERSONALITY_EXEC_H
#define PERSONALITY_EXEC_H

#include "elf.h"

/* Entries of the handoff's descriptor list that are not descriptors. */
#define HANDOFF_DIRECTORY ((uint32_t)AT_FDCWD) /* kind: file flags of the working directory */
#define HANDOFF_SLOT_END 0xfffffff0u           /* slot: one past the last ever used before */
#define HANDOFF_INTERPRETER 0xfffffff1u        /* slot: the program interpreter, open */

#define HANDOFF_TRACE 0xfffffff2u              /* slot: where the call trace goes */
#define HANDOFF_LIMIT 0xfffffff3u              /* slot: RLIMIT_ number, kind and flags: low and high half of the soft limit */

#define HANDOFF_SECURE 1u
#define HANDOFF_CREDENTIALS_CHANGED 2u /* the ones in the handoff may be stale: ask proc */
#define HANDOFF_LOCKS_USED 4u          /* record locks may be held */
#define HANDOFF_TABLE 8u               /* there may be a table of open files, to be dropped */

#define EXEC_STRINGS_MAX (2u << 20)
#define EXEC_STRING_MAX (128u << 10)

struct stack_contents {
	const struct process_handoff *handoff;
	const struct elf *elf;
	const struct elf_image *program;
	uint64_t interpreter_base;
	bool secure;
};
/* Before anything is mapped wherever there is room. */
bool stack_map(bool executable);
/* Write arguments, environment and auxiliary vector: the stack pointer. */
uint64_t stack_build(const struct stack_contents *contents);
/* Only the strings and pointer arrays, for an execve: the path's address. */
uint64_t stack_put_strings(const struct process_handoff *handoff, uint64_t *arguments, uint64_t *environment);

/* first.c: open and read the program that the handoff only names; does not return when it cannot be run. */
void first_program_open(struct thread *thread, struct process_handoff *handoff, struct elf *elf);

extern const uint8_t vdso_image[]; /* the ELF image of the program's clock */
void random_fill(void *to, uint64_t length);

#endif
