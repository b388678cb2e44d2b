/* Directories: a hash table for lookups and an ordered array for listings.
 *
 * The array holds (sequence, entry) pairs with ascending sequence numbers; a removal leaves
 * a hole, and holes are squeezed out when they outnumber the entries, which changes no sequence
 * number. A reader's position is a sequence number, found by bisection.
 */
#include "node.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct directory_record { /* struct linux_dirent64 */
	uint64_t inode;
	int64_t next;
	uint16_t length;
	uint8_t type;
	char name[];
} __attribute__((packed));

#define BUCKETS_FIRST 8u
#define ORDER_FIRST 8u

struct entry *directory_find(const struct node *node, const struct name *name)
{
	const struct directory *directory = &node->directory;
	if (directory->bucket_count == 0)
		return NULL;
	struct entry *entry = directory->buckets[name->hash & (directory->bucket_count - 1)];
	while (entry && !(entry->hash == name->hash && entry->head == name->head && entry->length == name->length &&
	                  name_rest_equal(entry->name, name->bytes, name->length)))
		entry = entry->next;
	return entry;
}

struct entry *entry_make(const struct name *name)
{
	struct entry *entry = heap_allocate(sizeof *entry + name->length);
	if (!entry)
		return NULL;
	entry->head = name->head;
	entry->hash = name->hash;
	entry->length = (uint32_t)name->length;
	name_copy(entry->name, name->bytes, name->length);
	return entry;
}

void entry_free(struct entry *entry)
{
	heap_free(entry, sizeof *entry + entry->length);
}

static void order_squeeze(struct directory *directory)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < directory->order_length; i++) {
		struct entry *entry = directory->order[i].entry;
		if (!entry)
			continue;
		entry->index = kept;
		directory->order[kept++] = directory->order[i];
	}
	directory->order_length = kept;
}

static int order_reserve(struct directory *directory)
{
	if (directory->order_length < directory->order_capacity)
		return 0;
	if (directory->live < directory->order_length / 2) {
		order_squeeze(directory);
		return 0;
	}
	uint32_t capacity = directory->order_capacity ? directory->order_capacity * 2 : ORDER_FIRST;
	struct position *order = heap_allocate(capacity * sizeof *order);
	if (!order)
		return -ENOSPC;
	if (directory->order) {
		memcpy(order, directory->order, directory->order_length * sizeof *order);
		heap_free(directory->order, directory->order_capacity * sizeof *order);
	}
	directory->order = order;
	directory->order_capacity = capacity;
	return 0;
}

static int buckets_reserve(struct directory *directory)
{
	if (directory->live < directory->bucket_count)
		return 0;
	uint32_t count = directory->bucket_count ? directory->bucket_count * 2 : BUCKETS_FIRST;
	struct entry **buckets = heap_allocate(count * sizeof *buckets);
	if (!buckets)
		return directory->bucket_count ? 0 : -ENOSPC; /* longer chains do */
	for (uint32_t i = 0; i < directory->bucket_count; i++) {
		struct entry *next;
		for (struct entry *entry = directory->buckets[i]; entry; entry = next) {
			next = entry->next;
			struct entry **bucket = &buckets[entry->hash & (count - 1)];
			entry->next = *bucket;
			*bucket = entry;
		}
	}
	if (directory->buckets)
		heap_free(directory->buckets, directory->bucket_count * sizeof *buckets);
	directory->buckets = buckets;
	directory->bucket_count = count;
	return 0;
}

int directory_reserve(struct node *node)
{
	int status = order_reserve(&node->directory);
	return status ? status : buckets_reserve(&node->directory);
}

void directory_insert(struct node *parent, struct entry *entry, struct node *node)
{
	struct directory *directory = &parent->directory;
	assert(directory->order_length < directory->order_capacity);
	struct entry **bucket = &directory->buckets[entry->hash & (directory->bucket_count - 1)];
	entry->next = *bucket;
	*bucket = entry;
	entry->node = node;
	entry->directory = parent;
	entry->index = directory->order_length++;
	directory->order[entry->index] = (struct position){ directory->next_sequence++, entry };
	directory->live++;
	node->entry = entry;
	if (node_is(node, S_IFDIR)) {
		struct node *before = node->directory.parent;
		node->directory.parent = node_reference(parent);
		if (before)
			node_release(before);
		parent->links++;
	}
	node_touch(parent, true);
}

