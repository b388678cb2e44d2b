/* Memory for the stash's heap, and that which its list needs no more. It is reached through the kernel, whatever is mapped how, and what is asked
 * for is looked at: a program that has gone wrong may ask. */
#include "server/step.h"
#include "stash/stash.h"

void stash_trim(uint64_t offset, uint64_t length)
{
	if (offset >= STASH_LIST_OFFSET && offset + length <= STASH_LIST_OFFSET + STASH_LIST_SIZE)
		memory_discard(SELF_STASH, offset, length);
}

void stash_peek(uint64_t offset, void *to, uint64_t length)
{
	memory_read(SELF_STASH, offset, to, length);
}

void stash_protect_twin(bool read_only)
{
	space_protect(SELF_SPACE, STASH_TWIN, STASH_SIZE, MAP_READ | (read_only ? 0 : MAP_WRITE));
}

static bool zeros_write(uint64_t offset, uint64_t length)
{
	static const char zeros[0x10000];
	for (uint64_t done = 0; done < length; done += sizeof zeros) {
		uint64_t part = length - done < sizeof zeros ? length - done : sizeof zeros;
		if (memory_write(SELF_STASH, offset + done, zeros, part) != (int64_t)part)
			return false;
	}
	return true;
}

bool stash_supply(uint64_t offset, uint64_t length)
{
	if (STASH_BASE + offset < stash_heap_end() || offset + length > STASH_SIZE)
		return false;
	return zeros_write(offset, length) && zeros_write(STASH_TWIN_OFFSET + offset, length);
}
