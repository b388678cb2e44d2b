/* The regions of a space, in leaves: arrays of neighbours, themselves in an array by address.
 *
 * Most spaces have so few regions that one leaf holds them all: finding, adding and removing one then is a search in a
 * sorted array. Where there are more leaves, the one that was used last is tried first. A leaf remembers its largest gap
 * once it was looked for, so that the highest gap of a size is found without looking at all regions.
 */
#include "mm/region.h"
#include "base/string.h"
#include "mm/pool.h"

#define WAYS 240u /* even; half of a leaf's regions go over into a new one, so there may be 61,440 regions at least */
#define LEAVES_MAX (PAGE_SIZE / sizeof(struct region_leaf *))
#define GAP_UNKNOWN UINT64_MAX
#define GAPS_AT_ONCE 4u /* leaves of which a step of a search finds the largest gap */
#define PAID_AT_ONCE 32u /* regions charged together, so that one of them costs no charge of its own */

struct region_leaf {
	uint64_t gap;   /* the largest between two of its regions, or GAP_UNKNOWN */
	uint32_t count; /* never 0 once it has one */
	uint32_t last;  /* what the last search found: the next one often is for the same place */
	struct region *entries[WAYS]; /* by address */
};

/* An empty one, which becomes the one at a place in the array. */
static struct region_leaf *leaf_make(struct space *space, uint32_t at)
{
	struct pool *pool = space->object.pool;
	struct region_leaf **leaves = space->leaves, *leaf = NULL;

	if (space->leaf_count == 1 && leaves == &space->only_leaf && (leaves = pool_allocate(pool, PAGE_SIZE))) {
		leaves[0] = space->only_leaf;
		space->leaves = leaves;
	}
	if (leaves && space->leaf_count < LEAVES_MAX)
		leaf = pool_allocate(pool, sizeof(*leaf));
	if (!leaf)
		return NULL;
	memmove(&leaves[at + 1], &leaves[at], (space->leaf_count++ - at) * sizeof(leaf));
	leaf->gap = GAP_UNKNOWN;
	return leaves[at] = leaf;
}

/* The one at hand. */
static void leaf_free(struct space *space)
{
	struct pool *pool = space->object.pool;
	struct region_leaf **leaf = &space->leaves[space->leaf];

	pool_free(pool, *leaf, sizeof(**leaf));
	memmove(leaf, leaf + 1, (--space->leaf_count - space->leaf) * sizeof(*leaf));
	space->leaf = 0;
	if (space->leaf_count)
		return;
	if (space->leaves != &space->only_leaf)
		pool_free(pool, space->leaves, PAGE_SIZE);
	space->leaves = &space->only_leaf;
	space->only_leaf = NULL;
}

static uint32_t search(struct region_leaf *leaf, uint64_t address)
{
	uint32_t low = 0, high = leaf->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (leaf->entries[middle]->start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return leaf->last = low;
}

/* How many of a leaf's regions begin at or below an address. */
static inline uint32_t entries_to(struct region_leaf *leaf, uint64_t address)
{
	uint32_t last = leaf->last;
	bool right = (last == 0 || leaf->entries[last - 1]->start <= address) &&
	             (last == leaf->count || leaf->entries[last]->start > address);

	return right ? last : search(leaf, address);
}

/* The last leaf that begins at or below the address, else the first; it is the one at hand from now on. */
static __attribute__((noinline)) struct region_leaf *leaf_search(struct space *space, uint64_t address)
{
	uint32_t low = 0, high = space->leaf_count;

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (space->leaves[middle]->entries[0]->start <= address)
			low = middle;
		else
			high = middle;
	}
	space->leaf = low;
	return space->leaves[low];
}

/* The one at hand is right between its first region and its last, and everywhere if it is the only one. NULL: none. */
static inline struct region_leaf *leaf_for(struct space *space, uint64_t address)
{
	struct region_leaf *leaf = space->leaves[space->leaf];
	bool right = space->leaf_count <= 1 ||
	             (leaf->entries[0]->start <= address && leaf->entries[leaf->count - 1]->start >= address);

	return right ? leaf : leaf_search(space, address);
}

/* The leaf for an address, with room for one more. NULL: no memory. */
static __attribute__((noinline)) struct region_leaf *room_make(struct space *space, uint64_t address)
{
	struct region_leaf *leaf = leaf_for(space, address), *half;

	half = leaf_make(space, leaf ? space->leaf + 1 : 0);
	if (!leaf || !half)
		return half;
	half->count = leaf->count = WAYS / 2;
	leaf->last = 0;
	leaf->gap = GAP_UNKNOWN;
	memcpy(half->entries, &leaf->entries[WAYS / 2], sizeof(half->entries) / 2);
	return leaf_search(space, address);
}

