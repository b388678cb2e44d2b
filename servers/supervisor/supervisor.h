/* The root server's state, and what its parts do with it.
 *
 * The main thread handles steps, as every server does: a service is ready, a service died, time
 * passed, a worker finished. It never calls another server, so a dead one cannot hold it up. What has to be
 * called for (the session that runs the first program) runs on worker threads. */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "atoll/atoll.h"
#include "manifest.h"
#include "protocols/supervisor.h"

#define SERVICES_MAX 32
#define LABEL_SERVICE_FIRST 0x100 /* + number: a service's gates to the supervisor and to the log */

/* The supervisor's own slots; the kernel put ROOT_ARCHIVE and ROOT_SYSTEM where lib/server wants its
 * endpoint and its supervisor. */
enum supervisor_slot {
	SLOT_SYSTEM = 16,
	SLOT_ARCHIVE = 17,
};

/* What of a service ends with its program. */
struct incarnation {
	slot_t pool, space_pool, space, thread;
	uint64_t thread_number;
};

/* What an incarnation's end leads to, in an update (update.c). */
enum update_turn { TURN_NONE, TURN_NEW, TURN_REVERT, TURN_BACK };

struct update {
	uint32_t state;         /* enum supervisor_update */
	uint32_t turn;          /* enum update_turn: chosen, to be taken when the incarnation has ended */
	slot_t own[2];          /* for programs that came after the first, in turn */
	slot_t program, before; /* the new build, and what ran before */
	bool standby;           /* the incarnation that stands by is of the new build, while the old one runs */
	bool constants;         /* the two builds have others */
	uint32_t reverts;       /* begun */
	uint64_t until;         /* time at which it is looked at */
	uint64_t steps;         /* that had been committed when the trial began */
	uint64_t version;       /* of the old build's state */
	uint64_t give;          /* 0, or the version that the next incarnation shall only revert to */
};

struct service {
	uint32_t state; /* enum supervisor_state */
	/* Outlive incarnations */
	slot_t pool, captable, endpoint, gate;
	slot_t control;         /* the supervisor's gate to it */
	slot_t grants;          /* pool, below its own: of what the manifest names */
	slot_t program;         /* memory object: the ELF file */
	slot_t program_slot, stash_slot; /* where these are, if it has them for itself */
	slot_t stash;           /* memory object (lib/stash); 0: its state ends with it */
	uint64_t stash_count;   /* the stash's count of committed steps when the last incarnation died */
	uint64_t program_size;
	uint64_t program_sum;   /* of the boot archive's (mend.c) */
	/* Everything an incarnation makes is charged to its own pool and ends with it */
	struct incarnation now;
	struct incarnation next; /* the standby: made beforehand, of a server that recovers */
	bool standby;            /* there is one */
	uint64_t prepare;        /* time at which it is to be made; 0: not */
	uint64_t started;       /* time */
	uint64_t deadline;      /* STARTING: to be ready by; WAITING: to be started at; 0: none */
	uint32_t restarts;      /* since boot */
	uint32_t cause;         /* of its last end: enum supervisor_cause */
	uint64_t fault;         /* CAUSE_FAULT: address, as the stash's header has it */
	uint64_t ended, ready;  /* times: of that, and of its successor's being ready */
	uint64_t pause;         /* what there was of it, where it has been started afresh since (and ended is 0) */
	uint32_t doubts;        /* since boot: it has asked to be started afresh (step_doubt, lib/server) */
	bool doubting;          /* that was the last time it ended */
	uint32_t recent;        /* restarts close together */
	bool was_ready;         /* once: its successors are not waited for */
	bool loaded;            /* load.c */
	bool verifies;          /* its incarnations are told to have their answers verified (lib/server/verify.h) */
	struct update update;
	uint32_t replacing;     /* enum replacing: how far an end has come that is to be gone on with (ending.c) */
	struct manifest manifest; /* the last, and changed only while there is no such service: see recover.c */
};

enum job { JOB_NONE, JOB_START, JOB_WAIT, JOB_STOP, JOBS };

struct state {
	slot_t notification;
	slot_t spare;  /* for a moment */
	slot_t workers[JOBS];
	slot_t watcher, watcher_wake; /* watch.c's worker, and what wakes it */
	uint32_t served; /* bits by service: it has answered a ping, ever */
	uint32_t job;  /* enum job: what is being done for the first program */
	uint32_t worker_deaths; /* close together, */
	uint64_t worker_died;   /* the last of them at this time */
	uint64_t done; /* id of the last call that changed anything: when it comes again, it is answered alone */
	unsigned service_count;
	unsigned next; /* the first service that has not been started yet */
	bool begun, stopping;
	slot_t slots_end; /* the highest of slot_kept */
	uint64_t asked; /* id of the last load or unload, and its answer */
	int32_t asked_status;
	char refusal[96];
	slot_t files;  /* pool: of uploads, and programs that came so */
	slot_t upload; /* memory object: see upload.c */
	uint64_t upload_size;
	uint32_t upload_state;
	uint64_t look; /* time at which the services are to be looked at for one that hangs; 0: not */
	unsigned mend_service; /* whose program is looked at next, */
	uint64_t mend_offset;  /* from this byte on */
	struct service services[SERVICES_MAX]; /* the last: see recover.c */
};
extern struct state state;

