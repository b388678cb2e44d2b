/* A ring of bytes, whose positions count all that ever went through it. */
#include "tty.h"
#include <string.h>

uint32_t ring_count(const struct byte_ring *ring)
{
	return (uint32_t)(ring->added - ring->taken);
}

uint32_t ring_room(const struct byte_ring *ring)
{
	return ring->size - ring_count(ring);
}

uint32_t ring_add(struct byte_ring *ring, const void *bytes, uint32_t length)
{
	uint32_t room = ring_room(ring), at = (uint32_t)ring->added & (ring->size - 1);
	if (length > room)
		length = room;
	uint32_t first = length < ring->size - at ? length : ring->size - at;
	memcpy(ring->bytes + at, bytes, first);
	memcpy(ring->bytes, (const char *)bytes + first, length - first);
	ring->added += length;
	return length;
}

const unsigned char *ring_piece(const struct byte_ring *ring, uint32_t *length)
{
	uint32_t at = (uint32_t)ring->taken & (ring->size - 1), count = ring_count(ring);
	*length = count < ring->size - at ? count : ring->size - at;
	return ring->bytes + at;
}

void ring_skip(struct byte_ring *ring, uint32_t length)
{
	ring->taken += length;
}