static inline void entry_put(struct region_leaf *leaf, uint32_t at, struct region *region)
{
	for (uint32_t i = leaf->count++; i > at; i--)
		leaf->entries[i] = leaf->entries[i - 1];
	leaf->entries[at] = region;
	leaf->last = at + 1;
	leaf->gap = GAP_UNKNOWN;
}

static inline void entry_take(struct region_leaf *leaf, uint32_t at)
{
	leaf->count--;
	for (uint32_t i = at; i < leaf->count; i++)
		leaf->entries[i] = leaf->entries[i + 1];
	leaf->last = at;
	leaf->gap = GAP_UNKNOWN;
}

/* The first region from an entry of the leaf at hand on; NULL: none. */
static inline struct region *region_from(const struct space *space, uint32_t entry)
{
	struct region_leaf *const *leaf = &space->leaves[space->leaf];

	if (entry < (*leaf)->count)
		return (*leaf)->entries[entry];
	return space->leaf + 1 < space->leaf_count ? leaf[1]->entries[0] : NULL;
}

/* Regions do not overlap: the last that begins at or below the address holds it, or the next one is the first above. */
struct region *region_find(struct space *space, uint64_t address)
{
	struct region_leaf *leaf = leaf_for(space, address);
	uint32_t entries = leaf ? entries_to(leaf, address) : 0;

	if (entries && leaf->entries[entries - 1]->end > address)
		return leaf->entries[entries - 1];
	return leaf ? region_from(space, entries) : NULL;
}

struct region *region_at(struct space *space, uint64_t address)
{
	struct region *region = region_find(space, address);

	return region && region->start <= address ? region : NULL;
}

bool region_none(struct space *space, uint64_t start, uint64_t end)
{
	const struct region *region = region_find(space, start);

	return !region || region->start >= end;
}

static uint64_t largest_gap(const struct region_leaf *leaf)
{
	uint64_t largest = 0;

	for (uint32_t i = 1; i < leaf->count; i++)
		if (leaf->entries[i]->start - leaf->entries[i - 1]->end > largest)
			largest = leaf->entries[i]->start - leaf->entries[i - 1]->end;
	return largest;
}

/* The highest `length` free bytes below *high and above some region of a leaf; 0: none, and *high is where its first one
 * begins. Where the leaf is known to have no such gap only what is above its last region is looked at. */
static inline uint64_t gap_in(struct region_leaf *leaf, uint64_t length, uint64_t *high)
{
	uint32_t none_below = leaf->gap < length ? leaf->count - 1 : 0;

	for (uint32_t i = leaf->count; i > none_below; i--) {
		const struct region *region = leaf->entries[i - 1];

		if (region->end < *high && *high - region->end >= length) {
			leaf->last = i;
			return *high - length;
		}
		*high = region->start < *high ? region->start : *high;
	}
	*high = leaf->entries[0]->start < *high ? leaf->entries[0]->start : *high;
	if (leaf->gap == GAP_UNKNOWN)
		leaf->gap = largest_gap(leaf);
	return 0;
}

/* From the top down. What is below the first region is free as well. */
static uint64_t gap_below(struct space *space, uint64_t length, uint64_t end)
{
	uint32_t unknown = 0;
	uint64_t found = 0;

	for (uint32_t i = space->leaf_count; !found && i > 0; i--) {
		space->leaf = i - 1;
		if (space->leaves[i - 1]->gap == GAP_UNKNOWN && unknown++ == GAPS_AT_ONCE)
			return GAP_AGAIN;
		found = gap_in(space->leaves[i - 1], length, &end);
	}
	return found || end < USER_ADDRESS_FIRST + length ? found : end - length;
}

uint64_t region_gap(struct space *space, uint64_t hint, uint64_t length, uint64_t end)
{
	hint = page_down(hint);
	if (hint >= USER_ADDRESS_FIRST && hint < end && length <= end - hint && region_none(space, hint, hint + length))
		return hint;
	return gap_below(space, length, end);
}

/* Bounds change under the memory object's lock too (mm/space.h). */
static void set_bounds(struct region *region, uint64_t start, uint64_t end)
{
	struct memory *memory = region->memory;

	if (memory)
		spin_lock(&memory->lock);
	if (memory)
		region->offset += start - region->start;
	region->start = start;
	region->end = end;
	if (memory) {
		list_remove(&region->in_memory); /* it may show what another one did: see memory_hide_some */
		list_prepend(&memory->mappers, &region->in_memory);
		spin_unlock(&memory->lock);
	}
	leaf_for(region->space, start)->gap = GAP_UNKNOWN;
}

