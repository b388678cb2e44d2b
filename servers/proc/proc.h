/* proc's objects, and all of its state.
 *
 *   session --- groups --- processes --- threads
 *                             |--- address space (users: more than one after vfork)
 *                             |--- account: the pool that pays for it
 *
 * Ids: processes, threads, groups and sessions share one table; an id is free when none of the four
 * uses it. Process 1 is proc itself: it has no threads, adopts orphans and reaps them.
 *
 * Nothing that a step may still point to is freed during the step: what ends is put on a list
 * and reaped by step_end. */
#ifndef PROC_H
#define PROC_H

#include "protocols/process.h"
#include "server/labels.h"
#include "server/server.h"
#include "server/witness.h"

#define ID_INIT 1u
#define ID_FIRST 2u
#define ID_END PROCESS_ID_END /* wraps here, as pid_max says */
#define SIGNAL_COUNT 64u
#define SIGNAL_REALTIME 32u /* the first that queues */
#define TIMER_COUNT 32u
#define LIMIT_COUNT 16u
#define LIMIT_INFINITY (~0ull)

/* Linux's numbers */
enum {
	SIGNAL_HUP = 1, SIGNAL_ILL = 4, SIGNAL_TRAP = 5, SIGNAL_BUS = 7, SIGNAL_FPE = 8, SIGNAL_KILL = 9,
	SIGNAL_SEGV = 11, SIGNAL_ALRM = 14, SIGNAL_CHLD = 17, SIGNAL_CONT = 18, SIGNAL_STOP = 19,
	SIGNAL_TSTP = 20, SIGNAL_TTIN = 21, SIGNAL_TTOU = 22,
};
enum { CODE_USER = 0, CODE_KERNEL = 0x80, CODE_QUEUE = -1, CODE_TIMER = -2, CODE_TKILL = -6 };
enum { CHILD_EXITED = 1, CHILD_KILLED = 2, CHILD_DUMPED = 3, CHILD_STOPPED = 5, CHILD_CONTINUED = 6 };
enum { RESOURCE_DATA = 2, RESOURCE_STACK = 3, RESOURCE_CORE = 4, RESOURCE_NPROC = 6, RESOURCE_NOFILE = 7,
       RESOURCE_MEMLOCK = 8, RESOURCE_AS = 9, RESOURCE_SIGPENDING = 11, RESOURCE_MSGQUEUE = 12,
       RESOURCE_NICE = 13, RESOURCE_RTPRIO = 14 };
enum { CLONE_VM = 0x100, CLONE_VFORK = 0x4000, CLONE_PARENT = 0x8000 };

#define SIGNAL_BIT(signal) (1ull << ((signal) - 1))
#define SIGNALS_STOPPING (SIGNAL_BIT(SIGNAL_STOP) | SIGNAL_BIT(SIGNAL_TSTP) | SIGNAL_BIT(SIGNAL_TTIN) | SIGNAL_BIT(SIGNAL_TTOU))

/* Gates: below 0x100 the supervisor's (README.md); then processes, and threads' exception gates.
 * The serial number tells a process from an earlier one with the same id. */
#define LABEL_SUPERVISOR 1u
#define LABEL_TERMINAL 2u
#define LABEL_SERVERS_END 0x100u
#define LABEL_OF(serial, id) ((uint64_t)(serial) << 16 | (id))
#define LABEL_EXCEPTION (1ull << 63)
#define LABEL_ID(label) ((uint32_t)(label) & 0xffff)

struct account { /* a pool, which lives while something made from it is in use */
	slot_t pool;
	unsigned users;
};

struct address_space {
	slot_t space;
	unsigned users; /* processes */
	struct account *account;
};

struct program { /* what exec recorded; shared by forks, never changed */
	unsigned users;
	uint32_t command_length, environment_length;
	char *command, *environment, *path; /* path NUL-terminated */
};

struct queued_signal {
	struct queued_signal *next;
	struct process_siginfo info;
};
struct signal_queue {
	uint64_t pending; /* bit n-1: signal n is in the queue */
	struct queued_signal *first, **last;
	unsigned count;
};

struct thread {
	uint32_t id;
	slot_t exception_gate;    /* these two stay with a structure that is kept */
	uint64_t exception_label;
	struct process *process;  /* NULL: of no thread now */
	struct thread *next;      /* in process->threads, oldest first */
	slot_t slot;
	uint32_t own_slot;        /* in its process's captable; 0: none */
	uint64_t clear_child_tid;
	uint64_t block;           /* the personality's, in its space */
	uint64_t cpu_mask;        /* where it may run */
	uint64_t blocked;         /* as last told */
	uint64_t stop_call;       /* its parked process_stop, or 0 */
	struct signal_queue signals;
};

