/* A ring of bytes: what was written and not read yet.
 *
 * Bytes go straight between the ring and the buffers of the calls, at most two pieces each
 * way. The ring changes only by what was really copied. */
#include "pipe.h"
#include <errno.h>
#include <stdlib.h>

static uint32_t smaller(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

uint32_t ring_room(const struct ring *ring)
{
	return PIPE_CAPACITY - ring->count;
}

const char *ring_head(const struct ring *ring, uint32_t *length)
{
	*length = smaller(ring->count, PIPE_CAPACITY - ring->head);
	return ring->bytes + ring->head;
}

void ring_skip(struct ring *ring, uint32_t length)
{
	ring->count -= length;
	ring->head = ring->count ? (ring->head + length) % PIPE_CAPACITY : 0;
}

int64_t ring_fill(struct ring *ring, uint64_t call, uint64_t offset, uint64_t length)
{
	if (!ring->bytes && !(ring->bytes = malloc(PIPE_CAPACITY)))
		return -ENOMEM;
	uint32_t total = smaller(length, ring_room(ring)), done = 0;
	while (done < total) {
		uint32_t at = (ring->head + ring->count) % PIPE_CAPACITY;
		uint32_t piece = smaller(total - done, PIPE_CAPACITY - at);
		int64_t copied = parked_read(call, offset + done, ring->bytes + at, piece);
		if (copied <= 0)
			return done ? (int64_t)done : copied < 0 ? copied : -EFAULT;
		ring->count += (uint32_t)copied;
		done += (uint32_t)copied;
	}
	return done;
}

int64_t ring_drain(struct ring *ring, uint64_t call, uint64_t length)
{
	uint32_t total = smaller(length, ring->count), done = 0;
	while (done < total) {
		uint32_t piece;
		const char *bytes = ring_head(ring, &piece);
		int64_t copied = parked_write(call, done, bytes, smaller(total - done, piece));
		if (copied <= 0)
			return done ? (int64_t)done : copied < 0 ? copied : -EFAULT;
		ring_skip(ring, (uint32_t)copied);
		done += (uint32_t)copied;
	}
	return done;
}
