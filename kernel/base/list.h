/* Circular doubly linked lists, the node inside the element. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *next, *previous;
};

#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

static inline void list_init(struct list_node *list)
{
	list->next = list->previous = list;
}

/* A node is on no list when it points at itself: nodes must be initialised too. */
static inline bool list_empty(const struct list_node *list)
{
	return list->next == list;
}

static inline void list_insert_before(struct list_node *position, struct list_node *node)
{
	node->next = position;
	node->previous = position->previous;
	position->previous->next = node;
	position->previous = node;
}

static inline void list_append(struct list_node *list, struct list_node *node)
{
	list_insert_before(list, node);
}

static inline void list_prepend(struct list_node *list, struct list_node *node)
{
	list_insert_before(list->next, node);
}

/* All of another list go over to the end of this one. */
static inline void list_append_all(struct list_node *list, struct list_node *more)
{
	more->next->previous = list->previous;
	list->previous->next = more->next;
	more->previous->next = list;
	list->previous = more->previous;
	list_init(more);
}

/* The node is left as one that is on no list, so that list_empty(node) tells. */
static inline void list_remove(struct list_node *node)
{
	node->previous->next = node->next;
	node->next->previous = node->previous;
	list_init(node);
}

#define list_first(list, type, member) container_of((list)->next, type, member)
#define list_for_each(list, node) \
	for (struct list_node *node = (list)->next; node != (list); node = node->next)
