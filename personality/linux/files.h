/* Descriptors, open files, slots and path calls. */
#ifndef PERSONALITY_FILES_H
#define PERSONALITY_FILES_H

#include "access.h"
#include "protocol_file.h"
#include "protocol_path.h"

/* --- descriptors.c ------------------------------------------------------------------------------------ */
/* Slots of the own captable. 0: none left. */
slot_t slot_take(struct task *task);
slot_t slot_take_locked(struct task *task); /* where files.lock is held, or not needed */
void slot_return_locked(struct task *task, slot_t slot); /* likewise; it is empty */
void slot_give_back(struct task *task, slot_t slot); /* and drop what it holds; or close what the number stands for */
slot_t slot_last_used(struct task *task);
void slots_mark(struct task *task, slot_t slot); /* taken by the handoff */

/* The open file of a descriptor, held until file_release; NULL: EBADF. file_find_io also refuses O_PATH. */
struct open_file *file_find(struct task *task, int32_t descriptor);
struct open_file *file_find_io(struct task *task, int32_t descriptor);
void file_hold(struct open_file *file);
void file_release(struct task *task, struct open_file *file);
/* A new open file; takes the slot over, or gives it back on failure (NULL). */
struct open_file *file_make(struct task *task, slot_t slot, enum descriptor_kind kind, unsigned flags, void *object);
/* The lowest free descriptor from `from` up; takes over the caller's hold, also on failure (-EMFILE). */
bool descriptor_has_room(struct task *task); /* below the limit */
int descriptor_install(struct task *task, struct open_file *file, uint32_t from, uint32_t flags);
/* Descriptor `number` becomes this file; what was there is closed. */
int descriptor_replace(struct task *task, struct open_file *file, uint32_t number, uint32_t flags);
int descriptor_close(struct task *task, uint32_t number);
/* file_make and descriptor_install in one: the descriptor or a negative errno. */
int descriptor_open(struct task *task, slot_t slot, unsigned file_flags, uint32_t flags);
bool files_copy(struct task *from, struct task *to); /* for a child with a captable of its own in shared memory */
void files_free(struct task *task);                  /* of such a copy: memory only */
void files_count_again(struct task *task);           /* after a fork: nobody else holds files here */

/* --- paths.c ---------------------------------------------------------------------------------- */
#define INTERRUPTIBLE (&interruptible)
extern const struct call_options interruptible;

struct path_place { /* where a relative path starts */
	slot_t slot;
	bool mounted;
	struct open_file *file; /* held, or NULL */
};

/* One path operation, followed through redirects. The send buffer is prefix bytes, then the path. */
struct path_call {
	uint32_t operation;
	slot_t result;   /* where an opened file goes; 0: none */
	slot_t root;     /* where absolute paths start; 0: PROCESS_ROOT */
	slot_t to;       /* rename, link: the second directory */
	bool identified; /* this operation takes the identity in mounted trees */
	bool mounted;    /* out: it ended in a mounted tree */
	uint64_t words[MESSAGE_WORDS]; /* in */
	uint64_t out[MESSAGE_WORDS];
	char *buffer;    /* room for prefix + PATH_MAX_BYTES */
	uint64_t prefix, length;
	struct path_reply *reply;
};
int path_walk(struct thread *thread, struct path_place place, struct path_call *call);
/* The whole of an operation at a directory's place: the path, of this length, follows prefix bytes of the buffer. */
int path_run(struct thread *thread, int32_t directory, char *buffer, uint64_t prefix, uint64_t length,
             struct path_call *call);
/* A brief operation, in words alone where the path is short. `what` is its first word; the answer's words are in the
 * message. False: nothing was done, path_run must do it. */
int brief_send(slot_t gate, const char *path, uint64_t length, struct message *message);
unsigned node_flags(uint32_t mode, uint64_t device, uint32_t flags); /* enum file_flags, of a node opened so */
bool path_brief(struct thread *thread, int32_t directory, const char *path, uint64_t length, uint32_t operation,
                uint64_t what, struct message *message, int *status);

/* The place of a directory descriptor (AT_FDCWD too) for this path; -EBADF, -ENOTDIR. */
int place_find(struct task *task, int32_t directory, const char *path, struct path_place *place);
void place_release(struct task *task, struct path_place *place);
/* Copy a path in: its length, -ENOENT for an empty one, -EFAULT, -ENAMETOOLONG. */
int64_t path_read(char *to, uint64_t from);

struct opened {
	slot_t slot;
	unsigned file_flags;
	struct file_attributes attributes;
};
/* Open by name, from memory of our own: 0 or a negative errno. */
int path_open_file(struct thread *thread, int32_t directory, const char *path, uint32_t flags, uint32_t mode,
                   struct opened *opened);
/* A symbolic link's target, in reply->rest without NUL: its length or an error (-EINVAL: not a link). */
int64_t path_link_read(struct thread *thread, int32_t directory, const char *path, struct path_reply *reply);
/* Follows links in the last name of a path, in place (room for PATH_MAX_BYTES). */
void path_follow_last(struct thread *thread, char *path);
int directory_path(struct thread *thread, char *to, uint64_t limit); /* getcwd: length or error */

/* --- tables.c: open files by number, without gates -------------------------------------------------------- */
/* Open by name (of this length) for a descriptor. False: nothing was done, path_open_file must do it. */
bool table_open_file(struct thread *thread, int32_t directory, const char *path, uint64_t length, uint32_t flags,
                     uint32_t mode, struct opened *opened, int *status);
