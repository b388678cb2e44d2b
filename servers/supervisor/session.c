/* The session: from "all services run" to "the machine is off". Three jobs on worker threads, because they call
 * servers and wait: start, wait, stop. No C library in them but for memory and string copies. */
#include "protocol_device.h"
#include "protocol_file.h"
#include "protocol_filesystem.h"
#include "protocol_log.h"
#include "protocol_path.h"
#include "protocol_process.h"
#include "protocol_serial.h"
#include "protocols/serial.h"
#include "supervisor.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LABEL_FILESYSTEM 1
#define LABEL_PROCESS 1
#define LABEL_TTY_DEVICES 2
#define LABEL_PROCFS_ROOT 2
#define LABEL_SERIAL 1
#define LABEL_PIPE 1
#define LABEL_LOG_READER 2

#define FIRST_PROCESS 2
#define DEVICE(major, minor) ((major) << 8 | (minor))
#define TERMINAL DEVICE(4, 64)
#define STREAM_DATA DEVICE(240, 0)
#define STREAM_ERROR DEVICE(240, 1)
#define STOP_PATIENCE 5000000000ull /* nanoseconds for each last call */

struct session session;

/* Remember the first thing that fails; true: go on. */
static bool step(const char *what, int error)
{
	if (error == 0)
		return true;
	session.step = what;
	session.error = error;
	return false;
}

/* The same of what a predecessor may have done. */
static bool step_made_again(const char *what, int error)
{
	return step(what, session.again && error == -EBUSY ? 0 : error);
}

void session_take_slots(void)
{
	for (unsigned i = 0; i < SESSION_SLOTS; i++)
		session.slots[i] = slot_kept();
}

/* The next of the slots, without what a step that was broken off has made there. */
static slot_t slot_next(unsigned *used)
{
	slot_t slot = session.slots[(*used)++];
	slot_destroy(slot);
	return slot;
}

/* 0: there is no such service. */
static slot_t gate_next(unsigned *used, const char *name, uint64_t label)
{
	slot_t slot = slot_next(used);
	const struct service *service = service_find(name);
	return service && gate_create(SELF_POOL, service->endpoint, label, slot) >= 0 ? slot : 0;
}

bool session_prepare(void)
{
	static const char *const lines[] = { "serial0", "serial1", "serial2", "serial3" };
	unsigned used = 0;
	session.tmpfs = gate_next(&used, "tmpfs", LABEL_FILESYSTEM);
	session.proc = gate_next(&used, "proc", LABEL_PROCESS);
	session.procfs = gate_next(&used, "procfs", LABEL_PROCFS_ROOT);
	session.tty_devices = gate_next(&used, "tty", LABEL_TTY_DEVICES);
	session.pipe = gate_next(&used, "pipe", LABEL_PIPE);
	session.log = gate_next(&used, "log", LABEL_LOG_READER);
	for (unsigned i = 0; i < 4; i++)
		session.serial[i] = gate_next(&used, lines[i], LABEL_SERIAL);
	if (!handoff_prepare())
		return false;
	session.terminal = handoff_plan.terminal;
	session.root = slot_next(&used);
	for (unsigned i = 0; i < STREAMS; i++)
		session.stream[i] = slot_next(&used);
	session.handoff_memory = slot_next(&used);
	return session.tmpfs && session.proc && session.tty_devices && session.pipe && session.log &&
	       memory_create(SELF_POOL, handoff_size(), 0, session.handoff_memory) >= 0;
}

/* --- the tree --- */

static bool devices_attach(void)
{
	static const struct {
		uint32_t major, minor, count;
	} devices[] = { { 4, 64, 4 }, { 5, 0, 3 }, { 240, 0, 2 } };
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (!step("attaching the terminals",
		          filesystem_attach_device(session.tmpfs, NULL, S_IFCHR, devices[i].major,
		                                   devices[i].minor, devices[i].count, session.tty_devices)))
			return false;
	return true;
}

/* What a tree made by an ordinary user lacks. What is there already stays as it is. */
static void tree_complete(void)
{
	static const struct {
		const char *path;
		uint32_t mode;
		uint64_t device;
	} nodes[] = {
		{ "/proc", S_IFDIR | 0555, 0 },
		{ "/dev", S_IFDIR | 0755, 0 },
		{ "/tmp", S_IFDIR | 01777, 0 },
		{ "/dev/null", S_IFCHR | 0666, DEVICE(1, 3) },
		{ "/dev/zero", S_IFCHR | 0666, DEVICE(1, 5) },
		{ "/dev/full", S_IFCHR | 0666, DEVICE(1, 7) },
		{ "/dev/random", S_IFCHR | 0666, DEVICE(1, 8) },
		{ "/dev/urandom", S_IFCHR | 0666, DEVICE(1, 9) },
		{ "/dev/tty", S_IFCHR | 0666, DEVICE(5, 0) },
		{ "/dev/console", S_IFCHR | 0600, DEVICE(5, 1) },
		{ "/dev/ptmx", S_IFCHR | 0666, DEVICE(5, 2) },
		{ "/dev/ttyS0", S_IFCHR | 0660, DEVICE(4, 64) },
		{ "/dev/ttyS1", S_IFCHR | 0660, DEVICE(4, 65) },
		{ "/dev/ttyS2", S_IFCHR | 0660, DEVICE(4, 66) },
		{ "/dev/ttyS3", S_IFCHR | 0660, DEVICE(4, 67) },
	};
	static struct path_reply reply;
	for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		path_make_node(session.root, NULL, nodes[i].mode, nodes[i].device, nodes[i].path,
		               strlen(nodes[i].path), 0, &reply, sizeof(reply), NULL, NULL, NULL, 0);
}

