/* Typed trace records in a ring per CPU; a no-op unless built with -Dtrace=true or in debug builds.
 * `./atoll trace` decodes them, of a kernel that has panicked too. */
#pragma once

#include <stdint.h>

enum trace_kind {
	TRACE_NONE, TRACE_CALL_IN, TRACE_CALL_OUT, TRACE_SWITCH, TRACE_EXCEPTION, TRACE_INTERRUPT,
	TRACE_MESSAGE_SEND, TRACE_MESSAGE_RECEIVE, TRACE_MESSAGE_REPLY, TRACE_DESTROY,
};

struct trace_record {
	uint64_t time; /* nanoseconds since boot */
	uint16_t kind, cpu;
	uint32_t thread;
	uint64_t a, b;
};

#ifdef ATOLL_TRACE
void trace(enum trace_kind kind, uint64_t a, uint64_t b);
#else
#define trace(kind, a, b) ((void)(a), (void)(b))
#endif

/* The longest stretch with interrupts off: the log tells whenever there is a longer one, with what began it (NULL: what
 * did last time) and where it ended. In debug builds and those with ATOLL_LATENCY. */
#ifdef ATOLL_LATENCY
void latency_begin(const char *kind, uint64_t number);
void latency_end(void);
#else
#define latency_begin(kind, number) ((void)0)
#define latency_end() ((void)0)
#endif
