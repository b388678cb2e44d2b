/* Included before everything else in recoverable code (the build does it): the C library's functions that
 * keep state or write through their arguments are replaced by those of the stash, by name, in the object file. memcpy,
 * memmove and memset need no replacement: the compiler plugin announces what they write. */
#ifndef RECOVERABLE_H
#define RECOVERABLE_H
#ifndef __ASSEMBLER__

#include "stash_compiler.h"

#define NOT_STATE_TYPE __attribute__((not_state_type)) /* not_state.h */

/* Before a kernel call that fills a buffer. */
#define KERNEL_WRITES(address, length) recoverable_announce(address, length)
static inline __attribute__((unused)) void recoverable_announce(const void *address, unsigned long length)
{
	__asm__ volatile("call stash_save_range" : : "D"(address), "S"(length) : "rax", "rdx", "r11", "cc", "memory");
}

#pragma redefine_extname malloc stash_malloc
#pragma redefine_extname calloc stash_calloc
#pragma redefine_extname realloc stash_realloc
#pragma redefine_extname free stash_free
#pragma redefine_extname strdup stash_strdup
#pragma redefine_extname strcpy stash_strcpy
#pragma redefine_extname strncpy stash_strncpy
#pragma redefine_extname stpcpy stash_stpcpy
#pragma redefine_extname strcat stash_strcat
#pragma redefine_extname strncat stash_strncat
#pragma redefine_extname sprintf stash_sprintf
#pragma redefine_extname snprintf stash_snprintf
#pragma redefine_extname vsprintf stash_vsprintf
#pragma redefine_extname vsnprintf stash_vsnprintf

#endif
#endif