/* --- archive.c: the boot archive, mapped --- */
struct archive_file {
	const char *path, *bytes;
	uint64_t size;
};
bool archive_open(void);
uint64_t archive_size(void);
/* The last file with this path. */
bool archive_find(const char *path, struct archive_file *file);
/* The same for system/NAME followed by a suffix. */
bool archive_find_system(const char *name, const char *suffix, struct archive_file *file);

/* --- grants.c: a service's captable --- */
bool service_grant(struct service *service);
/* Where the manifest's grant of this index is. */
slot_t service_grant_slot(unsigned index);

/* --- service.c --- */
/* All that outlives incarnations, for each name in system/services. */
bool services_create(void);
struct service *service_find(const char *name);
/* What outlives its incarnations: from its program, by its manifest. False: no memory, or the program does not fit. */
bool service_make(struct service *service);
/* Before, and in the state before anything is made in them. Those that it has it keeps. */
void service_take_slots(struct service *service);
/* Its first incarnation stands by. Or a kernel status. */
int64_t service_make_first(struct service *service);
/* Nothing of it is left but its slots. */
void service_unmake(struct service *service);
/* With the incarnation that stands by, or one made now; the one that a broken step has started is it already. */
bool service_start(struct service *service);
/* Have one stand by. */
void service_prepare(struct service *service);
/* Whether it has committed a step since it died last; as of now, or counted from now on. */
bool service_progresses(const struct service *service);
bool service_progressed(struct service *service);
/* Steps it has committed; 0: it has no stash. */
uint64_t service_steps(const struct service *service);
bool service_in_step(const struct service *service);
/* Changes while the step in hand does what it has not done before. */
uint64_t service_written(const struct service *service);
/* From its last end to its first answer; 0: it has never ended, or that is still to come. */
uint64_t service_pause(const struct service *service);
/* The one that stands by, unless a broken step has started it. */
void service_standby_drop(struct service *service);
/* Everything of this incarnation is gone afterwards. `deliberate`: the call in hand is not to blame. */
void service_end(struct service *service, bool deliberate);

/* --- watch.c: servers that hang --- */
void watch_take_slots(void);
bool watch_begin(void);
/* In a successor of the supervisor that began it. */
bool watch_again(void);
/* Have it spin at its next call. */
void watch_hang(unsigned number);
/* There is another service of this number now. */
void watch_forget(unsigned number);
/* Have it leave for another build when it has come to this call. */
void watch_leave(unsigned number);
/* Look at all; to be done again at the time that comes back. *hung: a service that is to be ended (and has been as good as
 * since service->ended); else it stays as it is. */
uint64_t watch_look(uint64_t now, struct service **hung);

/* --- update.c: another build with the same state --- */
/* With the program that has come. Why not is in its note, too. */
int update_begin(struct service *service);
bool update_goes_on(const struct service *service);
/* In a successor of the supervisor: programs that an update has left. */
void update_clear(struct service *service);
/* At the time that it gives, or earlier. */
void update_look(struct service *service, uint64_t now);
/* It has ended itself, for another build. */
bool update_left(const struct service *service);
/* Which build is next, when this incarnation has ended (`left`: as above); then, to make that the program. False: there is no update, or it does not matter. */
void update_choose(struct service *service, bool left);
bool update_turn(struct service *service);
const struct supervisor_note *update_note(const struct service *service);

/* --- upload.c: a program's file from outside (/proc/atoll/program) --- */
bool upload_prepare(void);
int upload_begin(void);
int upload_written(uint64_t size);
/* What has come, as a memory object of its own in this slot. 0; -ENODATA: nothing has; -ENOMEM. */
int upload_copy(slot_t to, uint64_t *size);
/* When the step in hand counts, there is none any more. */
void upload_used(void);
void upload_committed(void);

/* --- load.c: services that come and go --- */
int load_ask(uint64_t id, const char *text, uint64_t size);
int unload_ask(uint64_t id, uint32_t index);
/* In a successor: what a broken step has left. */
void load_clear(void);

/* --- main.c --- */
/* Start the next services; each waits until the one before it is ready or given up. */
void services_continue(void);
/* The timer to the earliest of what anyone waits for. */
void timer_set(void);

/* --- ending.c: from the end of an incarnation to its successor --- */
/* It does not serve any more, or must not. */
void service_lost(struct service *service, enum supervisor_cause cause);
/* Of an exception, whose words these are. */
void service_died(struct service *service, const uint64_t *words);
/* Where a predecessor was doing it: go on. */
void service_replace(struct service *service);

/* --- serve.c: what it is asked --- */
struct request;
int supervisor_handle(struct request *request);
/* The step in hand is of no call. */
void step_of_event(void);
/* From here on the step in hand is not made again: a successor finds in the state what there is to do. */
void step_intend(void);
/* Behind a step that counts: end, or hang, where this was asked for. */
void end_tried_out(void);

