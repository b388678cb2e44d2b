/* Labels: the numbers a server puts on the gates it makes, and the objects they stand for.
 *
 * A label is free again once its object is; the server frees it when the kernel has said that the
 * last capability to the gate is gone (or before the gate was ever given away). Labels below
 * LABEL_FIRST belong to the gates that the supervisor makes. */
#ifndef SERVER_LABELS_H
#define SERVER_LABELS_H

#include <stdint.h>

#define LABEL_FIRST 0x100ull

struct label_table {
	void **objects;    /* index + LABEL_FIRST is the label; NULL: free */
	uint32_t capacity;
	uint32_t hint;     /* no free entry below */
};

uint64_t label_make(struct label_table *table, void *object); /* 0: no memory */
void *label_find(const struct label_table *table, uint64_t label); /* NULL: none */
void label_drop(struct label_table *table, uint64_t label);

#endif
