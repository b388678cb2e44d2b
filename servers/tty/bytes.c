/* A ring of bytes between two sides that may be two threads.
 *
 * Each counter is written by one side only: `added` with release after the bytes are in place,
 * `taken` with release after they have been used; each side reads the other's with acquire. Used by
 * worker threads too: no C library here. */
#include "tty.h"

uint32_t ring_count(const struct byte_ring *ring)
{
	return __atomic_load_n(&ring->added, __ATOMIC_ACQUIRE) - __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE);
}

uint32_t ring_room(const struct byte_ring *ring)
{
	return ring->size - ring_count(ring);
}

uint32_t ring_add(struct byte_ring *ring, const void *bytes, uint32_t length)
{
	const unsigned char *from = bytes;
	uint32_t room = ring_room(ring), at = ring->added;
	if (length > room)
		length = room;
	for (uint32_t i = 0; i < length; i++)
		ring->bytes[(at + i) & (ring->size - 1)] = from[i];
	__atomic_store_n(&ring->added, at + length, __ATOMIC_RELEASE);
	return length;
}

const unsigned char *ring_piece(const struct byte_ring *ring, uint32_t *length)
{
	uint32_t at = ring->taken & (ring->size - 1), count = ring_count(ring);
	*length = count < ring->size - at ? count : ring->size - at;
	return ring->bytes + at;
}

void ring_skip(struct byte_ring *ring, uint32_t length)
{
	__atomic_store_n(&ring->taken, ring->taken + length, __ATOMIC_RELEASE);
}
