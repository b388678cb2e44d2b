/* The program's memory. Every touch goes through these functions: an address that cannot be touched
 * gives -EFAULT (access.S), and one inside the personality is refused, because a program's stray
 * pointer must not reach our state. Results: 0 or -EFAULT unless said otherwise. */
#ifndef PERSONALITY_ACCESS_H
#define PERSONALITY_ACCESS_H

#include "thread.h"

static inline bool user_range(uint64_t address, uint64_t length)
{
	return length <= PROGRAM_END && address <= PROGRAM_END - length;
}

/* access.S: no range check, for user_* below. */
int64_t access_copy(void *to, const void *from, uint64_t length);
int64_t access_string_copy(char *to, const char *from, uint64_t limit); /* length, or limit if there is no end */
int64_t access_string_length(const char *from, uint64_t limit);
int64_t access_clear(void *to, uint64_t length);
int64_t access_load32(const uint32_t *from, uint32_t *value);
uint64_t access_load_pair(const uint32_t *low, const uint32_t *high); /* -EFAULT is not told apart from a pair */
void *access_still_list(void *first);
int64_t access_exchange32(uint32_t *at, uint32_t expected, uint32_t value, uint32_t *found);
int64_t access_add32(uint32_t *at, uint32_t value);
int64_t access_swap32(uint32_t *at, uint32_t value, uint32_t *old);
int64_t access_save_extended(void *to, uint64_t mask, uint64_t kind);    /* kind 1: xsave, 0: fxsave */
int64_t access_load_extended(const void *from, uint64_t mask, uint64_t kind);

static inline int user_read(void *to, uint64_t from, uint64_t length)
{
	return user_range(from, length) ? (int)access_copy(to, (const void *)from, length) : -EFAULT;
}

static inline int user_write(uint64_t to, const void *from, uint64_t length)
{
	return user_range(to, length) ? (int)access_copy((void *)to, from, length) : -EFAULT;
}

static inline int user_write32(uint64_t to, uint32_t value)
{
	return user_write(to, &value, sizeof(value));
}

static inline int user_clear(uint64_t to, uint64_t length)
{
	return user_range(to, length) ? (int)access_clear((void *)to, length) : -EFAULT;
}

static inline int user_read32(uint64_t from, uint32_t *value)
{
	return user_range(from, 4) ? (int)access_load32((const uint32_t *)from, value) : -EFAULT;
}

/* Write value if the word holds expected; what it held in *found. */
static inline int user_exchange32(uint64_t at, uint32_t expected, uint32_t value, uint32_t *found)
{
	return user_range(at, 4) && (at & 3) == 0 ? (int)access_exchange32((uint32_t *)at, expected, value, found)
	                                          : -EFAULT;
}

/* The string's length; -EFAULT; -ENAMETOOLONG where it has no end within limit bytes. */
int64_t user_string(char *to, uint64_t from, uint64_t limit);
int64_t user_string_length(uint64_t from, uint64_t limit);

#endif
