#include "ring.h"
#include <string.h>

static void ring_forget_line(struct ring *ring)
{
	uint64_t first = atomic_load_explicit(&ring->first, memory_order_relaxed);
	while (ring->bytes[first++ % RING_SIZE] != '\n')
		;
	atomic_store_explicit(&ring->first, first, memory_order_relaxed);
}

void ring_append(struct ring *ring, const char *line, uint64_t length)
{
	uint64_t end = atomic_load_explicit(&ring->end, memory_order_relaxed);
	while (end + length - atomic_load_explicit(&ring->first, memory_order_relaxed) > RING_SIZE)
		ring_forget_line(ring);
	/* pairs with the fence in ring_copy: a reader that sees a new byte sees the new `first` */
	atomic_thread_fence(memory_order_seq_cst);
	uint64_t place = end % RING_SIZE, first = length < RING_SIZE - place ? length : RING_SIZE - place;
	memcpy(ring->bytes + place, line, first);
	memcpy(ring->bytes, line + first, length - first);
	atomic_store_explicit(&ring->end, end + length, memory_order_release);
}

uint64_t ring_copy(const struct ring *ring, uint64_t *position, char *to, uint64_t length)
{
	for (;;) {
		uint64_t first = atomic_load_explicit(&ring->first, memory_order_acquire);
		uint64_t end = atomic_load_explicit(&ring->end, memory_order_acquire);
		if (*position < first || *position > end)
			*position = first;
		uint64_t count = end - *position < length ? end - *position : length;
		for (uint64_t i = 0; i < count; i++)
			to[i] = ring->bytes[(*position + i) % RING_SIZE];
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load_explicit(&ring->first, memory_order_relaxed) <= *position)
			return count;
	}
}
