/* The log's way onto the serial line: a thread of its own, so that a slow line holds nobody up. */
#ifndef LOG_CONSOLE_H
#define LOG_CONSOLE_H

#include "atoll/atoll.h"
#include "ring.h"
#include <stdbool.h>

struct console {
	const struct ring *ring;
	slot_t line;   /* gate: serial.proto; 0: there is none */
	slot_t wake;   /* notification: there is more to write, or it may begin */
	slot_t report; /* notification of the main thread */
	slot_t thread;
	/* Written by the main thread */
	_Atomic uint64_t begin;  /* the line gets what is from here on; UINT64_MAX: wait */
};

/* What the console's thread writes, which is not recoverable code: in granules of its own, so that no step saves it, and
 * none that is taken back restores it. */
struct console_progress {
	_Alignas(64) _Atomic uint64_t written; /* everything before this position is on the line */
	_Atomic bool told;                     /* the main thread wants to know when all is written */
	_Alignas(64) char end[];
};
extern struct console_progress console_progress;
void console_tell(void);                    /* set told */
void console_written(uint64_t position);    /* before the thread runs */

#define CONSOLE_REPORT_LINE 1  /* the serial driver serves */
#define CONSOLE_REPORT_EMPTY 2 /* all is written (once after `told` was set) */

/* The thread, in each incarnation; `console` is complete. */
bool console_start(const struct console *console);

#endif
