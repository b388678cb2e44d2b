/* The trace of system calls (ATOLL_STRACE=1 in the environment of a program): one line each. */
#ifndef PERSONALITY_TRACE_H
#define PERSONALITY_TRACE_H

#include "access.h"

extern bool trace_enabled; /* of this address space: a program and the children it forks */
extern slot_t trace_slot;  /* the open file that lines go to; 0: the log, if it takes them */
extern struct open_file trace_file; /* the same, where it is an end of a pipe */
void trace_begin(struct thread *thread, uint64_t number); /* of calls that may not come back */
void trace_call(struct thread *thread, uint64_t number, int64_t result);
void trace_signal(struct thread *thread, int signal, uint64_t handler);
/* A line of our own to the log, whatever the trace: numbers in %x, %d, strings in %s. */
void trace_line(const char *format, const uint64_t *values);

#endif
