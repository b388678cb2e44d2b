/* The two structures everything hangs from. A thread's block is found through GS and holds the program's
 * registers while the thread is in the personality; it leads to the task, which is what Linux calls
 * a process. Nothing about a process is global: a vfork child shares memory with its parent. Only what
 * belongs to the address space (heap, break, regions of thread stacks) is in plain globals. */
#ifndef PERSONALITY_THREAD_H
#define PERSONALITY_THREAD_H

#include "atoll/atoll.h"
#include "linux.h"
#include "linux_calls.h"
#include "lock.h"
#include "protocols/file.h"
#include "protocols/process.h"

/* The image is linked once, at one place: nothing in it is reached through a table. */
#pragma GCC visibility push(hidden)
/* Handlers have the parameters that syscalls.def declares, needed or not. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* --- where things are; see README.md ------------------------------------------------------------- */
#define PROGRAM_END MAP_ANYWHERE_END               /* programs map nothing at or above it */
#define THREAD_AREA MAP_ANYWHERE_END               /* blocks and stacks of threads but the first */
#define THREAD_AREA_END PERSONALITY_HANDOFF
#define THREAD_REGION_SIZE 0x10000ull
#define WINDOW_AREA (PERSONALITY_HANDOFF + 0x1000000ull) /* windows on files; see windows.c */
#define RING_AREA (PERSONALITY_HANDOFF + 0xa000000ull)   /* rings of pipes; see rings.c */
#define RING_AREA_END PERSONALITY_BASE
#define HEAP_AREA (PERSONALITY_BASE + 0x4000000ull)
#define HEAP_AREA_END (PERSONALITY_BASE + 0x3c000000ull)

#define MINIMUM(a, b) ((a) < (b) ? (a) : (b))
#define MAXIMUM(a, b) ((a) > (b) ? (a) : (b))
#define PAGE_MASK (ATOLL_PAGE_SIZE - 1)
#define PAGE_DOWN(x) ((uint64_t)(x) & ~PAGE_MASK)
#define PAGE_UP(x) (((uint64_t)(x) + PAGE_MASK) & ~PAGE_MASK)
#define NANOSECONDS 1000000000ull
#define FOREVER (1ull << 62) /* a deadline that does not come */

/* --- signals ----------------------------------------------------------------------------------------- */
struct signal_entry {
	struct signal_entry *next;
	struct process_siginfo info;
};
struct signal_queue {
	uint64_t set; /* bit n-1: signal n is in the list */
	struct signal_entry *first;
};

/* --- descriptors --------------------------------------------------------------------------------- */
enum file_flags {
	FILE_PATH_ONLY = 1, /* O_PATH: no reading or writing through it */
	FILE_MOUNTED = 2,   /* from a mounted tree: its path calls take the identity */
	FILE_SOCKET = 4,    /* one end of a socket pair */
	FILE_DISK = 8,      /* a regular file or a directory: always ready */
	FILE_RING = 16,     /* an end of a pipe or a socket pair: its bytes are in shared memory */
	FILE_NONBLOCK = 32, /* of the personality's own kinds: O_NONBLOCK */
	FILE_WATCHED = 64,  /* some epoll watches it */
	FILE_READS = 128, FILE_WRITES = 256, /* beside one of the devices: opened for it */
	FILE_NULL = 512, FILE_ZERO = 1024, FILE_FULL = 2048, /* devices that need no server: device_read, device_write */
	FILE_DEVICES = FILE_NULL | FILE_ZERO | FILE_FULL,
	FILE_CONTENT = 4096, /* a regular file, opened for reading: a window may be had */
	FILE_CONTENT_WRITES = 8192, /* one opened for writing: likewise a write window */
	FILE_OFFSET_HERE = 16384, /* `position` is its offset, not the server's (offsets.c) */
};
#define OPEN_FLAGS_ASK (~0u)
/* These three begin as proc expects (process.h). An open file of this process; dup shares it. What fork shares with other processes is the gate. */
struct open_file {
	uint32_t references;
	slot_t slot; /* of the gate, or a number in our table (tables.c); 0 for the personality's own kinds */
	uint16_t kind; /* enum descriptor_kind */
	uint16_t flags;
	uint32_t copy_index;
	uint16_t window;  /* windows.c: its number + 1; 0: none */
	uint16_t reads;   /* by calls, since there was a window or need of one; of a directory: the last gave little */
	uint64_t position; /* where the next read is likely to be, or will be */
	uint32_t open_flags; /* for F_GETFL, while it has no gate; OPEN_FLAGS_ASK: the server knows */
	uint32_t serial;   /* of no other open file in this space, ever; not 0 */
	slot_t numbered;   /* its number still, since it got a gate; 0: it has none */
	void *object; /* struct epoll, struct event, struct timer; FILE_RING: struct pipe_view, or NULL until it is used */
};
struct descriptor {
	struct open_file *file;
	uint32_t flags; /* FD_CLOEXEC */
};