struct interval_timer {
	struct process *process;
	uint32_t number, signal, thread;
	uint64_t expiry, interval; /* nanoseconds; expiry 0: off */
	uint64_t overrun;          /* of the last signal sent */
	struct interval_timer *next_armed;
};

struct limit {
	uint64_t soft, hard;
};

enum process_state { PROCESS_ALIVE, PROCESS_STOPPED, PROCESS_ZOMBIE };

struct wait_request { /* a parked wait */
	uint64_t id;
	struct process *process;
	int64_t selector;
	uint32_t options, kind;
	bool tells_usage;
	struct wait_request *next;
};

struct process {
	uint32_t id;
	uint64_t serial;
	enum process_state state;
	struct process *next; /* state.processes */
	struct process *parent, *children, *next_sibling;
	struct group *group;
	struct process *next_in_group;
	struct process *next_reaped; /* state.reaped */
	bool reaped;
	bool told; /* relation.c: the table knows it */
	bool holds_locks; /* record locks, which the file server releases at the end */
	bool executed; /* since the fork: its parent may not set its group any more */

	struct account *account;
	struct address_space *space;
	slot_t captable;
	uint64_t descriptors; /* where in its space they are; 0: not known */
	struct thread *threads;
	unsigned thread_count;
	struct user *user; /* whom its threads count for */

	struct process_credentials credentials;
	struct limit limits[LIMIT_COUNT];
	int nice;
	struct program *program;
	char name[16];
	char *directory;

	struct signal_queue signals;
	uint64_t ignored, caught; /* as last told */
	bool stop_fetched;        /* a stop signal was fetched, and no SIGCONT came since */
	struct interval_timer *timers[TIMER_COUNT];

	uint32_t exit_signal, exit_status;
	uint32_t stop_status;     /* to be reported to wait; 0: nothing */
	bool continue_report;
	uint64_t vfork_call;      /* the parent's parked fork, or 0 */
	struct wait_request wait; /* the first that it has parked, so that there is always memory for one; process NULL: none */
	uint64_t start_time;
	uint64_t user_time, system_time;                  /* of ended threads */
	uint64_t children_user_time, children_system_time; /* of reaped children */
	uint64_t memory_peak;
};

struct group {
	uint32_t id;
	struct session *session;
	struct process *members;
};
struct session {
	uint32_t id;
	struct process *leader; /* NULL: ended */
	unsigned group_count;
	uint32_t terminal, foreground; /* as the terminal server told */
};
struct user { /* how many threads count for a user */
	uint32_t id;
	unsigned threads;
	struct user *next;
};

struct end_request { /* a parked wait_for */
	uint64_t id;
	uint32_t process;
	struct end_request *next;
};

struct identity { /* what an id stands for; there is one while it stands for anything */
	uint32_t id;
	struct identity *next; /* in its bucket */
	struct process *process;
	struct thread *thread;
	struct group *group;
	struct session *session;
};

#define SCRATCH_COUNT 2
#define ID_BUCKETS 512u
#define KEPT_THREADS 32u
#define KEPT_SIGNALS 16u
struct state {
	struct thread *spare_threads; /* of the kept ones, those of no thread now */
	struct thread kept_threads[KEPT_THREADS];
	struct label_table exceptions; /* threads by the labels of their exception gates */
	struct queued_signal *spare_signals; /* of the kept ones, those in no queue */
	struct queued_signal kept_signals[KEPT_SIGNALS];
	struct identity *identities[ID_BUCKETS];
	uint32_t next_id;
	uint64_t next_serial;
	struct process *processes; /* zombies too; newest first */
	struct process *init;
	struct process *reaped;    /* during a step */
	struct wait_request *waits;
	struct end_request *ends;
	struct interval_timer *armed; /* soonest first */
	struct user *users;
	unsigned thread_count, thread_limit;
	slot_t pool;               /* of all Linux processes */
	slot_t notification;
	uint64_t timer;            /* of the notification, as last set; 0: off */
	slot_t filesystem, system, personality; /* from the manifest */
	slot_t scratch[SCRATCH_COUNT];
	slot_t input, output, error; /* from prepare, until start */
	slot_t pipe, log;            /* every process's, kept */
	bool started;
	bool first_ended;
	uint32_t first_status;
};
extern struct state state;