/* Takes the entry out and frees it; the node's link is the caller's to take away. */
void directory_remove(struct entry *entry)
{
	struct node *parent = entry->directory;
	struct directory *directory = &parent->directory;
	struct entry **link = &directory->buckets[entry->hash & (directory->bucket_count - 1)];
	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	directory->order[entry->index].entry = NULL;
	directory->live--;
	while (directory->order_length && !directory->order[directory->order_length - 1].entry)
		directory->order_length--;
	if (entry->node->entry == entry)
		entry->node->entry = NULL;
	if (node_is(entry->node, S_IFDIR))
		parent->links--;
	node_touch(parent, true);
	entry_free(entry);
}

void directory_free(struct node *node)
{
	struct directory *directory = &node->directory;
	if (directory->order)
		heap_free(directory->order, directory->order_capacity * sizeof *directory->order);
	if (directory->buckets)
		heap_free(directory->buckets, directory->bucket_count * sizeof *directory->buckets);
}

static uint32_t order_find(const struct directory *directory, uint64_t sequence)
{
	uint32_t low = 0, high = directory->order_length;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (directory->order[middle].sequence < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t record_write(void *buffer, size_t room, const struct node *node, uint64_t next,
                           const char *name, size_t length)
{
	size_t size = (sizeof(struct directory_record) + length + 1 + 7) & ~(size_t)7;
	if (size > room)
		return 0;
	struct directory_record *record = buffer;
	*(uint64_t *)((char *)buffer + size - 8) = 0; /* the name's NUL and the padding */
	record->inode = node->number;
	record->next = (int64_t)next;
	record->length = (uint16_t)size;
	record->type = (uint8_t)((node->mode & S_IFMT) >> 12);
	name_copy(record->name, name, length);
	return size;
}

int64_t directory_read(struct node *node, uint64_t *position, void *buffer, size_t length)
{
	struct directory *directory = &node->directory;
	uint64_t at = *position;
	size_t done = 0, size;
	bool full = false;
	if (node->links == 0)
		return -ENOENT;
	for (; at < 2 && !full; at += !full) {
		size = record_write((char *)buffer + done, length - done, at ? directory->parent : node,
		                    at + 1, "..", at + 1);
		full = size == 0;
		done += size;
	}
	for (uint32_t i = order_find(directory, at); !full && i < directory->order_length; i++) {
		const struct entry *entry = directory->order[i].entry;
		if (!entry)
			continue;
		uint64_t next = directory->order[i].sequence + 1;
		size = record_write((char *)buffer + done, length - done, entry->node, next, entry->name,
		                    entry->length);
		full = size == 0;
		done += size;
		if (!full)
			at = next;
	}
	if (full && done == 0)
		return -EINVAL;
	*position = at;
	return (int64_t)done;
}

int64_t node_path(const struct node *from, const struct node *root, char *buffer, size_t length)
{
	size_t at = length; /* built from the end */
	for (const struct node *node = from; node != root && node != tree.root;) {
		const struct entry *entry = node->entry;
		if (!entry)
			return -ENOENT;
		if (entry->length + 1 > at)
			return -ENAMETOOLONG;
		at -= entry->length;
		memcpy(buffer + at, entry->name, entry->length);
		buffer[--at] = '/';
		node = entry->directory;
	}
	size_t prefix = root == tree.root ? strlen(tree.mount_path) : 0;
	if (prefix > at)
		return -ENAMETOOLONG;
	at -= prefix;
	memcpy(buffer + at, tree.mount_path, prefix);
	if (at == length) {
		if (length == 0)
			return -ENAMETOOLONG;
		buffer[--at] = '/';
	}
	memmove(buffer, buffer + at, length - at);
	return (int64_t)(length - at);
}
