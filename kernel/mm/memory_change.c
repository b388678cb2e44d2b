/* Changes to many pages of memory objects: the kernel calls that resize, discard and supply, cloning, the end. Each
 * works in steps of a few pages under the lock, with a preemption point between. */
#include "arch/space.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/string.h"
#include "kernel_calls.h"
#include "mm/memory.h"
#include "mm/pool.h"

#define PAGES_AT_ONCE 16u

/* Free the frames in a range; `mapped`: regions may still show them. STATUS_RESTART: called with the
 * lock held, it had to be let go between two steps; either way it is held on return. */
/* The order inside a step is that of mm/memory.h: out of the table, out of every mapper's tables,
 * then released. `dead`, a smaller size, or the lock keep new frames from coming in behind the
 * walk. */
static status_t free_frames(struct memory *memory, uint64_t index, uint64_t end, bool mapped)
{
	physical_t frames[PAGES_AT_ONCE];

	for (;;) {
		uint64_t first = index;

		if (!frame_table_next(&memory->frames, &first, end))
			return STATUS_OK;
		index = first;
		uint32_t count = frame_table_take_some(&memory->frames, &index, end, frames, PAGES_AT_ONCE);
		if (mapped)
			memory_unmap(memory, first, index);
		for (uint32_t i = 0; i < count; i++)
			page_release(frames[i]);
		spin_unlock(&memory->lock);
		bool stop = preempt_wanted();
		spin_lock(&memory->lock);
		if (stop)
			return STATUS_RESTART;
	}
}

/* Clear bytes of a page if it is there. */
/* For writing, so a frame that is shared with a clone is copied first: the clone keeps its bytes. A
 * page that is not there reads as zeros, or is the pager's to say. */
static status_t clear_part(struct memory *memory, uint64_t offset, uint64_t length)
{
	physical_t page;

	if (length == 0 || !frame_table_find(&memory->frames, offset / PAGE_SIZE))
		return STATUS_OK;
	enum fault_result result = memory_page(memory, offset, true, true, &page);
	if (result == FAULT_RESOLVED)
		memset((char *)arch_direct_map(page) + offset % PAGE_SIZE, 0, length);
	return result == FAULT_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_OK;
}

/* Every step leaves a valid object, so a restart from the top goes on where it was: first the size
 * goes down, which keeps faults out, then frames go, then the size may go up. The last page's tail
 * is cleared before, or it would come back when the object grows again. */
status_t handle_memory_resize(struct memory *memory, uint64_t size)
{
	uint64_t rounded = page_up(size);
	status_t status = STATUS_OK;

	if (size > MEMORY_SIZE_MAX || memory->kind == MEMORY_PHYSICAL || memory->contiguous)
		return STATUS_BAD_ARGUMENT;
	spin_lock(&memory->lock);
	if (size < memory->size && size % PAGE_SIZE)
		status = clear_part(memory, size, PAGE_SIZE - size % PAGE_SIZE);
	if (status == STATUS_OK && rounded < memory->size) {
		memory_unmap(memory, rounded / PAGE_SIZE, memory->size / PAGE_SIZE);
		memory->size = rounded;
	}
	/* Pages past the old end go before it grows over them again. */
	if (status == STATUS_OK)
		status = free_frames(memory, memory->size / PAGE_SIZE, MEMORY_SIZE_MAX / PAGE_SIZE, false);
	if (status == STATUS_OK && rounded > memory->size)
		memory->size = rounded;
	spin_unlock(&memory->lock);
	return status;
}

/* The ragged ends are cleared again after a restart, which does no harm. */
status_t handle_memory_discard(struct memory *memory, uint64_t offset, uint64_t length)
{
	uint64_t end, first, last;
	status_t status;

	if (memory->kind == MEMORY_PHYSICAL || memory->contiguous)
		return STATUS_BAD_ARGUMENT;
	spin_lock(&memory->lock);
	if (offset > memory->size)
		offset = memory->size;
	end = length > memory->size - offset ? memory->size : offset + length;
	first = page_up(offset) / PAGE_SIZE;
	last = end / PAGE_SIZE;
	if (first > last) { /* within one page */
		status = clear_part(memory, offset, end - offset);
	} else {
		status = clear_part(memory, offset, first * PAGE_SIZE - offset);
		if (status == STATUS_OK)
			status = clear_part(memory, last * PAGE_SIZE, end - last * PAGE_SIZE);
		if (status == STATUS_OK)
			status = free_frames(memory, first, last, true);
	}
	spin_unlock(&memory->lock);
	return status;
}

/* Both locks held. The paged object gets the source's frame, or a fresh one for zeros. */
/* Entries of the source's mappers go first, or they would show what belongs to the paged object now. */
static bool supply_page(struct memory *memory, uint64_t index, struct memory *source, uint64_t source_index)
{
	physical_t *entry = frame_table_find(&source->frames, source_index), frame;

	if (entry) {
		if (!list_empty(&source->mappers))
			memory_unmap(source, source_index, source_index + 1);
		return frame_table_move(&memory->frames, index, &source->frames, source_index, entry);
	}
	frame = page_allocate(true);
	return frame && frame_table_insert(&memory->frames, index, frame);
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
	if (frame_table_find(&memory->frames, offset / PAGE_SIZE) ||
	    supply_page(memory, offset / PAGE_SIZE, source, source_offset / PAGE_SIZE))
		return STATUS_OK;
	return STATUS_NO_MEMORY;
}

status_t handle_memory_supply(struct memory *memory, uint64_t offset, struct memory *source, uint64_t source_offset,
                       uint64_t length)
{
	status_t status = STATUS_OK;

	if (memory->kind != MEMORY_PAGED || source->kind != MEMORY_ANONYMOUS || source->contiguous)
		return STATUS_BAD_ARGUMENT;
	if ((offset | source_offset | length) % PAGE_SIZE || (offset | source_offset | length) > MEMORY_SIZE_MAX)
		return STATUS_BAD_ARGUMENT; /* no sum of two can wrap */
	for (uint64_t done = 0; done < length && status == STATUS_OK; done += PAGE_SIZE) {
		spin_lock_pair(&memory->lock, &source->lock);
		status = supply_some(memory, offset + done, source, source_offset + done, length - done);
		spin_unlock_pair(&memory->lock, &source->lock);
		if (done / PAGE_SIZE % PAGES_CLEARED_AT_ONCE == PAGES_CLEARED_AT_ONCE - 1)
			preempt_wanted();
	}
	return status;
}

/* `dead` keeps new frames out, so the first step unmaps all that will ever be mapped. */
/* Called again after STATUS_RESTART until the last frame is gone. The pager is let go last and
 * outside of the lock: that may end its gate, whose endpoint is told. */
static status_t memory_destroy(struct object *object)
{
	struct memory *memory = (struct memory *)object;
	struct object *pager;

	spin_lock(&memory->lock);
	if (memory->size) {
		memory_unmap(memory, 0, memory->size / PAGE_SIZE);
		memory->size = 0;
	}
	status_t status = free_frames(memory, 0, MEMORY_SIZE_MAX / PAGE_SIZE, false);
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
