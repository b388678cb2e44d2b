/* Regions in a treap: a binary tree by address that is a heap by random priorities, so it is shallow
 * whatever the order of insertions. Each node knows the bounds of its subtree and the largest gap
 * between two of its regions: the highest gap of a size is found without looking at all of them. */
#include "mm/region.h"
#include "base/log.h"
#include "mm/pool.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What a node knows of its subtree, from its children's. */
static void update(struct region *node)
{
	const struct region *left = node->left, *right = node->right;

	node->low = left ? left->low : node->start;
	node->high = right ? right->high : node->end;
	node->gap = left ? larger(left->gap, node->start - left->high) : 0;
	if (right)
		node->gap = larger(node->gap, larger(right->gap, right->low - node->end));
}

/* Regions below `at` go to *low, the others to *high. */
static void tree_split(struct region *tree, uint64_t at, struct region **low, struct region **high)
{
	if (!tree) {
		*low = *high = NULL;
	} else if (tree->start < at) {
		tree_split(tree->right, at, &tree->right, high);
		update(tree);
		*low = tree;
	} else {
		tree_split(tree->left, at, low, &tree->left);
		update(tree);
		*high = tree;
	}
}

/* Of two trees, all of `low` below all of `high`. The higher priority becomes the root: expected
 * depth is logarithmic. */
static struct region *tree_join(struct region *low, struct region *high)
{
	struct region *tree = low && (!high || low->priority > high->priority) ? low : high;

	if (!low || !high)
		return tree;
	if (tree == low)
		low->right = tree_join(low->right, high);
	else
		high->left = tree_join(low, high->left);
	update(tree);
	return tree;
}

static void tree_insert(struct space *space, struct region *region)
{
	struct region *low, *high;

	tree_split(space->regions, region->start, &low, &high);
	update(region);
	space->regions = tree_join(tree_join(low, region), high);
}

/* Cut out as the tree of all regions that begin in [start, start + 1). */
static void tree_remove(struct space *space, struct region *region)
{
	struct region *low, *high;

	tree_split(space->regions, region->start, &low, &high);
	tree_split(high, region->start + 1, &region, &high);
	space->regions = tree_join(low, high);
}

/* The bounds of a region changed, not its place among the others: update the way down to it. */
static void tree_refresh(struct region *tree, struct region *region)
{
	if (tree != region)
		tree_refresh(region->start < tree->start ? tree->left : tree->right, region);
	update(tree);
}

/* Regions do not overlap, so ends are in the order of starts, and the first with an end above the
 * address is the one. */
struct region *region_find(struct space *space, uint64_t address)
{
	struct region *tree = space->regions, *found = NULL;

	while (tree) {
		if (tree->end > address) {
			found = tree;
			tree = tree->left;
		} else {
			tree = tree->right;
		}
	}
	return found;
}

struct region *region_at(struct space *space, uint64_t address)
{
	struct region *region = region_find(space, address);

	return region && region->start <= address ? region : NULL;
}

bool region_none(struct space *space, uint64_t start, uint64_t end)
{
	struct region *region = region_find(space, start);

	return !region || region->start >= end;
}

/* The highest `length` free bytes of [low, high), as far as this subtree knows: its regions are all there is between the
 * two. Subtrees whose gaps, and what lies beside them, are too small are not entered. */
static uint64_t gap_below(struct region *tree, uint64_t length, uint64_t low, uint64_t high)
{
	uint64_t found;

	if (low >= high || high - low < length)
		return 0;
	if (!tree)
		return high - length;
	if (tree->gap < length && (tree->low < low || tree->low - low < length) &&
	    (tree->high > high || high - tree->high < length))
		return 0;
	found = gap_below(tree->right, length, tree->end > low ? tree->end : low, high);
	if (found)
		return found;
	return gap_below(tree->left, length, low, tree->start < high ? tree->start : high);
}

uint64_t region_gap(struct space *space, uint64_t hint, uint64_t length, uint64_t end)
{
	hint = page_down(hint);
	if (hint >= USER_ADDRESS_FIRST && hint < end && length <= end - hint && region_none(space, hint, hint + length))
		return hint;
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
	tree_refresh(region->space->regions, region);
}

/* Depth must not be a program's to choose by the addresses it maps at, so priorities do not depend
 * on them: a counter through a 64-bit mixer (splitmix64). */
static uint32_t random_priority(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;
	uint64_t next = __atomic_add_fetch(&state, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED);

	next = (next ^ next >> 30) * 0xbf58476d1ce4e5b9;
	next = (next ^ next >> 27) * 0x94d049bb133111eb;
	return (uint32_t)(next >> 32);
}

/* `like` may be a region of the tree that is about to shrink to what is below `start`
 * (region_split): for the moment both say what is shown there, and both are on the object's list,
 * so nobody misses a mapping. */
static bool region_make(struct space *space, const struct region *like, uint64_t start, uint64_t end)
{
	struct region *region = pool_allocate(space->object.pool, sizeof(struct region));

	if (!region)
		return false;
	*region = (struct region){
		.space = space, .start = start, .end = end, .memory = like->memory, .offset = like->offset,
		.flags = like->flags, .allowed = like->allowed, .priority = random_priority(),
	};
	list_init(&region->in_memory);
	if (region->memory) {
		region->offset += start - like->start;
		object_reference(&region->memory->object);
		spin_lock(&region->memory->lock);
		list_append(&region->memory->mappers, &region->in_memory);
		spin_unlock(&region->memory->lock);
	}
	tree_insert(space, region);
	return true;
}

/* Nothing shows its pages any more: entries and own pages have gone before (range_unmap_some), or
 * stay valid because another region takes the range over (region_merge_at). */
static void region_end(struct space *space, struct region *region)
{
	struct memory *memory = region->memory;

	tree_remove(space, region);
	if (memory) {
		spin_lock(&memory->lock);
		list_remove(&region->in_memory);
		memory_region_gone(memory);
		spin_unlock(&memory->lock);
		object_unreference(&memory->object);
	}
	pool_free(space->object.pool, region, sizeof(*region));
}

bool region_split(struct space *space, struct region *region, uint64_t at)
{
	if (!region_make(space, region, at, region->end))
		return false;
	set_bounds(region, region->start, at);
	return true;
}

void region_cut(struct space *space, struct region *region, uint64_t start)
{
	if (start < region->end)
		set_bounds(region, start, region->end);
	else
		region_end(space, region);
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

void region_merge_at(struct space *space, uint64_t address)
{
	struct region *low = region_at(space, address - 1), *high = region_at(space, address);
	uint64_t end;

	if (!low || !high || low == high || !continues(low, high))
		return;
	end = high->end;
	region_end(space, high);
	set_bounds(low, low->start, end);
}

bool region_add(struct space *space, const struct region *like)
{
	struct region *low = region_at(space, like->start - 1);

	if (low && continues(low, like))
		set_bounds(low, low->start, like->end);
	else if (!region_make(space, like, like->start, like->end))
		return false;
	region_merge_at(space, like->end);
	return true;
}
