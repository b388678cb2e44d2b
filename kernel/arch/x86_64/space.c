/* Page tables of user address spaces. Under the space's lock. A table page, once made, stays until
 * the space goes: tables are few, and the CPUs' caches of them need no care then. */
#include "arch/local.h"
#include "base/string.h"
#include "mm/pool.h"

#define LEVELS 4
#define ENTRIES 512u
#define USER_ENTRIES 256u
#define TABLE_COVERS (ENTRIES * PAGE_SIZE)
#define WORK_AT_ONCE 256u  /* entries looked at in one step, */
#define WALK_WORK 16u      /* and what a walk from the root counts for */
#define TABLES_AT_ONCE 128u /* freed in one step */

static uint64_t next_serial;

/* Table pages are ordinary frames, reached through the direct map. */
static uint64_t *table_of(uint64_t entry)
{
	return arch_direct_map(entry & PAGE_ADDRESS);
}

static unsigned level_index(uint64_t address, unsigned level)
{
	return (unsigned)(address >> (PAGE_SHIFT + 9 * level)) & (ENTRIES - 1);
}

physical_t charged_page(struct pool *pool, bool zeroed)
{
	if (!pool_charge(pool, PAGE_SIZE))
		return 0;
	physical_t page = page_allocate(zeroed);
	if (!page)
		pool_credit(pool, PAGE_SIZE);
	return page;
}

/* The kernel's half is two entries, the same in every space for good (paging.c), so a new stack or
 * page of the kernel never has to be told to spaces. */
status_t arch_space_init(struct arch_space *space, struct pool *pool)
{
	physical_t page = charged_page(pool, true);

	if (!page)
		return STATUS_NO_MEMORY;
	uint64_t *root = arch_direct_map(page);
	root[256] = kernel_root[256];
	root[511] = kernel_root[511];
	space->root = page;
	space->pool = pool;
	space->flush_start = UINT64_MAX;
	space->serial = __atomic_add_fetch(&next_serial, 1, __ATOMIC_RELAXED);
	return STATUS_OK;
}

/* From the root to the last level's table for an address, made if need be. What was found, or how much is missing, is
 * kept for the next walk: neighbours are looked for one after the other. */
static __attribute__((noinline)) void space_walk(struct arch_space *space, uint64_t address, bool make)
{
	uint64_t *table = arch_direct_map(space->root);

	space->walked_covers = TABLE_COVERS;
	for (unsigned level = LEVELS - 1; table && level > 0; level--) {
		uint64_t *entry = &table[level_index(address, level)];
		physical_t page = !*entry && make ? charged_page(space->pool, true) : 0;

		if (page)
			page_push(&space->tables, page);
		if (page)
			*entry = page | PAGE_PRESENT | PAGE_WRITE | PAGE_USER;
		else if (!*entry)
			space->walked_covers = PAGE_SIZE << 9 * level;
		table = *entry ? table_of(*entry) : NULL;
	}
	space->walked = address & ~(space->walked_covers - 1);
	space->walked_table = table;
}

/* In the table that was walked last. NULL: it is another. */
static inline uint64_t *entry_at_hand(struct arch_space *space, uint64_t address)
{
	return address - space->walked < space->walked_covers && space->walked_table
	               ? &space->walked_table[level_index(address, 0)] : NULL;
}

/* The last level's entry for an address. NULL: its table is missing (and was not to be made, or could not be), like
 * all that the walk covers. */
static inline uint64_t *space_entry(struct arch_space *space, uint64_t address, bool make)
{
	if (address - space->walked >= space->walked_covers || (make && !space->walked_table))
		space_walk(space, address, make);
	return space->walked_table ? &space->walked_table[level_index(address, 0)] : NULL;
}

/* What a CPU may go on using must be flushed: another frame, or rights that are gone. An entry that only gains rights is
 * found by the fault that misses them (SDM vol 3A, "Optional Invalidation"). */
static __attribute__((noinline)) void entry_replaced(struct arch_space *space, uint64_t address, uint64_t old,
                                                     uint64_t value)
{
	if (!((old ^ value) & PAGE_ADDRESS) && !(old & ~value & PAGE_WRITE) && !(~old & value & PAGE_NO_EXECUTE))
		return;
	space->flush_start = address < space->flush_start ? address : space->flush_start;
	space->flush_end = address < space->flush_end ? space->flush_end : address + PAGE_SIZE;
}

/* An entry gets another value. One store, since other CPUs walk these tables at any time. */
static inline void entry_change(struct arch_space *space, uint64_t address, uint64_t *entry, uint64_t value)
{
	uint64_t old = *entry;

	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
	if (old)
		entry_replaced(space, address, old, value);
}

/* Accessed and dirty are set at once: nobody reads them, and the CPU would spend a locked write on
 * setting them. */
