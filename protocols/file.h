/* Structures of the file and path protocols. Numbers are those of Linux x86-64
 * (mode bits, open flags, errno), so that nothing needs translating on the way. */
#ifndef PROTOCOL_FILE_STRUCTURES_H
#define PROTOCOL_FILE_STRUCTURES_H

#include <stdint.h>

struct file_attributes {
	uint64_t device, inode;
	uint32_t mode, links;
	uint32_t user, group;
	uint64_t special_device; /* of device nodes: major << 8 | minor, as in struct stat */
	uint64_t size;           /* bytes */
	uint64_t blocks;         /* of 512 bytes, in use */
	uint64_t block_size;     /* preferred for I/O, bytes */
	int64_t access_time, modify_time, change_time; /* nanoseconds since 1970 */
};
_Static_assert(sizeof(struct file_attributes) == 88, "crosses the protocol");

/* The same in as many words as a message has, as far as they go: of files with small numbers. */
struct file_brief {
	uint64_t identity; /* inode, mode 16 bits, links 16 */
	uint64_t owner;    /* user, group */
	uint64_t extent;   /* size 40 bits, pages in use 20, device 4 */
	int64_t access_time, modify_time, change_time;
};
#define FILE_BRIEF_SIZE_BITS 40
#define FILE_BRIEF_DEVICE_SHIFT 60
#define FILE_BRIEF_BLOCK 4096ull

static inline int file_brief_pack(const struct file_attributes *attributes, struct file_brief *brief)
{
	uint64_t pages = attributes->blocks / (FILE_BRIEF_BLOCK / 512);
	brief->identity = attributes->inode | (uint64_t)attributes->mode << 32 | (uint64_t)attributes->links << 48;
	brief->owner = attributes->user | (uint64_t)attributes->group << 32;
	brief->extent = attributes->size | pages << FILE_BRIEF_SIZE_BITS | attributes->device << FILE_BRIEF_DEVICE_SHIFT;
	brief->access_time = attributes->access_time;
	brief->modify_time = attributes->modify_time;
	brief->change_time = attributes->change_time;
	return !(attributes->inode >> 32 | attributes->mode >> 16 | attributes->links >> 16 | attributes->special_device |
	         attributes->size >> FILE_BRIEF_SIZE_BITS | pages >> 20 | attributes->device >> 4) &&
	       attributes->block_size == FILE_BRIEF_BLOCK && attributes->blocks % (FILE_BRIEF_BLOCK / 512) == 0;
}

static inline void file_brief_unpack(const struct file_brief *brief, struct file_attributes *attributes)
{
	attributes->device = brief->extent >> FILE_BRIEF_DEVICE_SHIFT;
	attributes->inode = (uint32_t)brief->identity;
	attributes->mode = brief->identity >> 32 & 0xffff;
	attributes->links = (uint32_t)(brief->identity >> 48);
	attributes->user = (uint32_t)brief->owner;
	attributes->group = (uint32_t)(brief->owner >> 32);
	attributes->special_device = 0;
	attributes->size = brief->extent & ((1ull << FILE_BRIEF_SIZE_BITS) - 1);
	attributes->blocks = (brief->extent >> FILE_BRIEF_SIZE_BITS & 0xfffff) * (FILE_BRIEF_BLOCK / 512);
	attributes->block_size = FILE_BRIEF_BLOCK;
	attributes->access_time = brief->access_time;
	attributes->modify_time = brief->modify_time;
	attributes->change_time = brief->change_time;
}

struct file_system_info { /* statfs, fstatfs */
	uint64_t type, block_size, blocks, blocks_free, files, files_free, name_max, flags;
};

