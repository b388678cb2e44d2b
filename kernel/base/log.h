/* The kernel's log, assertions and panic. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Append a formatted line: see base/format.h. */
void log_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_append(const char *bytes, uint64_t length);
/* Copy what was logged from a position on; bytes that were overwritten since read as zeros.
 * Returns bytes copied; 0: nothing newer. The next position is `position` + that. */
uint64_t log_copy(uint64_t position, char *buffer, uint64_t length);
bool log_take_growth(void); /* has it grown since this was last asked? */

/* A kernel invariant is broken: registers, backtrace (tools/symbols.py has the names), stop. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool panic_in_progress(void);

#define ASSERT(condition) \
	((condition) ? (void)0 : panic("%s:%u: assertion failed: %s", __FILE__, __LINE__, #condition))

#ifdef ATOLL_DEBUG
#define DEBUG_ASSERT(condition) ASSERT(condition)
#else
#define DEBUG_ASSERT(condition) ((void)sizeof(condition))
#endif
