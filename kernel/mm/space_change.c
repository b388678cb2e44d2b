/* Address spaces: protecting, moving, discarding, describing and cloning what is mapped. */
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"
#include "kernel_calls.h"
#include "mm/pool.h"
#include "mm/region.h"

#define CLONE_AT_ONCE 32u /* pages shared in one step */
#define MOVED_AT_ONCE 16u /* pages moved in one */

/* A region boundary at an address, so that both sides can differ. */
static bool split_at(struct space *space, uint64_t address)
{
	struct region *region = region_at(space, address);

	return !region || region->start == address || region_split(region, address);
}

/* The next regions of a range, from *at on: may they be given this protection, and with `change` they are. RESTART: there
 * are more. */
/* Splits need no undoing; regions that turn out the same are merged by whoever passes. */
static status_t protect_some(struct space *space, uint64_t *at, uint64_t end, uint32_t protection, bool change)
{
	if (change && (!split_at(space, *at) || !split_at(space, end)))
		return STATUS_NO_MEMORY;
	for (uint32_t regions = 0; *at < end; regions++) {
		struct region *region = region_at(space, *at);

		if (regions == REGIONS_AT_ONCE)
			return STATUS_RESTART;
		if (!region)
			return STATUS_BAD_ADDRESS;
		if (protection & ~region->allowed)
			return STATUS_NO_RIGHT;
		uint64_t next = region->end;
		if (change) {
			region->flags = (region->flags & ~PROTECTION_BITS) | protection;
			region_merge_at(space, *at);
		}
		*at = next;
	}
	if (change)
		region_merge_at(space, end);
	return STATUS_OK;
}

/* All of a range. No lock held. */
static status_t protect_regions(struct space *space, uint64_t at, uint64_t end, uint32_t protection, bool change)
{
	status_t status;

	do {
		spin_lock(&space->lock);
		status = protect_some(space, &at, end, protection, change);
		spin_unlock(&space->lock);
	} while (status == STATUS_RESTART && (preempt_wanted(), true));
	return status;
}

/* First all that can fail, but for what other threads of the space change meanwhile. */
status_t handle_space_protect(struct space *space, uint64_t address, uint64_t length, uint32_t protection)
{
	if (!range_check(address, &length) || (protection & ~PROTECTION_BITS))
		return STATUS_BAD_ARGUMENT;
	uint64_t end = address + length;
	status_t status = protect_regions(space, address, end, protection, false);
	if (status == STATUS_OK)
		status = protect_regions(space, address, end, protection, true);
	/* Faults give the new protection from here on; what the tables still say is taken back. */
	while (status == STATUS_OK && address < end) {
		address = range_restrict_some(space, address, end, protection_shown(protection));
		if (address < end)
			preempt_wanted();
	}
	return status;
}

/* Only own pages: what a shared mapping shows is the object's (memory_discard). After a restart the
 * range is walked from its start again, which is quick where nothing is left. */
status_t handle_space_discard(struct space *space, uint64_t address, uint64_t length)
{
	if (!range_check(address, &length))
		return STATUS_BAD_ARGUMENT;
	status_t status = protect_regions(space, address, address + length, 0, false);
	for (uint64_t at = address; status == STATUS_OK && at < address + length;) {
		spin_lock(&space->lock);
		at = range_free_some(space, at, address + length, true);
		spin_unlock(&space->lock);
		if (at < address + length && preempt_wanted())
			return STATUS_RESTART;
	}
	return status;
}

/* The lock is let go for a moment. */
static void pause(struct space *space)
{
	spin_unlock(&space->lock);
	preempt_wanted();
	spin_lock(&space->lock);
}

/* Some own pages of [*from, end) become those of the place that is `by` bytes further on. Their entries go before; so do
 * those of zeros, where another thread has looked at that place already. A page that such a thread has written there
 * stays. False: no memory, or no private region is there any more; nothing is lost. */
static bool move_some(struct space *space, uint64_t *from, uint64_t end, uint64_t by)
{
	struct region *region = region_at(space, *from + by);
	uint64_t index = *from / PAGE_SIZE, to = (*from + by) / PAGE_SIZE - index; /* to be added, modulo 2^64 */

	if (!region || !(region->flags & MAP_PRIVATE_COPY))
		return false;
	end = smaller(end, region->end - by);
	if (frame_table_next(&space->own, &index, end / PAGE_SIZE))
		end = smaller((index + MOVED_AT_ONCE) * PAGE_SIZE, end);
	end = range_restrict_some(space, *from, end, 0);
	end = range_restrict_some(space, *from + by, end + by, 0) - by;
	for (; frame_table_next(&space->own, &index, end / PAGE_SIZE); index++)
		if (!frame_table_find(&space->own, index + to) &&
		    !frame_table_move(&space->own, index + to, &space->own, index))
			return false;
	*from = end;
	return true;
}

