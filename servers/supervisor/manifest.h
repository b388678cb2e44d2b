/* A service's manifest (docs/boot-archive.md), parsed. */
#ifndef MANIFEST_H
#define MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#define NAME_SIZE 32
#define GRANTS_MAX 24
#define ARGUMENTS_MAX 8
#define ARGUMENTS_SIZE 512

enum grant_kind { GRANT_GATE, GRANT_IRQ, GRANT_IOPORT, GRANT_SYSTEM, GRANT_ARCHIVE, GRANT_FILE, GRANT_ROOT };

struct grant {
	uint32_t kind; /* enum grant_kind */
	char slot[NAME_SIZE];
	char name[NAME_SIZE]; /* GATE: service; FILE: file */
	uint64_t number;      /* GATE: label; IRQ: line; IOPORT: first; SYSTEM: rights */
	uint64_t count;       /* IOPORT */
};

struct manifest {
	char name[NAME_SIZE];
	char program[NAME_SIZE];
	char arguments[ARGUMENTS_SIZE]; /* strings, one behind the other */
	unsigned argument_count, argument_bytes;
	struct grant grants[GRANTS_MAX];
	unsigned grant_count;
	uint64_t memory; /* bytes; 0: no limit of its own */
	uint64_t limit;  /* nanoseconds that it may take for one call; UINT64_MAX: for ever */
	uint32_t slots;
	uint32_t priority;
	bool stash;     /* it recovers */
	bool supervise; /* it may restart others */
	bool verify;    /* its answers are verified from the start (lib/server/verify.h) */
};

/* Returns 0, or the number of the line that makes no sense. */
unsigned manifest_parse(struct manifest *manifest, const char *name, const char *text, uint64_t size);

#endif
