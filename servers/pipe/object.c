/* Pipes and their ends: who refers to whom, and what is ready.
 *
 * A pipe lives while it has an end or a name. An end lives as long as its gate. */
#include "pipe.h"
#include <stdlib.h>

struct state state;

struct pipe *pipe_create(void)
{
	struct pipe *pipe = calloc(1, sizeof *pipe);
	if (!pipe)
		return NULL;
	pipe->reads.last = &pipe->reads.first;
	pipe->writes.last = &pipe->writes.first;
	pipe->opens.last = &pipe->opens.first;
	pipe->inode = ++state.next_inode;
	pipe->made_at = pipe->used_at = (int64_t)time_real();
	return pipe;
}

void pipe_release(struct pipe *pipe)
{
	if (pipe->readers || pipe->writers || pipe->named)
		return;
	free(pipe->ring.bytes);
	free(pipe);
}

struct end *end_create(struct pipe *input, struct pipe *output, uint32_t flags)
{
	if (state.end_count >= PIPE_END_MAX)
		return NULL;
	struct end *end = calloc(1, sizeof *end);
	if (!end)
		return NULL;
	end->node.kind = NODE_END;
	end->node.label = label_make(&state.labels, end);
	if (!end->node.label) {
		free(end);
		return NULL;
	}
	state.end_count++;
	end->flags = flags;
	if ((end->input = input)) {
		end->next_reader = input->readers;
		input->readers = end;
		input->readers_ever++;
	}
	if ((end->output = output)) {
		end->next_writer = output->writers;
		output->writers = end;
		output->writers_ever++;
	}
	return end;
}

slot_t end_gate(struct end *end)
{
	return server_make_gate(end->node.label);
}

static void end_unlink(struct end *end)
{
	struct end **link;
	if (end->input) {
		for (link = &end->input->readers; *link != end; link = &(*link)->next_reader)
			;
		*link = end->next_reader;
	}
	if (end->output) {
		for (link = &end->output->writers; *link != end; link = &(*link)->next_writer)
			;
		*link = end->next_writer;
	}
}

/* What the others see of the end's absence: end of file, broken pipe, readiness. */
static void pipe_lost_end(struct pipe *pipe)
{
	if (!pipe)
		return;
	if (!pipe->readers && !pipe->writers)
		ring_skip(&pipe->ring, pipe->ring.count);
	pipe_advance(pipe);
	pipe_changed(pipe);
	pipe_release(pipe);
}

void end_destroy(struct end *end)
{
	transfer_end_closed(end);
	end_unlink(end);
	watch_clear(&end->watches);
	label_drop(&state.labels, end->node.label);
	state.end_count--;
	struct pipe *input = end->input, *output = end->output;
	free(end);
	pipe_lost_end(input);
	if (output != input)
		pipe_lost_end(output);
}

uint32_t end_ready(const struct end *end)
{
	uint32_t ready = 0;
	if (end->input) {
		if (end->input->ring.count)
			ready |= WATCH_IN | WATCH_READ_NORMAL;
		/* A named pipe that nobody has opened for writing yet has not hung up. */
		if (!end->input->writers && (!end->input->named || end->input->writers_ever))
			ready |= end->pair ? WATCH_IN | WATCH_READ_HANGUP | WATCH_HANGUP : WATCH_HANGUP;
	}
	if (end->output) {
		if (ring_room(&end->output->ring) >= PIPE_ATOMIC || !end->output->readers)
			ready |= WATCH_OUT | WATCH_WRITE_NORMAL;
		if (!end->output->readers)
			ready |= end->pair ? 0 : WATCH_ERROR;
	}
	return ready;
}

void pipe_changed(struct pipe *pipe)
{
	for (struct end *end = pipe->readers; end; end = end->next_reader)
		if (end->watches.count)
			watch_fire(&end->watches, end_ready(end));
	for (struct end *end = pipe->writers; end; end = end->next_writer)
		if (end->watches.count)
			watch_fire(&end->watches, end_ready(end));
}
