/* How a native program starts: what the supervisor put on its stack (Linux's layout: argument count,
 * arguments, environment, auxiliary vector), and the few system calls its C library makes. */
#ifndef ATOLL_STARTUP_H
#define ATOLL_STARTUP_H

#include "atoll/atoll.h"

/* The stack pointer at the first instruction; set before the C library starts. */
extern uint64_t *startup_stack;

/* An environment string as a decimal number. */
uint64_t startup_number(const char *name, uint64_t otherwise);
/* The program's name, argv[0]; "?" where there is none. */
const char *startup_name(void);

/* The C library's system calls, from the reflect entry; the result as Linux gives it. */
int64_t reflect_call(uint64_t number, const uint64_t arguments[6]);
/* Text that the program prints or logs: split into lines, each sent to the log. */
void log_text(const char *text, uint64_t length);

#endif
