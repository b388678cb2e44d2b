/* The terminal server's objects, and all of its state.
 *
 *   serial line = worker threads + rings --- terminal --- open files
 *   pseudo-terminal master (a file)      --- terminal --- open files
 *
 * A terminal takes bytes in through its discipline (editing, echo, signals) and puts bytes out
 * through output processing into a ring. At the far side of both is a serial line's worker threads, or a
 * master. A stream is a terminal that does nothing to its bytes and says that it is a pipe.
 *
 * Whoever must wait is a waiter: a parked call in one of the terminal's queues. After every event
 * terminal_advance moves whatever can move. */
#ifndef TTY_H
#define TTY_H

#include "server/labels.h"
#include "server/server.h"
#include "server/watch.h"

#define OPEN_ACCESS 3u
#define OPEN_READ 0u
#define OPEN_WRITE 1u
#define OPEN_NOCTTY 0400u
#define OPEN_NONBLOCK 04000u
#define OPEN_SETTABLE 0xac00u /* O_APPEND, O_NONBLOCK, O_ASYNC, O_DIRECT */

enum { SIGNAL_HUP = 1, SIGNAL_INT = 2, SIGNAL_QUIT = 3, SIGNAL_CONT = 18, SIGNAL_TSTP = 20, SIGNAL_TTIN = 21,
       SIGNAL_TTOU = 22, SIGNAL_WINCH = 28 };

#define LABEL_DEVICES_END 0x100u /* gates below open devices */
#define LABEL_SLAVES 0x10u       /* the one we give to the file server ourselves */
#define MAJOR_PTS 136u
#define PTY_MAX 64u

/* --- bytes.c --- */
struct byte_ring {
	unsigned char *bytes;
	uint32_t size;             /* a power of two */
	uint64_t added, taken;     /* ever */
};
uint32_t ring_count(const struct byte_ring *ring);
uint32_t ring_room(const struct byte_ring *ring);
uint32_t ring_add(struct byte_ring *ring, const void *bytes, uint32_t length); /* what fitted */
/* The bytes that lie in one piece at the taking end; taken by ring_skip. */
const unsigned char *ring_piece(const struct byte_ring *ring, uint32_t *length);
void ring_skip(struct byte_ring *ring, uint32_t length);

/* --- line.c: serial lines --- */
#define LINE_COUNT 2
#define LINE_INPUT 4096u
#define OUTPUT_SIZE 16384u
struct terminal;
struct line {
	slot_t serial;      /* gate to the driver; 0: there is none */
	uint64_t bits;      /* of the server's notification: something moved */
	slot_t threads[2];
	struct byte_ring output; /* `taken`: as line_look found it */
	uint64_t input_used; /* position of the next byte for the discipline */
	uint64_t drain_wanted; /* drains asked for */
	bool held;          /* the writer pauses */
	bool running;
	struct terminal *terminal; /* who uses it; NULL: nobody yet */
};
bool line_start(struct line *line);
bool line_resume(struct line *line); /* its workers, in each incarnation */
void line_look(struct line *line);   /* how much of the output is gone */
bool line_drained(const struct line *line, uint64_t drain); /* so many drains are made */
/* What has arrived; it is used by advancing input_used. */
const unsigned char *line_input(const struct line *line, uint32_t *length);
void line_publish(const struct line *line); /* after each step: what the workers may do */

/* --- terminals --- */
#define CONTROL_CHARACTERS 19
struct settings { /* the kernel's struct termios of Linux */
	uint32_t input, output, control, local;
	uint8_t discipline;
	uint8_t characters[CONTROL_CHARACTERS];
};
_Static_assert(sizeof(struct settings) == 36, "as programs pass it");
struct window_size {
	uint16_t rows, columns, width, height;
};

#define EDIT_MAX 4095u  /* a line being edited */
#define READY_SIZE 8192u /* a power of two */
#define READY_END 0x100u /* this byte ends a line */
#define READY_EOF 0x200u /* no byte: the end-of-file character ended the line here */

enum waiter_kind { WAITER_READ, WAITER_WRITE, WAITER_DRAIN, WAITER_MASTER_READ, WAITER_MASTER_WRITE, WAITER_KINDS };
struct file;
struct waiter {
	uint64_t id;
	enum waiter_kind kind;
	struct file *file;
	uint64_t length, done;
	uint64_t deadline;       /* a raw read's; 0: none */
	uint32_t seen;           /* a raw read's: how much there was when its deadline was set */
	uint64_t drain;          /* the line's drain to wait for */
	bool drain_begun;
	bool sets;               /* TCSETSW, TCSETSF: then these are set */
	bool flushes;
	struct settings settings;
	struct waiter *next;
};

struct terminal {
	uint32_t device;         /* major << 8 | minor */
	bool stream, escaped;    /* a stream; its input is escaped (0x10) */
	bool escape_seen, input_ended;
	struct line *line;       /* or NULL: a pseudo-terminal */
	struct file *master;     /* a pseudo-terminal's; NULL: closed */
	bool pseudo, locked, hung_up, slave_opened;
	unsigned open_files;     /* the slave's */

	struct settings settings;
	struct window_size window;
	bool exclusive;
	uint32_t session, foreground; /* 0: none */

	uint16_t ready[READY_SIZE];
	uint32_t ready_added, ready_taken, ready_lines;
	unsigned char edit[EDIT_MAX];
	uint32_t edit_length, edit_column;
	bool literal_next;

