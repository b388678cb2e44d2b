/* The undo log, walked: to forget it, and to put its bytes back. Its entries are made by the hooks (save.S). */
#ifndef STASH_LOG_H
#define STASH_LOG_H

#include "stash/stash.h"

/* In the incarnation that made it: the tags of what it holds. A log that does not end where the header says, or has other
 * entries than those of the header's step, ends the server here. */
void log_forget(void);
/* Put back what the step with this number has changed; how many entries could not be read. May be interrupted anywhere, and
 * done again. */
unsigned log_restore(uint64_t step);
/* Is there an entry of it? Not after log_void. */
bool log_is_of(uint64_t step);
static inline void log_void(void)
{
	((struct stash_entry *)STASH_LOG)->mark = 0;
}

#endif
