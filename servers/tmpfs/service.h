/* The message layer: open files, and the handlers of the four protocols tmpfs speaks. */
#ifndef TMPFS_SERVICE_H
#define TMPFS_SERVICE_H

#include "node.h"
#include "server/server.h"

struct walk;
struct file_lock_in;
struct file_flock_in;
struct file_release_locks_in;

/* Devices that tmpfs serves itself: character devices of major 1. */
enum own_device {
	DEVICE_NULL = 3,
	DEVICE_ZERO = 5,
	DEVICE_FULL = 7,
	DEVICE_RANDOM = 8,
	DEVICE_URANDOM = 9,
	DEVICE_KMSG = 11
};
#define DEVICE_MAJOR_MEMORY 1u

/* Open files of one process, by number: they need no gates. */
struct file_table {
	struct open_file **files; /* NULL: free */
	uint32_t size;
	uint32_t lowest_free; /* no free number below; 0 is the table's own gate */
};

/* What a gate stands for. The gate's label is generation << 32 | index + OPEN_FILE_LABEL_FIRST:
 * an index is used again, a label never. */
struct open_file {
	struct node *node;       /* referenced */
	struct session *session; /* referenced: who opened it */
	uint64_t offset;         /* bytes; position of a directory; kmsg: of the log */
	uint32_t flags;          /* open flags, without those of the opening itself */
	uint32_t generation;
	uint32_t index;
	uint32_t device;         /* enum own_device, or 0 */
	bool writes_alone;       /* it was given a write window */
	uint32_t holders;        /* gates, and a number; it goes with the last */
	uint32_t number;         /* in `table`; 0: it is in none */
	struct file_table *table; /* that it is in; of a table's own gate: the table itself */
	struct open_file *next_free;
};

#define OPEN_FILE_LABEL_FIRST 0x100u
#define LABEL_ADMINISTRATION 1u /* the supervisor */
#define LABEL_SESSIONS 2u       /* proc */

struct open_file *open_file_make(struct node *node, struct session *session, uint32_t flags);
void open_file_drop(struct open_file *file);
struct open_file *open_file_find(uint64_t label); /* NULL: no such file */
uint64_t open_file_label(const struct open_file *file);
/* Make a gate to it and send it as capability 0 of the answer; on failure it is dropped if nothing else holds it. */
int open_file_send(struct open_file *file, struct request *request);
void open_file_release(struct open_file *file); /* one holder less */

/* Tables of open files (table.c) */
int table_make(struct open_file *file); /* of its own gate; -ENOMEM */
bool table_has_room(struct file_table *table);
void table_insert(struct file_table *table, struct open_file *file); /* there is room */
struct open_file *table_find(const struct open_file *own, uint32_t number); /* NULL: none */
void table_remove(struct open_file *file); /* its number */
void table_drop(struct open_file *own);    /* all of it */
/* Of the call in hand: there is one, or it would not have come so far. */
/* The table in which it has a number, or is the first: where its gate came with a number, or is the table's. */
static inline struct file_table *this_table(const struct request *request)
{
	const struct open_file *file = request->object;
	return request->number || !file->number ? file->table : NULL;
}

static inline struct open_file *this_file(const struct request *request)
{
	return request->object;
}
bool open_file_readable(const struct open_file *file);
bool open_file_writable(const struct open_file *file);
bool open_file_is_path(const struct open_file *file); /* O_PATH */

/* Opened with these flags it is another server's: a device, or a pipe. */
bool opens_elsewhere(const struct node *node, uint32_t flags);
struct open_file *open_here(struct session *session, struct node *node, uint32_t flags); /* NULL: no memory */

int serve_file(struct request *request);
int serve_path(struct request *request);
int serve_brief(struct request *request); /* the path protocol from brief_status on (brief.c) */
int serve_lock(struct request *request, const struct file_lock_in *in);
int serve_flock(struct request *request, const struct file_flock_in *in);
int serve_release_locks(struct request *request, const struct file_release_locks_in *in);
/* A walk for some bytes (a NUL ends a path early), in the name of who asks. */
int walk_bytes(const struct request *request, const struct open_file *from, const char *path, size_t length,
               unsigned flags, struct walk *walk);
int make_node(const struct walk *walk, uint32_t mode, uint64_t device); /* of any type by mode; a plain file for none */
void fill_system_info(struct file_system_info *info);

/* Device nodes (device.c) */
int device_attach(uint32_t type, uint32_t major, uint32_t minor, uint32_t count, slot_t gate);
slot_t device_find(const struct node *node); /* 0: none */
bool device_is_own(const struct node *node);
/* count: what was done. 0 or a negative errno. */
int device_read(struct open_file *file, struct request *request, uint64_t length, uint64_t *count);
int device_write(struct open_file *file, struct request *request, uint64_t *count);
slot_t fifo_gate(struct node *node); /* of a named pipe, made when first needed; 0: none */

void random_seed(const void *bytes, size_t length);
void random_fill(void *buffer, size_t length);
void random_again(void); /* what was given out by a step that was taken back is not given out to others */

int environment_start(slot_t system);
/* The boot archive stays mapped at one place, from incarnation to incarnation: files borrow from it. 0 or a negative errno;
 * the slot is still the caller's then. */
int archive_keep(slot_t memory, uint64_t offset, uint64_t length, const uint8_t **bytes);
int64_t archive_map(void); /* again, if there is one; a status */

#endif
