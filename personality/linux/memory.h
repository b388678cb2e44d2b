/* The program's address space. */
#ifndef PERSONALITY_MEMORY_H
#define PERSONALITY_MEMORY_H

#include "files.h"

#define STACK_SIZE (8ull << 20)
#define STACK_GUARD (1ull << 20)
#define STACK_END PROGRAM_END
#define PROGRAM_BASE 0x555555554000ull /* of position-independent programs */

uint32_t protection_flags(uint32_t protection); /* PROT_ bits as MAP_ bits */
void break_start(uint64_t address); /* where the heap of a new program begins */
/* A file's pages at an address; PRIVATE, READ and EXECUTE of its memory object. 0 or a negative errno. */
int64_t memory_map_slot(slot_t memory, uint64_t address, uint64_t length, uint64_t offset, uint32_t flags);

#endif
