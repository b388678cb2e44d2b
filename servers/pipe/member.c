/* Members: processes that use an end's rings. A process that is forked or executed anew becomes one of its own, so a
 * membership gate is never in two processes for long, and its end is the end of a process. */
#include "pipe.h"
#include "protocol_ring.h"
#include <errno.h>
#include <stdlib.h>

static struct member *member_create(struct end *end)
{
	struct member *member = state.member_count < PIPE_MEMBER_MAX ? calloc(1, sizeof *member) : NULL;
	if (!member)
		return NULL;
	member->node.kind = NODE_MEMBER;
	member->node.label = label_make(&state.labels, member);
	if (!member->node.label) {
		free(member);
		return NULL;
	}
	state.member_count++;
	member->pipes[0] = end->input;
	member->pipes[1] = end->output != end->input ? end->output : NULL;
	for (int i = 0; i < 2; i++)
		if (member->pipes[i])
			member->pipes[i]->members++;
	return member;
}

void member_destroy(struct member *member)
{
	for (int i = 0; i < 2; i++) {
		struct pipe *pipe = member->pipes[i];
		if (!pipe)
			continue;
		ring_unlock(pipe, member->node.label);
		if (ring_moved(pipe))
			pipe_changed(pipe);
		pipe->members--;
		pipe_release(pipe);
	}
	label_drop(&state.labels, member->node.label);
	state.member_count--;
	free(member);
}

void member_again(struct member *member)
{
	ring_again(member->pipes[0]);
	ring_again(member->pipes[1]);
}

static int serve_attach(struct request *request, struct ring_attach_out *out)
{
	struct end *end = label_find(&state.labels, request->label);
	if ((end->input && !ring_make(end->input)) || (end->output && !ring_make(end->output)))
		return -ENOMEM;
	struct member *member = member_create(end);
	slot_t gate = member ? server_make_gate(member->node.label) : 0;
	if (!gate) {
		if (member)
			member_destroy(member);
		return -ENFILE;
	}
	request_send_cap(request, 0, gate, true);
	if (end->input)
		request_send_cap(request, 1, end->input->memory, false);
	if (end->output)
		request_send_cap(request, 2, end->output->memory, false);
	out->directions = (end->input ? RING_INPUT : 0) | (end->output ? RING_OUTPUT : 0) |
	                  (end->input == end->output ? RING_SAME : 0) | (end->pair ? RING_SOCKET : 0);
	out->member = (uint32_t)member->node.label;
	out->end = end->index;
	return 0;
}

static int serve_changed(struct request *request)
{
	struct end *end = label_find(&state.labels, request->label);
	if (end->input)
		pipe_changed(end->input);
	if (end->output && end->output != end->input)
		pipe_changed(end->output);
	return 0;
}

int ring_serve(struct request *request)
{
	static const struct ring_operations operations = { .attach = serve_attach, .changed = serve_changed };
	return ring_dispatch(&operations, request);
}
