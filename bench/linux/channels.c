/* Bytes between two processes: pipes and a pair of Unix sockets. */
#include "bench.h"
#include <sys/socket.h>

/* The partner answers every byte with the next number, until the end of its input. */
static int ask_with, answer_with; /* the partner reads the first and writes the second */
static int send_to, receive_from;
static pid_t partner;

static int echo(void)
{
	uint8_t byte;
	close(send_to);
	if (receive_from != send_to)
		close(receive_from);
	while (read(ask_with, &byte, 1) == 1) {
		byte++;
		if (write(answer_with, &byte, 1) != 1)
			return 1;
	}
	return 0;
}

static bool echo_start(void)
{
	partner = partner_start(echo);
	CALL("fork", partner > 0);
	close(ask_with);
	if (answer_with != ask_with)
		close(answer_with);
	return true;
}

static bool pipe_prepare(void)
{
	int there[2], back[2];
	CALL("pipe", !pipe(there) && !pipe(back));
	ask_with = there[0];
	send_to = there[1];
	receive_from = back[0];
	answer_with = back[1];
	return echo_start();
}

static bool unix_prepare(void)
{
	int pair[2];
	CALL("socketpair", !socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ask_with = answer_with = pair[0];
	send_to = receive_from = pair[1];
	return echo_start();
}

static uint64_t round_trips(unsigned operations)
{
	unsigned answered = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		uint8_t sent = i, answer = 0;
		if (write(send_to, &sent, 1) == 1 && read(receive_from, &answer, 1) == 1)
			answered += answer == (uint8_t)(sent + 1);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(answered == operations);
	return ticks;
}

static void echo_finish(void)
{
	close(send_to);
	if (!partner_ended(partner))
		row_wrong("the partner ended by itself");
}

/* Blocks carry their number, and the reader says after each batch that it has seen all of them. */
#define BLOCK 65536
#define BLOCKS 24
static uint64_t block[BLOCK / sizeof(uint64_t)];

static int drain(void)
{
	close(send_to);
	close(receive_from);
	for (uint64_t number = 0; read_all(ask_with, block, BLOCK); number++) {
		if (block[0] != number || block[BLOCK / sizeof(uint64_t) - 1] != ~number)
			return 1;
		uint8_t done = 1;
		if (number % BLOCKS == BLOCKS - 1 && write(answer_with, &done, 1) != 1)
			return 1;
	}
	return 0;
}

static bool throughput_prepare(void)
{
	int there[2], back[2];
	CALL("pipe", !pipe(there) && !pipe(back));
	ask_with = there[0];
	send_to = there[1];
	receive_from = back[0];
	answer_with = back[1];
	partner = partner_start(drain);
	CALL("fork", partner > 0);
	close(ask_with);
	close(answer_with);
	return true;
}

static uint64_t throughput_run(unsigned operations)
{
	static uint64_t number;
	uint8_t done = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++, number++) {
		block[0] = number;
		block[BLOCK / sizeof(uint64_t) - 1] = ~number;
		CALL("write", write_all(send_to, block, BLOCK));
	}
	CALL("read", read(receive_from, &done, 1) == 1);
	uint64_t ticks = ticks_now() - start;
	RIGHT(done == 1);
	return ticks;
}

static uint64_t make_run(unsigned operations)
{
	int ends[2];
	bool wrong = false;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++)
		wrong |= pipe(ends) || close(ends[0]) || close(ends[1]);
	uint64_t ticks = ticks_now() - start;
	CALL("pipe", !wrong);
	return ticks;
}

const struct row channel_rows[] = {
	{"pipe-round-trip", 100, 0, pipe_prepare, round_trips, echo_finish},
	{"pipe-throughput", BLOCKS, BLOCK, throughput_prepare, throughput_run, echo_finish},
	{"pipe-make", 100, 0, NULL, make_run, NULL},
	{"unix-round-trip", 100, 0, unix_prepare, round_trips, echo_finish},
	{0},
};
