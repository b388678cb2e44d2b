/* The log's way onto the serial line: a thread of its own, so that a slow line holds nobody up. */
#ifndef LOG_CONSOLE_H
#define LOG_CONSOLE_H

#include "atoll/atoll.h"
#include "ring.h"

struct console {
	const struct ring *ring;
	slot_t line;   /* gate: serial.proto; 0: there is none */
	slot_t wake;   /* notification: there is more to write, or it may begin */
	slot_t report; /* notification of the main thread */
	/* Written by the main thread */
	_Atomic uint64_t begin;  /* the line gets what is from here on; UINT64_MAX: wait */
	_Atomic bool told;       /* the main thread wants to know when all is written */
	/* Written by the console's thread */
	_Atomic uint64_t written; /* everything before this position is on the line */
};

#define CONSOLE_REPORT_LINE 1  /* the serial driver serves */
#define CONSOLE_REPORT_EMPTY 2 /* all is written (once after `told` was set) */

bool console_start(struct console *console);

#endif
