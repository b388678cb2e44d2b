/* A pipe's ring, as far as the server has to do with it: its words, of which it sees the first page alone. They are
 * the processes' to garble: what is read is only ever a number of bytes or a number of a member. */
#include "pipe.h"
#include "atoll/startup.h"
#include "stash/not_state.h"
#include <limits.h>
#include <string.h>

#define RINGS 0x100000000ull /* address; each ring's first page lies by the slot of its memory */

extern const char touch_begin[], touch_end[], touch_fault[];
void reflect_entry(void); /* lib/atoll/start.S */

void touch_prepare(void)
{
	struct reflect_config config = {
		.system_call_entry = (uint64_t)reflect_entry,
		.access_begin = (uint64_t)touch_begin,
		.access_end = (uint64_t)touch_end,
		.access_fault = (uint64_t)touch_fault,
	};
	space_set_reflect(SELF_SPACE, &config);
}

/* Rings that this incarnation has mapped, by the slots of their memory. */
static NOT_STATE uint64_t mapped[PIPE_SLOTS_MAX / 64];

static uint64_t *mapped_word(const struct pipe *pipe, uint64_t *bit)
{
	*bit = 1ull << pipe->memory % 64;
	return &mapped[pipe->memory / 64];
}

/* The same place in every incarnation, as the state tells of it. */
static struct ring *ring_shown_at(const struct pipe *pipe)
{
	return (struct ring *)(RINGS + (uint64_t)pipe->memory * RING_BYTES);
}

static bool ring_map(const struct pipe *pipe)
{
	uint64_t bit, *word = mapped_word(pipe, &bit);
	if (space_map(SELF_SPACE, pipe->memory, (uint64_t)ring_shown_at(pipe), RING_BYTES, 0, MAP_READ | MAP_WRITE) < 0)
		return false;
	*word |= bit;
	return true;
}

static void ring_unmap(const struct pipe *pipe)
{
	uint64_t bit, *word = mapped_word(pipe, &bit);
	space_unmap(SELF_SPACE, (uint64_t)ring_shown_at(pipe), RING_BYTES);
	*word &= ~bit;
}

static bool ring_is_mapped(const struct pipe *pipe)
{
	uint64_t bit, *word = mapped_word(pipe, &bit);
	return *word & bit;
}

static void ring_show_all(struct pipe *pipe)
{
	ring_show_ends(pipe);
	for (struct end *end = pipe->readers; end; end = end->next_reader)
		ring_show_flags(end);
	for (struct end *end = pipe->writers; end; end = end->next_writer)
		ring_show_flags(end);
}

/* What the step that was taken back had shown is replaced by what is true. */
void ring_again(struct pipe *pipe)
{
	if (!pipe || !pipe->ring || ring_is_mapped(pipe))
		return;
	if (!ring_map(pipe))
		__builtin_trap(); /* no memory for a mapping that was there before */
	pipe->ring = ring_shown_at(pipe);
	ring_show_all(pipe);
	pipe_changed(pipe);
}

bool ring_make(struct pipe *pipe)
{
	if (pipe->ring)
		return true;
	pipe->memory = slot_allocate();
	if (!pipe->memory)
		return false;
	bool made = memory_create(SELF_POOL, RING_SIZE, MEMORY_ZERO, pipe->memory) >= 0 && ring_map(pipe);
	/* What is given away may be mapped, not resized or destroyed. */
	if (!made || cap_copy(SELF_CAPTABLE, pipe->memory, SELF_CAPTABLE, pipe->memory,
	                       RIGHT_READ | RIGHT_WRITE | RIGHT_COPY) < 0) {
		if (made)
			ring_unmap(pipe);
		slot_free(pipe->memory);
		pipe->memory = 0;
		return false;
	}
	pipe->ring = ring_shown_at(pipe);
	ring_show_all(pipe);
	return true;
}

void ring_free(struct pipe *pipe)
{
	if (!pipe->ring)
		return;
	ring_unmap(pipe);
	slot_free(pipe->memory);
	pipe->ring = NULL;
	pipe->memory = 0;
}

uint32_t ring_pending(const struct pipe *pipe)
{
	uint32_t tail, head;
	if (!pipe->ring)
		return 0;
	if (touch_load(&pipe->ring->tail, &tail) < 0 || touch_load(&pipe->ring->head, &head) < 0)
		return UINT32_MAX;
	return ring_count(tail, head);
}

void ring_note(struct pipe *pipe)
{
	uint32_t tail = pipe->tail_seen, head = pipe->head_seen; /* touch_load is not recoverable: to the stack */
	if (pipe->ring) {
		touch_load(&pipe->ring->tail, &tail);
		touch_load(&pipe->ring->head, &head);
		pipe->tail_seen = tail;
		pipe->head_seen = head;
	}
}

bool ring_moved(const struct pipe *pipe)
{
	uint32_t tail = 0, head = 0;
	touch_load(&pipe->ring->tail, &tail);
	touch_load(&pipe->ring->head, &head);
	return tail != pipe->tail_seen || head != pipe->head_seen;
}

/* Nobody has an end of it: a named pipe begins anew. */
void ring_empty(struct pipe *pipe)
{
	uint32_t tail, head;
	if (pipe->ring && touch_load(&pipe->ring->tail, &tail) == 0 && touch_load(&pipe->ring->head, &head) == 0)
		touch_replace(&pipe->ring->head, head, (tail & ~RING_CLOSED) | (head & RING_CLOSED));
}

static void show_side(uint32_t *word, bool open)
{
	if (open) {
		touch_and(word, ~RING_CLOSED);
	} else {
		touch_or(word, RING_CLOSED);
		futex_wake(word, INT_MAX);
	}
}

void ring_show_ends(struct pipe *pipe)
{
	if (!pipe->ring)
		return;
	bool unopened = pipe->named && !pipe->writers_ever;
	if (unopened)
		touch_or(&pipe->ring->unopened, 1);
	else
		touch_and(&pipe->ring->unopened, 0);
	show_side(&pipe->ring->tail, pipe->writers != NULL);
	show_side(&pipe->ring->head, pipe->readers != NULL);
}

void ring_show_flags(const struct end *end)
{
	struct ring *ring = end->input ? end->input->ring : end->output->ring;
	if (!ring)
		return;
	touch_and(&ring->flags[end->index], 0);
	touch_or(&ring->flags[end->index], end->flags);
}

static void watch_word(uint32_t *word, bool on)
{
	if (on)
		touch_or(word, 1);
	else
		touch_and(word, 0);
}

void ring_watch(struct pipe *pipe, bool data, bool room)
{
	if (!pipe->ring)
		return;
	watch_word(&pipe->ring->data_watched, data);
	watch_word(&pipe->ring->room_watched, room);
}

static void lock_break(uint32_t *lock, uint64_t member)
{
	uint32_t mine = (uint32_t)member << 1;
	touch_replace(lock, mine, 0);
	if (touch_replace(lock, mine | RING_AWAITED, 0) == 0)
		futex_wake(lock, INT_MAX);
}

/* The member is gone: what it held is free, and what it had done but not told is told. */
void ring_unlock(struct pipe *pipe, uint64_t member)
{
	lock_break(&pipe->ring->write_lock, member);
	lock_break(&pipe->ring->read_lock, member);
	futex_wake(&pipe->ring->tail, INT_MAX);
	futex_wake(&pipe->ring->head, INT_MAX);
}
