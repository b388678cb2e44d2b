/* What proc does to processes that cannot be taken back: when the step counts (server.h: step_then), in the order in which it was
 * said. Until then a process that ends is as it was, and one that begins does nothing. */
#include "proc.h"

static void destroy(uint64_t slot, uint64_t unused, uint64_t unused_too)
{
	(void)unused, (void)unused_too;
	object_destroy((slot_t)slot);
}

void object_end(slot_t slot)
{
	step_then(destroy, slot, 0, 0);
	slot_free(slot);
}

static void start(uint64_t slot, uint64_t unused, uint64_t unused_too)
{
	(void)unused, (void)unused_too;
	thread_start((slot_t)slot);
}

void thread_let_run(const struct thread *thread)
{
	step_then(start, thread->slot, 0, 0);
}

static void stop(uint64_t slot, uint64_t unused, uint64_t unused_too)
{
	(void)unused, (void)unused_too;
	thread_stop((slot_t)slot);
}

void thread_hold(const struct thread *thread)
{
	step_then(stop, thread->slot, 0, 0);
}

static void give(uint64_t captable_and_slot, uint64_t own, uint64_t rights)
{
	cap_copy((slot_t)(captable_and_slot >> 32), (uint32_t)captable_and_slot, SELF_CAPTABLE, (slot_t)own, (uint32_t)rights);
}

void captable_give(slot_t captable, uint32_t slot, slot_t own, uint32_t rights)
{
	step_then(give, (uint64_t)captable << 32 | slot, own, rights);
}

static void limit(uint64_t pool, uint64_t bytes, uint64_t unused)
{
	(void)unused;
	pool_set_limit((slot_t)pool, bytes);
}

void pool_limit(slot_t pool, uint64_t bytes)
{
	step_then(limit, pool, bytes, 0);
}

/* Once: another thread that finds 0 may give the word a new meaning, and does with another value. */
static void clear(uint64_t space, uint64_t address, uint64_t word)
{
	uint32_t zero = 0, now;
	if (space_read((slot_t)space, address, &now, sizeof now) >= 0 && now == word)
		space_write((slot_t)space, address, &zero, sizeof zero);
}

static void wake(uint64_t space, uint64_t address, uint64_t unused)
{
	(void)unused;
	futex_wake_space((slot_t)space, (uint32_t *)(uintptr_t)address, 1);
}

void word_clear(slot_t space, uint64_t address)
{
	uint32_t word;
	if (space_read(space, address, &word, sizeof word) < 0)
		return;
	step_then(clear, space, address, word);
	step_then(wake, space, address, 0);
}