/* set_attributes: which fields count */
enum file_attribute_mask {
	ATTRIBUTE_MODE = 1 << 0,
	ATTRIBUTE_USER = 1 << 1,
	ATTRIBUTE_GROUP = 1 << 2,
	ATTRIBUTE_SIZE = 1 << 3,
	ATTRIBUTE_ACCESS_TIME = 1 << 4,
	ATTRIBUTE_MODIFY_TIME = 1 << 5,
	ATTRIBUTE_ACCESS_NOW = 1 << 6, /* the server's clock */
	ATTRIBUTE_MODIFY_NOW = 1 << 7,
};

#define FILE_OFFSET_CURRENT (-1) /* read, write: at the open file's own offset, and move it */
/* The flags word of read and write: RWF bits below, the caller's process id above (terminals send
 * SIGTTIN and SIGTTOU by it; 0: no job control). */
#define FILE_FLAGS_PROCESS_SHIFT 16
#define FILE_FLAGS_PROCESS(flags) ((uint32_t)(flags) >> FILE_FLAGS_PROCESS_SHIFT)
#define FILE_RWF_NOWAIT 8u
#define FILE_RWF_APPEND 16u
/* The signal that job control would send (SIGTTIN for read, SIGTTOU for write and control) is blocked or
 * ignored in the calling thread: in the flags word, and beside the process id in control's. */
#define FILE_FLAGS_SIGNAL_OFF (1u << 8)
#define FILE_PROCESS_SIGNAL_OFF (1u << 31)
/* In the events word of poll: leave the notification also where something is ready, for the next change. */
#define FILE_POLL_EDGE (1u << 31)
#define PATH_MAX_BYTES 4096
#define PATH_BRIEF_BYTES 40 /* of the brief operations: a path in words 1 to 5 */

/* Every path operation answers in this buffer; the server writes only as much as counts. */
struct path_reply {
	struct file_attributes attributes; /* of what was found (open, status) */
	char rest[PATH_MAX_BYTES];         /* redirect: the path that remains, NUL-terminated;
	                                      read_link: the target, no NUL (length in a word) */
};

/* The `redirect` word of a path operation's answer */
enum path_redirect {
	REDIRECT_NONE = 0,   /* done here */
	REDIRECT_PATH = 1,   /* a mount point: the same operation again on the directory gate in the first
	                        out capability, with the path in `rest` */
	REDIRECT_DEVICE = 2, /* open of a device node: device_open on the gate in the first out capability */
	REDIRECT_ROOT = 3,   /* the same operation again from the caller's root with the path in `rest` (.. out of
	                        a mounted tree, a link such as /proc/self/cwd); no capability */
	REDIRECT_DESCRIPTOR = 4, /* an open file, by its link in /proc/PID/fd: `attributes` are the link's, but for
	                        special_device (process << 32 | number) and blocks (enum descriptor_kind). The gate
	                        comes with it, unless the process is the caller's own. */
};

/* The window operation: a page for each file beside its memory object, by which readers of the object know what
 * a read call would do. Written by the file server alone; every word is stored at once. */
struct file_window {
	uint64_t size;           /* bytes; smaller before bytes are taken away, larger after they are there */
	uint64_t accessed_until; /* nanoseconds since 1970: a read before then leaves the access time as it is. One after
	                            it must be a call */
	uint64_t writable;       /* not 0: a write that ends inside the size changes the bytes and the times, and nothing
	                            else. It can be made through a write window. 0: it must be a call */
};

/* The write_window operation: a page for each file, which those write that write without calls. The server believes it no
 * more than that there was a write; it looks whenever somebody asks for the times, or changes them. */
struct file_written {
	uint64_t time;   /* nanoseconds since 1970: of the last write, stored before the bytes */
	uint32_t writer; /* 1: somebody is writing; others take calls, so that writes do not mix */
};

/* lock operation */
struct file_lock { /* fcntl locks; owner is the caller's process number */
	uint64_t start, length; /* length 0: to the end */
	uint32_t type;          /* F_RDLCK 0, F_WRLCK 1, F_UNLCK 2 */
	uint32_t owner;
};

#endif
