/* Pseudo-terminals: the far side of the terminal is a master, an open file.
 *
 * What the slave's programs write goes through output processing into a ring that the master
 * reads; what the master writes goes byte by byte into the discipline. The last close of the
 * master hangs the terminal up. */
#include "tty.h"
#include <errno.h>
#include <stdlib.h>

#define CHUNK 1024u
#define PTY_DEVICE(number) (MAJOR_PTS << 8 | (number))

static struct terminal *pty_create(uint32_t user)
{
	for (uint32_t number = 0; number < PTY_MAX; number++) {
		if (terminal_find(PTY_DEVICE(number)))
			continue;
		struct terminal *terminal = terminal_create(PTY_DEVICE(number));
		if (!terminal)
			return NULL;
		terminal->pseudo = terminal->locked = true;
		terminal->own_output = (struct byte_ring){ .bytes = malloc(OUTPUT_SIZE), .size = OUTPUT_SIZE };
		terminal->output = &terminal->own_output;
		if (terminal->own_output.bytes) {
			node_make(terminal->device, user);
			return terminal;
		}
		terminal_destroy(terminal);
		return NULL;
	}
	return NULL;
}

int pty_open_master(struct request *request, uint32_t flags, uint32_t user)
{
	struct terminal *terminal = pty_create(user);
	if (!terminal)
		return -ENOSPC;
	struct file *file = file_create(terminal, flags, true);
	slot_t gate = file ? server_make_gate(file->label) : 0;
	terminal->master = file;
	if (!gate) {
		if (file)
			file_close(file);
		else
			terminal_destroy(terminal);
		return -ENOMEM;
	}
	request_send_cap(request, 0, gate, true);
	return 0;
}

/* Move output to a call's buffer. Bytes, or a negative errno. */
static int64_t master_take(struct terminal *terminal, uint64_t call, uint64_t length)
{
	uint64_t total = 0;
	while (total < length && !terminal->output_stopped) {
		uint32_t piece;
		const unsigned char *bytes = ring_piece(terminal->output, &piece);
		if (piece > length - total)
			piece = (uint32_t)(length - total);
		if (!piece)
			break;
		int64_t written = parked_write(call, total, bytes, piece);
		if (written <= 0)
			return total ? (int64_t)total : written < 0 ? written : -EFAULT;
		ring_skip(terminal->output, (uint32_t)written);
		total += (uint64_t)written;
	}
	return (int64_t)total;
}

int master_read(struct request *request, struct file *file, uint64_t length, bool may_wait, uint64_t *count)
{
	struct terminal *terminal = file->terminal;
	if (length > request->receive_length)
		length = request->receive_length;
	if (length == 0)
		return 0;
	int64_t taken = terminal->queues[WAITER_MASTER_READ] ? 0 : master_take(terminal, request->id, length);
	if (taken < 0)
		return (int)taken;
	*count = (uint64_t)taken;
	if (taken > 0)
		return 0;
	if (terminal->slave_opened && !terminal->open_files)
		return -EIO; /* every slave is closed */
	if (!may_wait)
		return -EAGAIN;
	return waiter_park(request, WAITER_MASTER_READ, file, length) ? REQUEST_PARKED : -ENOMEM;
}

/* Feed a call's bytes to the discipline. Bytes taken, or a negative errno. */
static int64_t master_feed(struct terminal *terminal, uint64_t call, uint64_t done, uint64_t length)
{
	unsigned char chunk[CHUNK];
	uint64_t total = 0;
	while (done + total < length) {
		uint64_t left = length - done - total;
		int64_t copied = parked_read(call, done + total, chunk, left < CHUNK ? left : CHUNK);
		if (copied <= 0)
			return total ? (int64_t)total : copied < 0 ? copied : -EFAULT;
		int64_t fed = 0;
		while (fed < copied && discipline_take(terminal, chunk[fed]))
			fed++;
		total += (uint64_t)fed;
		if (fed < copied)
			break;
	}
	return (int64_t)total;
}

int master_write(struct request *request, struct file *file, uint64_t length, bool may_wait, uint64_t *count)
{
	struct terminal *terminal = file->terminal;
	if (length == 0)
		return 0;
	int64_t fed = terminal->queues[WAITER_MASTER_WRITE] ? 0 : master_feed(terminal, request->id, 0, length);
	if (fed < 0)
		return (int)fed;
	*count = (uint64_t)fed;
	if (*count == length || (fed && !may_wait))
		return 0;
	if (!may_wait)
		return -EAGAIN;
	struct waiter *waiter = waiter_park(request, WAITER_MASTER_WRITE, file, length);
	if (!waiter)
		return fed ? 0 : -ENOMEM;
	waiter->done = (uint64_t)fed;
	return REQUEST_PARKED;
}

static bool reader_advance(struct terminal *terminal)
{
	struct waiter *waiter = terminal->queues[WAITER_MASTER_READ];
	if (!waiter)
		return false;
	int64_t taken = master_take(terminal, waiter->id, waiter->length);
	if (taken == 0 && terminal->slave_opened && !terminal->open_files)
		taken = -EIO;
	if (taken == 0)
		return false;
	waiter_answer(waiter, taken < 0 ? (int)taken : 0, taken < 0 ? 0 : (uint64_t)taken);
	return true;
}

static bool writer_advance(struct terminal *terminal)
{
	struct waiter *waiter = terminal->queues[WAITER_MASTER_WRITE];
	int64_t fed = waiter ? master_feed(terminal, waiter->id, waiter->done, waiter->length) : 0;
	if (fed == 0)
		return false;
	if (fed > 0)
		waiter->done += (uint64_t)fed;
	if (fed < 0 || waiter->done == waiter->length)
		waiter_answer(waiter, fed < 0 && !waiter->done ? (int)fed : 0, waiter->done);
	return true;
}

bool masters_advance(struct terminal *terminal)
{
	bool moved = reader_advance(terminal);
	return writer_advance(terminal) || moved;
}
