/* Nodes: their making, their counts, their attributes as stat shows them. */
#include "node.h"

#include "lock.h"

#include <errno.h>
#include <string.h>

struct tree tree;

int tree_start(const char *mount_path)
{
	tree = (struct tree){ .next_number = 1 };
	if (strlen(mount_path) >= sizeof tree.mount_path)
		return -ENAMETOOLONG;
	strcpy(tree.mount_path, mount_path);
	struct node *root = node_make(S_IFDIR | 0755, 0, 0);
	if (!root)
		return -ENOMEM;
	root->links = 2;
	root->directory.parent = node_reference(root);
	tree.root = node_reference(root);
	return 0;
}

struct node *node_make(uint32_t mode, uint32_t user, uint32_t group)
{
	struct node *node = heap_allocate(sizeof *node);
	if (!node)
		return NULL;
	node->number = tree.next_number++;
	node->mode = mode;
	node->user = user;
	node->group = group;
	node->access_time = node->modify_time = node->change_time = clock_now();
	if (node_is(node, S_IFDIR))
		node->directory.next_sequence = 2; /* 0 and 1 are . and .. */
	tree.node_count++;
	return node;
}

/* Frees a node that nothing leads to; a directory's parent may be next. */
static void node_collect(struct node *node)
{
	while (node && node->links == 0 && node->references == 0) {
		struct node *parent = NULL;
		if (node_is(node, S_IFREG)) {
			content_free(node);
		} else if (node_is(node, S_IFLNK)) {
			heap_free(node->target, node->size + 1);
		} else if (node_is(node, S_IFDIR)) {
			parent = node->directory.parent;
			directory_free(node);
		}
		if (node->fifo)
			handle_drop(node->fifo);
		lock_forget_node(node);
		heap_free(node, sizeof *node);
		tree.node_count--;
		if (parent)
			parent->references--;
		node = parent;
	}
}

void node_release(struct node *node)
{
	if (--node->references == 0)
		node_collect(node);
}

void node_unlink(struct node *node)
{
	node->links--;
	if (node->links == 0 && node->references == 0) {
		node_collect(node);
	} else {
		window_fold(node);
		node->change_time = clock_now();
		window_tell(node);
	}
}

void node_attributes(struct node *node, struct file_attributes *attributes)
{
	window_fold(node);
	*attributes = (struct file_attributes){
		.device = 1,
		.inode = node->number,
		.mode = node->mode,
		.links = node->links,
		.user = node->user,
		.group = node->group,
		.special_device = node->device,
		.size = node->size,
		.block_size = CONTENT_PAGE,
		.access_time = node->access_time,
		.modify_time = node->modify_time,
		.change_time = node->change_time,
	};
	if (node_is(node, S_IFREG)) {
		attributes->blocks = content_resident(node) / 512;
	} else if (node_is(node, S_IFDIR)) {
		attributes->size = 20ull * (node->directory.live + 2);
	}
}

int node_brief(struct node *node, struct file_brief *brief)
{
	struct file_attributes attributes;
	node_attributes(node, &attributes);
	return file_brief_pack(&attributes, brief) ? 0 : -EOPNOTSUPP;
}

void node_touch(struct node *node, bool modified)
{
	if (tree.loading)
		return;
	window_fold(node);
	node->change_time = clock_now();
	if (modified)
		node->modify_time = node->change_time;
	window_tell(node);
}

/* As Linux's relatime: an access time is only brought up to date when it would look wrong. */
void node_accessed(struct node *node)
{
	int64_t now = clock_now();
	window_fold(node);
	if (node->access_time <= node->modify_time || node->access_time <= node->change_time ||
	    now - node->access_time >= DAY) {
		node->access_time = now;
		window_tell(node);
	}
}

static void tree_empty(struct node *directory)
{
	for (uint32_t i = 0; i < directory->directory.order_length; i++) {
		struct entry *entry = directory->directory.order[i].entry;
		if (!entry)
			continue;
		struct node *child = entry->node;
		if (node_is(child, S_IFDIR)) {
			tree_empty(child);
			child->links = 1;
		}
		entry_free(entry);
		node_unlink(child);
	}
	directory->directory.order_length = directory->directory.live = 0;
}

void tree_stop(void)
{
	tree_empty(tree.root);
	tree.root->links = 0;
	tree.root->directory.parent = NULL; /* itself */
	tree.root->references--;
	node_release(tree.root);
	tree.root = NULL;
}
