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
	pipe->opens.last = &pipe->opens.first;
	pipe->inode = ++state.next_inode;
	pipe->made_at = (int64_t)step_recall(time_real());
	return pipe;
}

void pipe_release(struct pipe *pipe)
{
	if (pipe->readers || pipe->writers || pipe->named || pipe->members)
		return;
	ring_free(pipe);
	free(pipe);
}

/* The pipe whose ring has this end's flag word. */
static struct pipe *end_home(const struct end *end)
{
	return end->input ? end->input : end->output;
}

static bool index_take(struct end *end)
{
	uint64_t *words = end_home(end)->ends;
	for (uint32_t i = 0; i < RING_ENDS / 64; i++) {
		if (~words[i] == 0)
			continue;
		end->index = i * 64 + (uint32_t)__builtin_ctzll(~words[i]);
		words[i] |= 1ull << end->index % 64;
		return true;
	}
	return false;
}

struct end *end_create(struct pipe *input, struct pipe *output, uint32_t flags)
{
	if (state.end_count >= PIPE_END_MAX)
		return NULL;
	struct end *end = calloc(1, sizeof *end);
	if (!end)
		return NULL;
	end->node.kind = NODE_END;
	end->flags = flags;
	end->input = input;
	end->output = output;
	end->node.label = label_make(&state.labels, end);
	if (!end->node.label || !index_take(end)) {
		if (end->node.label)
			label_drop(&state.labels, end->node.label);
		free(end);
		return NULL;
	}
	state.end_count++;
	if (input) {
		end->next_reader = input->readers;
		input->readers = end;
		input->readers_ever++;
	}
	if (output) {
		end->next_writer = output->writers;
		output->writers = end;
		output->writers_ever++;
	}
	if (input)
		ring_show_ends(input);
	if (output && output != input)
		ring_show_ends(output);
	ring_show_flags(end);
	return end;
}

slot_t end_gate(struct end *end)
{
	return server_make_gate(end->node.label);
}

void end_again(struct end *end)
{
	ring_again(end->input);
	ring_again(end->output);
}

static void end_unlink(struct end *end)
{
	struct end **link;
	end_home(end)->ends[end->index / 64] &= ~(1ull << end->index % 64);
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
		ring_empty(pipe);
	ring_show_ends(pipe);
	pipe_changed(pipe);
	pipe_release(pipe);
}

void end_destroy(struct end *end)
{
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
		if (ring_pending(end->input))
			ready |= WATCH_IN | WATCH_READ_NORMAL;
		/* A named pipe that nobody has opened for writing yet has not hung up. */
		if (!end->input->writers && (!end->input->named || end->input->writers_ever))
			ready |= end->pair ? WATCH_IN | WATCH_READ_HANGUP | WATCH_HANGUP : WATCH_HANGUP;
	}
	if (end->output) {
		uint32_t pending = ring_pending(end->output);
		if (pending <= RING_CAPACITY - RING_ATOMIC || pending > RING_CAPACITY || !end->output->readers)
			ready |= WATCH_OUT | WATCH_WRITE_NORMAL;
		if (!end->output->readers)
			ready |= end->pair ? 0 : WATCH_ERROR;
	}
	return ready;
}

void pipe_watch(struct pipe *pipe)
{
	uint32_t data = 0, room = 0;
	for (struct end *end = pipe->readers; end; end = end->next_reader)
		data |= watch_wanted(&end->watches);
	for (struct end *end = pipe->writers; end; end = end->next_writer)
		room |= watch_wanted(&end->watches);
	ring_watch(pipe, data & (WATCH_IN | WATCH_READ_NORMAL), room & (WATCH_OUT | WATCH_WRITE_NORMAL));
}

/* The ring says that somebody watches before it is looked at, so that what comes after the look is told. */
void pipe_changed(struct pipe *pipe)
{
	pipe_watch(pipe);
	ring_note(pipe);
	for (struct end *end = pipe->readers; end; end = end->next_reader)
		if (end->watches.count)
			watch_fire(&end->watches, end_ready(end));
	for (struct end *end = pipe->writers; end; end = end->next_writer)
		if (end->watches.count)
			watch_fire(&end->watches, end_ready(end));
	pipe_watch(pipe);
}