static bool tree_build(void)
{
	uint64_t reserved;
	return devices_attach() &&
	       step_made_again("loading the root tree", filesystem_load_archive(session.tmpfs, NULL, 0, archive_size(),
	                                                                         SLOT_ARCHIVE, NULL)) &&
	       step("opening the root", filesystem_make_session(session.tmpfs, NULL, 0, 0, 0, NULL, 0, 0,
	                                                         &reserved, session.root));
}

static bool proc_mount(void)
{
	tree_complete();
	return !session.procfs || step_made_again("mounting /proc", filesystem_mount(session.tmpfs, NULL, 0, "/proc", 5,
	                                                                              session.procfs));
}

/* --- the program --- */

static bool stream_open(unsigned number, uint64_t device)
{
	return cap_info(SELF_CAPTABLE, session.stream[number]) || /* opened by a predecessor */
	       step("opening the streams",
	            device_open(session.tty_devices, NULL, O_RDWR, device, FIRST_PROCESS, FIRST_PROCESS, 0, NULL,
	                        session.stream[number]));
}

/* Descriptors that are the same open file share one gate, as after dup. */
static bool streams_open(void)
{
	if (!stream_open(0, session.terminal ? TERMINAL : STREAM_DATA))
		return false;
	cap_copy(SELF_CAPTABLE, session.stream[1], SELF_CAPTABLE, session.stream[0], RIGHTS_ALL);
	if (!session.terminal)
		return stream_open(2, STREAM_ERROR);
	cap_copy(SELF_CAPTABLE, session.stream[2], SELF_CAPTABLE, session.stream[0], RIGHTS_ALL);
	return true;
}

/* The first candidate that is a file one may execute; else the first, whose opening will say what is
 * wrong with it. */
static unsigned program_find(void)
{
	static struct path_reply reply;
	for (unsigned i = 0; i < handoff_plan.candidate_count; i++) {
		const char *path = handoff_plan.candidates[i];
		uint32_t redirect = 0;
		int status = path_status(session.root, NULL, 0, path, strlen(path), 0, &reply, sizeof(reply), NULL,
		                         &redirect, NULL, 0);
		if (status == 0 && redirect == 0 && S_ISREG(reply.attributes.mode) &&
		    (reply.attributes.mode & 0111))
			return i;
	}
	return 0;
}

static const char ready_text[] = "ready\n"; /* first on its line; the exit status follows */

static void ready_tell(void)
{
	if (session.serial[2])
		serial_write(session.serial[2], NULL, 0, serial_check(0, sizeof ready_text - 1), ready_text, sizeof ready_text - 1, NULL);
}

static bool program_start(void)
{
	uint32_t process;
	return step_made_again("opening the streams", process_prepare(session.proc, NULL, session.stream[0], session.stream[1],
	                                                               session.stream[2], session.pipe)) &&
	       step("writing the handoff",
	            status_to_errno(handoff_write(session.handoff_memory, program_find()))) &&
	       step_made_again("starting the program", process_start(session.proc, NULL, 0, session.handoff_memory,
	                                                              session.root, session.log, &process));
}

/* What it has found is stored before that it has ended. */
static _Noreturn void job_finish(enum job job, uint64_t bit)
{
	__atomic_store_n(&session.finished, job, __ATOMIC_RELEASE);
	notification_signal(state.notification, bit);
	for (;;)
		thread_exit();
}

void session_start(void *unused)
{
	(void)unused;
	if (tree_build() && proc_mount() && streams_open()) {
		ready_tell();
		program_start();
	}
	job_finish(JOB_START, BIT_STARTED);
}

void session_wait(void *unused)
{
	(void)unused;
	if (process_wait_for(session.proc, NULL, FIRST_PROCESS, &session.wait_status) != 0)
		session.wait_status = 1 << 8;
	job_finish(JOB_WAIT, BIT_ENDED);
}

/* --- the end --- */

/* As a shell reports it. */
static unsigned exit_status(void)
{
	if (session.step)
		return 127;
	unsigned signal = session.wait_status & 0x7f;
	return signal ? 128 + signal : session.wait_status >> 8 & 0xff;
}

static uint64_t exit_text(char *text)
{
	unsigned status = exit_status(), length = 5;
	memcpy(text, "exit ", 5);
	if (status >= 100)
		text[length++] = (char)('0' + status / 100);
	if (status >= 10)
		text[length++] = (char)('0' + status / 10 % 10);
	text[length++] = (char)('0' + status % 10);
	text[length++] = '\n';
	return length;
}

static struct call_options patience(void)
{
	return (struct call_options){ .deadline = time_now() + STOP_PATIENCE };
}

static void line_drain(unsigned number)
{
	struct call_options options = patience();
	if (session.serial[number])
		serial_drain(session.serial[number], &options, NULL);
}

static void exit_write(const struct call_options *options)
{
	char text[16];
	const uint64_t position = sizeof ready_text - 1, length = exit_text(text);
	serial_write(session.serial[2], options, position, serial_check(position, length), text, length, NULL);
}

void session_stop(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < STREAMS; i++) {
		struct call_options options = patience();
		if (session.stream[i])
			file_synchronize(session.stream[i], &options);
	}
	line_drain(0);
	line_drain(1);
	struct call_options options = patience();
	if (session.serial[2])
		exit_write(&options);
	line_drain(2);
	options = patience();
	if (session.log)
		log_drain(session.log, &options);
	line_drain(3);
	system_stop(SLOT_SYSTEM, session.how);
	for (;;) /* the machine would not; there is nothing left to do */
		thread_sleep(UINT64_MAX, 0);
}
