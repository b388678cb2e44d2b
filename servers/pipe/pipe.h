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
 * Whoever must wait is a waiter: a parked call in the queue of its pipe, oldest first. */
#ifndef PIPE_H
#define PIPE_H

#include "server/labels.h"
#include "server/server.h"
#include "server/watch.h"

#define PIPE_CAPACITY 65536u
#define PIPE_ATOMIC 4096u /* PIPE_BUF: writes up to this are not torn */
#define PIPE_END_MAX 8192u

/* Open flags, as Linux numbers them */
#define OPEN_ACCESS 3u
#define OPEN_READ 0u
#define OPEN_WRITE 1u
#define OPEN_BOTH 2u
#define OPEN_NONBLOCK 04000u
#define OPEN_SETTABLE 0xa800u /* O_NONBLOCK, O_ASYNC, O_DIRECT */

struct end;

struct ring {
	char *bytes; /* PIPE_CAPACITY of them, from the first write on */
	uint32_t head, count;
};

enum waiter_kind { WAITER_READ, WAITER_WRITE, WAITER_OPEN };
struct waiter {
	uint64_t id;          /* of the parked call */
	enum waiter_kind kind;
	struct end *end;
	uint64_t length, done; /* bytes asked for; bytes written so far */
	struct waiter *next;       /* in its queue */
	struct waiter *same_hash;  /* in state.waiters */
};
struct waiter_queue {
	struct waiter *first, **last;
};

struct pipe {
	struct ring ring;
	struct waiter_queue reads, writes, opens;
	struct end *readers, *writers;  /* linked by next_reader, next_writer */
	uint64_t readers_ever, writers_ever; /* a named pipe's opens wait for these to move */
	bool named;                     /* its fifo gate lives */
	uint64_t inode;
	int64_t made_at, used_at;       /* real time, nanoseconds */
};

enum node_kind { NODE_END, NODE_FIFO };
struct node { /* what a label stands for */
	enum node_kind kind;
	uint64_t label;
};
struct end {
	struct node node;
	struct pipe *input, *output; /* NULL: not in this direction */
	struct end *next_reader, *next_writer;
	uint32_t flags;              /* F_GETFL */
	bool pair;                   /* a socket pair's */
	struct watch_list watches;
};
struct fifo {
	struct node node;
	struct pipe *pipe;
};

#define WAITER_BUCKETS 256
struct state {
	struct label_table labels;
	struct waiter *waiters[WAITER_BUCKETS]; /* by id */
	uint64_t next_inode;
	uint32_t end_count;
};
extern struct state state;

/* ring.c: bytes between a call's buffers and a ring. Bytes moved, or a negative errno and nothing moved. */
int64_t ring_fill(struct ring *ring, uint64_t call, uint64_t offset, uint64_t length);
int64_t ring_drain(struct ring *ring, uint64_t call, uint64_t length);
/* The unread bytes that lie in one piece. */
const char *ring_head(const struct ring *ring, uint32_t *length);
void ring_skip(struct ring *ring, uint32_t length);
uint32_t ring_room(const struct ring *ring);

/* object.c */
struct pipe *pipe_create(void);
struct end *end_create(struct pipe *input, struct pipe *output, uint32_t flags);
/* The end's gate in a new slot; 0: no memory. */
slot_t end_gate(struct end *end);
void end_destroy(struct end *end);
void pipe_release(struct pipe *pipe); /* frees it if nothing refers to it */
uint32_t end_ready(const struct end *end); /* poll events that hold */
/* Something moved: tell the watchers of every end. */
void pipe_changed(struct pipe *pipe);

/* waiter.c */
struct waiter *waiter_create(struct request *request, enum waiter_kind kind, struct end *end, uint64_t length);
void waiter_append(struct waiter_queue *queue, struct waiter *waiter);
void waiter_remove(struct waiter_queue *queue, struct waiter *waiter); /* and free it */
struct waiter *waiter_find(uint64_t id);

/* transfer.c */
int end_read(struct request *request, struct end *end, uint64_t length, bool may_wait, uint64_t *count);
int end_write(struct request *request, struct end *end, uint64_t length, bool may_wait, uint64_t *count);
/* Serve parked reads and writes as far as they can go. */
void pipe_advance(struct pipe *pipe);
void transfer_cancel(struct waiter *waiter);
/* A closed end's own waiters are answered; those of the others see its absence. */
void transfer_end_closed(struct end *end);

/* fifo.c */
struct fifo *fifo_create(void);
void fifo_destroy(struct fifo *fifo);
int fifo_open(struct request *request, struct fifo *fifo, uint32_t flags);
void fifo_advance(struct pipe *pipe);
void fifo_cancel(struct waiter *waiter);

/* file.c */
int file_serve(struct request *request);

#endif
