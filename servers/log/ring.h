/* A ring of text lines with positions that only grow.
 *
 * One thread appends; another may read without a lock: it copies first and looks at `first` afterwards,
 * and if that has passed its position, what it copied may be torn and it starts over at `first`. The
 * appender moves `first` before it overwrites. `first` always stands at the start of a line. */
#ifndef LOG_RING_H
#define LOG_RING_H

#include <stdatomic.h>
#include <stdint.h>

#define RING_SIZE (256 * 1024ull)

struct ring {
	char bytes[RING_SIZE];
	_Atomic uint64_t first, end;
};

/* A whole line, newline included; at most RING_SIZE / 2 bytes. */
void ring_append(struct ring *ring, const char *line, uint64_t length);
/* Copy from *position; one that was overwritten moves to the oldest line. Returns bytes copied. */
uint64_t ring_copy(const struct ring *ring, uint64_t *position, char *to, uint64_t length);

#endif
