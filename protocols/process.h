/* Structures of the process protocol. Signal numbers, si_code and wait status are Linux's. */
#ifndef PROTOCOL_PROCESS_STRUCTURES_H
#define PROTOCOL_PROCESS_STRUCTURES_H

#include "abi/structures.h"
#include <stdint.h>

/* Slots that every Linux process has, from proc at its making; see servers/proc/README.md. */
enum process_slot {
	PROCESS_CAPTABLE = 1,
	PROCESS_SPACE = 2,
	PROCESS_POOL = 3,
	PROCESS_GATE = 4,    /* the process's own way into proc (label: this process) */
	PROCESS_ROOT = 5,    /* root directory session (path protocol) */
	PROCESS_DIRECTORY = 6, /* working directory (path protocol) */
	PROCESS_PIPE = 7,    /* pipe protocol */
	PROCESS_LOG = 8,     /* log protocol: kernel messages (syslog) */
	PROCESS_HANDOFF = 9, /* memory: struct process_handoff after exec */
	PROCESS_INPUT = 10,   /* first program only: its descriptors 0 to 2 */
	PROCESS_OUTPUT = 11,
	PROCESS_ERROR = 12,
	PROCESS_THREAD = 13,  /* the first thread of the process */
	PROCESS_FILES = 14,   /* its own table of open files (path protocol, make_table), or empty; not inherited */
	PROCESS_FIRST_FREE = 16,
};

/* Where the personality lives in every Linux process (see personality/linux/README.md). */
#define PERSONALITY_BASE 0x7fffc0000000ull
#define PERSONALITY_HANDOFF 0x7fffb0000000ull /* the handoff object, mapped after exec */

/* Whose child each process is, its group and its session, by process id: written by proc alone, seen by every
 * process at PERSONALITY_RELATIONS. An entry of zeros: there is no such process. */
#define PERSONALITY_RELATIONS (PERSONALITY_BASE + 0x180000ull)
#define PROCESS_ID_END 32768u
struct process_relation {
	uint32_t parent, group, session, reserved;
};

/* What the personality image begins with, at PERSONALITY_BASE: proc reads it to start a program
 * (the fields are link-time constants). The entry runs with rdi = PERSONALITY_HANDOFF, rsi = the process
 * id, no stack (rsp 0) and gs_base 0: it sets up its own. */
#define PERSONALITY_MAGIC 0x31304c4e53524550ull /* "PERSNL01" */
struct personality_header {
	uint64_t magic;
	uint64_t entry;                /* address of the first instruction */
	struct reflect_config reflect; /* given to every space that shows the image */
	uint64_t descriptors;          /* address of a new program's struct process_descriptors */
	uint64_t block;                /* address of its thread's block (of other threads: their gs_base) */
	uint64_t robust_head;          /* where in a block the address of the thread's robust list is kept; it may be 0 */
};

/* How the personality keeps a process's descriptors: proc reads it there for /proc/PID/fd. The process may have
 * written anything. */
struct process_descriptors {
	uint64_t table; /* address of so many struct process_descriptor_entry */
	uint32_t size;
};
struct process_descriptor_entry {
	uint64_t file; /* address of a struct process_open_file; 0: not open */
	uint32_t flags;
};
struct process_open_file {
	uint32_t references;
	uint32_t slot; /* 0: no gate; an epoll instance, or the like. Upper half: its number, where it is in a table */
	uint16_t kind;             /* enum descriptor_kind */
};
enum descriptor_kind { FILE_GATE, FILE_EPOLL, FILE_EVENT, FILE_TIMER, FILE_SIGNAL };

/* process_fork flags: Linux's CLONE_ bits that proc acts on. The new thread starts with rdi =
 * argument, rsi = its process's id, rdx = its thread id, every other general register 0. */
struct process_fork {
	uint64_t flags;       /* CLONE_VM 0x100, CLONE_VFORK 0x4000, CLONE_PARENT 0x8000 */
	uint64_t instruction, stack; /* where the new thread starts, inside the personality */
	uint64_t fs_base, gs_base;
	uint64_t argument;    /* in rdi */
	uint32_t exit_signal; /* to the parent at the end */
	uint32_t thread;      /* the caller's thread id: the new one copies its extended state */
	uint64_t clear_child_tid; /* address: zeroed and woken when the thread is gone; 0: none */
	uint32_t has_table;   /* PROCESS_FILES is not empty: it is the caller's alone */
	uint32_t reserved;
	uint64_t descriptors; /* address of the new process's struct process_descriptors */
};

struct process_siginfo {
	int32_t signal, error, code;
	uint32_t process, user; /* sender */
	int32_t status;         /* SIGCHLD; SIGCONT: it ended a stop */
	uint64_t value;         /* sigqueue value, or fault address */
	uint64_t user_time, system_time; /* SIGCHLD, clock ticks */
	uint32_t timer, overrun;         /* timers */
	uint32_t to_thread;              /* 1: was sent to the thread, not the process */
	uint32_t reserved;
};

