/* What recoverable code calls instead of functions of the C library that write through their arguments
 * (recoverable.h): what will be written is saved, then the library does it. */
#include "stash/stash.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *stash_strcpy(char *to, const char *from);
char *stash_strncpy(char *to, const char *from, size_t size);
char *stash_stpcpy(char *to, const char *from);
char *stash_strcat(char *to, const char *from);
char *stash_strncat(char *to, const char *from, size_t size);
int stash_vsnprintf(char *to, size_t size, const char *format, va_list arguments);
int stash_vsprintf(char *to, const char *format, va_list arguments);
int stash_snprintf(char *to, size_t size, const char *format, ...);
int stash_sprintf(char *to, const char *format, ...);

char *stash_strcpy(char *to, const char *from)
{
	size_t length = strlen(from) + 1;
	stash_save_bytes(to, length);
	return memcpy(to, from, length);
}

char *stash_strncpy(char *to, const char *from, size_t size)
{
	stash_save_bytes(to, size);
	size_t length = strnlen(from, size);
	memcpy(to, from, length);
	memset(to + length, 0, size - length);
	return to;
}

char *stash_stpcpy(char *to, const char *from)
{
	return stash_strcpy(to, from) + strlen(from);
}

char *stash_strcat(char *to, const char *from)
{
	stash_strcpy(to + strlen(to), from);
	return to;
}

char *stash_strncat(char *to, const char *from, size_t size)
{
	size_t length = strnlen(from, size);
	char *end = to + strlen(to);
	stash_save_bytes(end, length + 1);
	memcpy(end, from, length);
	end[length] = '\0';
	return to;
}

int stash_vsnprintf(char *to, size_t size, const char *format, va_list arguments)
{
	stash_save_bytes(to, size);
	return vsnprintf(to, size, format, arguments);
}

int stash_vsprintf(char *to, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return length;
	return stash_vsnprintf(to, (size_t)length + 1, format, arguments);
}

int stash_snprintf(char *to, size_t size, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = stash_vsnprintf(to, size, format, arguments);
	va_end(arguments);
	return length;
}

int stash_sprintf(char *to, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = stash_vsprintf(to, format, arguments);
	va_end(arguments);
	return length;
}
