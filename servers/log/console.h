/* The log's way onto the serial line: a thread of its own, so that a slow line holds nobody up. It writes what finished steps
 * have logged, and keeps how far it is where no step saves or restores it; since the driver knows by position what it has put out
 * already, a thread that goes on from there leaves nothing out and writes nothing twice. */
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
};

#define CONSOLE_REPORT_LINE 1  /* the serial driver serves */
#define CONSOLE_REPORT_EMPTY 2 /* all is written (once after console_tell) */

/* The thread, in each incarnation; `console` is complete. */
bool console_start(const struct console *console);
/* After each step: the line gets what is in the ring from `begin` to `end`. */
void console_publish(uint64_t begin, uint64_t end);
bool console_has_line(void); /* CONSOLE_REPORT_LINE has been signalled */
void console_tell(void); /* report when all that is published is written */
/* Everything before this position of the ring is on the line. */
uint64_t console_written(void);

#endif
