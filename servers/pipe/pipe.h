/* The pipe server's objects, and all of its state.
 *
 * A pipe is a ring of bytes with reading and writing ends. An end is what a gate stands for:
 * it reads from one pipe, writes to another, or both, so plain pipes, named ones opened both ways
 * and socket pairs are one thing:
 *
 *   pipe        end{input p}            end{output p}
 *   named, both end{input p, output p}
 *   pair        end{input a, output b}  end{input b, output a}
 *
 * The bytes never come here: the ring is in memory that the processes share (protocols/ring.h). The server says who
 * is left, unlocks for the dead, and tells those who poll. A process that uses an end is a member of its pipes. */
#ifndef PIPE_H
#define PIPE_H

#include "protocols/ring.h"
#include "server/labels.h"
#include "server/server.h"
#include "server/watch.h"

#define PIPE_END_MAX 8192u
#define PIPE_MEMBER_MAX 65536u
#define PIPE_SLOTS_MAX 65536u /* what a captable has at most */

/* Open flags, as Linux numbers them */
#define OPEN_ACCESS 3u
#define OPEN_READ 0u
#define OPEN_WRITE 1u
#define OPEN_BOTH 2u
#define OPEN_NONBLOCK RING_NONBLOCK
#define OPEN_SETTABLE 0xa800u /* O_NONBLOCK, O_ASYNC, O_DIRECT */

struct end;

struct waiter { /* a parked open of a named pipe */
	uint64_t id;               /* of the call */
	struct end *end;
	uint64_t others;           /* how often the other side had been opened */
	struct waiter *next;       /* in its queue */
	struct waiter *same_hash;  /* in state.waiters */
};
struct waiter_queue {
	struct waiter *first, **last;
};

struct pipe {
	struct ring *ring;              /* the memory's first page, shown here; NULL: nobody has used the pipe yet */
	slot_t memory;
	struct waiter_queue opens;
	struct end *readers, *writers;  /* linked by next_reader, next_writer */
	uint64_t readers_ever, writers_ever; /* a named pipe's opens wait for these to move */
	uint32_t members;
	uint32_t tail_seen, head_seen;  /* when those who poll were last told, or began to */
	bool named;                     /* its fifo gate lives */
	uint64_t inode;
	int64_t made_at;                /* real time, nanoseconds */
	uint64_t ends[RING_ENDS / 64];  /* bit set: that flag word of the ring is some end's */
};

enum node_kind { NODE_END, NODE_FIFO, NODE_MEMBER };
struct node { /* what a label stands for */
	enum node_kind kind;
	uint64_t label;
};
struct end {
	struct node node;
	struct pipe *input, *output; /* NULL: not in this direction */
	struct end *next_reader, *next_writer;
	uint32_t flags;              /* F_GETFL */
	uint32_t index;              /* of its flag word, in the ring of its input, or else of its output */
	bool pair;                   /* a socket pair's */
	struct watch_list watches;
};
struct fifo {
	struct node node;
	struct pipe *pipe;
};
struct member { /* one process that uses one end; its label is the number it locks with */
	struct node node;
	struct pipe *pipes[2];
};

#define WAITER_BUCKETS 256
struct state {
	struct label_table labels;
	struct waiter *waiters[WAITER_BUCKETS]; /* by id */
	uint64_t next_inode;
	uint32_t end_count, member_count;
};
extern struct state state;

/* touch.S: the shared words, by atomic operations that survive a page that is not there: 0, or -1 and nothing done. */
int touch_load(const uint32_t *word, uint32_t *value);
int touch_or(uint32_t *word, uint32_t bits);
int touch_and(uint32_t *word, uint32_t bits);
int touch_replace(uint32_t *word, uint32_t expected, uint32_t value); /* if it holds what is expected */
void touch_prepare(void); /* before the first */

/* ring.c: what the server does with a pipe's ring; without one, nothing. */
bool ring_make(struct pipe *pipe); /* false: no memory */
void ring_free(struct pipe *pipe);
void ring_again(struct pipe *pipe); /* in a new incarnation: it is mapped, and says what is true */
uint32_t ring_pending(const struct pipe *pipe); /* bytes to read; more than RING_CAPACITY: garbled */
void ring_empty(struct pipe *pipe);
void ring_note(struct pipe *pipe);            /* remember where it is, */
bool ring_moved(const struct pipe *pipe);     /* and whether it still is there */
void ring_show_ends(struct pipe *pipe); /* who is left; wakes those whom it concerns */
void ring_show_flags(const struct end *end);
void ring_watch(struct pipe *pipe, bool data, bool room); /* what the ring's users are to tell */
void ring_unlock(struct pipe *pipe, uint64_t member);

/* object.c */
struct pipe *pipe_create(void);
struct end *end_create(struct pipe *input, struct pipe *output, uint32_t flags);
/* The end's gate in a new slot; 0: no memory. */
slot_t end_gate(struct end *end);
void end_destroy(struct end *end);
void end_again(struct end *end);
void pipe_release(struct pipe *pipe); /* frees it if nothing refers to it */
uint32_t end_ready(const struct end *end); /* poll events that hold */
/* Something moved: tell the watchers of every end. */
void pipe_changed(struct pipe *pipe);
/* Somebody watches, or no longer: the ring says so. */
void pipe_watch(struct pipe *pipe);

/* member.c: the ring protocol */
void member_destroy(struct member *member);
void member_again(struct member *member);
int ring_serve(struct request *request);

/* waiter.c */
struct waiter *waiter_create(struct request *request, struct end *end);
void waiter_append(struct waiter_queue *queue, struct waiter *waiter);
void waiter_remove(struct waiter_queue *queue, struct waiter *waiter); /* and free it */
struct waiter *waiter_find(uint64_t id);

/* fifo.c */
struct fifo *fifo_create(void);
void fifo_destroy(struct fifo *fifo);
int fifo_open(struct request *request, struct fifo *fifo, uint32_t flags);
void fifo_advance(struct pipe *pipe);
void fifo_cancel(struct waiter *waiter);

/* file.c */
int file_serve(struct request *request);

#endif