#define SLOTS_MAX 8192u
#define DESCRIPTORS_FIRST 32u
#define DESCRIPTORS_MAX 65536u
struct files {
	struct descriptor *table;
	uint32_t size;    /* of the table */
	struct lock lock; /* table, slots */
	uint32_t lowest_free; /* no free descriptor below */
	uint32_t first_slot_word; /* no free slot in any word below */
	uint32_t slot_end;    /* all slots from here up were never used */
	uint8_t table_state; /* tables.c */
	uint8_t opened;      /* files, until a table was worth while */
	uint16_t directory_number; /* of the working directory in our table; 0: not yet */
	uint64_t slots[SLOTS_MAX / 64]; /* bit set: taken */
	struct descriptor first[DESCRIPTORS_FIRST];
};
#define SAME_PLACE(type, field, other, other_field) \
	_Static_assert(__builtin_offsetof(type, field) == __builtin_offsetof(other, other_field), "process.h")
SAME_PLACE(struct files, table, struct process_descriptors, table);
SAME_PLACE(struct files, size, struct process_descriptors, size);
SAME_PLACE(struct descriptor, file, struct process_descriptor_entry, file);
SAME_PLACE(struct open_file, slot, struct process_open_file, slot);
SAME_PLACE(struct open_file, kind, struct process_open_file, kind);
_Static_assert(sizeof(struct descriptor) == sizeof(struct process_descriptor_entry), "process.h");

/* --- tasks and threads -------------------------------------------------------------------------------- */
#define TASK_TIMERS 32
struct task_timer {
	uint8_t used, clock;
	int8_t notify;
	uint8_t signal;
	uint32_t thread;
	uint64_t value; /* sigev_value: put into the siginfo on delivery */
};
struct task {
	struct files files; /* under files.lock; first: its address is in the image's header */
	/* set at creation */
	uint32_t process;
	/* any thread, single words */
	uint32_t session;
	uint32_t umask;
	uint32_t thread_count;
	uint8_t directory_mounted; /* the working directory is in a mounted tree */
	uint8_t locks_used;        /* fcntl locks were taken: close must release them */
	uint8_t windows_used;      /* a file was read through a window */
	uint8_t setting_no_new_privileges, setting_dumpable, setting_keep_capabilities;
	uint32_t setting_death_signal;
	uint64_t descriptor_limit; /* RLIMIT_NOFILE */
	uint64_t file_size_limit;  /* RLIMIT_FSIZE */
	char *executable_path;     /* heap; for /proc/self/exe */
	void *exec_buffer, *exec_state; /* heap; of an exec in progress: a vfork parent frees what its child left */
	char name[16];             /* comm */
	/* under lock */
	struct lock lock; /* signals, threads, timers, credentials */
	struct thread *threads;
	struct signal_queue pending; /* for any thread */
	struct signal_entry *spare_signal; /* to be used next, or NULL */
	struct linux_sigaction actions[SIGNAL_COUNT];
	struct task_timer timers[TASK_TIMERS];
	struct process_credentials credentials;
};
_Static_assert(__builtin_offsetof(struct task, files) == 0, "entry.S");

/* A file whose server will signal this thread's notification when one of the events comes (ready.c). */
struct watched {
	uint32_t serial; /* of the open file; 0: nothing is watched here */
	uint32_t events;
};
#define THREAD_WATCHES 32u
#define WATCH_OWN 1u /* the bit for files without a server; the others follow it */

enum thread_start { START_FORK, START_SHARED, START_THREAD };