/* --- job.c: the first program, and the machine's end --- */
/* All services run. */
void session_begin(void);
void session_started(void);
void session_ended(void);
/* A predecessor's job. */
void job_again(void);
void worker_died(const uint64_t *words);
void machine_stop(void);
/* Nothing runs, or nothing of what would be needed to go on or to end well. */
void stop_at_once(void);

/* --- recover.c: the supervisor's own state --- */
/* False: no supervisor before this one has finished a step, and what one has made is gone. Else state, session and the loop's
 * own are as after its last step. */
bool recover_open(void);
/* A step has ended; or what it is about to do to objects is in the state, and a successor is to go on with it. */
void recover_commit(void);
/* The step in hand goes on, and may be made again: its call has not been seen yet, but the state is as it is now. */
void recover_note(void);
/* One that has its number in the state, whatever a broken step has left in it or not. */
slot_t slot_kept(void);
/* Before a call of this id is handled. False: that has ended the supervisor each time. */
bool recover_tries(uint64_t id);
/* The manifest of a service that there has not been up to now. */
void recover_manifest(const struct service *service);

/* --- memory.c: what it costs --- */
struct supervisor_memory;
void memory_of_service(const struct service *service, struct supervisor_memory *memory);
void memory_of_supervisor(struct supervisor_memory *memory);

/* --- program.c: a program into a fresh space --- */
#define STACK_TOP 0x7fffb0000000ull
#define STACK_SIZE (256 * 1024ull)
struct image {
	uint64_t entry, header_address, header_count, header_size;
};
int64_t program_load(const struct service *service, slot_t space, struct image *image);
/* Into a fresh memory object: pages of zeros are left out, and take no memory until they are touched. */
bool program_write(slot_t memory, uint64_t offset, const char *bytes, uint64_t size);
/* Why this file cannot be a service's program, which says of itself that it has a stash or not; NULL: it can. */
const char *program_fault(slot_t program, uint64_t size, bool stash);
/* Bytes from one memory object to another that is fresh. */
bool program_copy(slot_t to, uint64_t to_offset, slot_t from, uint64_t from_offset, uint64_t size);
/* The first contents of the stash: the program's variables. */
int64_t program_fill_stash(const struct service *service);
/* The initial stack; *stack is what rsp starts with. */
int64_t program_stack(const struct service *service, slot_t space, const struct image *image, uint64_t *stack);

/* --- mend.c: programs that are not as they came --- */
/* When it comes. */
void program_note(struct service *service, const struct archive_file *file);
/* Make what is damaged what it was, for all incarnations. False: nothing was. */
bool program_mend(const struct service *service);
/* The same for a part of one of all, in turn. */
void program_mend_next(void);

/* --- session.c: the first program; run by workers, without the C library --- */
#define STREAMS 3 /* descriptors 0 to 2 */
#define SESSION_SLOTS 15
struct session {
	slot_t slots[SESSION_SLOTS]; /* taken by a step of their own: a step that makes something in them can be broken off, and made again */
	/* Made by session_prepare */
	bool terminal;               /* mode run: COM1 is the first program's terminal */
	slot_t tmpfs, proc, procfs, tty_devices, pipe, log;
	slot_t serial[4];
	slot_t root;                 /* directory session of the first program */
	slot_t stream[STREAMS];      /* its open files */
	slot_t handoff_memory;
	uint32_t how;                /* session_stop: 0 power off, 1 restart */
	/* Made by the jobs */
	const char *step;            /* what failed, or NULL */
	int error;
	uint32_t wait_status;        /* of the first program */
	uint32_t finished;           /* enum job: the one that has told its end is this one */
	bool again;                  /* a job may find its work done by a predecessor */
};
extern struct session session;

void session_take_slots(void);
bool session_prepare(void);
/* Devices, mounts, the tree, the streams, then the program itself. */
void session_start(void *unused);
/* Returns when the first program has ended. */
void session_wait(void *unused);
/* Drain the lines, tell the outside how it ended, stop the machine. */
void session_stop(void *unused);

/* Bits of state.notification: a job has ended */
#define BIT_STARTED 1
#define BIT_ENDED 2
#define BIT_TIMER 4

/* End what is in a slot, whoever else holds it, and empty the slot. */
static inline void slot_destroy(slot_t slot)
{
	object_destroy(slot);
	cap_drop(SELF_CAPTABLE, slot);
}

/* --- handoff.c: the first program's arguments, from boot/parameters --- */
#define CANDIDATES_MAX 16
#define PATH_SIZE 256
struct handoff_plan {
	bool terminal;
	char candidates[CANDIDATES_MAX][PATH_SIZE]; /* where the program may be; the first that exists */
	unsigned candidate_count;
};
extern struct handoff_plan handoff_plan;
bool handoff_prepare(void);
/* Fill the memory object, for the candidate chosen. */
int64_t handoff_write(slot_t memory, unsigned candidate);
uint64_t handoff_size(void);

#endif
