/* A call that killed its server, as tools/replay.py takes it from the log and replay.c makes it again. */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdint.h>

struct replayed_call {
	uint32_t operation;
	uint32_t data_length; /* bytes of the caller's buffer that are known: they follow */
	uint64_t words[6];
	uint64_t send_length, receive_length; /* of its buffers */
	unsigned char data[];
};

#endif
