/* A small printf: numbers and strings. */
#include "base/format.h"
#include <stdbool.h>

struct output {
	char *buffer;
	uint64_t size, length;
};

static void put(struct output *output, char character)
{
	if (output->length + 1 < output->size)
		output->buffer[output->length++] = character;
}

static void put_text(struct output *output, const char *text)
{
	while (*text)
		put(output, *text++);
}

static void put_number(struct output *output, uint64_t value, unsigned base)
{
	char digits[24] = "";
	unsigned at = sizeof(digits) - 1;

	do
		digits[--at] = "0123456789abcdef"[value % base];
	while ((value /= base) != 0);
	put_text(output, digits + at);
}

/* One conversion, from behind the '%' on: its last character. */
static const char *put_conversion(struct output *output, const char *format, va_list *arguments)
{
	bool wide = *format == 'l';
	format += wide;
	if (*format == 's') {
		const char *text = va_arg(*arguments, const char *);
		put_text(output, text ? text : "(null)");
	} else if (*format == 'u' || *format == 'x') {
		uint64_t value = wide ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned);
		put_number(output, value, *format == 'x' ? 16 : 10);
	} else {
		put(output, *format);
	}
	return format;
}

/* Never more than `size` bytes, always a NUL where there is room for one: a panic's text may come
 * from anywhere. */
uint64_t format_text(char *buffer, uint64_t size, const char *format, va_list arguments)
{
	struct output output = { buffer, size, 0 };
	va_list rest;

	va_copy(rest, arguments);
	for (; *format; format++) {
		if (*format == '%')
			format = put_conversion(&output, format + 1, &rest);
		else
			put(&output, *format);
	}
	va_end(rest);
	if (size)
		buffer[output.length] = '\0';
	return output.length;
}