/* The gate of an open file, which gets one if it has none: its slot. 0: it could not be had. */
slot_t file_gate(struct task *task, struct open_file *file);
/* All open files get gates, but those with this descriptor flag: 0 or a negative errno. */
int files_to_gates(struct task *task, uint32_t but);
int files_to_gates_locked(struct task *task, uint32_t but); /* where files.lock is held, or not needed */
/* Before credentials or the root change: nothing is opened as before. 0 or a negative errno. */
int table_leave(struct task *task);
void table_forget(struct task *task);    /* in a child: it has none */
void table_reset(struct files *files);   /* of a copy that has no open files yet */
void table_directory_changed(struct task *task);

/* --- offsets.c: an open file's own offset, here or at the server ----------------------------------------- */
/* Only where FILE_OFFSET_HERE is set. */
int64_t offset_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, uint32_t flags);
int64_t offset_write(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, uint32_t flags);
/* lseek on any open file: 0 and *position, or a negative errno. */
int offset_seek(struct open_file *file, int64_t offset, uint32_t whence, int64_t *position);
void offset_leave(struct open_file *file); /* it is the server's from now on */

/* --- links.c ------------------------------------------------------------------------------------------ */
/* The operation of a path that has ended at a link of /proc/PID/fd; reply->attributes as REDIRECT_DESCRIPTOR says.
 * Where the file has a gate, it is in this slot. */
int path_at_descriptor(struct thread *thread, struct path_call *call, slot_t gate);
/* The name of a serial line's or pseudo-terminal's node, without NUL; -ENOENT. */
int terminal_path(uint64_t device, char *to, uint64_t *length);
/* The number N where the path names an own descriptor (/proc/self/fd/N, /dev/stdin ...), or -1. */
int path_own_descriptor(struct task *task, const char *path);

/* --- files.c, transfer.c ------------------------------------------------------------------------------------------ */
int64_t directory_enter(struct thread *thread, int32_t directory, const char *path); /* chdir, fchdir */
/* What rides along for job control at terminals: our process id, and whether this signal is off here. */
uint32_t transfer_flags(struct thread *thread, int signal);
bool signal_is_off(struct thread *thread, int signal);
int64_t file_read_at(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, int64_t offset,
                     uint32_t flags);
int64_t file_write_at(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length,
                      int64_t offset, uint32_t flags);
int64_t transfer_vectors(struct thread *thread, int32_t descriptor, uint64_t vectors, uint64_t count, int64_t offset,
                         uint32_t flags, bool writing);

/* --- rings.c: where the bytes of pipes and socket pairs are ------------------------------------------ */
struct ring;
struct pipe_view { /* an end's rings, as this process sees them; does not change while the file is held */
	struct ring *input, *output; /* NULL: not in this direction */
	uint32_t *flags;     /* O_NONBLOCK, shared by all who have the end */
	uint32_t member;     /* what our locks hold */
	bool socket;
	slot_t membership;   /* goes with the process */
};
/* The view of a file that may be an end; NULL and a negative errno: it is none (-ENOSYS, -EOPNOTSUPP), or no memory. */
struct pipe_view *pipe_view(struct task *task, struct open_file *file, int *error);
void pipe_view_drop(struct task *task, struct open_file *file);   /* the file goes */
void pipe_view_abandon(struct open_file *file); /* of a vfork child that is gone: memory only */
void pipe_views_forget(struct task *task);      /* in a forked child: it becomes a member of its own */
void pipe_views_inherit(struct task *task);     /* in a vfork child: likewise */
/* Another process has ended: its ends count as closed from here on in what rings say. */
void pipe_views_settle(void);
void pipe_views_lock(void); /* around fork */
void pipe_views_unlock(void);

/* --- pipes.c ----------------------------------------------------------------------------------------- */
enum pipe_flags { PIPE_NOWAIT = 1, PIPE_UNINTERRUPTED = 2, PIPE_NO_SIGNAL = 4 };
/* Only of files with FILE_RING. Bytes or a negative errno. */
int64_t pipe_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, unsigned flags);
int64_t pipe_write(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, unsigned flags);

/* --- windows.c: file contents, read and written without the server ------------------------------------------------------ */
/* At an offset or FILE_OFFSET_CURRENT. False: nothing was done, it takes a call. */
bool window_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, int64_t offset,
                 int64_t *result);
/* Only at an offset. */
bool window_write(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, int64_t offset,
                  int64_t *result);
void window_close(struct open_file *file);
void windows_forget(struct task *task); /* in a forked child: it has none */

/* --- events.c, epoll.c -------------------------------------------------------------------------------- */
int64_t own_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length);
int64_t own_write(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length);
/* signalfd.c */
uint32_t signal_file_ready(struct thread *thread, struct open_file *file);
int64_t signal_file_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length);
void own_free(struct task *task, struct open_file *file);
void epoll_forget(struct open_file *file); /* the file is about to go */
void epoll_free(struct task *task, void *object);
void epolls_lock(void); /* around fork */
void epolls_unlock(void);
void epolls_renew(struct task *task); /* in a forked child: its instances are copies, which nobody signals yet */

/* --- attributes.c ---------------------------------------------------------------------------------- */
void attributes_of_own(struct task *task, struct file_attributes *attributes); /* of a kind without a server */
void attributes_to_stat(const struct file_attributes *attributes, struct linux_stat *stat);

#endif