struct thread {
	/* The first fields have places that entry.S and the kernel know. */
	struct reflect_frame frame; /* the program's registers while in the personality */
	union { /* not zero: look at signals on the way out */
		uint64_t alert; /* the kernel stores 1: ask proc, too */
		struct { uint32_t alert_kernel, alert_own; }; /* alert_own: what is here already will do */
	};
	uint64_t stack_top;
	uint64_t call_number;       /* of the system call in hand; CALL_NONE: none */
	struct thread *self;
	uint64_t robust_head;       /* set_robust_list; proc reads it here when the thread has been ended */
	/* set at creation */
	struct task *task;
	uint32_t id;
	slot_t slot; /* its own thread capability */
	uint32_t alive; /* of this thread's life alone (task.c); zeroed by proc when it is really gone: its region is free then */
	uint32_t start; /* enum thread_start */
	/* under task->lock */
	struct thread *next;
	struct signal_queue pending; /* for this thread alone */
	uint64_t blocked;  /* signal mask */
	uint64_t awaited;  /* sigtimedwait: these count as not blocked when a thread is chosen */
	/* its own alone */
	uint64_t saved_mask;
	uint8_t restore_mask; /* sigsuspend, ppoll: saved_mask comes back after the handler */
	uint8_t resuming;     /* in restart_syscall: deadline_for gives restart_deadline */
	uint8_t interrupted;  /* enum restart_kind + 1 of a call that gave EINTR; 0: none */
	uint8_t policy;       /* of scheduling, as set; all are treated alike */
	uint8_t stopped;      /* the process was stopped and continued during the call in hand */
	uint64_t restart_number, restart_deadline;
	struct linux_stack alternate;
	uint64_t clear_address;  /* set_tid_address */
	uint64_t set_address; /* new thread: CLONE_CHILD_SETTID */
	slot_t notification;  /* for poll; 0: not made yet */
	struct watched watched[THREAD_WATCHES]; /* with it */
	slot_t redirect;      /* where path redirects arrive; 0: none yet */
};
#define CALL_NONE (~0ull)

#define THREAD_ALERT 184
#define THREAD_STACK_TOP 192
#define THREAD_CALL_NUMBER 200
#define THREAD_SELF 208
#define THREAD_ROBUST_HEAD 216
_Static_assert(__builtin_offsetof(struct thread, frame) == 0, "entry.S");
_Static_assert(__builtin_offsetof(struct thread, alert) == THREAD_ALERT, "entry.S");
_Static_assert(__builtin_offsetof(struct thread, stack_top) == THREAD_STACK_TOP, "entry.S");
_Static_assert(__builtin_offsetof(struct thread, call_number) == THREAD_CALL_NUMBER, "entry.S");
_Static_assert(__builtin_offsetof(struct thread, self) == THREAD_SELF, "entry.S");
_Static_assert(__builtin_offsetof(struct thread, robust_head) == THREAD_ROBUST_HEAD, "entry.S");

static inline struct thread *thread_self(void)
{
	struct thread *thread;
	__asm__ volatile("movq %%gs:%c1, %0" : "=r"(thread) : "i"(THREAD_SELF));
	return thread;
}

static inline bool task_is_shared(const struct task *task)
{
	return __atomic_load_n(&task->thread_count, __ATOMIC_RELAXED) > 1;
}

/* --- string.c, heap.c ---------------------------------------------------------------------------- */
void *memcpy(void *to, const void *from, uint64_t length);
void *memmove(void *to, const void *from, uint64_t length);
void *memset(void *to, int value, uint64_t length);
int memcmp(const void *left, const void *right, uint64_t length);
uint64_t string_length(const char *string);
bool string_equal(const char *left, const char *right);
bool string_starts(const char *string, const char *prefix);

void *heap_allocate(uint64_t size);     /* zeroed; NULL: no memory */
void *heap_allocate_raw(uint64_t size); /* as it comes: for buffers */
void heap_free(void *memory);       /* NULL is allowed */
void heap_lock(void);   /* around fork: the child must find it free */
void heap_unlock(void);
void heap_reset_lock(void);

/* --- task.c: regions for threads, tasks ---------------------------------------------------------- */
struct thread *thread_allocate(struct task *task); /* block and stack; NULL: no memory */
void thread_release(struct thread *thread);        /* of a thread that is gone or never started */
void thread_link(struct thread *thread);   /* both under task->lock */
void thread_unlink(struct thread *thread);
struct thread *task_find_thread(struct task *task, uint32_t id); /* under task->lock */
void task_prepare_first(struct task *task, struct thread *thread, uint32_t process);
struct task *task_copy(struct task *task); /* for a child that shares memory but nothing else */
void task_free(struct task *task);
extern struct task first_task;
extern struct thread *first_thread(void);
slot_t thread_notification(struct thread *thread); /* 0: none could be made */

void thread_die(int status) __attribute__((noreturn)); /* end the process with a wait status */

/* --- the way in and out (entry.S, dispatch.c) -------------------------------------------------------- */
void child_entry(void);
void system_call_dispatch(struct thread *thread);
void exception_handle(struct thread *thread);
void child_start(struct thread *thread, uint64_t process, uint64_t id);
void personality_start(struct process_handoff *handoff, uint64_t process);

#endif
