/* printf to the system log. */
#include "atoll/startup.h"
#include <stdarg.h>
#include <stdio.h>

void log_line(const char *format, ...)
{
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	log_text(text, (uint64_t)length < sizeof(text) ? (uint64_t)length : sizeof(text) - 1);
}