/* identity.c */
uint32_t identity_allocate(void); /* 0: none free, or no memory */
const struct identity *identity_find(uint32_t id); /* never NULL: an empty one if the id is free */
struct identity *identity_get(uint32_t id);        /* made if the id is free; NULL: no memory */
void identity_release(uint32_t id);                /* if it stands for nothing any more */
struct process *process_find(uint32_t id); /* living or zombie; NULL: none */
struct process *process_alive(uint32_t id);
struct thread *thread_find(uint32_t id);
struct process *process_of_label(uint64_t label);
struct user *user_count(uint32_t id); /* NULL: no memory */
void step_end(void);

/* image.c: the personality image, and spaces that show it */
int image_load(void);
uint64_t image_entry(void);
uint64_t image_descriptors(void);
uint64_t image_block(void);
uint64_t image_robust_head(void);
struct account *account_create(void);
void account_release(struct account *account);
struct address_space *address_space_create(struct account *account);
struct address_space *address_space_clone(struct account *account, const struct address_space *source);
void address_space_release(struct address_space *space);

/* relation.c: the table by which processes know their parent, group and session without asking */
int relation_start(void);
int relation_again(void); /* as the state says */
slot_t relation_memory(void);
void relation_tell(struct process *process); /* after any of the three has changed */
void relation_forget(const struct process *process);

/* family.c: processes, groups and sessions as such */
struct process *process_create(uint32_t id, struct process *parent, struct group *group);
void process_forget(struct process *process); /* for good: a reaped zombie, or a failed fork */
void process_adopt(struct process *process, struct process *parent);
struct group *group_create(uint32_t id, struct session *session);
void group_join(struct process *process, struct group *group);
void group_leave(struct process *process);
struct session *session_create(uint32_t id);
bool group_orphaned(const struct group *group);
/* Hang up and continue a group that has stopped members and has just been orphaned. */
void group_check_orphaned(struct group *group);

/* thread.c */
#define CPUS_ALL (~0ull)
#define THREAD_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_COPY) /* of a process over its own */
struct thread_start_point {
	uint64_t instruction, stack, fs_base, gs_base, argument;
	slot_t captable; /* 0: the process's */
	slot_t like; /* whose extended state is copied; 0: none */
};
void threads_prepare(void); /* both once, at the start */
void signals_prepare(void);
struct thread *thread_of_exception(uint64_t label); /* NULL: it has ended */
struct thread *thread_make(struct process *process, uint32_t id, struct address_space *space,
                           const struct thread_start_point *start);
/* Give the process its capability to the thread. */
int thread_give(struct thread *thread, uint32_t slot);
/* Let it run there (a bit per CPU; CPUS_ALL), with the weight of its process. */
int thread_place(struct thread *thread, uint64_t cpu_mask);
static inline void thread_place_like(struct thread *thread, const struct thread *maker)
{
	if (maker->cpu_mask != CPUS_ALL) /* where it begins */
		thread_place(thread, maker->cpu_mask);
}
void thread_end(struct thread *thread); /* destroys it and serves clear_child_tid */
void thread_usage(const struct process *process, uint64_t *user, uint64_t *system);

/* birth.c */
struct process_make_thread_in;
int fork_serve(struct request *request, uint32_t *id);
int thread_serve(struct process *process, const struct process_make_thread_in *in, uint32_t *id);
/* What every process finds in its captable. `serial`: of the label of its gate. */
int captable_fill(slot_t captable, const struct process *process, uint64_t serial, slot_t space);
void vfork_done(struct process *child);

/* deed.c: when the step counts */
void object_end(slot_t slot); /* destroys what is in the slot, and frees it */
void thread_let_run(const struct thread *thread);
void thread_hold(const struct thread *thread);
void captable_give(slot_t captable, uint32_t slot, slot_t own, uint32_t rights); /* what is in proc's slot */
void pool_limit(slot_t pool, uint64_t bytes);
void word_clear(slot_t space, uint64_t address); /* a futex */

/* exec.c */
struct process_exec_in;
int exec_serve(struct request *request, struct process *process, const struct process_exec_in *in);
int start_serve(struct request *request, uint32_t *id);
void program_release(struct program *program);

