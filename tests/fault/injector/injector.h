/* The fault injector: a service with a better priority than its victims, so that what it does to them it does between two
 * of their instructions. README.md (one folder up) has the kinds of faults and what is reported. */
#ifndef INJECTOR_H
#define INJECTOR_H

#include "atoll/atoll.h"

/* --- random.c: one sequence, which a seed repeats --- */
void random_seed(uint64_t seed);
uint64_t random_below(uint64_t limit);

/* --- victim.c --- */
/* tools/fault_text.py: the instructions of a program, by address. */
struct instruction {
	uint32_t address;
	uint8_t length;
	uint8_t opcode;  /* position of its last byte */
	uint8_t operand; /* position of the byte that names registers (SDM 2A 2.1.3, ModR/M); 255: none */
	uint8_t marks;   /* enum mark */
};
_Static_assert(sizeof(struct instruction) == 8, "as the tool writes it");

enum mark {
	MARK_BRANCH = 1,  /* conditional; the lowest bit of its opcode inverts the condition */
	MARK_HEAP = 2,    /* the first of the heap's allocation */
	MARK_KERNEL = 4,  /* a kernel call that may find no memory */
	MARK_CALL = 8,    /* the kernel call that calls another server, */
	MARK_REPLY = 16,  /* those that answer, */
	MARK_RECEIVE = 32 /* and those that receive */
};
#define SYSCALL_LENGTH 2u

#define POINTS_MAX 64
#define WORKERS_MAX 4
struct victim {
	const char *name;
	uint32_t number;      /* of the service */
	slot_t thread, space, stash, table; /* of its present incarnation; its captable */
	slot_t workers[WORKERS_MAX];        /* threads of its own beside the loop */
	uint32_t worker_slots[WORKERS_MAX]; /* where it has them */
	unsigned worker_count;
	slot_t text;          /* its table of instructions; 0: none */
	uint64_t text_count;  /* entries of that */
	struct point {
		uint32_t address;
		uint32_t marks;
	} points[POINTS_MAX]; /* its marked instructions, but for branches */
	unsigned point_count;
	bool lost;            /* given up by the supervisor */
};

bool victim_find(struct victim *victim, const char *name);
/* Its present incarnation. False: it has none just now. */
bool victim_look(struct victim *victim);
/* Steps it has committed in its life; grows by one with each. */
uint64_t victim_steps(const struct victim *victim);
bool victim_in_step(const struct victim *victim);
/* Is it still the incarnation that was looked at? */
bool victim_lives(const struct victim *victim);
/* Stop it in user mode and read its registers, or leave it as it was. */
bool victim_stop(const struct victim *victim, struct registers *registers);
bool thread_halt(slot_t thread, struct registers *registers); /* likewise one of its threads */
/* Its threads beside the loop, of its present incarnation. */
void victim_look_workers(struct victim *victim);
int victim_restart(const struct victim *victim);
/* Have it fault where it is, but without blame for its call. False: it cannot now, because it waits. */
bool victim_fault(const struct victim *victim);
/* The supervisor, through its captable; it has no steps and no stash that are looked at. */
bool victim_find_root(struct victim *root);
bool victim_look_root(struct victim *root);
/* The step in hand has saved what is at this offset of the stash (a random one of those). 0: nothing yet. */
uint64_t victim_written(const struct victim *victim);

/* --- trap.c: marked instructions at which whoever comes to one is held --- */
struct trap {
	const struct victim *victim;
	uint32_t addresses[POINTS_MAX];
	uint8_t saved[POINTS_MAX][2];
	unsigned count;
	uint64_t end; /* the time until which it holds */
};
#define TRAP_OTHER UINT32_MAX

/* At all points with one of these marks; `after`: at the instructions behind those with one of these, too. False: there is none. */
bool trap_set(struct trap *trap, const struct victim *victim, uint32_t marks, uint32_t after, uint64_t time);
/* Wait until a thread has come to one: it is stopped, and this is where. 0: none has in time, or the victim has ended. */
uint32_t trap_wait(const struct trap *trap, slot_t *thread, struct registers *registers);
/* The thread that is held goes on with these registers; the trap is set again behind it. */
void trap_pass(struct trap *trap, slot_t thread, const struct registers *registers);
void trap_clear(struct trap *trap);
/* The address is that of a point with one of these marks. */
bool victim_at(const struct victim *victim, uint64_t address, uint32_t marks);

/* --- message.c --- */
bool message_change(struct victim *victim, bool reply, char *detail, size_t size);
bool wake_lose(struct victim *victim, char *detail, size_t size);

/* --- fault.c --- */
enum fault_kind {
	FAULT_KILL, FAULT_REGISTER, FAULT_CODE, FAULT_OPERAND, FAULT_BRANCH, FAULT_SKIP, FAULT_STASH, FAULT_HANG, FAULT_SLEEP,
	FAULT_POLL, FAULT_WAKE, FAULT_MEMORY, FAULT_REQUEST, FAULT_REPLY, FAULT_AGAIN, FAULT_BOTH, FAULT_ROOT, FAULT_ORDER, FAULT_KINDS
};
extern const char *const fault_names[FAULT_KINDS];

/* Do it to a victim that has a step in hand. False: it could not be done at this moment. `other`: another victim; `detail`:
 * where, for the log. */
bool fault_do(struct victim *victim, enum fault_kind kind, struct victim *other, char *detail, size_t size);
/* It ends its victim at once. */
bool fault_ends(enum fault_kind kind);
/* It leaves its victim's code changed. */
bool fault_stays(enum fault_kind kind);
/* It is felt when it is done, whether or not the victim ends of it. */
bool fault_is_felt(enum fault_kind kind);
/* A message to or from the victim is touched, whatever it does at the moment. */
bool fault_is_message(enum fault_kind kind);
/* The supervisor alone is the victim, whatever it does at the moment. */
bool fault_is_root(enum fault_kind kind);
/* The victim hangs, and it is the supervisor's to find that. */
bool fault_hangs(enum fault_kind kind);

#endif
