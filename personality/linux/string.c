/* What the compiler and the rest expect of a C library's memory and string functions. */
#include "thread.h"

void *memcpy(void *to, const void *from, uint64_t length)
{
	void *result = to;
	uint64_t words = length / 8, rest = length % 8;
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
	return result;
}

void *memmove(void *to, const void *from, uint64_t length)
{
	if ((uint64_t)to - (uint64_t)from >= length)
		return memcpy(to, from, length);
	uint8_t *target = to;
	const uint8_t *source = from;
	while (length-- > 0)
		target[length] = source[length];
	return to;
}

void *memset(void *to, int value, uint64_t length)
{
	void *result = to;
	uint64_t bytes = 0x0101010101010101ull * (uint8_t)value, words = length / 8, rest = length % 8;
	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(bytes) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(bytes) : "memory");
	return result;
}

int memcmp(const void *left, const void *right, uint64_t length)
{
	const uint8_t *a = left, *b = right;
	for (; length > 0; a++, b++, length--)
		if (*a != *b)
			return *a < *b ? -1 : 1;
	return 0;
}

uint64_t string_length(const char *string)
{
	uint64_t length = 0;
	while (string[length])
		length++;
	return length;
}

bool string_equal(const char *left, const char *right)
{
	while (*left && *left == *right)
		left++, right++;
	return *left == *right;
}

bool string_starts(const char *string, const char *prefix)
{
	while (*prefix)
		if (*string++ != *prefix++)
			return false;
	return true;
}
