/* Frame tables: see the header. */
#include "mm/frame_table.h"
#include "base/log.h"
#include "mm/pool.h"

#define WAYS FRAMES_TOGETHER
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
	return table->leaf && index - table->leaf->first < WAYS ? table->leaf : NULL;
}

/* From the root, where the leaf at hand is another. It is `leaf` from now on. */
static __attribute__((noinline)) struct frame_node *leaf_find(struct frame_table *table, uint64_t index)
{
	struct frame_node *node = table->root;

	while (node && node->shift && covers(node, index))
		node = child_of(node, way_of(node, index));
	if (!node || !covers(node, index))
		return NULL;
	return table->leaf = node;
}

physical_t *frame_table_find(struct frame_table *table, uint64_t index)
{
	struct frame_node *leaf = leaf_at_hand(table, index);

	if (!leaf)
		leaf = leaf_find(table, index);
	return leaf && leaf->entries[index % WAYS] ? &leaf->entries[index % WAYS] : NULL;
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

		if (node->shift == 0) {
			table->leaf = node;
			*index = node->first + way;
			return &node->entries[way];
		}
		physical_t *found = next_below(table, child_of(node, way), index);
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

	while ((index ^ below->first) >> shift >= WAYS)
		shift += WAY_BITS;
	struct frame_node *node = node_make(table, index, shift);
	if (node)
		entry_set(node, below->first, (uint64_t)below);
	return node;
}

/* The leaf for a page, made and linked if need be. The leaf is the last node made, so that a failure leaves
 * at most a node with a single child, which does no harm. */
static __attribute__((noinline)) struct frame_node *leaf_make(struct frame_table *table, uint64_t index)
{
	struct frame_node *node = table->root, *parent = NULL;

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
	struct frame_node *leaf = leaf_at_hand(table, index);

	if (!leaf && !(leaf = leaf_make(table, index))) {
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

/* The part of a leaf's entries that are of [index, end): those present, as bits. `index` is the leaf's. */
static uint64_t present_in(const struct frame_node *leaf, uint64_t index, uint64_t end)
{
	uint64_t bits = leaf->present >> way_of(leaf, index) << way_of(leaf, index);

	return end - leaf->first < WAYS ? bits & ((1ull << (end - leaf->first)) - 1) : bits;
}

/* An empty leaf goes, and with it the nodes that become empty: `present` is never 0 in a linked node, so a search that
 * enters one finds something. They may be the leaf at hand, or above it: it is forgotten. */
static void leaf_free(struct frame_table *table, struct frame_node **link, const struct frame_node *leaf)
{
	struct frame_node *node = *link;
	uint32_t way = way_of(node, leaf->first);

	if (node != leaf) {
		leaf_free(table, (struct frame_node **)&node->entries[way], leaf);
		if (node->entries[way] == 0)
			node->present &= ~(1ull << way);
	}
	if (node->present == 0) {
		*link = NULL;
		table->leaf = NULL;
		pool_free(table->pool, node, sizeof(*node));
	}
}

/* One credit for all of them: each walks up to the root pool. */
uint32_t frame_table_take(struct frame_table *table, uint64_t index, uint64_t end, physical_t *frames)
{
	uint32_t count = 0;

	if (!frame_table_next(table, &index, end))
		return 0;
	struct frame_node *leaf = table->leaf;
	uint64_t left = present_in(leaf, index, end);
	leaf->present &= ~left;
	for (; left; left &= left - 1) {
		uint64_t *entry = &leaf->entries[__builtin_ctzll(left)];

		frames[count++] = *entry;
		*entry = 0;
	}
	if (leaf->present == 0)
		leaf_free(table, &table->root, leaf);
	table->count -= count;
	pool_credit(table->pool, count * PAGE_SIZE);
	return count;
}

/* Within one pool no charge changes. */
bool frame_table_move(struct frame_table *to, uint64_t index, struct frame_table *from, uint64_t from_index)
{
	physical_t *entry = frame_table_find(from, from_index);
	struct frame_node *source = from->leaf, *leaf = leaf_at_hand(to, index);
	bool pays = to->pool != from->pool;

	if (pays && !pool_charge(to->pool, PAGE_SIZE))
		return false;
	if (!leaf && !(leaf = leaf_make(to, index))) {
		pool_credit(to->pool, pays ? PAGE_SIZE : 0);
		return false;
	}
	entry_set(leaf, index, *entry);
	to->count++;
	*entry = 0;
	source->present &= ~(1ull << (from_index % WAYS));
	if (source->present == 0)
		leaf_free(from, &from->root, source);
	from->count--;
	if (pays)
		pool_credit(from->pool, PAGE_SIZE);
	return true;
}

static uint64_t bits_count(uint64_t bits)
{
	uint64_t count = 0;

	for (; bits; bits &= bits - 1)
		count++;
	return count;
}

/* The charge comes first, for all at once; nothing can fail after the leaf is there. */
uint32_t frame_table_share(struct frame_table *to, struct frame_table *from, uint64_t index, uint64_t end)
{
	struct frame_node *source = from->leaf, *leaf;
	uint64_t shared = present_in(source, index, end), count = bits_count(shared);

	if (!pool_charge(to->pool, count * PAGE_SIZE))
		return 0;
	leaf = leaf_at_hand(to, index);
	if (!leaf && !(leaf = leaf_make(to, index))) {
		pool_credit(to->pool, count * PAGE_SIZE);
		return 0;
	}
	DEBUG_ASSERT(!(leaf->present & shared));
	for (uint64_t left = shared; left; left &= left - 1) {
		uint32_t way = (uint32_t)__builtin_ctzll(left);

		page_reference(source->entries[way]);
		leaf->entries[way] = source->entries[way];
	}
	leaf->present |= shared;
	to->count += count;
	end = end < source->first + WAYS ? end : source->first + WAYS;
	return (uint32_t)(end - index);
}

uint64_t frame_table_count(struct frame_table *table, uint64_t *index, uint64_t end, uint32_t leaves)
{
	uint64_t count = 0;

	for (; leaves && frame_table_next(table, index, end); leaves--) {
		count += bits_count(present_in(table->leaf, *index, end));
		*index = table->leaf->first + WAYS;
	}
	if (leaves || *index > end)
		*index = end;
	return count;
}