static inline uint64_t entry_value(physical_t page, uint32_t protection)
{
	return page | PAGE_PRESENT | PAGE_USER | PAGE_ACCESSED | (protection & MAP_WRITE ? PAGE_WRITE | PAGE_DIRTY : 0) |
	       (protection & MAP_EXECUTE ? 0 : PAGE_NO_EXECUTE);
}

status_t arch_space_map(struct arch_space *space, uint64_t address, physical_t page, uint32_t protection,
                        bool uncached)
{
	uint64_t *entry = entry_at_hand(space, address);

	if (!entry) {
		space_walk(space, address, true);
		return space->walked_table ? arch_space_map(space, address, page, protection, uncached) : STATUS_NO_MEMORY;
	}
	entry_change(space, address, entry, entry_value(page, protection) | (uncached ? PAGE_UNCACHED : 0));
	return STATUS_OK;
}

void arch_space_fill(struct arch_space *space, uint64_t address, const physical_t *frames, uint32_t count,
                     uint32_t protection)
{
	uint64_t value = entry_value(0, protection);

	for (uint32_t i = 0; i < count && protection; i++, address += PAGE_SIZE) {
		uint64_t *entry = frames[i] ? space_entry(space, address, true) : NULL;

		if (entry && !*entry)
			__atomic_store_n(entry, frames[i] | (page_references(frames[i]) > 1 ? value & ~(PAGE_WRITE | PAGE_DIRTY) : value),
			                 __ATOMIC_RELEASE);
	}
}

bool arch_space_lookup(struct arch_space *space, uint64_t address, physical_t *page, uint32_t *protection)
{
	uint64_t *entry = space_entry(space, address, false);

	if (!entry || !*entry)
		return false;
	*page = *entry & PAGE_ADDRESS;
	*protection = MAP_READ | (*entry & PAGE_WRITE ? MAP_WRITE : 0) |
	              (*entry & PAGE_NO_EXECUTE ? 0 : MAP_EXECUTE);
	return true;
}

/* Rights only go; what a page had not been given stays missing. After 0 nothing is left of the entry, not even its
 * frame. Entries of one table. */
static __attribute__((noinline)) void entries_restrict(struct arch_space *space, uint64_t *entry, uint64_t start,
                                                       uint64_t end, uint32_t protection)
{
	uint64_t keep = protection & MAP_WRITE ? ~0ull : ~(PAGE_WRITE | PAGE_DIRTY);
	uint64_t set = protection & MAP_EXECUTE ? 0 : PAGE_NO_EXECUTE;

	for (; start < end; start += PAGE_SIZE, entry++)
		if (*entry)
			entry_change(space, start, entry, protection ? (*entry & keep) | set : 0);
}

/* Missing tables are skipped with all they would cover, so a large range costs by what is in it. */
uint64_t arch_space_restrict(struct arch_space *space, uint64_t start, uint64_t end, uint32_t protection)
{
	for (uint64_t work = 0; start < end && work < WORK_AT_ONCE; work += WALK_WORK) {
		uint64_t *entry = space_entry(space, start, false), stop = space->walked + space->walked_covers;

		stop = smaller(smaller(stop, end), entry ? start + (WORK_AT_ONCE - work) * PAGE_SIZE : end);
		if (entry) {
			entries_restrict(space, entry, start, stop, protection);
			work += (stop - start) / PAGE_SIZE;
		}
		start = stop;
	}
	return start;
}

/* Cut off, flushed, freed: a CPU that walks these tables at this moment must not find a table page
 * that is something else's by now (SDM vol 3A, "Invalidation of TLBs and Paging-Structure Caches"). */
bool arch_space_clear(struct arch_space *space)
{
	uint64_t freed = 0;

	if (!space->cut && space->tables) {
		memset(arch_direct_map(space->root), 0, USER_ENTRIES * sizeof(uint64_t));
		space->walked_covers = 0;
		space_flush(space, 0, USER_ADDRESS_END);
		space->cut = space->tables;
		space->tables = 0;
	}
	for (; space->cut && freed < TABLES_AT_ONCE; freed++)
		page_release(page_pop(&space->cut));
	pool_credit(space->pool, freed * PAGE_SIZE);
	return !space->cut;
}

/* CPUs that idle keep the tables they ran on, to save two loads of CR3. They are asked to leave
 * here, at the latest. A thread that ran on has perhaps brought in the time page once more. */
void arch_space_release(struct arch_space *space)
{
	if (!space->root)
		return;
	space_flush(space, SPACE_GONE, 0);
	while (space->cut || space->tables)
		arch_space_clear(space);
	page_release(space->root);
	pool_credit(space->pool, PAGE_SIZE);
	space->root = 0;
}
