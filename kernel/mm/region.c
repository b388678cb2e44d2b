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

/* A node is charged with all the regions that it may hold, so that one of them costs no charge of its own. */
#define NODE_CHARGE (sizeof(struct region_node) + WAYS * sizeof(struct region))

static struct region_node *node_make(struct space *space, uint32_t level)
{
	struct region_node *node = NULL;

	if (pool_charge(space->object.pool, NODE_CHARGE) && !(node = kernel_allocate(sizeof(*node))))
		pool_credit(space->object.pool, NODE_CHARGE);
	if (node) {
		node->level = (uint16_t)level;
		node->count = 0;
		node->last = 0;
	}
	return node;
}

static void node_free(struct space *space, struct region_node *node)
{
	kernel_free(node, sizeof(*node));
	pool_credit(space->object.pool, NODE_CHARGE);
}

static struct region_node *child_of(const struct region_node *node, uint32_t entry)
{
	return (struct region_node *)node->entries[entry];
}

static uint32_t search(struct region_node *node, uint64_t address)
{
	uint32_t low = 0, high = node->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (node->entries[middle]->start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return node->last = low;
}

/* How many of a node's entries begin at or below an address. */
static inline uint32_t entries_to(struct region_node *node, uint64_t address)
{
	uint32_t last = node->last;
	bool right = (last == 0 || node->entries[last - 1]->start <= address) &&
	             (last == node->count || node->entries[last]->start > address);

	return right ? last : search(node, address);
}

/* Where below a node that is not of level 0 an address belongs: what is below all of them, to the first. */
static uint32_t child_for(struct region_node *node, uint64_t address)
{
	uint32_t entries = entries_to(node, address);

	return entries ? entries - 1 : 0;
}

/* The node of level 0 where an address belongs; NULL: there is none at all. */
static inline struct region_node *leaf_for(const struct space *space, uint64_t address)
{
	struct region_node *node = space->regions;

	while (node && node->level)
		node = child_of(node, child_for(node, address));
	return node;
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

/* Something changed at an address, but not in which nodes things are: update the nodes above it. */
static void nodes_update(struct region_node *node, uint64_t address)
{
	struct region_node *child;

	if (!node->level)
		return;
	child = child_of(node, child_for(node, address));
	nodes_update(child, address);
	node_update(child);
}

static inline void entry_put(struct region_node *node, uint32_t at, void *entry)
{
	for (uint32_t i = node->count++; i > at; i--)
		node->entries[i] = node->entries[i - 1];
	node->entries[at] = entry;
	node->last = at + 1;
}

static inline void entry_take(struct region_node *node, uint32_t at)
{
	node->last = at;
	node->count--;
	for (uint32_t i = at; i < node->count; i++)
		node->entries[i] = node->entries[i + 1];
}

/* The upper half of a full child becomes a child of its own. */
static bool child_split(struct space *space, struct region_node *node, uint32_t at)
{
	struct region_node *full = child_of(node, at), *half = node_make(space, full->level);

	if (!half)
		return false;
	half->count = full->count = WAYS / 2;
	full->last = 0;
	memcpy(half->entries, &full->entries[WAYS / 2], sizeof(half->entries) / 2);
	node_update(full);
	node_update(half);
	entry_put(node, at + 1, half);
	return true;
}

/* Make room in the leaf for an address: full nodes on the way down to it are split. NULL: no memory; at most the root
 * has a single child then, which does no harm. */
static __attribute__((noinline)) struct region_node *room_make(struct space *space, uint64_t address)
{
	struct region_node *node = space->regions;

	if (!node || node->count == WAYS) {
		struct region_node *above = node_make(space, node ? node->level + 1u : 0);

		if (!above)
			return NULL;
		if (node) {
			node_update(node);
			entry_put(above, 0, node);
		}
		space->regions = node = above;
	}
	while (node->level) {
		uint32_t at = child_for(node, address);

		if (child_of(node, at)->count < WAYS)
			node = child_of(node, at);
		else if (!child_split(space, node, at))
			return NULL;
	}
	return node;
}

/* Take out the entry for an address, and the nodes that become empty: they go with their last entry alone, so there are
 * never more levels than the most regions asked for. */
static void node_remove(struct space *space, struct region_node *node, uint64_t address)
{
	uint32_t at = child_for(node, address);
	struct region_node *child;

	if (node->level) {
		child = child_of(node, at);
		node_remove(space, child, address);
		if (child->count) {
			node_update(child);
			return;
		}
		node_free(space, child);
	}
	entry_take(node, at);
}

static inline void tree_remove(struct space *space, const struct region *region)
{
	struct region_node *root = space->regions;

	if (root->level)
		node_remove(space, root, region->start);
	else
		entry_take(root, entries_to(root, region->start) - 1);
	while (root && (root->count == 0 || (root->level && root->count == 1))) {
		space->regions = root->count ? child_of(root, 0) : NULL;
		node_free(space, root);
		root = space->regions;
	}
}

/* The last region of the leaf for an address that begins at or below it, or NULL. */
static inline struct region *low_in(struct region_node *leaf, uint64_t address)
{
	uint32_t entries = leaf ? entries_to(leaf, address) : 0;

	return entries ? (struct region *)leaf->entries[entries - 1] : NULL;
}

static inline struct region *region_low(const struct space *space, uint64_t address)
{
	return low_in(leaf_for(space, address), address);
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
	for (uint32_t i = node->count; i > 0; i--) {
		const struct span *entry = node->entries[i - 1];

		if (entry->end < high && high - entry->end >= length) {
			node->last = i;
			return high - length;
		}
		if (node->level && child_of(node, i - 1)->gap >= length) {
			uint64_t found = gap_below(child_of(node, i - 1), length, entry->start, high);

			if (found)
				return found;
		}
		high = entry->start < high ? entry->start : high;
	}
	return high > low && high - low >= length ? high - length : 0;
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
	nodes_update(region->space->regions, start);
}

/* `like` may be a region of the space that is about to shrink to what is below `start`
 * (region_split): for the moment both say what is shown there, and both are on the object's list,
 * so nobody misses a mapping. `leaf`: for `start`, or NULL; `next`: the first region above, or NULL. */
static struct region *region_make(struct space *space, const struct region *like, uint64_t start,
                                  struct region_node *leaf, struct region *next)
{
	struct region *region;

	if (!leaf || leaf->count == WAYS)
		leaf = room_make(space, start);
	region = leaf ? kernel_allocate(sizeof(*region)) : NULL;
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
	if (space->regions != leaf)
		nodes_update(space->regions, start);
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
		if (list_empty(&memory->mappers))
			memory_region_gone(memory);
		spin_unlock(&memory->lock);
		object_unreference(&memory->object);
	}
	kernel_free(region, sizeof(*region));
}

bool region_split(struct region *region, uint64_t at)
{
	struct space *space = region->space;

	if (!region_make(space, region, at, leaf_for(space, at), region_next(space, region)))
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
	struct region *low = region_low(space, address - 1);

	merge(low, region_next(space, low));
}

bool region_add(struct space *space, const struct region *like)
{
	struct region_node *leaf = leaf_for(space, like->start);
	struct region *low = low_in(leaf, like->start), *next = region_next(space, low);

	if (low && continues(low, like))
		set_bounds(low, low->start, like->end);
	else if (!(low = region_make(space, like, like->start, leaf, next)))
		return false;
	merge(low, next);
	return true;
}
