/* Robust futexes of a thread that did not end by itself (SIGKILL, the end of its process, exec): each word of its
 * list that it owns says FUTEX_OWNER_DIED from now on, and one waiter looks at it.
 *
 * The list is in the process's memory, so nothing in it is trusted: it is followed for so many entries, and written
 * only as the process itself could. The owner is gone, so nobody but a waiter changes a word meanwhile, and by no
 * more than the waiters' bit: where that is lost the wake, which comes in any case, makes up for it. */
#include "proc.h"

#define ENTRIES_MOST 2048
#define OWNER 0x3fffffffu
#define OWNER_DIED 0x40000000u
#define WAITERS 0x80000000u

struct robust_head {
	uint64_t first;
	int64_t word_offset;
	uint64_t pending; /* about to be locked or unlocked */
};

static bool read_at(slot_t space, uint64_t address, void *to, uint64_t length)
{
	return space_read(space, address, to, length) == STATUS_OK;
}

static void word_release(slot_t space, uint32_t owner, uint64_t address)
{
	uint32_t value, died;
	if (address & 3 || !read_at(space, address, &value, sizeof value))
		return;
	died = (value & WAITERS) | OWNER_DIED;
	bool before = value == died; /* perhaps by an incarnation that did not come to wake anybody */
	if (before || ((value & OWNER) == owner && space_write(space, address, &died, sizeof died) >= 0))
		futex_wake_space(space, (uint32_t *)(uintptr_t)address, 1);
}

static void list_release(uint64_t space, uint64_t owner, uint64_t block)
{
	struct robust_head head;
	uint64_t at;
	if (!read_at((slot_t)space, block + image_robust_head(), &at, sizeof at) || !at || !read_at((slot_t)space, at, &head, sizeof head))
		return;
	uint64_t entry = head.first & ~1ull, pending = head.pending & ~1ull;
	for (unsigned i = 0; i < ENTRIES_MOST && entry != at; i++) {
		uint64_t next;
		if (!read_at((slot_t)space, entry, &next, sizeof next))
			break;
		if (entry != pending)
			word_release((slot_t)space, (uint32_t)owner, entry + (uint64_t)head.word_offset);
		entry = next & ~1ull;
	}
	if (pending)
		word_release((slot_t)space, (uint32_t)owner, pending + (uint64_t)head.word_offset);
}

void robust_release(const struct thread *thread, slot_t space)
{
	step_then(list_release, space, thread->id, thread->block);
}
