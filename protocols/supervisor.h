/* Structures of the supervisor protocol. */
#ifndef PROTOCOL_SUPERVISOR_STRUCTURES_H
#define PROTOCOL_SUPERVISOR_STRUCTURES_H

#include <stdint.h>

/* What a service costs, in bytes. All services' sums are together what is charged to anybody: no byte is in two
 * places. */
struct supervisor_memory {
	uint64_t code;    /* its program, as long as no service before it has the same */
	uint64_t data;    /* variables, not those of a stash */
	uint64_t heap, stack;
	uint64_t state;   /* its stash: variables, heap and journal of a server that recovers */
	uint64_t tables;  /* page tables, and the kernel's record of what is mapped */
	uint64_t objects; /* what else the kernel keeps for it, and memory it shares with its clients */
	uint64_t content; /* of a pool it made: tmpfs's files, proc's processes */
};

#endif
