/* The pipe server: pipes, socket pairs, named pipes. See README.md. */
#include "pipe.h"
#include "protocol_device.h"
#include "protocol_pipe.h"
#include "protocol_ring.h"
#include <errno.h>
#include <stdlib.h>

/* Put the gates of two new ends into the answer; -ENFILE and neither lives otherwise. */
static int answer_ends(struct request *request, struct end *first, struct end *second)
{
	slot_t gates[2] = { first ? end_gate(first) : 0, second ? end_gate(second) : 0 };
	if (gates[0] && gates[1]) {
		request_send_cap(request, 0, gates[0], true);
		request_send_cap(request, 1, gates[1], true);
		return 0;
	}
	/* A gate that was made closes its end when its slot is emptied; the other is ended here. */
	struct end *ends[2] = { first, second };
	for (int i = 0; i < 2; i++) {
		if (gates[i])
			slot_free(gates[i]);
		else if (ends[i])
			end_destroy(ends[i]);
	}
	return -ENFILE;
}

static int serve_make(struct request *request, const struct pipe_make_in *in, struct pipe_make_out *out)
{
	(void)out;
	struct pipe *pipe = pipe_create();
	if (!pipe)
		return -ENOMEM;
	uint32_t flags = in->flags & OPEN_SETTABLE;
	struct end *reader = end_create(pipe, NULL, OPEN_READ | flags);
	struct end *writer = end_create(NULL, pipe, OPEN_WRITE | flags);
	if (!reader && !writer)
		pipe_release(pipe);
	return answer_ends(request, reader, writer);
}

static int serve_make_pair(struct request *request, const struct pipe_make_pair_in *in,
                           struct pipe_make_pair_out *out)
{
	(void)out;
	struct pipe *there = pipe_create(), *back = pipe_create();
	if (!there || !back) {
		free(there);
		free(back);
		return -ENOMEM;
	}
	uint32_t flags = OPEN_BOTH | (in->flags & OPEN_SETTABLE);
	struct end *first = end_create(back, there, flags), *second = end_create(there, back, flags);
	if (first)
		first->pair = true;
	if (second)
		second->pair = true;
	if (!first && !second) {
		pipe_release(there);
		pipe_release(back);
	}
	return answer_ends(request, first, second);
}

static int serve_make_fifo(struct request *request, struct pipe_make_fifo_out *out)
{
	(void)out;
	struct fifo *fifo = fifo_create();
	slot_t gate = fifo ? server_make_gate(fifo->node.label) : 0;
	if (!gate) {
		if (fifo)
			fifo_destroy(fifo);
		return -ENOMEM;
	}
	request_send_cap(request, 0, gate, true);
	return 0;
}

/* The kernel's notices of closed gates have come before this call. */
static int serve_settle(struct request *request)
{
	(void)request;
	return 0;
}

static int serve_open(struct request *request, const struct device_open_in *in, struct device_open_out *out)
{
	(void)out;
	return fifo_open(request, label_find(&state.labels, request->label), in->flags);
}

static int handle(struct request *request)
{
	static const struct pipe_operations pipe_operations = {
		.make = serve_make,
		.make_pair = serve_make_pair,
		.make_fifo = serve_make_fifo,
		.settle = serve_settle,
	};
	static const struct device_operations device_operations = { .open = serve_open };
	if (request->label < LABEL_FIRST)
		return pipe_dispatch(&pipe_operations, request);
	struct node *node = label_find(&state.labels, request->label);
	if (!node)
		return -EBADF;
	if (node->kind == NODE_FIFO)
		return device_dispatch(&device_operations, request);
	if (node->kind == NODE_MEMBER)
		return -ENOSYS; /* it is only there to be dropped */
	if (request->operation >= OPERATION_RING_ATTACH && request->operation <= OPERATION_RING_CHANGED)
		return ring_serve(request);
	return file_serve(request);
}

static void cancel(uint64_t id, unsigned reason)
{
	(void)reason;
	struct waiter *waiter = waiter_find(id);
	if (waiter) /* else answered in the meantime */
		fifo_cancel(waiter);
}

static void closed(uint64_t label)
{
	struct node *node = label_find(&state.labels, label);
	if (!node)
		return;
	if (node->kind == NODE_FIFO)
		fifo_destroy((struct fifo *)node);
	else if (node->kind == NODE_MEMBER)
		member_destroy((struct member *)node);
	else
		end_destroy((struct end *)node);
}

static void again(void)
{
	touch_prepare();
	for (uint32_t i = 0; i < state.labels.capacity; i++) {
		struct node *node = state.labels.objects[i];
		if (node && node->kind == NODE_END)
			end_again((struct end *)node);
		else if (node && node->kind == NODE_FIFO)
			ring_again(((struct fifo *)node)->pipe);
		else if (node)
			member_again((struct member *)node);
	}
}

int main(void)
{
	static const struct server server = {
		.name = "pipe",
		.first = touch_prepare,
		.again = again,
		.handle = handle,
		.cancel = cancel,
		.closed = closed,
	};
	server_run(&server);
}
