/* The regions of a space: a list in the order of addresses, and over it a tree of wide nodes to find one by.
 *
 * Most spaces have so few regions that one node holds them all: finding, adding and removing one then is a search in a
 * sorted array, and nothing else is to be kept right. With more, each node below the root knows its bounds and the
 * largest gap between two of its regions, so that the highest gap of a size is found without looking at all of them.
 */
#include "mm/region.h"
#include "base/string.h"
#include "mm/pool.h"

#define WAYS 32u /* even; half of a node's entries go over into a new one */

/* What regions and nodes begin with. */
struct span {
	uint64_t start, end;
};

struct region_node {
	uint64_t start, end, gap; /* not kept up in the root */
	uint16_t level;           /* 0: entries are regions; else nodes of a level less */
	uint16_t count;           /* never 0 */
	uint32_t last;            /* what the last search found: the next one often is for the same place */
	struct span *entries[WAYS]; /* by address */
};

_Static_assert(offsetof(struct region, start) == 0 && offsetof(struct region, end) == 8, "a region is a span");
_Static_assert(offsetof(struct region_node, start) == 0 && offsetof(struct region_node, end) == 8, "so is a node");

static struct region_node *child_of(const struct region_node *node, uint32_t entry)
{
	return (struct region_node *)node->entries[entry];
}

static bool splits_at(const struct region_node *node, uint32_t entries, uint64_t address)
{
	return entries <= node->count && (entries == 0 || node->entries[entries - 1]->start <= address) &&
	       (entries == node->count || node->entries[entries]->start > address);
}

