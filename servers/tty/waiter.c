/* Waiters: parked calls of a terminal, in order of arrival. */
#include "tty.h"
#include <errno.h>
#include <stdlib.h>

struct waiter *waiter_park(struct request *request, enum waiter_kind kind, struct file *file, uint64_t length)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);
	if (!waiter)
		return NULL;
	waiter->id = request->id;
	waiter->kind = kind;
	waiter->file = file;
	waiter->length = length;
	struct waiter **link = &file->terminal->queues[kind];
	while (*link)
		link = &(*link)->next;
	*link = waiter;
	request_park(request);
	return waiter;
}

void waiter_answer(struct waiter *waiter, int status, uint64_t count)
{
	uint64_t words[MESSAGE_WORDS] = { count };
	struct waiter **link = &waiter->file->terminal->queues[waiter->kind];
	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	parked_answer(waiter->id, status, words, NULL, 0, NULL, 0);
	free(waiter);
}

/* What a waiter gets when it cannot go on: a write that wrote something says so. */
static void waiter_give_up(struct waiter *waiter, int status)
{
	if (waiter->done)
		waiter_answer(waiter, 0, waiter->done);
	else
		waiter_answer(waiter, status, 0);
}

bool waiter_cancel(uint64_t id)
{
	for (struct terminal *terminal = state.terminals; terminal; terminal = terminal->next) {
		for (int kind = 0; kind < WAITER_KINDS; kind++) {
			struct waiter *waiter = terminal->queues[kind];
			while (waiter && waiter->id != id)
				waiter = waiter->next;
			if (waiter) {
				waiter_give_up(waiter, -EINTR);
				terminal_advance(terminal); /* those behind it may go on */
				return true;
			}
		}
	}
	return false;
}

void waiters_of_file(struct file *file, int status)
{
	for (int kind = 0; kind < WAITER_KINDS; kind++) {
		struct waiter *next;
		for (struct waiter *waiter = file->terminal->queues[kind]; waiter; waiter = next) {
			next = waiter->next;
			if (waiter->file == file)
				waiter_give_up(waiter, status);
		}
	}
}

void waiters_of_kind(struct terminal *terminal, enum waiter_kind kind, int status)
{
	while (terminal->queues[kind])
		waiter_give_up(terminal->queues[kind], status);
}