/* Charged, but for its fields empty. */
static struct region *region_allocate(struct space *space)
{
	uint64_t charge = space->region_count % PAID_AT_ONCE ? 0 : PAID_AT_ONCE * sizeof(struct region);
	struct region *region = NULL;

	if (charge && !pool_charge(space->object.pool, charge))
		return NULL;
	region = kernel_allocate(sizeof(*region));
	if (region)
		space->region_count++;
	else if (charge)
		pool_credit(space->object.pool, charge);
	return region;
}

static void region_free(struct space *space, struct region *region)
{
	kernel_free(region, sizeof(*region));
	if (--space->region_count % PAID_AT_ONCE == 0)
		pool_credit(space->object.pool, PAID_AT_ONCE * sizeof(struct region));
}

/* `like` may be a region of the space that is about to shrink to what is below `start`
 * (region_split): for the moment both say what is shown there, and both are on the object's list,
 * so nobody misses a mapping. `leaf`: for `start`, or NULL. */
static struct region *region_make(struct space *space, const struct region *like, uint64_t start,
                                  struct region_leaf *leaf)
{
	struct region *region = region_allocate(space);

	if (region && (!leaf || leaf->count == WAYS) && !(leaf = room_make(space, start))) {
		region_free(space, region);
		return NULL;
	}
	if (!region)
		return NULL;
	region->space = space;
	region->start = start;
	region->end = like->end;
	region->memory = like->memory;
	region->offset = like->memory ? like->offset + (start - like->start) : 0;
	region->flags = like->flags;
	region->allowed = like->allowed;
	region->shown = like->shown;
	entry_put(leaf, entries_to(leaf, start), region);
	list_init(&region->in_memory);
	if (region->memory) {
		object_reference(&region->memory->object);
		spin_lock(&region->memory->lock);
		list_prepend(&region->memory->mappers, &region->in_memory);
		spin_unlock(&region->memory->lock);
	}
	return region;
}

/* Nothing shows its pages any more: entries and own pages have gone before (range_unmap_some), or
 * stay valid because another region takes the range over (merge). */
static void region_end(struct region *region)
{
	struct space *space = region->space;
	struct memory *memory = region->memory;
	struct region_leaf *leaf = leaf_for(space, region->start);

	entry_take(leaf, entries_to(leaf, region->start) - 1);
	if (leaf->count == 0)
		leaf_free(space);
	if (memory) {
		spin_lock(&memory->lock);
		list_remove(&region->in_memory);
		if (list_empty(&memory->mappers))
			memory_region_gone(memory);
		spin_unlock(&memory->lock);
		object_unreference(&memory->object);
	}
	region_free(space, region);
}

bool region_split(struct region *region, uint64_t at)
{
	struct space *space = region->space;

	if (!region_make(space, region, at, leaf_for(space, at)))
		return false;
	set_bounds(region, region->start, at);
	return true;
}

void region_cut(struct region *region, uint64_t start)
{
	if (start < region->end)
		set_bounds(region, start, region->end);
	else
		region_end(region);
}

/* Private pages do not matter here: they are kept by address, not by region. Two anonymous regions
 * that meet are always one if they were mapped alike, so a heap that grows in steps stays a single
 * region. */
static bool continues(const struct region *low, const struct region *high)
{
	return low->end == high->start && low->memory == high->memory && low->flags == high->flags &&
	       low->allowed == high->allowed &&
	       (!low->memory || low->offset + (low->end - low->start) == high->offset);
}

static inline void merge(struct region *low, struct region *high)
{
	uint64_t end;

	if (!low || !high || !continues(low, high))
		return;
	end = high->end;
	low->shown |= high->shown;
	region_end(high);
	set_bounds(low, low->start, end);
}

void region_merge_at(struct space *space, uint64_t address)
{
	merge(region_at(space, address - 1), region_at(space, address));
}

bool region_add(struct space *space, const struct region *like)
{
	struct region_leaf *leaf = leaf_for(space, like->start);
	uint32_t entries = leaf ? entries_to(leaf, like->start) : 0;
	struct region *low = entries ? leaf->entries[entries - 1] : NULL;
	struct region *next = leaf ? region_from(space, entries) : NULL;

	if (low && continues(low, like))
		set_bounds(low, low->start, like->end);
	else if (!(low = region_make(space, like, like->start, leaf)))
		return false;
	merge(low, next);
	return true;
}