/* The destination's region is there already. False: what has gone comes back as far as there is memory for it and its old
 * place is still there and empty; the rest is lost, since the caller then unmaps the new place. */
static bool move_own(struct space *space, uint64_t from, uint64_t to, uint64_t length)
{
	uint64_t at = from, back = to;

	while (at < from + length) {
		if (!move_some(space, &at, from + length, to - from))
			break;
		pause(space);
	}
	if (at == from + length)
		return true;
	while (back < to + length && move_some(space, &back, to + length, from - to))
		pause(space);
	return false;
}

/* Empty a range, letting the lock go between steps. */
static status_t unmap_all(struct space *space, uint64_t start, uint64_t end)
{
	status_t status = STATUS_OK;

	while (start < end && (status = range_unmap_some(space, start, end)) == STATUS_RESTART) {
		pause(space);
	}
	return status;
}

/* What one region shows at [address, +length) to a free place. The old place is the caller's to unmap. */
/* The object's frames need no moving: the new region shows them by faults. The old entries go when
 * the caller unmaps the old place; until then both places show the same bytes, under the lock. */
static status_t move_region(struct space *space, uint64_t address, uint64_t length, uint64_t to,
                            uint64_t new_length)
{
	if (!split_at(space, address) || !split_at(space, address + length))
		return STATUS_NO_MEMORY;
	struct region like = *region_at(space, address);
	like.start = to;
	like.end = to + new_length;
	if (!region_add(space, &like))
		return STATUS_NO_MEMORY;
	if ((like.flags & MAP_PRIVATE_COPY) && !move_own(space, address, to, length)) {
		unmap_all(space, to, to + new_length);
		return STATUS_NO_MEMORY;
	}
	return (status_t)to;
}

/* RESTART: let the lock go and call again. */
/* In place where nothing is in the way: a program that grows an array keeps its addresses as long
 * as possible, and nothing is copied. `length` 0 cannot be: range_check refuses it. */
static status_t grow_or_move(struct space *space, uint64_t address, uint64_t length, uint64_t new_address,
                             uint64_t new_length, uint32_t flags)
{
	struct region *region = region_at(space, address);

	if (object_is_dead(&space->object) || !region || region->end - address < length)
		return STATUS_BAD_ADDRESS;
	if (flags == 3)
		return move_region(space, address, length, new_address, new_length);
	if (region->end == address + length && address + new_length <= RANGE_END &&
	    region_none(space, region->end, address + new_length)) {
		struct region like = *region;

		like.offset += like.memory ? region->end - region->start : 0;
		like.start = region->end;
		like.end = address + new_length;
		return region_add(space, &like) ? (status_t)address : STATUS_NO_MEMORY;
	}
	if (!(flags & 1))
		return STATUS_NO_SPACE;
	new_address = region_gap(space, 0, new_length, MAP_ANYWHERE_END);
	if (new_address == GAP_AGAIN)
		return STATUS_RESTART;
	return new_address ? move_region(space, address, length, new_address, new_length) : STATUS_NO_SPACE;
}

/* The checks of addresses come before the lock, those of regions after the last time it was let go
 * (unmap_all opens it): grow_or_move looks again. A move that fails after its destination was
 * emptied leaves that empty, as Linux does. */
status_t handle_space_move(struct space *space, uint64_t address, uint64_t length, uint64_t new_address,
                           uint64_t new_length, uint32_t flags)
{
	bool moves = flags == 3;

	if (!range_check(address, &length) || !range_check(moves ? new_address : USER_ADDRESS_FIRST, &new_length) ||
	    (flags != 0 && flags != 1 && flags != 3))
		return STATUS_BAD_ARGUMENT;
	if (moves && new_address < address + length && address < new_address + new_length)
		return STATUS_BAD_ARGUMENT;
	status_t status = protect_regions(space, address, address + length, 0, false);
	spin_lock(&space->lock);
	if (status == STATUS_OK && new_length < length) {
		status = unmap_all(space, address + new_length, address + length);
		length = new_length;
	}
	if (status == STATUS_OK && moves)
		status = unmap_all(space, new_address, new_address + new_length);
	if (status == STATUS_OK && (moves || new_length > length))
		while ((status = grow_or_move(space, address, length, new_address, new_length, flags)) == STATUS_RESTART)
			pause(space);
	else if (status == STATUS_OK)
		status = (status_t)address;
	if (status >= 0 && (uint64_t)status != address)
		unmap_all(space, address, address + length);
	spin_unlock(&space->lock);
	return status;
}

