/* Contents of regular files: one memory object a file, made when the first byte is written
 * (or mapped). What lies between the size and the object's end reads as zeros: shrinking clears it,
 * and nothing else puts bytes there but a shared mapping, whose business it is.
 */
#include "node.h"

#include <errno.h>

static uint64_t pages_for(uint64_t size)
{
	return (size + CONTENT_PAGE - 1) & ~(CONTENT_PAGE - 1);
}

static uint64_t capacity_for(uint64_t size)
{
	return size ? pages_for(size) : CONTENT_PAGE;
}

int content_own(struct node *node)
{
	struct content *content = &node->content;
	if (content->object)
		return 0;
	uint64_t capacity = capacity_for(node->size);
	handle_t object = memory_object_make(capacity);
	if (!object)
		return -ENOSPC;
	if (content->borrowed) {
		int64_t done = memory_object_write(object, 0, content->borrowed, node->size);
		if (done != (int64_t)node->size) {
			handle_drop(object);
			return -ENOSPC;
		}
		content->borrowed = NULL;
	}
	content->object = object;
	content->capacity = capacity;
	content->counted = false;
	return 0;
}

/* The object's end follows the size page by page, so that a mapping past the end of the file
 * faults as it should. The size itself is still what it was, or what it was is past this. */
static int content_resize(struct node *node, uint64_t size)
{
	uint64_t capacity = capacity_for(size);
	if (capacity == node->content.capacity)
		return 0;
	int status = memory_object_resize(node->content.object, capacity);
	if (status == 0)
		node->content.capacity = capacity;
	return status;
}

static int content_grow(struct node *node, uint64_t size)
{
	return memory_object_guard(node->content.object, node->size) ? content_resize(node, size) : -ENOSPC;
}

int content_begin_write(struct node *node, uint64_t offset, uint64_t length)
{
	if (offset > FILE_SIZE_MAX || length > FILE_SIZE_MAX - offset)
		return -EFBIG;
	int status = content_own(node);
	node->content.counted = false;
	if (status == 0 && offset + length > node->size)
		status = content_grow(node, offset + length);
	return status;
}

void content_end_write(struct node *node, uint64_t offset, uint64_t length, uint64_t done)
{
	if (done && offset + done > node->size)
		node->size = offset + done;
	if (done < length) { /* bytes may have been copied beyond what was reported */
		if (node->size < node->content.capacity)
			memory_object_discard(node->content.object, node->size,
			                      node->content.capacity - node->size);
		content_resize(node, node->size); /* shrinking does not fail */
	}
	if (done)
		node_touch(node, true);
}

/* The bytes go when the step counts, after those who read without calls have been told. */
static void content_shrink(struct node *node, uint64_t size)
{
	node->content.borrowed = size ? node->content.borrowed : NULL;
	node->size = size;
	node_touch(node, true);
	if (node->content.object) {
		node->content.capacity = capacity_for(size);
		memory_object_cut(node->content.object, size);
	}
}

int content_truncate(struct node *node, uint64_t size)
{
	int status = 0;
	if (size > FILE_SIZE_MAX)
		return -EFBIG;
	node->content.counted = false;
	if (size > node->size || (node->content.borrowed && size))
		status = content_own(node);
	if (status == 0 && size > node->size)
		status = content_grow(node, size);
	if (status)
		return status;
	if (size < node->size) {
		content_shrink(node, size);
	} else {
		node->size = size;
		node_touch(node, true);
	}
	return 0;
}

enum { KEEP_SIZE = 1, PUNCH_HOLE = 2, ZERO_RANGE = 0x10 };

/* Set memory aside for a range. What is mapped for writing is left alone: rewriting a byte could undo
 * somebody's store. Without KEEP_SIZE the file grows, or keeps its size where memory runs out. */
static int content_populate(struct node *node, uint64_t offset, uint64_t end, bool keep_size)
{
	struct content *content = &node->content;
	uint64_t inside = end < node->size ? end : node->size, size = node->size;
	int status = 0;
	if (offset < inside && !content->shared)
		status = memory_object_populate(content->object, offset, inside - offset, false);
	if (status || keep_size || end <= size)
		return status;
	status = content_truncate(node, end);
	uint64_t fresh = offset > size ? offset : size;
	if (status == 0)
		status = memory_object_populate(content->object, fresh, end - fresh, true);
	if (status)
		content_truncate(node, size);
	return status;
}

int content_allocate(struct node *node, uint32_t mode, uint64_t offset, uint64_t length)
{
	if (mode != 0 && mode != KEEP_SIZE && mode != (PUNCH_HOLE | KEEP_SIZE) && mode != ZERO_RANGE &&
	    mode != (ZERO_RANGE | KEEP_SIZE))
		return -EOPNOTSUPP;
	if (length == 0 || (int64_t)offset < 0 || (int64_t)length < 0)
		return -EINVAL;
	if (offset > FILE_SIZE_MAX || length > FILE_SIZE_MAX - offset)
		return -EFBIG;
	uint64_t end = offset + length, total, left;
	memory_quota(&total, &left);
	if (!(mode & PUNCH_HOLE) && end > node->size &&
	    end - (offset > node->size ? offset : node->size) > left)
		return -ENOSPC;
	int status = content_own(node);
	if (status)
		return status;
	node->content.counted = false;
	if (mode & (PUNCH_HOLE | ZERO_RANGE) && offset < node->size)
		memory_object_discard(node->content.object, offset,
		                      (end < node->size ? end : node->size) - offset);
	if (!(mode & PUNCH_HOLE))
		status = content_populate(node, offset, end, mode & KEEP_SIZE);
	if (status == 0)
		node_touch(node, true);
	return status;
}

static bool page_is_zero(handle_t object, uint64_t offset)
{
	uint64_t words[CONTENT_PAGE / 8];
	if (memory_object_read(object, offset, words, sizeof words) != (int64_t)sizeof words)
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (words[i])
			return false;
	}
	return true;
}

/* A page of zeros counts as a hole, whether it has memory or not; there is no telling, and it makes no
 * difference to what is read. One call looks at so many pages at most; what comes after counts as data. */
#define SEEK_PAGES_MAX 4096u
int64_t content_seek(struct node *node, uint64_t offset, bool hole)
{
	struct content *content = &node->content;
	uint64_t page = offset & ~(CONTENT_PAGE - 1), resident = content_resident(node);
	bool all_data = content->borrowed || resident == content->capacity, all_hole = resident == 0;
	for (unsigned looked = 0; page < node->size; page += CONTENT_PAGE, looked++) {
		bool zero =
		    all_hole || (!all_data && looked < SEEK_PAGES_MAX && page_is_zero(content->object, page));
		if (zero == hole)
			return (int64_t)(page > offset ? page : offset);
		if (all_data || all_hole || looked >= SEEK_PAGES_MAX)
			break;
	}
	return hole ? (int64_t)node->size : -ENXIO;
}

uint64_t content_resident(struct node *node)
{
	struct content *content = &node->content;
	if (!content->object)
		return content->borrowed ? pages_for(node->size) : 0;
	if (!content->counted || content->shared) {
		content->resident = memory_object_resident(content->object);
		content->counted = true;
	}
	return content->resident;
}

void content_free(struct node *node)
{
	window_close(node);
	if (node->content.object)
		handle_drop(node->content.object);
	node->content = (struct content){ 0 };
}
