/* Frame tables: sparse maps from page numbers to page frames.
 *
 * A tree of 64-way nodes without chains of only children: a node knows which page numbers it covers,
 * so a few pages anywhere in a huge range cost a few nodes. The table holds one reference of
 * each frame and charges its pool for every frame, shared or not, and for the nodes. Its owner's
 * lock protects it. All zero but for the pool is an empty table.
 */
#pragma once

#include "mm/page.h"

struct pool;
struct frame_node;

struct frame_table {
	struct frame_node *root;
	struct frame_node *leaf; /* used last, or NULL */
	struct pool *pool; /* not referenced: the owner's */
	uint64_t count;    /* frames held */
};

/* The entry of a page, to be read or replaced (never emptied) in place; NULL: no frame. */
physical_t *frame_table_find(struct frame_table *table, uint64_t index);
/* The first entry from *index on and before `end`; *index becomes its page number. NULL: none. The entries of the pages
 * behind it follow it, to the next multiple of FRAMES_TOGETHER; 0: no frame. */
#define FRAMES_TOGETHER 64u
physical_t *frame_table_next(struct frame_table *table, uint64_t *index, uint64_t end);
/* Takes over the caller's reference. False: quota or memory is at its end; the reference is dropped. */
bool frame_table_insert(struct frame_table *table, uint64_t index, physical_t frame);
/* The same where the frame's page is charged already; a failure credits it. */
bool frame_table_insert_charged(struct frame_table *table, uint64_t index, physical_t frame);
/* A frame that is there goes over to another table, or another place of the same, where none is. False: quota or
 * memory; nothing has changed. */
bool frame_table_move(struct frame_table *to, uint64_t index, struct frame_table *from, uint64_t from_index);
/* Take the first frame of [index, end), and those behind it to the next multiple of FRAMES_TOGETHER: how many. */
uint32_t frame_table_take(struct frame_table *table, uint64_t index, uint64_t end, physical_t *frames);
/* Where that stops, at the latest. */
static inline uint64_t frames_stop(uint64_t index, uint64_t end)
{
	return smaller((index | (FRAMES_TOGETHER - 1)) + 1, end);
}
/* Share the frames of neighbours: from a page that frame_table_next has found just now to the next multiple of
 * FRAMES_TOGETHER, or `end`. Nothing of `to` is there yet. How many pages that is; 0: quota or memory is at its end. */
uint32_t frame_table_share(struct frame_table *to, struct frame_table *from, uint64_t index, uint64_t end);
/* How many frames [*index, end) holds, in at most so many runs of FRAMES_TOGETHER; *index becomes where to go on. */
uint64_t frame_table_count(struct frame_table *table, uint64_t *index, uint64_t end, uint32_t runs);