/* What fetch_signals answers: a signal (0: none was pending) in words alone, which is what costs least. */
struct process_signal_words {
	uint64_t numbers; /* signal, PROCESS_SIGNAL_ bits; the error above */
	uint64_t sender;  /* process, user */
	uint64_t cause;   /* code, status */
	uint64_t value;
	uint64_t times;   /* user, system: ticks, as far as 32 bits go */
	uint64_t timer;   /* timer, overrun */
};
#define PROCESS_SIGNAL_TO_THREAD (1u << 8)
#define PROCESS_SIGNAL_MORE (1u << 9) /* others are pending */

static inline uint64_t process_words_join(uint64_t low, uint64_t high)
{
	return (uint32_t)low | high << 32;
}

static inline struct process_signal_words process_signal_pack(const struct process_siginfo *info, int more)
{
	return (struct process_signal_words){
		.numbers = process_words_join((uint32_t)info->signal | (info->to_thread ? PROCESS_SIGNAL_TO_THREAD : 0) |
		                              (more ? PROCESS_SIGNAL_MORE : 0), (uint32_t)info->error),
		.sender = process_words_join(info->process, info->user),
		.cause = process_words_join((uint32_t)info->code, (uint32_t)info->status),
		.value = info->value,
		.times = process_words_join(info->user_time, info->system_time),
		.timer = process_words_join(info->timer, info->overrun),
	};
}

static inline struct process_siginfo process_signal_unpack(const struct process_signal_words *words)
{
	return (struct process_siginfo){
		.signal = (int32_t)(words->numbers & 0xff),
		.error = (int32_t)(words->numbers >> 32),
		.code = (int32_t)words->cause,
		.process = (uint32_t)words->sender,
		.user = (uint32_t)(words->sender >> 32),
		.status = (int32_t)(words->cause >> 32),
		.value = words->value,
		.user_time = (uint32_t)words->times,
		.system_time = words->times >> 32,
		.timer = (uint32_t)words->timer,
		.overrun = (uint32_t)(words->timer >> 32),
		.to_thread = words->numbers & PROCESS_SIGNAL_TO_THREAD ? 1 : 0,
	};
}

struct process_credentials {
	uint32_t user, effective_user, saved_user, file_user;
	uint32_t group, effective_group, saved_group, file_group;
	uint32_t group_count;
	uint32_t groups[64];
};

struct process_usage { /* nanoseconds, bytes */
	uint64_t user_time, system_time, memory_peak;
};

struct process_info { /* for procfs and ps */
	uint32_t process, parent, group, session;
	uint32_t user, effective_user, group_id, effective_group;
	uint32_t threads;
	uint32_t state;           /* 'R' 'S' 'T' 'Z' */
	int32_t nice;
	uint32_t terminal;        /* controlling terminal: major << 8 | minor, 0: none */
	uint32_t terminal_group;  /* foreground group as proc last heard */
	uint32_t exit_code;
	uint64_t start_time;      /* nanoseconds since boot */
	uint64_t user_time, system_time, children_user_time, children_system_time; /* nanoseconds */
	uint64_t memory_size, memory_resident; /* bytes */
	uint64_t signals_pending, signals_blocked, signals_ignored, signals_caught;
	char name[16];            /* comm */
	uint32_t command_length;  /* of what process_command gives */
	uint32_t last_cpu;        /* of the thread: where it runs or ran last */
	uint64_t cpu_mask;        /* of the thread: where it may run */
};

/* The handoff: what a new program image starts from; made by the personality before exec (or by
 * supervisor for the first process), read by the personality after. The strings follow. */
#define PROCESS_HANDOFF_VERSION 1
struct process_handoff {
	uint32_t version;
	uint32_t process, thread; /* ids, as proc gave them */
	uint32_t umask;
	uint64_t size;            /* bytes of the whole */
	uint32_t argument_count, environment_count;
	uint64_t strings_offset;  /* arguments, then environment, each NUL-terminated */
	uint64_t strings_length;
	uint32_t program_slot;    /* file gate of the program (still open, closed by the personality) */
	uint32_t program_path_offset; /* from the handoff's start: path as opened, NUL-terminated, for AT_EXECFN */
	uint32_t executable_path_offset; /* absolute path for /proc/self/exe */
	uint32_t descriptor_count;    /* of struct process_descriptor at descriptors_offset */
	uint64_t descriptors_offset;
	uint64_t signals_ignored; /* bit n-1: signal n is SIG_IGN */
	uint64_t signals_blocked;
	uint64_t signals_pending; /* process-wide, fetched but not yet delivered */
	uint64_t flags;           /* 1: secure exec (AT_SECURE) */
	uint32_t session, group;  /* process group and session ids, cached */
	struct process_credentials credentials;
	uint32_t directory_offset; /* first program only: path of the directory to change to; 0: stay at the root */
};
struct process_descriptor {
	uint32_t number;      /* file descriptor */
	uint32_t slot;        /* capability of its open file */
	uint32_t kind;        /* personality's own kind (regular gate 0) */
	uint32_t flags;       /* 1: FD_CLOEXEC (dropped by the time of the handoff) */
};

#endif
