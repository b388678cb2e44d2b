/* See tmpfs_model.h. */
#include "tmpfs_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model_node *model_root;

struct place {
	struct model_node *parent, *node; /* parent NULL: the path ends in a dot, or is the root */
	char name[32];
};

static struct model_node *node_new(bool directory)
{
	struct model_node *node = calloc(1, sizeof *node);
	node->directory = directory;
	if (!directory)
		node->bytes = calloc(1, MODEL_FILE_MAX);
	return node;
}

static void node_delete(struct model_node *node)
{
	free(node->bytes);
	free(node);
}

static int child_index(const struct model_node *directory, const char *name)
{
	for (unsigned i = 0; i < directory->child_count; i++) {
		if (strcmp(directory->children[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static void child_add(struct model_node *directory, const char *name, struct model_node *node)
{
	strcpy(directory->children[directory->child_count].name, name);
	directory->children[directory->child_count++].node = node;
	if (node->directory)
		node->parent = directory;
	else
		node->links++;
}

/* Takes the name away; a file without names is gone. */
static void child_remove(struct model_node *directory, const char *name, bool keep)
{
	int index = child_index(directory, name);
	struct model_node *node = directory->children[index].node;
	directory->children[index] = directory->children[--directory->child_count];
	if (!node->directory)
		node->links--;
	if (!keep && (node->directory || node->links == 0))
		node_delete(node);
}

static int find(const char *path, struct place *place)
{
	struct model_node *at = model_root;
	*place = (struct place){ 0 };
	for (const char *next = path; *next;) {
		char name[32];
		int used = 0;
		sscanf(next, "/%31[^/]%n", name, &used);
		next += used;
		bool last = *next == 0;
		if (!at || !at->directory)
			return -1;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
			if (name[1] && at->parent)
				at = at->parent;
			place->parent = NULL;
			continue;
		}
		int index = child_index(at, name);
		place->parent = at;
		strcpy(place->name, name);
		at = index >= 0 ? at->children[index].node : NULL;
		if (!at && !last)
			return -1;
	}
	place->node = at;
	return 0;
}

static int add(const struct place *place, bool directory)
{
	if (!place->parent || place->node)
		return -1;
	child_add(place->parent, place->name, node_new(directory));
	return 0;
}

static int take(const struct place *place, bool directory)
{
	if (!place->parent || !place->node || place->node->directory != directory || place->node->child_count)
		return -1;
	child_remove(place->parent, place->name, false);
	return 0;
}

static bool is_inside(const struct model_node *directory, const struct model_node *node)
{
	while (directory && directory != node)
		directory = directory->parent;
	return directory != NULL;
}

static void swap(const struct place *from, const struct place *to)
{
	from->parent->children[child_index(from->parent, from->name)].node = to->node;
	to->parent->children[child_index(to->parent, to->name)].node = from->node;
	if (to->node->directory)
		to->node->parent = from->parent;
	if (from->node->directory)
		from->node->parent = to->parent;
}

static int move(const struct place *from, const struct place *to, unsigned flags)
{
	if (!from->parent || !from->node || !to->parent)
		return -1;
	if (from->node->directory && is_inside(to->parent, from->node))
		return -1;
	if (flags == 2 && (!to->node || (to->node->directory && is_inside(from->parent, to->node))))
		return -1;
	if (flags == 1 && to->node)
		return -1;
	if (from->node == to->node)
		return 0;
	if (flags == 2) {
		swap(from, to);
		return 0;
	}
	if (to->node && (to->node->directory != from->node->directory || to->node->child_count))
		return -1;
	if (to->node)
		child_remove(to->parent, to->name, false);
	child_remove(from->parent, from->name, true);
	child_add(to->parent, to->name, from->node);
	return 0;
}

static int put(struct model_node *node, uint64_t offset, const uint8_t *data, uint64_t length)
{
	if (!node || node->directory)
		return -1;
	memcpy(node->bytes + offset, data, length);
	if (offset + length > node->size)
		node->size = offset + length;
	return 0;
}

static int cut(struct model_node *node, uint64_t size)
{
	if (!node || node->directory)
		return -1;
	if (size < node->size)
		memset(node->bytes + size, 0, node->size - size);
	node->size = size;
	return 0;
}

int model_apply(const struct model_change *change)
{
	struct place one, two = { 0 };
	if (find(change->one, &one))
		return -1;
	bool pair = change->kind == MODEL_RENAME || change->kind == MODEL_LINK;
	if (pair && find(change->two, &two))
		return -1;
	switch (change->kind) {
	case MODEL_DIRECTORY:
		return add(&one, true);
	case MODEL_FILE:
		return add(&one, false);
	case MODEL_UNLINK:
		return take(&one, false);
	case MODEL_REMOVE:
		return take(&one, true);
	case MODEL_RENAME:
		return move(&one, &two, change->flags);
	case MODEL_LINK:
		if (!one.node || one.node->directory || !two.parent || two.node)
			return -1;
		child_add(two.parent, two.name, one.node);
		return 0;
	case MODEL_WRITE:
		return put(one.node, change->offset, change->data, change->length);
	case MODEL_TRUNCATE:
		return cut(one.node, change->offset);
	default:
		return -1;
	}
}

void model_start(void)
{
	model_root = node_new(true);
}

static void delete_below(struct model_node *directory)
{
	while (directory->child_count) {
		struct model_node *node = directory->children[0].node;
		if (node->directory)
			delete_below(node);
		child_remove(directory, directory->children[0].name, false);
	}
}

void model_stop(void)
{
	delete_below(model_root);
	node_delete(model_root);
}
