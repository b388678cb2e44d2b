/* Reading and writing: at once where possible, else parked in order.
 *
 * A pipe's parked reads mean that it is empty; its parked writes, that the first of them lacks
 * room. pipe_advance restores both after every change. A write of at most PIPE_ATOMIC bytes goes
 * in whole or not at all; a longer one in pieces, and its waiter knows how far it came: when
 * it is cancelled, what was written counts. */
#include "pipe.h"
#include "protocol_file.h"
#include <errno.h>

static bool write_fits(const struct pipe *pipe, uint64_t length)
{
	uint32_t room = ring_room(&pipe->ring);
	return length <= PIPE_ATOMIC ? room >= length : room > 0;
}

static int reader_wait(struct request *request, struct end *end, uint64_t length)
{
	struct waiter *waiter = waiter_create(request, WAITER_READ, end, length);
	if (!waiter)
		return -ENOMEM;
	waiter_append(&end->input->reads, waiter);
	request_park(request);
	return REQUEST_PARKED;
}

int end_read(struct request *request, struct end *end, uint64_t length, bool may_wait, uint64_t *count)
{
	struct pipe *pipe = end->input;
	if (!pipe)
		return -EBADF;
	if (length > request->receive_length)
		length = request->receive_length;
	if (length == 0)
		return 0;
	if (pipe->ring.count == 0) {
		if (!pipe->writers)
			return 0;
		return may_wait ? reader_wait(request, end, length) : -EAGAIN;
	}
	uint32_t piece;
	const char *bytes = ring_head(&pipe->ring, &piece);
	if (!pipe->writes.first && (length <= piece || pipe->ring.count == piece)) {
		/* In one piece, and nobody refills the ring before the answer is out: one copy with it. */
		*count = length < piece ? length : piece;
		request_reply_data(request, bytes, *count);
		ring_skip(&pipe->ring, (uint32_t)*count);
	} else {
		int64_t copied = ring_drain(&pipe->ring, request->id, length);
		if (copied < 0)
			return (int)copied;
		*count = (uint64_t)copied;
	}
	pipe_advance(pipe);
	pipe_changed(pipe);
	return 0;
}

/* Write what fits now; the bytes added, or a negative errno. */
static int64_t write_some(struct pipe *pipe, uint64_t call, uint64_t done, uint64_t length)
{
	if (!write_fits(pipe, length))
		return 0;
	pipe->used_at = (int64_t)time_real();
	return ring_fill(&pipe->ring, call, done, length - done);
}

static int writer_wait(struct request *request, struct end *end, uint64_t length, uint64_t done)
{
	struct waiter *waiter = waiter_create(request, WAITER_WRITE, end, length);
	if (!waiter)
		return -ENOMEM;
	waiter->done = done;
	waiter_append(&end->output->writes, waiter);
	request_park(request);
	return REQUEST_PARKED;
}

int end_write(struct request *request, struct end *end, uint64_t length, bool may_wait, uint64_t *count)
{
	struct pipe *pipe = end->output;
	if (!pipe)
		return -EBADF;
	if (length == 0)
		return 0;
	if (!pipe->readers)
		return -EPIPE;
	int64_t written = 0;
	while ((uint64_t)written < length && !pipe->writes.first) {
		int64_t some = write_some(pipe, request->id, (uint64_t)written, length);
		if (some < 0 && written == 0)
			return (int)some;
		if (some <= 0)
			break;
		written += some;
		pipe_advance(pipe); /* parked reads take it, and make room */
	}
	if (written)
		pipe_changed(pipe);
	*count = (uint64_t)written;
	if (*count == length || (written && !may_wait))
		return 0;
	return may_wait ? writer_wait(request, end, length, *count) : -EAGAIN;
}

static void read_answer(struct waiter *waiter, int status, uint64_t count)
{
	struct file_read_out out = { .count = count };
	file_read_answer(waiter->id, status, status < 0 ? NULL : &out);
	waiter_remove(&waiter->end->input->reads, waiter);
}

static void write_answer(struct waiter *waiter, int status)
{
	struct file_write_out out = { .count = waiter->done };
	if (waiter->done)
		status = 0; /* what was written counts */
	file_write_answer(waiter->id, status, status < 0 ? NULL : &out);
	waiter_remove(&waiter->end->output->writes, waiter);
}

/* One parked read or write goes on; false if none can. */
static bool advance_read(struct pipe *pipe)
{
	struct waiter *waiter = pipe->reads.first;
	if (!waiter || (pipe->ring.count == 0 && pipe->writers))
		return false;
	int64_t copied = pipe->ring.count ? ring_drain(&pipe->ring, waiter->id, waiter->length) : 0;
	read_answer(waiter, copied < 0 ? (int)copied : 0, copied < 0 ? 0 : (uint64_t)copied);
	return true;
}

static bool advance_write(struct pipe *pipe)
{
	struct waiter *waiter = pipe->writes.first;
	if (!waiter)
		return false;
	if (!pipe->readers) {
		write_answer(waiter, -EPIPE);
		return true;
	}
	int64_t some = write_some(pipe, waiter->id, waiter->done, waiter->length);
	if (some == 0)
		return false;
	if (some > 0)
		waiter->done += (uint64_t)some;
	if (some < 0 || waiter->done == waiter->length)
		write_answer(waiter, some < 0 ? (int)some : 0);
	return true;
}

void pipe_advance(struct pipe *pipe)
{
	while (advance_read(pipe) || advance_write(pipe))
		;
}

void transfer_cancel(struct waiter *waiter)
{
	if (waiter->kind == WAITER_READ) {
		read_answer(waiter, -EINTR, 0);
		return;
	}
	struct pipe *pipe = waiter->end->output;
	write_answer(waiter, -EINTR);
	pipe_advance(pipe); /* a shorter write behind it may fit */
	pipe_changed(pipe);
}

void transfer_end_closed(struct end *end)
{
	struct waiter *next;
	for (struct waiter *waiter = end->input ? end->input->reads.first : NULL; waiter; waiter = next) {
		next = waiter->next;
		if (waiter->end == end)
			read_answer(waiter, -EBADF, 0);
	}
	for (struct waiter *waiter = end->output ? end->output->writes.first : NULL; waiter; waiter = next) {
		next = waiter->next;
		if (waiter->end == end)
			write_answer(waiter, -EBADF);
	}
}