	struct byte_ring own_output; /* a pseudo-terminal's */
	struct byte_ring *output;
	bool output_stopped;     /* by ^S or tcflow */
	uint32_t column;
	bool advancing;

	struct waiter *queues[WAITER_KINDS]; /* oldest first */
	struct file *files;
	struct terminal *next;
};

struct caller { /* of an ioctl */
	uint32_t process;
	bool signal_off; /* blocks or ignores SIGTTOU */
};

struct file {
	uint64_t label;
	struct terminal *terminal;
	bool is_master;
	uint32_t flags;
	struct watch_list watches;
	struct file *next; /* of the terminal */
};

struct state {
	struct label_table labels;
	struct line lines[LINE_COUNT];
	struct terminal *terminals;
	slot_t notification;
	uint64_t timer;          /* of the notification, as last set; 0: off */
	slot_t proc, filesystem; /* from the manifest */
	slot_t root;             /* of the tree, once it was needed; 0: not yet */
};
extern struct state state;

/* terminal.c */
struct terminal *terminal_create(uint32_t device);
void terminal_destroy(struct terminal *terminal);
struct terminal *terminal_find(uint32_t device);
struct terminal *terminal_of_session(uint32_t session);
struct file *file_create(struct terminal *terminal, uint32_t flags, bool is_master);
void file_close(struct file *file);
/* Move whatever can move: input, reads, writes, drains, watchers. */
void terminal_advance(struct terminal *terminal);
uint32_t file_ready(const struct file *file);
void terminal_hang_up(struct terminal *terminal);

/* open.c */
int open_device(struct request *request, uint32_t device, uint32_t flags, uint32_t process, uint32_t session);

/* waiter.c */
struct waiter *waiter_park(struct request *request, enum waiter_kind kind, struct file *file, uint64_t length);
void waiter_answer(struct waiter *waiter, int status, uint64_t count); /* and forget it */
bool waiter_cancel(uint64_t id);
void waiters_of_file(struct file *file, int status); /* answer all of them */
void waiters_of_kind(struct terminal *terminal, enum waiter_kind kind, int status);

/* discipline.c: one byte in. False: there is no room for it now. */
bool discipline_take(struct terminal *terminal, unsigned char byte);
void discipline_settings_changed(struct terminal *terminal, const struct settings *old);
void discipline_flush(struct terminal *terminal);

/* edit.c: the line being edited */
void edit_erase(struct terminal *terminal);
void edit_erase_word(struct terminal *terminal);
void edit_kill(struct terminal *terminal);
void edit_reprint(struct terminal *terminal);

/* output.c */
#define ECHO_RESERVE 512u
void output_byte(struct terminal *terminal, unsigned char byte); /* processed; there must be room */
void output_raw(struct terminal *terminal, unsigned char byte);
void output_echo(struct terminal *terminal, unsigned char byte); /* as ECHOCTL says */
bool output_has_room(const struct terminal *terminal); /* for an echo */
void output_stop(struct terminal *terminal, bool stop);
int terminal_write(struct request *request, struct file *file, uint64_t length, bool may_wait, uint64_t *count);
bool writes_advance(struct terminal *terminal);
bool drains_advance(struct terminal *terminal);
int terminal_drain(struct request *request, struct file *file, struct waiter **waiter);

/* input.c */
uint32_t ready_count(const struct terminal *terminal);
uint32_t ready_room(const struct terminal *terminal);
void ready_add(struct terminal *terminal, uint16_t entry);
bool input_available(const struct terminal *terminal);
uint32_t input_pending(const struct terminal *terminal); /* FIONREAD */
bool input_pump(struct terminal *terminal); /* from the line into the discipline */
int terminal_read(struct request *request, struct file *file, uint64_t length, bool may_wait, uint64_t *count);
bool reads_advance(struct terminal *terminal);
void timers_program(void);

/* node.c */
struct file_attributes;
void node_make(uint32_t device, uint32_t user); /* a pseudo-terminal's */
bool node_status(uint32_t device, struct file_attributes *attributes);

/* pty.c */
int pty_open_master(struct request *request, uint32_t flags, uint32_t user); /* user: its owner */
int master_read(struct request *request, struct file *file, uint64_t length, bool may_wait, uint64_t *count);
int master_write(struct request *request, struct file *file, uint64_t length, bool may_wait, uint64_t *count);
bool masters_advance(struct terminal *terminal);

/* job.c: 0: go on; else the answer. signal_off: the caller blocks or ignores the signal it would get. */
int job_check_read(struct terminal *terminal, uint32_t process, bool signal_off);
int job_check_write(struct terminal *terminal, uint32_t process, bool signal_off);
int job_check_change(struct terminal *terminal, uint32_t process, bool signal_off);
void job_signal(struct terminal *terminal, uint32_t signal); /* to the foreground group */
void job_session_of(uint32_t process, uint32_t *session);
int job_take_terminal(struct terminal *terminal, uint32_t process, bool steal);
int job_leave_terminal(struct terminal *terminal, uint32_t process);
int job_set_foreground(struct terminal *terminal, uint32_t process, bool signal_off, uint32_t group);
int job_get_foreground(struct terminal *terminal, uint32_t process, uint32_t *group);
/* A session leader opens a terminal: it may become the session's. */
void job_opened(struct terminal *terminal, uint32_t process, uint32_t session);

/* control.c */
int control_serve(struct request *request, struct file *file, uint32_t command, uint64_t argument,
                  struct caller caller, int64_t *result);

/* file.c */
int file_serve(struct request *request);

#endif
