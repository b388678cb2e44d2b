/* Frame tables: see the header. */
#include "mm/frame_table.h"
#include "base/log.h"
#include "mm/pool.h"

#define WAYS 64u
#define WAY_BITS 6u

struct frame_node {
	uint64_t first;   /* page number of entry 0; aligned to what the node covers */
	uint64_t present; /* a bit for each entry that is not 0; never 0 in a node that is linked */
	uint32_t shift;   /* 0: entries are frames; else nodes, each covering 1 << shift pages */
	uint64_t entries[WAYS];
};

static bool covers(const struct frame_node *node, uint64_t index)
{
	return (index ^ node->first) >> node->shift < WAYS;
}

static uint32_t way_of(const struct frame_node *node, uint64_t index)
{
	return (uint32_t)(index >> node->shift) & (WAYS - 1);
}

static struct frame_node *child_of(const struct frame_node *node, uint32_t way)
{
	return (struct frame_node *)node->entries[way];
}

/* The leaf that was used last, if it covers the page: neighbours are looked for one after the other. */
static struct frame_node *leaf_at_hand(const struct frame_table *table, uint64_t index)
{
	return table->leaf && covers(table->leaf, index) ? table->leaf : NULL;
}

physical_t *frame_table_find(struct frame_table *table, uint64_t index)
{
	struct frame_node *node = leaf_at_hand(table, index);

	if (!node)
		node = table->root;
	for (; node && covers(node, index); node = child_of(node, way_of(node, index))) {
		if (node->shift)
			continue;
		table->leaf = node;
		return node->entries[way_of(node, index)] ? &node->entries[way_of(node, index)] : NULL;
	}
	return NULL;
}

/* The first entry of a subtree that is not before *index. */
/* Depth is bounded by the digits of a page number: 36 bits in 6-bit digits are 6 levels. */
static physical_t *next_below(struct frame_table *table, struct frame_node *node, uint64_t *index)
{
	uint64_t left = node->present;

	if (*index >= node->first)
		left = covers(node, *index) ? left >> way_of(node, *index) << way_of(node, *index) : 0;
	for (; left; left &= left - 1) {
		uint32_t way = (uint32_t)__builtin_ctzll(left);
		physical_t *found;

		if (node->shift == 0) {
			table->leaf = node;
			*index = node->first + way;
			return &node->entries[way];
		}
		found = next_below(table, child_of(node, way), index);
		if (found)
			return found;
	}
	return NULL;
}

/* First in the leaf at hand: a walk over neighbours then costs no walk from the root but at every
 * 64th page. An entry found past `end` is the table's next all the same, so there is none before
 * it. */
physical_t *frame_table_next(struct frame_table *table, uint64_t *index, uint64_t end)
{
	struct frame_node *leaf = leaf_at_hand(table, *index);
	uint64_t at = *index;
	physical_t *entry = NULL;

	if (at < end && leaf)
		entry = next_below(table, leaf, &at);
	if (at < end && !entry && table->root)
		entry = next_below(table, table->root, &at);
	if (!entry || at >= end)
		return NULL;
	*index = at;
	return entry;
}

static void entry_set(struct frame_node *node, uint64_t index, uint64_t value)
{
	node->entries[way_of(node, index)] = value;
	node->present |= 1ull << way_of(node, index);
}

static struct frame_node *node_make(struct frame_table *table, uint64_t index, uint32_t shift)
{
	struct frame_node *node = pool_allocate(table->pool, sizeof(struct frame_node));

	if (node) {
		node->shift = shift;
		node->first = index & ~(((uint64_t)WAYS << shift) - 1);
	}
	return node;
}

/* A node above `below` that also covers `index`. */
static struct frame_node *node_above(struct frame_table *table, struct frame_node *below, uint64_t index)
{
	uint32_t shift = below->shift + WAY_BITS;
	struct frame_node *node;