/* How many of a node's entries begin at or below an address. */
static uint32_t entries_to(struct region_node *node, uint64_t address)
{
	uint32_t low = 0, high = node->count;

	if (splits_at(node, node->last, address))
		return node->last;
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (node->entries[middle]->start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return node->last = low;
}

/* Where below a node that is not of level 0 an address belongs: what is below all of them, to the first. */
static uint32_t child_for(struct region_node *node, uint64_t address)
{
	uint32_t entries = entries_to(node, address);

	return entries ? entries - 1 : 0;
}

/* What a node knows of what is below it, from its entries. */
static void node_update(struct region_node *node)
{
	uint64_t last = node->entries[0]->start, gap = 0;

	for (uint32_t i = 0; i < node->count; i++) {
		const struct span *entry = node->entries[i];

		if (entry->start - last > gap)
			gap = entry->start - last;
		if (node->level && child_of(node, i)->gap > gap)
			gap = child_of(node, i)->gap;
		last = entry->end;
	}
	node->start = node->entries[0]->start;
	node->end = last;
	node->gap = gap;
}

static void entry_put(struct region_node *node, uint32_t at, void *entry)
{
	memmove(&node->entries[at + 1], &node->entries[at], (node->count - at) * sizeof(node->entries[0]));
	node->entries[at] = entry;
	node->count++;
	node->last = at + 1;
}

static void entry_take(struct region_node *node, uint32_t at)
{
	node->count--;
	node->last = at;
	memmove(&node->entries[at], &node->entries[at + 1], (node->count - at) * sizeof(node->entries[0]));
}

/* The upper half of a full child becomes a child of its own. */
static bool child_split(struct space *space, struct region_node *node, uint32_t at)
{
	struct region_node *full = child_of(node, at), *half = pool_allocate(space->object.pool, sizeof(*half));

	if (!half)
		return false;
	half->level = full->level;
	half->count = full->count = WAYS / 2;
	memcpy(half->entries, &full->entries[WAYS / 2], sizeof(half->entries) / 2);
	node_update(full);
	node_update(half);
	entry_put(node, at + 1, half);
	return true;
}

/* The node has room: full ones are split on the way down. */
static bool node_insert(struct space *space, struct region_node *node, struct region *region)
{
	uint32_t at;

	if (!node->level) {
		entry_put(node, entries_to(node, region->start), region);
		return true;
	}
	at = child_for(node, region->start);
	if (child_of(node, at)->count == WAYS) {
		if (!child_split(space, node, at))
			return false;
		at = child_for(node, region->start);
	}
	if (!node_insert(space, child_of(node, at), region))
		return false;
	node_update(child_of(node, at));
	return true;
}

/* A failure leaves at most a root with a single child, which does no harm. */
static bool tree_insert(struct space *space, struct region *region)
{
	struct region_node *root = space->regions, *above;

	if (!root || root->count == WAYS) {
		above = pool_allocate(space->object.pool, sizeof(*above));
		if (!above)
			return false;
		if (root) {
			above->level = root->level + 1;
			node_update(root);
			entry_put(above, 0, root);
		}
		space->regions = root = above;
	}
	return node_insert(space, root, region);
}

/* Nodes go with their last entry alone, so there are never more levels than the most regions asked for. */
static void node_remove(struct space *space, struct region_node *node, const struct region *region)
{
	uint32_t at = child_for(node, region->start);

	if (node->level) {
		struct region_node *child = child_of(node, at);

		node_remove(space, child, region);
		if (child->count) {
			node_update(child);
			return;
		}
		pool_free(space->object.pool, child, sizeof(*child));
	}
	entry_take(node, at);
}

static void tree_remove(struct space *space, const struct region *region)
{
	struct region_node *root = space->regions;

	node_remove(space, root, region);
	while (root && (root->count == 0 || (root->level && root->count == 1))) {
		space->regions = root->count ? child_of(root, 0) : NULL;
		pool_free(space->object.pool, root, sizeof(*root));
		root = space->regions;
	}
}

/* The bounds of a region changed, not its place among the others: update the way down to it. */
static void node_refresh(struct region_node *node, const struct region *region)
{
	struct region_node *child;

	if (!node->level)
		return;
	child = child_of(node, child_for(node, region->start));
	node_refresh(child, region);
	node_update(child);
}

/* The last region that begins at or below an address, or NULL. */
static struct region *region_low(const struct space *space, uint64_t address)
{
	struct region_node *node = space->regions;
	uint32_t entries;

	for (; node && (entries = entries_to(node, address)); node = child_of(node, entries - 1))
		if (!node->level)
			return (struct region *)node->entries[entries - 1];
	return NULL;
}

struct region *region_next(const struct space *space, const struct region *region)
{
	const struct list_node *next = region ? region->in_space.next : space->in_order.next;

	return next == &space->in_order ? NULL : container_of(next, struct region, in_space);
}

struct region *region_find(const struct space *space, uint64_t address)
{
	struct region *low = region_low(space, address);

	return low && low->end > address ? low : region_next(space, low);
}

struct region *region_at(const struct space *space, uint64_t address)
{
	struct region *low = region_low(space, address);

	return low && low->end > address ? low : NULL;
}

bool region_none(const struct space *space, uint64_t start, uint64_t end)
{
	const struct region *region = region_find(space, start);

	return !region || region->start >= end;
}

/* The highest `length` free bytes of [low, high), as far as this node knows: its regions are all there is between the
 * two. Children whose gaps are too small are not entered. */
static uint64_t gap_below(struct region_node *node, uint64_t length, uint64_t low, uint64_t high)
{
	for (uint32_t i = node->count;; i--) {
		const struct span *entry = i ? node->entries[i - 1] : NULL;
		uint64_t from = entry && entry->end > low ? entry->end : low, found = 0;

		if (high >= length && high - length >= from) {
			node->last = i;
			return high - length;
		}
		if (!entry || high <= low)
			return 0;
		if (node->level && child_of(node, i - 1)->gap >= length)
			found = gap_below(child_of(node, i - 1), length, entry->start, high < entry->end ? high : entry->end);
		if (found)
			return found;
		high = high < entry->start ? high : entry->start;
	}
}

uint64_t region_gap(const struct space *space, uint64_t hint, uint64_t length, uint64_t end)
{
	hint = page_down(hint);
	if (hint >= USER_ADDRESS_FIRST && hint < end && length <= end - hint && region_none(space, hint, hint + length))
		return hint;
	if (!space->regions)
		return length <= end - USER_ADDRESS_FIRST ? end - length : 0;
	return gap_below(space->regions, length, USER_ADDRESS_FIRST, end);
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
	if (memory)
		spin_unlock(&memory->lock);
	node_refresh(region->space->regions, region);
}

/* `like` may be a region of the space that is about to shrink to what is below `start`
 * (region_split): for the moment both say what is shown there, and both are on the object's list,
 * so nobody misses a mapping. `next`: the first region above, or NULL. */
static struct region *region_make(struct space *space, const struct region *like, uint64_t start,
                                  struct region *next)
{
	struct region *region = pool_allocate(space->object.pool, sizeof(struct region));

	if (!region)
		return NULL;
	region->space = space;
	region->start = start;
	region->end = like->end;
	region->memory = like->memory;
	region->offset = like->memory ? like->offset + (start - like->start) : 0;
	region->flags = like->flags;
	region->allowed = like->allowed;
	if (!tree_insert(space, region)) {
		pool_free(space->object.pool, region, sizeof(*region));
		return NULL;
	}
	list_insert_before(next ? &next->in_space : &space->in_order, &region->in_space);
	list_init(&region->in_memory);
	if (region->memory) {
		object_reference(&region->memory->object);
		spin_lock(&region->memory->lock);
		list_append(&region->memory->mappers, &region->in_memory);
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

	tree_remove(space, region);
	list_remove(&region->in_space);
	if (memory) {
		spin_lock(&memory->lock);
		list_remove(&region->in_memory);
		memory_region_gone(memory);
		spin_unlock(&memory->lock);
		object_unreference(&memory->object);
	}
	pool_free(space->object.pool, region, sizeof(*region));
}

bool region_split(struct region *region, uint64_t at)
{
	if (!region_make(region->space, region, at, region_next(region->space, region)))
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

static void merge(struct region *low, struct region *high)
{
	uint64_t end;

	if (!low || !high || !continues(low, high))
		return;
	end = high->end;
	region_end(high);
	set_bounds(low, low->start, end);
}

void region_merge_at(struct space *space, uint64_t address)
{
	struct region *low = region_low(space, address - 1);

	merge(low, region_next(space, low));
}

bool region_add(struct space *space, const struct region *like)
{
	struct region *low = region_low(space, like->start), *next = region_next(space, low);

	if (low && continues(low, like))
		set_bounds(low, low->start, like->end);
	else if (!(low = region_make(space, like, like->start, next)))
		return false;
	merge(low, next);
	return true;
}
