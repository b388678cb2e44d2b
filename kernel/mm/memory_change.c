/* Changes to many pages of memory objects: the kernel calls that resize, discard and supply, cloning, the end. Each
 * works in steps of a few pages under the lock, with a preemption point between. */
#include "arch/space.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/string.h"
#include "kernel_calls.h"
#include "mm/memory.h"
#include "mm/pool.h"

/* The lock is let go for a moment. Says whether something more urgent wants the CPU. */
static bool pause(struct memory *memory)
{
	spin_unlock(&memory->lock);
	bool wanted = preempt_wanted();
	spin_lock(&memory->lock);
	return wanted;
}

/* Free the frames in a range. STATUS_RESTART: called with the lock held, it had to be let go between two steps; either
 * way it is held on return. */
/* `dead` or a smaller size keep new frames from coming in behind the walk; what comes in behind that of a discard is
 * as if it had come after it. */
static status_t free_frames(struct memory *memory, uint64_t index, uint64_t end)
{
	physical_t frames[FRAMES_TOGETHER];

	while (frame_table_next(&memory->frames, &index, end)) {
		uint64_t stop = frames_stop(index, end);

		if (memory_hide_some(memory, index, stop)) {
			uint32_t count = frame_table_take(&memory->frames, index, stop, frames);
			for (uint32_t i = 0; i < count; i++)
				page_release(frames[i]);
		}
		if (pause(memory))
			return STATUS_RESTART;
	}
	return STATUS_OK;
}

/* Clear bytes of a page if it is there. */
/* One that is not there reads as zeros, or is the pager's to say. */
static void clear_part(struct memory *memory, uint64_t offset, uint64_t length)
{
	const physical_t *entry = frame_table_find(&memory->frames, offset / PAGE_SIZE);

	if (entry)
		memset((char *)arch_direct_map(*entry) + offset % PAGE_SIZE, 0, length);
}

/* Every step leaves a valid object, so a restart from the top goes on where it was: first the size
 * goes down, which keeps faults out, then frames go, then the size may go up. The last page's tail
 * is cleared before, or it would come back when the object grows again. */
status_t handle_memory_resize(struct memory *memory, uint64_t size)
{
	uint64_t rounded = page_up(size);

	if (size > MEMORY_SIZE_MAX || memory->kind == MEMORY_PHYSICAL || memory->pinned)
		return STATUS_BAD_ARGUMENT;
	spin_lock(&memory->lock);
	if (size < memory->size && size % PAGE_SIZE)
		clear_part(memory, size, PAGE_SIZE - size % PAGE_SIZE);
	memory->size = smaller(memory->size, rounded);
	/* Pages past the old end go before it grows over them again. */
	status_t status = free_frames(memory, memory->size / PAGE_SIZE, MEMORY_SIZE_MAX / PAGE_SIZE);
	if (status == STATUS_OK && rounded > memory->size)
		memory->size = rounded;
	spin_unlock(&memory->lock);
	return status;
}

/* The ragged ends are cleared again after a restart, which does no harm. */
status_t handle_memory_discard(struct memory *memory, uint64_t offset, uint64_t length)
{
	status_t status = STATUS_OK;
	uint64_t end, first, last;

	if (memory->kind == MEMORY_PHYSICAL || memory->pinned)
		return STATUS_BAD_ARGUMENT;
	spin_lock(&memory->lock);
	if (offset > memory->size)
		offset = memory->size;
	end = length > memory->size - offset ? memory->size : offset + length;
	first = page_up(offset) / PAGE_SIZE;
	last = end / PAGE_SIZE;
	if (first > last) { /* within one page */
		clear_part(memory, offset, end - offset);
	} else {
		clear_part(memory, offset, first * PAGE_SIZE - offset);
		clear_part(memory, last * PAGE_SIZE, end - last * PAGE_SIZE);
		status = free_frames(memory, first, last);
	}
	spin_unlock(&memory->lock);
	return status;
}

