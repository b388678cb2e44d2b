/* A ring in shared memory: the bytes of one direction of a pipe or socket pair, on their way from its writers to its
 * readers. Both sides map it for reading and writing, so nobody believes what is in it: an index is read once and
 * checked, and each touch survives a page that is not there.
 *
 * `tail` counts the bytes ever written and `head` the bytes ever read, modulo 2^31, in bits 1 to 31. Bit 0 is the
 * pipe server's: nobody is left to write (tail), to read (head). They are changed by atomic additions alone, and
 * are also the futex words that readers (tail) and writers (head) sleep on.
 *
 * A writer holds `write_lock` while it copies, then adds to `tail`, then unlocks; a reader likewise. A lock holds its
 * owner's member number in bits 1 to 31 and bit 0 if somebody sleeps for it. What an owner leaves behind that dies is
 * never visible, since its addition is its last act, so the server may unlock for it: it does when the
 * membership is gone, which the kernel says when the process's threads have stopped for good.
 *
 * Whoever sleeps counts itself in `data_sleepers` or `room_sleepers`. One that is killed in its sleep stays counted: that
 * costs wake-ups, never misses one. */
#ifndef PROTOCOL_RING_STRUCTURES_H
#define PROTOCOL_RING_STRUCTURES_H

#include <stdint.h>

#define RING_CAPACITY 65536u
#define RING_ATOMIC 4096u /* PIPE_BUF: writes up to this are not torn */
#define RING_ENDS 512u    /* open file descriptions on one pipe */
#define RING_CLOSED 1u    /* in tail and head */
#define RING_BYTE 2u      /* one byte, in tail and head */
#define RING_AWAITED 1u   /* in the locks */
#define RING_NONBLOCK 04000u /* in flags: O_NONBLOCK */

struct ring {
	/* changed by writers, watched by readers */
	uint32_t tail, write_lock;
	uint32_t data_sleepers;
	uint32_t data_watched; /* the server wants to hear of new bytes (ring_changed) */
	uint32_t unopened;     /* a named pipe that nobody has opened for writing yet: no hang-up */
	uint32_t padding[11];
	/* changed by readers, watched by writers */
	uint32_t head, read_lock;
	uint32_t room_sleepers;
	uint32_t room_watched; /* the server wants to hear of new room */
	uint32_t padding2[12];
	/* O_NONBLOCK of the ends: the server's truth is in its own memory, this is for those who read and write */
	uint32_t flags[RING_ENDS];
};
#define RING_BYTES 4096u /* offset of the bytes */
#define RING_SIZE (RING_BYTES + RING_CAPACITY)
_Static_assert(sizeof(struct ring) <= RING_BYTES, "the bytes follow");

enum ring_directions {
	RING_INPUT = 1,
	RING_OUTPUT = 2,
	RING_SAME = 4,   /* input and output are one ring: a named pipe opened both ways */
	RING_SOCKET = 8, /* an end of a socket pair */
};

/* Bytes in a ring by its two words; more than RING_CAPACITY: it is garbled. */
static inline uint32_t ring_count(uint32_t tail, uint32_t head)
{
	return ((tail >> 1) - (head >> 1)) & 0x7fffffff;
}

/* Where the next byte of a word is, in the bytes. */
static inline uint32_t ring_place(uint32_t word)
{
	return (word >> 1) % RING_CAPACITY;
}

#endif
