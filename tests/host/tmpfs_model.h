/* A file system in the simplest way there is: nodes with arrays, paths split and walked by
 * hand. It only says whether an operation succeeds, and what the tree looks like then. */
#ifndef TEST_TMPFS_MODEL_H
#define TEST_TMPFS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_CHILDREN_MAX 64
#define MODEL_FILE_MAX 32768

struct model_node {
	bool directory;
	unsigned links; /* names of a file */
	uint64_t size;
	uint8_t *bytes;
	struct model_node *parent; /* directories */
	unsigned child_count;
	struct {
		char name[32];
		struct model_node *node;
	} children[MODEL_CHILDREN_MAX];
};
extern struct model_node *model_root;

enum model_kind {
	MODEL_DIRECTORY,
	MODEL_FILE,
	MODEL_UNLINK,
	MODEL_REMOVE,
	MODEL_RENAME,
	MODEL_LINK,
	MODEL_WRITE,
	MODEL_TRUNCATE,
	MODEL_KINDS
};

struct model_change {
	enum model_kind kind;
	const char *one, *two;
	unsigned flags; /* rename: 1 do not replace, 2 exchange */
	uint64_t offset, length;
	const uint8_t *data;
};

void model_start(void);
void model_stop(void);
int model_apply(const struct model_change *change); /* 0, or -1 and nothing happened */

#endif
