/* Waiting for ten pipes, one of which can be read: the call that finds it does not have to sleep. */
#include "bench.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#define FILES 10
#define READY (FILES - 1)

static int read_ends[FILES], epoll_file;

static bool pipes_prepare(void)
{
	for (unsigned i = 0; i < FILES; i++) {
		int ends[2];
		CALL("pipe", !pipe(ends));
		read_ends[i] = ends[0];
		if (i == READY)
			CALL("write", write(ends[1], "x", 1) == 1);
	}
	return true;
}

static uint64_t select_run(unsigned operations)
{
	unsigned right = 0;
	struct timeval none = {0};
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		fd_set set;
		FD_ZERO(&set);
		for (unsigned file = 0; file < FILES; file++)
			FD_SET(read_ends[file], &set);
		right += select(read_ends[READY] + 1, &set, NULL, NULL, &none) == 1 && FD_ISSET(read_ends[READY], &set);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	return ticks;
}

static uint64_t poll_run(unsigned operations)
{
	struct pollfd polled[FILES];
	unsigned right = 0;
	for (unsigned file = 0; file < FILES; file++)
		polled[file] = (struct pollfd){.fd = read_ends[file], .events = POLLIN};
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		polled[READY].revents = 0;
		right += poll(polled, FILES, 0) == 1 && polled[READY].revents == POLLIN;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	return ticks;
}

static bool epoll_prepare(void)
{
	if (!pipes_prepare())
		return false;
	epoll_file = epoll_create1(0);
	CALL("epoll_create1", epoll_file >= 0);
	for (unsigned i = 0; i < FILES; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
		CALL("epoll_ctl", !epoll_ctl(epoll_file, EPOLL_CTL_ADD, read_ends[i], &event));
	}
	return true;
}

static uint64_t epoll_run(unsigned operations)
{
	unsigned right = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		struct epoll_event events[FILES];
		right += epoll_wait(epoll_file, events, FILES, 0) == 1 && events[0].data.u32 == READY;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	return ticks;
}

const struct row wait_rows[] = {
	{"select-10", 300, 0, pipes_prepare, select_run, NULL},
	{"poll-10", 300, 0, pipes_prepare, poll_run, NULL},
	{"epoll-wait-10", 500, 0, epoll_prepare, epoll_run, NULL},
	{0},
};
