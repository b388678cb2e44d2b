/* Labels as indexes of a growing table; see labels.h. */
#include "server/labels.h"
#include <stdlib.h>
#include <string.h>

static int label_grow(struct label_table *table)
{
	uint32_t capacity = table->capacity ? table->capacity * 2 : 64;
	void **objects = realloc(table->objects, capacity * sizeof *objects);
	if (!objects)
		return -1;
	memset(objects + table->capacity, 0, (capacity - table->capacity) * sizeof *objects);
	table->objects = objects;
	table->capacity = capacity;
	return 0;
}

uint64_t label_make(struct label_table *table, void *object)
{
	uint32_t index = table->hint;
	while (index < table->capacity && table->objects[index])
		index++;
	if (index == table->capacity && label_grow(table) < 0)
		return 0;
	table->objects[index] = object;
	table->hint = index + 1;
	return LABEL_FIRST + index;
}

void *label_find(const struct label_table *table, uint64_t label)
{
	if (label < LABEL_FIRST || label - LABEL_FIRST >= table->capacity)
		return NULL;
	return table->objects[label - LABEL_FIRST];
}

void label_drop(struct label_table *table, uint64_t label)
{
	if (!label_find(table, label))
		return;
	uint32_t index = (uint32_t)(label - LABEL_FIRST);
	table->objects[index] = NULL;
	if (index < table->hint)
		table->hint = index;
}
