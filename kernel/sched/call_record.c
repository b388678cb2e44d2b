/* The table of call records: blocks of one page, made when needed and kept. Free places are a list
 * through the table. A lookup takes no lock: a record's memory outlives every lookup that may have
 * seen it (obj/quiesce.h), and the id in the record itself decides. */
#include "sched/call_record.h"
#include "base/string.h"
#include "mm/page.h"

#define BLOCK_ENTRIES ((uint32_t)(PAGE_SIZE / sizeof(struct entry)))
#define BLOCKS ((1u << CALL_INDEX_BITS) / BLOCK_ENTRIES)

struct entry {
	struct call *call; /* NULL: free; atomic */
	uint64_t generation : 64 - CALL_INDEX_BITS; /* the last id's, of those who had the place before */
	uint64_t next_free : CALL_INDEX_BITS;
};

static struct entry *blocks[BLOCKS];
_Static_assert(BLOCKS * BLOCK_ENTRIES == 1u << CALL_INDEX_BITS, "every index has a place");
static struct spin_lock lock = SPIN_LOCK(LOCK_CALL_RECORDS); /* the two below, and the free list */
static uint32_t used = 1; /* places ever handed out; place 0 stays empty and ends the list */
static uint32_t first_free;

static struct entry *entry_at(uint32_t index)
{
	struct entry *block = __atomic_load_n(&blocks[index / BLOCK_ENTRIES], __ATOMIC_ACQUIRE);
	return block ? &block[index % BLOCK_ENTRIES] : NULL;
}

static uint32_t take_new_index(void)
{
	uint32_t block = used / BLOCK_ENTRIES;
	if (block >= BLOCKS)
		return 0;
	if (!blocks[block]) {
		struct entry *entries = kernel_allocate(PAGE_SIZE);
		if (!entries)
			return 0;
		memset(entries, 0, PAGE_SIZE);
		__atomic_store_n(&blocks[block], entries, __ATOMIC_RELEASE);
	}
	return used++;
}

bool call_record_init(struct call *call)
{
	list_init(&call->in_endpoint);
	list_init(&call->in_cancel);
	spin_lock(&lock);
	uint32_t index = first_free;
	if (index)
		first_free = entry_at(index)->next_free;
	else
		index = take_new_index();
	if (index) {
		call->id = (uint64_t)entry_at(index)->generation << CALL_INDEX_BITS | index;
		__atomic_store_n(&entry_at(index)->call, call, __ATOMIC_RELEASE);
	}
	spin_unlock(&lock);
	call->index = index;
	return index != 0;
}

void call_record_release(struct call *call)
{
	if (!call->index)
		return;
	spin_lock(&lock);
	struct entry *entry = entry_at(call->index);
	__atomic_store_n(&entry->call, NULL, __ATOMIC_RELEASE);
	entry->generation = call->id >> CALL_INDEX_BITS;
	entry->next_free = first_free;
	first_free = call->index;
	spin_unlock(&lock);
	call->index = 0;
}

struct call *call_record_find(uint64_t id)
{
	struct entry *entry = entry_at(id & ((1u << CALL_INDEX_BITS) - 1));
	struct call *call = entry ? __atomic_load_n(&entry->call, __ATOMIC_ACQUIRE) : NULL;
	return call && __atomic_load_n(&call->id, __ATOMIC_ACQUIRE) == id && id != 0 ? call : NULL;
}
