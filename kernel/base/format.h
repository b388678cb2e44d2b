/* Formatting for the log and the panic screen. */
#pragma once

#include <stdarg.h>
#include <stdint.h>

/* %s %u %x %lu %lx %%. Returns the length without the
 * NUL; what does not fit is dropped. */
uint64_t format_text(char *buffer, uint64_t size, const char *format, va_list arguments);
