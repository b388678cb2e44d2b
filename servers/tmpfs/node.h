/* The tree: nodes (inodes), directories of named entries, and sessions (who asks).
 *
 * A node lives while it has links or references. References are held by open files,
 * sessions (their root), and by subdirectories (their parent), so that `..` of a removed directory
 * still leads somewhere. All state hangs from the one `tree`.
 */
#ifndef TMPFS_NODE_H
#define TMPFS_NODE_H

#include "environment.h"
#include "name.h"
#include "protocols/file.h"
#include <stdbool.h>
#include <sys/stat.h>

#define NAME_LENGTH_MAX 255
#define FILE_SIZE_MAX (1ull << 44)
#define DAY (86400ll * 1000000000) /* nanoseconds */

struct node;
struct lock;
struct lock_waiter;

struct entry {
	struct entry *next; /* in its hash bucket */
	struct node *node;  /* holds a link */
	struct node *directory;
	uint64_t head;      /* of the name, as in struct name */
	uint32_t hash;
	uint32_t index;     /* in the directory's order */
	uint32_t length;
	char name[];
};

/* Entries are found by hash and listed by sequence number, which is never used twice: a
 * position given out by readdir stays good whatever comes and goes. */
struct directory {
	struct node *parent; /* referenced, the root's own included */
	struct entry **buckets;
	struct position {
		uint64_t sequence;
		struct entry *entry; /* NULL: removed */
	} *order;
	uint32_t bucket_count, live;
	uint32_t order_length, order_capacity;
	uint64_t next_sequence;
	uint32_t mount;      /* index + 1 into tree.mounts; 0: nothing is mounted here */
};

/* A regular file's bytes: nothing yet, a stretch of the boot archive that was never written
 * to, or a memory object of `capacity` bytes (the size rounded up to pages; what lies between size
 * and capacity reads as zeros). */
struct content {
	const uint8_t *borrowed;
	handle_t object;
	bool counted;  /* `resident` is right: nothing was written since it was asked for */
	bool shared;   /* somebody has it mapped for writing: it is never right for long */
	uint64_t capacity;
	uint64_t resident; /* bytes */
	uint32_t window;  /* shared page: what readers of the object see (window.c); 0: nobody asked */
	uint32_t written; /* shared page: what those wrote who write without calls; 0: nobody does */
	bool calls_only; /* for writing: an open file with a write window came to append */
};

struct node {
	uint64_t number;
	uint32_t mode, links;
	uint32_t user, group;
	uint32_t references;
	struct entry *entry; /* a name of it: the last one given, or opened by; NULL: the root, or removed */
	handle_t fifo;     /* of a named pipe: its gate at the pipe server, once opened */
	uint64_t size;     /* regular files and symbolic links: bytes */
	uint64_t device;   /* of device nodes */
	int64_t access_time, modify_time, change_time;
	struct lock *locks;          /* fcntl and flock, see lock.h */
	struct lock_waiter *waiters;
	union {
		struct content content;
		struct directory directory;
		char *target;
	};
};

struct session {
	uint32_t references;
	uint32_t user, group, group_count;
	struct node *root;
	uint32_t groups[];
};

#define MOUNTS_MAX 32
struct tree {
	struct node *root;
	uint64_t next_number;
	uint64_t node_count;
	bool loading; /* the boot archive: times are as it says */
	/* Where this tree hangs if it is not the root of all: "" or "/dev/shm". */
	char mount_path[256];
	struct mount {
		handle_t gate;
		struct node *node; /* referenced */
	} mounts[MOUNTS_MAX];
};
extern struct tree tree;

int tree_start(const char *mount_path);
void tree_stop(void); /* drops everything reachable; for the test's leak check */

struct node *node_make(uint32_t mode, uint32_t user, uint32_t group);
static inline struct node *node_reference(struct node *node)
{
	node->references++;
	return node;
}
void node_release(struct node *node);
void node_unlink(struct node *node); /* one link less */
void node_attributes(struct node *node, struct file_attributes *attributes);
int node_brief(struct node *node, struct file_brief *brief); /* 0, or -EOPNOTSUPP: they do not fit */
void node_touch(struct node *node, bool modified); /* change time, and modify time */
void node_accessed(struct node *node);
static inline bool node_is(const struct node *node, uint32_t type)
{
	return (node->mode & S_IFMT) == type;
}

/* Sessions and permissions */
struct session *session_make(struct node *root, uint32_t user, uint32_t group, const uint32_t *groups,
                             uint32_t group_count);
static inline struct session *session_reference(struct session *session)
{
	session->references++;
	return session;
}
void session_release(struct session *session);
bool session_in_group(const struct session *session, uint32_t group);
/* access: 4 read, 2 write, 1 execute or search. 0 or -EACCES. */
int node_permit(const struct node *node, const struct session *session, unsigned access);
static inline bool session_owns(const struct session *session, const struct node *node)
{
	return session->user == 0 || session->user == node->user;
}

/* Attributes (chmod, chown, utimes, truncate). `writable`: truncation through an open file. */
int node_set_attributes(struct node *node, const struct session *session, uint32_t mask,
                        const struct file_attributes *attributes, bool writable);
void node_clear_set_id(struct node *node, const struct session *session);

/* Directories. Reserve makes room so that the insertion after it cannot fail. */
struct entry *directory_find(const struct node *directory, const struct name *name);
struct entry *entry_make(const struct name *name);
void entry_free(struct entry *entry);
int directory_reserve(struct node *directory);
void directory_insert(struct node *directory, struct entry *entry, struct node *node);
void directory_remove(struct entry *entry);
void directory_free(struct node *directory);
/* Whole struct linux_dirent64 records from a position, which moves on. Bytes, or -EINVAL. */
int64_t directory_read(struct node *directory, uint64_t *position, void *buffer, size_t length);
/* Absolute path seen from `root`, no NUL (of a file with several names: one of them). Length, -ENOENT where
 * the name was removed, or -ENAMETOOLONG. */
int64_t node_path(const struct node *node, const struct node *root, char *buffer, size_t length);

/* Contents of regular files */
int content_own(struct node *node);  /* a memory object holds the bytes from now on */
/* Make room for bytes at an offset before they are copied in; then say how many of them were. */
int content_begin_write(struct node *node, uint64_t offset, uint64_t length);
void content_end_write(struct node *node, uint64_t offset, uint64_t length, uint64_t done);
int content_truncate(struct node *node, uint64_t size);
int content_allocate(struct node *node, uint32_t mode, uint64_t offset, uint64_t length);
/* The next hole (or data) from an offset inside the file: position, or -ENXIO. */
int64_t content_seek(struct node *node, uint64_t offset, bool hole);
uint64_t content_resident(struct node *node); /* bytes in use */
void content_free(struct node *node);

/* Windows: reading without calls */
int window_open(struct node *node); /* of a file with a memory object: 0 or -ENOMEM */
int window_open_writing(struct node *node); /* the same, and it can be written */
void window_fold(struct node *node); /* before times are looked at or changed: what was written without calls */
void window_tell(struct node *node); /* after a change of size or times; before bytes are taken away */
void window_close(struct node *node);

#endif
