/* Walking a path, and the operations that change names. */
#ifndef TMPFS_WALK_H
#define TMPFS_WALK_H

#include "node.h"

enum walk_flags {
	WALK_FOLLOW =
	    1 << 0, /* a symbolic link at the end is followed (with a trailing slash it is anyway) */
	WALK_NAME = 1 << 1, /* the last name itself counts (create, remove, rename): neither a link
	                         nor a mount point there is entered, and it need not exist */
	WALK_CREATE = 1 << 2, /* open with O_CREAT: follows, but the last name need not exist */
};

enum walk_last { LAST_NAME, LAST_SELF, LAST_DOT, LAST_DOTDOT };

struct walk {
	/* in */
	const struct session *session;
	struct node *start; /* relative paths; may be a file when the path is empty */
	const char *path;
	size_t length;
	size_t slack; /* bytes after it that can be read as well, whatever is in them */
	unsigned flags;
	/* out; nothing is referenced: good until the tree changes */
	struct node *parent; /* LAST_NAME: the directory of the last name */
	struct entry *entry; /* LAST_NAME: NULL where it does not exist */
	struct node *node;   /* what was found, or NULL */
	enum walk_last last;
	struct name name;
	bool trailing_slash;
	/* Where the walk leaves this tree: enum path_redirect, the gate of a mount, what remains */
	unsigned redirect;
	handle_t gate;
	const char *rest;
	size_t rest_length;
};

/* 0 or a negative errno. With a redirect the result is 0 and only the last group counts. Paths that
 * pass through symbolic links lie in static buffers that the next but one walk reuses. */
int walk_path(struct walk *walk);

#define OPEN_EXECUTE (1u << 30)       /* path.proto: PATH_OPEN_EXECUTE */
#define RENAME_FLAG_NOREPLACE 1u
#define RENAME_FLAG_EXCHANGE 2u

/* Each takes a finished walk (WALK_NAME) without a redirect. */
int tree_make(const struct walk *walk, uint32_t mode, uint64_t device, const char *target,
              size_t target_length, struct node **made);
int tree_unlink(const struct walk *walk, bool directory);
int tree_link(struct node *node, const struct walk *to);
int rename_check_flags(unsigned flags); /* before the walks */
int tree_rename(const struct walk *from, const struct walk *to, unsigned flags);
/* A node that no name leads to (O_TMPFILE), in a directory's file system. */
int tree_make_unnamed(const struct walk *walk, uint32_t mode, struct node **made);
/* The open of a finished walk (WALK_FOLLOW or WALK_CREATE as open_walk_flags says). */
int open_check_flags(uint32_t flags); /* before the walk */
unsigned open_walk_flags(uint32_t flags);
int tree_open(const struct walk *walk, uint32_t flags, uint32_t mode, struct node **opened);

int tree_mount(struct node *directory, handle_t gate);
int tree_unmount(struct node *directory, handle_t *gate);

/* Unpack cpio archives (see archive.c). Bytes stay where they are and must stay mapped. */
int archive_load(const uint8_t *archive, uint64_t length, uint64_t *files);

#endif
