/* Text that grows. */
#include "procfs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_room(struct text *text, size_t more)
{
	if (text->length + more <= text->capacity)
		return true;
	size_t capacity = text->capacity ? text->capacity : 1024;
	while (capacity < text->length + more)
		capacity *= 2;
	char *bytes = realloc(text->bytes, capacity);
	if (!bytes) {
		text->failed = true;
		return false;
	}
	text->bytes = bytes;
	text->capacity = capacity;
	return true;
}

void text_bytes(struct text *text, const void *bytes, size_t length)
{
	if (!text_room(text, length))
		return;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void text_add(struct text *text, const char *format, ...)
{
	char line[512];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	text_bytes(text, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

void text_clear(struct text *text)
{
	free(text->bytes);
	*text = (struct text){ 0 };
}