/* Both locks held. The paged object gets the source's frame, or a fresh one for zeros. */
/* Entries of the source's mappers go first, or they would show what belongs to the paged object now. */
static status_t supply_page(struct memory *memory, uint64_t index, struct memory *source, uint64_t source_index)
{
	bool there = frame_table_find(&source->frames, source_index), good;
	physical_t frame;

	if (there && !memory_hide_some(source, source_index, source_index + 1))
		return STATUS_RESTART;
	if (there)
		good = frame_table_move(&memory->frames, index, &source->frames, source_index);
	else
		good = (frame = page_allocate(true)) && frame_table_insert(&memory->frames, index, frame);
	return good ? STATUS_OK : STATUS_NO_MEMORY;
}

/* One page, unless it is there already: two answers to one question are no error. The checks are made anew for each,
 * since the locks are let go between two: either object may have been resized or destroyed. */
static status_t supply_some(struct memory *memory, uint64_t offset, struct memory *source, uint64_t source_offset,
                            uint64_t left)
{
	if (object_is_dead(&memory->object) || object_is_dead(&source->object))
		return STATUS_DESTROYED;
	if (offset + left > memory->size || source_offset + left > source->size)
		return STATUS_BAD_ARGUMENT;
	if (frame_table_find(&memory->frames, offset / PAGE_SIZE))
		return STATUS_OK;
	return supply_page(memory, offset / PAGE_SIZE, source, source_offset / PAGE_SIZE);
}

status_t handle_memory_supply(struct memory *memory, uint64_t offset, struct memory *source, uint64_t source_offset,
                       uint64_t length)
{
	status_t status = STATUS_OK;

	if (memory->kind != MEMORY_PAGED || source->kind != MEMORY_ANONYMOUS || source->pinned)
		return STATUS_BAD_ARGUMENT;
	if ((offset | source_offset | length) % PAGE_SIZE || (offset | source_offset | length) > MEMORY_SIZE_MAX)
		return STATUS_BAD_ARGUMENT; /* no sum of two can wrap */
	for (uint64_t done = 0; done < length && (status == STATUS_OK || status == STATUS_RESTART);) {
		spin_lock_pair(&memory->lock, &source->lock);
		status = supply_some(memory, offset + done, source, source_offset + done, length - done);
		spin_unlock_pair(&memory->lock, &source->lock);
		done += status == STATUS_OK ? PAGE_SIZE : 0;
		if (status == STATUS_RESTART || done / PAGE_SIZE % PAGES_CLEARED_AT_ONCE == 0)
			preempt_wanted();
	}
	return status;
}

/* Device memory has no frames that tell which pages may be shown: its size goes down with what is hidden. */
static status_t hide_device(struct memory *memory)
{
	while (memory->size) {
		uint64_t pages = memory->size / PAGE_SIZE, part = smaller(pages, HIDE_PAGES_MAX);

		if (memory_hide_some(memory, pages - part, pages))
			memory->size -= part * PAGE_SIZE;
		if (pause(memory))
			return STATUS_RESTART;
	}
	return STATUS_OK;
}

/* `dead` keeps new frames and entries out. */
/* Called again after STATUS_RESTART until the last frame is gone. The pager is let go last and
 * outside of the lock: that may end its gate, whose endpoint is told. */
static status_t memory_destroy(struct object *object)
{
	struct memory *memory = (struct memory *)object;
	struct object *pager;

	spin_lock(&memory->lock);
	status_t status = memory->kind == MEMORY_PHYSICAL ? hide_device(memory)
	                                                   : free_frames(memory, 0, MEMORY_SIZE_MAX / PAGE_SIZE);
	pager = memory->pager;
	if (status == STATUS_OK)
		memory->pager = NULL;
	spin_unlock(&memory->lock);
	if (status == STATUS_OK && pager)
		object_capability_drop(pager);
	return status;
}

static void memory_unnamed(struct object *object)
{
	struct memory *memory = (struct memory *)object;

	spin_lock(&memory->lock);
	memory_region_gone(memory);
	spin_unlock(&memory->lock);
}

const struct object_class memory_class = {
	.size = sizeof(struct memory), .destroy = memory_destroy, .unnamed = memory_unnamed,
};
