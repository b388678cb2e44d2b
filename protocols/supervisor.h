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

#define PROGRAM_SIZE_MAX (16ull << 20) /* bytes of a program's file */

enum supervisor_control {
	CONTROL_RESTART, /* end it wherever it is, and start it again at once */
	CONTROL_KILL,    /* the same as a death: one that recurs is delayed, and given up in the end */
	CONTROL_UPDATE,  /* the program that has come goes on with its state */
	CONTROL_HANG,    /* have it spin for ever at its next call, to see what comes of that */
	CONTROL_VERIFY,  /* each of its answers counts only if two incarnations come to it, from now on; it is restarted */
	CONTROL_TRUST,   /* no longer so */
};

enum supervisor_cause { CAUSE_NONE, CAUSE_FAULT, CAUSE_KILLED, CAUSE_HUNG, CAUSE_RESTARTED, CAUSE_UPDATED };
enum supervisor_state { SERVICE_WAITING, SERVICE_STARTING, SERVICE_READY, SERVICE_FAILED, SERVICE_ABSENT };

/* Of its last update: what has come of it. */
enum supervisor_update {
	UPDATE_NONE,
	UPDATE_BEGUN,     /* the running build is asked to leave */
	UPDATE_TRIAL,     /* the new one runs, and is replaced by the old one if it fails */
	UPDATE_DONE,
	UPDATE_REFUSED,   /* nothing has changed */
	UPDATE_REVERTING,
	UPDATE_REVERTED,  /* the old one runs again */
	UPDATE_STUCK,     /* the new one has failed and could not be reverted: it runs on */
};

struct supervisor_note {
	char text[160]; /* more about it, for people */
};

struct supervisor_service {
	char name[32];
	uint32_t state;    /* enum supervisor_state: not started or waits before a restart; runs; serves; given up; there is none of this number */
	uint32_t cause;    /* of its last end */
	uint32_t restarts; /* since boot */
	uint32_t thread;   /* number */
	uint32_t doubts;   /* since boot: new incarnations for an error that was not believed (lib/server/step.h) */
	uint32_t update;   /* enum supervisor_update */
	uint32_t verifies; /* 1: its answers are verified */
	uint32_t reserved;
	uint64_t pause;    /* nanoseconds from its last end to its first answer (without a stash: to being ready); 0: it lasts */
	uint64_t memory;   /* bytes, all that is charged to it */
};

#endif