/* launch.c: what exec and the first start have in common */
struct launch {
	slot_t handoff;
	struct process_handoff head;
	struct program *program;
	char name[16];
	struct address_space *space;
	slot_t captable; /* a fresh one, where the credentials rise; 0: the process keeps its own */
	uint64_t serial; /* and a new name for its gate */
};
int launch_read(struct launch *launch, slot_t handoff);
int launch_record(struct launch *launch, uint64_t name_offset, uint64_t command_offset, uint64_t command_length);
uint64_t launch_arguments_length(const struct launch *launch);
int launch_prepare(struct launch *launch, struct process *process, struct thread **thread);
void launch_abandon(struct launch *launch);
void launch_commit(struct launch *launch, struct process *process);

/* elevate.c: set-user-ID programs */
int launch_elevate(struct launch *launch, struct process *process, slot_t program);

/* death.c */
void process_end(struct process *process, uint32_t status);
void process_reap(struct process *process); /* at the end of the step */

/* wait.c */
struct process_wait_out;
int wait_serve(struct request *request, struct process *process, int64_t selector, uint32_t options,
               uint32_t kind, struct process_wait_out *out);
void wait_notify(struct process *parent); /* something changed among its children */
bool wait_cancel(uint64_t id);
void wait_drop(struct process *process); /* the waiter itself ends */
void end_notify(const struct process *process);
int end_wait(struct request *request, uint32_t id, uint32_t *status);

/* signal.c */
void queue_init(struct signal_queue *queue);
void queue_clear(struct signal_queue *queue);
void queue_move(struct signal_queue *to, struct signal_queue *from);
/* thread NULL: to the process. 0, -EAGAIN (queue full). */
int signal_send(struct process *process, struct thread *thread, const struct process_siginfo *info);
void signal_send_group(struct group *group, const struct process_siginfo *info);
int signal_kill(struct process *sender, int64_t target, uint32_t thread, const struct process_siginfo *info);
bool signal_fetch(struct thread *thread, struct process_siginfo *to); /* the oldest; false: none is pending */

/* stop.c */
void process_halt(struct process *process, uint32_t signal);
void process_continue(struct process *process);
int stop_serve(struct request *request, struct process *process, uint32_t thread, uint32_t signal);
bool stop_cancel(uint64_t id);

/* timer.c */
int timer_set(struct process *process, const struct interval_timer *setting, uint64_t value, uint64_t *remaining,
              uint64_t *interval);
int timer_get(struct process *process, uint32_t number, uint64_t *remaining, uint64_t *interval, uint64_t *overrun);
void timers_expire(void);
void timers_drop(struct process *process, uint32_t first);
void timers_again(void);

/* credential.c */
/* Gates with these credentials in the places of its root and working directories, when the step counts. `trusted`: its program may
 * trust both. 0, or a negative errno and it is as it was. */
int directories_renew(slot_t captable, const struct process_credentials *new, bool trusted);
int root_change(struct process *process, slot_t directory);
int directories_as_real(struct request *request, const struct process *process);
int credentials_set(struct process *process, uint32_t mask, const struct process_credentials *wanted);
bool credentials_may_signal(const struct process *sender, const struct process *target, uint32_t signal);
bool credentials_may_change(const struct process *caller, const struct process *target);
bool credentials_may_inspect(const struct process *caller, const struct process *target); /* or limit */

/* limit.c */
void limits_default(struct limit *limits);
int limit_set(struct process *caller, struct process *target, uint32_t resource, struct limit limit);
uint32_t nice_weight(int nice);
int nice_get(struct process *caller, uint32_t which, uint32_t who, int32_t *nice);
int nice_set(struct process *caller, uint32_t which, uint32_t who, int32_t nice);
int affinity_get(uint32_t id, uint64_t *mask);
int affinity_set(struct process *caller, uint32_t id, uint64_t mask);

/* info.c */
void info_fill(const struct process *process, const struct thread *thread, struct process_info *info); /* NULL: its oldest */
void usage_fill(const struct process *process, int who, struct process_usage *usage);
int64_t info_command(struct request *request, const struct process *process, uint32_t part);

/* robust.c: what a thread that has been ended leaves locked is marked, and whoever waits is woken */
void robust_release(const struct thread *thread, slot_t space);

/* descriptors.c */
uint32_t descriptors_list(struct request *request, const struct process *process, uint32_t first);
int descriptor_give(struct request *request, const struct process *process, uint32_t number, uint32_t *kind);

#endif