/* Clone what a private region has of its own from *address on, about `most` pages of it. False: no memory. */
/* Read-only entries go straight into the clone's tables, so a child that execs at once or only reads takes no fault
 * for them; a missing one is filled by a fault. The source's entries become read-only before its lock is let go, and
 * are flushed once per step by the caller: a write by another of its threads waits for nothing but the fault, which
 * takes the lock and copies. */
static bool clone_private(struct space *source, struct space *clone, const struct region *region, uint64_t *address,
                          uint32_t most)
{
	uint64_t index = *address / PAGE_SIZE, end = region->end / PAGE_SIZE;
	uint32_t protection = protection_shown(region->flags) & ~MAP_WRITE, pages = 1;
	physical_t *entry;

	for (uint32_t done = 0; (entry = frame_table_next(&source->own, &index, end)) && done < most; done += pages) {
		pages = frame_table_share(&clone->own, &source->own, index, end);
		if (!pages)
			return false;
		spin_lock(&clone->table_lock);
		arch_space_fill(&clone->arch, index * PAGE_SIZE, entry, pages, protection);
		spin_unlock(&clone->table_lock);
		spin_lock(&source->table_lock);
		for (uint64_t at = index * PAGE_SIZE; at < (index + pages) * PAGE_SIZE;)
			at = arch_space_restrict(&source->arch, at, (index + pages) * PAGE_SIZE, protection);
		spin_unlock(&source->table_lock);
		index += pages;
	}
	*address = entry ? index * PAGE_SIZE : region->end;
	return true;
}

/* Both locks held: clone from *address on. OK: at the end; RESTART: there is more. */
/* A bounded number of pages and regions, so that forking a large program does not hold up
 * interrupts. The source may map and unmap between two steps; what it changes behind *address is
 * not seen again. Two threads that fork and map at once get what two such calls in some order could
 * have given for each address. */
static status_t clone_some(struct space *source, struct space *clone, uint64_t *address)
{
	uint64_t begin = *address, before = clone->own.count;
	status_t status = STATUS_OK;
	struct region *region;

	for (uint32_t regions = 0; status == STATUS_OK && (region = region_find(source, *address)); regions++) {
		struct region like = *region;
		uint64_t shared = clone->own.count - before;

		if (regions == REGIONS_AT_ONCE || shared >= CLONE_AT_ONCE) {
			status = STATUS_RESTART;
			break;
		}
		if (*address > like.start) { /* the source may have changed since the last step */
			like.offset += like.memory ? *address - like.start : 0;
			like.start = *address;
		}
		*address = like.start;
		if (like.flags & MAP_NOT_CLONED)
			*address = like.end;
		else if (!region_at(clone, like.start) && !region_add(clone, &like))
			status = STATUS_NO_MEMORY;
		else if (!(like.flags & MAP_PRIVATE_COPY))
			*address = like.end;
		else if (!clone_private(source, clone, &like, address, CLONE_AT_ONCE - (uint32_t)shared))
			status = STATUS_NO_MEMORY;
	}
	if (*address > begin) {
		spin_lock(&source->table_lock);
		arch_space_flush(&source->arch);
		spin_unlock(&source->table_lock);
	}
	return status;
}

status_t space_clone(struct pool *pool, struct space *source, struct space **clone)
{
	uint64_t address = USER_ADDRESS_FIRST;
	status_t status;

	*clone = space_create(pool);
	if (!*clone)
		return STATUS_NO_MEMORY;
	do {
		spin_lock_pair(&source->lock, &(*clone)->lock);
		(*clone)->reflect = source->reflect;
		status = clone_some(source, *clone, &address);
		spin_unlock_pair(&source->lock, &(*clone)->lock);
		preempt_wanted();
	} while (status == STATUS_RESTART);
	if (status != STATUS_OK)
		object_unreference(&(*clone)->object);
	return status;
}
