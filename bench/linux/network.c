/* TCP between two processes over the loopback interface. */
#include "bench.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define BLOCK 65536
#define BLOCKS 24

static int connection, listener;
static pid_t partner;
static uint64_t block[BLOCK / sizeof(uint64_t)];

static int accept_one(void)
{
	int one = 1, accepted = accept(listener, NULL, NULL);
	setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return accepted;
}

static int echo(void)
{
	uint8_t byte;
	int accepted = accept_one();
	while (read(accepted, &byte, 1) == 1) {
		byte++;
		if (write(accepted, &byte, 1) != 1)
			return 1;
	}
	return 0;
}

/* Blocks carry their number; one byte goes back after each batch. */
static int drain(void)
{
	int accepted = accept_one();
	for (uint64_t number = 0; read_all(accepted, block, BLOCK); number++) {
		uint8_t done = 1;
		if (block[0] != number)
			return 1;
		if (number % BLOCKS == BLOCKS - 1 && write(accepted, &done, 1) != 1)
			return 1;
	}
	return 0;
}

static bool connect_to(int (*function)(void))
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int one = 1;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CALL("socket", listener >= 0);
	CALL("bind", !bind(listener, (struct sockaddr *)&address, sizeof(address)));
	CALL("listen", !listen(listener, 1));
	CALL("getsockname", !getsockname(listener, (struct sockaddr *)&address, &length));
	partner = partner_start(function);
	CALL("fork", partner > 0);
	connection = socket(AF_INET, SOCK_STREAM, 0);
	CALL("socket", connection >= 0);
	CALL("connect", !connect(connection, (struct sockaddr *)&address, sizeof(address)));
	CALL("setsockopt", !setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	return true;
}

static bool echo_prepare(void) { return connect_to(echo); }
static bool drain_prepare(void) { return connect_to(drain); }

static uint64_t round_trips(unsigned operations)
{
	unsigned answered = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		uint8_t sent = i, answer = 0;
		if (write(connection, &sent, 1) == 1 && read(connection, &answer, 1) == 1)
			answered += answer == (uint8_t)(sent + 1);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(answered == operations);
	return ticks;
}

static uint64_t throughput_run(unsigned operations)
{
	static uint64_t number;
	uint8_t done = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		block[0] = number++;
		CALL("write", write_all(connection, block, BLOCK));
	}
	CALL("read", read(connection, &done, 1) == 1);
	uint64_t ticks = ticks_now() - start;
	RIGHT(done == 1);
	return ticks;
}

static void partner_finish(void)
{
	close(connection);
	if (!partner_ended(partner))
		row_wrong("the partner ended by itself");
}

const struct row network_rows[] = {
	{"tcp-round-trip", 50, 0, echo_prepare, round_trips, partner_finish},
	{"tcp-throughput", BLOCKS, BLOCK, drain_prepare, throughput_run, partner_finish},
	{0},
};
