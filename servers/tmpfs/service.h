/* The message layer: open files, and the handlers of the four protocols tmpfs speaks. */
#ifndef TMPFS_SERVICE_H
#define TMPFS_SERVICE_H

#include "node.h"
#include "server/server.h"

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
	struct open_file *next_free;
};

#define OPEN_FILE_LABEL_FIRST 0x100u
#define LABEL_ADMINISTRATION 1u /* the supervisor */
#define LABEL_SESSIONS 2u       /* proc */

struct open_file *open_file_make(struct node *node, struct session *session, uint32_t flags);
void open_file_drop(struct open_file *file);
struct open_file *open_file_find(uint64_t label); /* NULL: no such file */
uint64_t open_file_label(const struct open_file *file);
/* Make its gate and send it as capability 0 of the answer; on failure the file is dropped. */
int open_file_send(struct open_file *file, struct request *request);
/* Of the call in hand: there is one, or it would not have come so far. */
static inline struct open_file *this_file(const struct request *request)
{
	return request->object;
}
bool open_file_readable(const struct open_file *file);
bool open_file_writable(const struct open_file *file);
bool open_file_is_path(const struct open_file *file); /* O_PATH */

int serve_file(struct request *request);
int serve_path(struct request *request);
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

int environment_start(slot_t system);

#endif
