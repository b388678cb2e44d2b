/* Named pipes: opening waits for the other side, as fifo(7) says.
 *
 * An open that must wait already has its end (so that the other side's open finds it); the end's
 * gate is made when the other side comes. It waits for the other side's count of opens to move,
 * not for an end to be there: one that came and went again counts. */
#include "pipe.h"
#include "protocol_device.h"
#include <errno.h>
#include <stdlib.h>

struct fifo *fifo_create(void)
{
	struct fifo *fifo = calloc(1, sizeof *fifo);
	if (!fifo)
		return NULL;
	fifo->node.kind = NODE_FIFO;
	fifo->pipe = pipe_create();
	fifo->node.label = fifo->pipe ? label_make(&state.labels, fifo) : 0;
	if (!fifo->node.label) {
		if (fifo->pipe)
			pipe_release(fifo->pipe);
		free(fifo);
		return NULL;
	}
	fifo->pipe->named = true;
	return fifo;
}

void fifo_destroy(struct fifo *fifo)
{
	label_drop(&state.labels, fifo->node.label);
	fifo->pipe->named = false;
	pipe_release(fifo->pipe);
	free(fifo);
}

static int fifo_answer_now(struct request *request, struct end *end)
{
	slot_t gate = end_gate(end);
	if (!gate) {
		end_destroy(end);
		return -ENOMEM;
	}
	request_send_cap(request, 0, gate, true);
	return 0;
}

int fifo_open(struct request *request, struct fifo *fifo, uint32_t flags)
{
	struct pipe *pipe = fifo->pipe;
	uint32_t access = flags & OPEN_ACCESS;
	if (access > OPEN_BOTH)
		return -EINVAL;
	if (access == OPEN_WRITE && (flags & OPEN_NONBLOCK) && !pipe->readers)
		return -ENXIO;
	struct end *end = end_create(access == OPEN_WRITE ? NULL : pipe, access == OPEN_READ ? NULL : pipe,
	                             flags & (OPEN_ACCESS | OPEN_SETTABLE));
	if (!end)
		return -ENOMEM;
	fifo_advance(pipe);
	pipe_changed(pipe);
	bool wait = (access == OPEN_READ && !pipe->writers) || (access == OPEN_WRITE && !pipe->readers);
	if (!wait || (flags & OPEN_NONBLOCK))
		return fifo_answer_now(request, end);
	struct waiter *waiter = waiter_create(request, end);
	if (!waiter) {
		end_destroy(end);
		return -ENOMEM;
	}
	waiter->others = access == OPEN_READ ? pipe->writers_ever : pipe->readers_ever;
	waiter_append(&pipe->opens, waiter);
	request_park(request);
	return REQUEST_PARKED;
}

static void open_answer(struct pipe *pipe, struct waiter *waiter)
{
	struct end *end = waiter->end;
	struct device_open_out out = { 0 };
	slot_t gate = end_gate(end);
	int64_t status = device_open_answer_with(waiter->id, gate ? 0 : -ENOMEM, &out, NULL, 0, &gate, gate ? 1 : 0);
	waiter_remove(&pipe->opens, waiter);
	if (gate)
		slot_free(gate); /* if the caller is gone this closes the end */
	else
		end_destroy(end);
	(void)status;
}

void fifo_advance(struct pipe *pipe)
{
	struct waiter *next;
	for (struct waiter *waiter = pipe->opens.first; waiter; waiter = next) {
		next = waiter->next;
		uint64_t now = waiter->end->input ? pipe->writers_ever : pipe->readers_ever;
		if (now != waiter->others)
			open_answer(pipe, waiter);
	}
}

void fifo_cancel(struct waiter *waiter)
{
	struct end *end = waiter->end;
	struct pipe *pipe = end->input ? end->input : end->output;
	device_open_answer(waiter->id, -EINTR, NULL);
	waiter_remove(&pipe->opens, waiter);
	end_destroy(end);
}