	while ((index ^ below->first) >> shift >= WAYS)
		shift += WAY_BITS;
	node = node_make(table, index, shift);
	if (node)
		entry_set(node, below->first, (uint64_t)below);
	return node;
}

/* The leaf for a page, made and linked if need be. The leaf is the last node made, so that a failure leaves
 * at most a node with a single child, which does no harm. */
static struct frame_node *leaf_make(struct frame_table *table, uint64_t index)
{
	struct frame_node *node = leaf_at_hand(table, index), *parent = NULL;

	if (!node)
		node = table->root;
	while (!node || node->shift || !covers(node, index)) {
		if (node && covers(node, index)) {
			parent = node;
			node = child_of(node, way_of(node, index));
			continue;
		}
		node = node ? node_above(table, node, index) : node_make(table, index, 0);
		if (!node)
			return NULL;
		if (parent)
			entry_set(parent, index, (uint64_t)node);
		else
			table->root = node;
	}
	table->leaf = node;
	return node;
}

/* Takes over reference and charge, also when it fails: a caller has nothing to undo but what it did
 * before. */
bool frame_table_insert_charged(struct frame_table *table, uint64_t index, physical_t frame)
{
	struct frame_node *leaf = leaf_make(table, index);

	if (!leaf) {
		pool_credit(table->pool, PAGE_SIZE);
		page_release(frame);
		return false;
	}
	DEBUG_ASSERT(leaf->entries[way_of(leaf, index)] == 0);
	entry_set(leaf, index, frame);
	table->count++;
	return true;
}

bool frame_table_insert(struct frame_table *table, uint64_t index, physical_t frame)
{
	if (pool_charge(table->pool, PAGE_SIZE))
		return frame_table_insert_charged(table, index, frame);
	page_release(frame);
	return false;
}

/* Empty the entry below *link, and free the nodes that become empty. */
/* A node is freed with its last entry, so that `present` is never 0 in a linked node and a search
 * that enters one finds something. Freed nodes may be the leaf at hand, or above it: it is
 * forgotten. */
static physical_t take_below(struct frame_table *table, struct frame_node **link, uint64_t index)
{
	struct frame_node *node = *link;
	uint32_t way = way_of(node, index);
	physical_t frame = node->entries[way];

	if (node->shift)
		frame = take_below(table, (struct frame_node **)&node->entries[way], index);
	else
		node->entries[way] = 0;
	if (node->entries[way] == 0)
		node->present &= ~(1ull << way);
	if (node->present == 0) {
		pool_free(table->pool, node, sizeof(*node));
		table->leaf = NULL;
		*link = NULL;
	}
	return frame;
}

/* A leaf that keeps another entry keeps its place in the tree too: no walk from the root. (x & (x -
 * 1) is not 0 where more than one bit is set.) */
static physical_t take(struct frame_table *table, uint64_t index)
{
	struct frame_node *leaf = leaf_at_hand(table, index);

	return leaf && leaf->present & (leaf->present - 1) ? take_below(table, &leaf, index)
	                                                    : take_below(table, &table->root, index);
}

/* One credit for all of them: each walks up to the root pool. */
uint32_t frame_table_take_some(struct frame_table *table, uint64_t *index, uint64_t end, physical_t *frames,
                               uint32_t most)
{
	uint32_t count = 0;

	while (count < most && frame_table_next(table, index, end))
		frames[count++] = take(table, (*index)++);
	if (count < most)
		*index = end;
	table->count -= count;
	pool_credit(table->pool, count * PAGE_SIZE);
	return count;
}

physical_t frame_table_take(struct frame_table *table, uint64_t index)
{
	physical_t frame;

	frame_table_take_some(table, &index, index + 1, &frame, 1);
	return frame;
}

uint64_t frame_table_count(struct frame_table *table, uint64_t index, uint64_t end, uint64_t most)
{
	uint64_t count = 0;

	for (; count < most && frame_table_next(table, &index, end); index++)
		count++;
	return count;
}
