/* Job control: sessions, the foreground group, who may read and write.
 *
 * proc knows processes and groups; this server tells it which terminal a session has, and asks it
 * where a caller belongs. Calls go to proc only, and proc never calls back. A session whose leader has
 * ended has lost its terminal: that is looked up when somebody else wants it. */
#include "tty.h"
#include "protocol_process.h"
#include "protocols/process.h"
#include <errno.h>
#include <termios.h>

static bool caller_info(uint32_t process, struct process_info *info)
{
	return process && state.proc && process_info(state.proc, NULL, process, 0, info, sizeof *info, NULL) == 0;
}

static bool session_lives(uint32_t session)
{
	uint32_t exists = 0;
	return session && process_group_state(state.proc, NULL, 0, session, &exists, NULL) == 0 && exists;
}

static bool group_is_orphaned(uint32_t group, uint32_t session)
{
	uint32_t exists, orphaned = 1;
	process_group_state(state.proc, NULL, group, session, &exists, &orphaned);
	return orphaned;
}

static void tell_proc(const struct terminal *terminal, uint32_t session)
{
	bool own = terminal->session == session;
	process_set_terminal_once(state.proc, session, own ? terminal->device : 0, own ? terminal->foreground : 0);
}

/* A caller in the background of its own terminal: its group gets the signal, and the call is
 * made again when it is in the foreground. Where that would be in vain: EIO, or go on for output. */
static int check(struct terminal *terminal, uint32_t process, uint32_t signal, bool signal_off)
{
	struct process_info info;
	if (terminal->stream || !terminal->session || !terminal->foreground || !caller_info(process, &info))
		return 0;
	if (info.session != terminal->session || info.group == terminal->foreground)
		return 0;
	if (signal_off)
		return signal == SIGNAL_TTIN ? -EIO : 0;
	if (group_is_orphaned(info.group, info.session))
		return -EIO;
	process_signal_group_once(state.proc, info.group, signal);
	return -EINTR;
}

int job_check_read(struct terminal *terminal, uint32_t process, bool signal_off)
{
	return check(terminal, process, SIGNAL_TTIN, signal_off);
}

int job_check_write(struct terminal *terminal, uint32_t process, bool signal_off)
{
	return terminal->settings.local & TOSTOP ? check(terminal, process, SIGNAL_TTOU, signal_off) : 0;
}

int job_check_change(struct terminal *terminal, uint32_t process, bool signal_off)
{
	return check(terminal, process, SIGNAL_TTOU, signal_off);
}

void job_signal(struct terminal *terminal, uint32_t signal)
{
	if (terminal->session && terminal->foreground && state.proc)
		process_signal_group_once(state.proc, terminal->foreground, signal);
}

static void give_terminal(struct terminal *terminal, uint32_t session, uint32_t group)
{
	terminal->session = session;
	terminal->foreground = group;
	tell_proc(terminal, session);
}

void job_opened(struct terminal *terminal, uint32_t process, uint32_t session)
{
	if (!state.proc || terminal->stream || !process || process != session || terminal->session == session)
		return;
	struct terminal *other = terminal_of_session(session);
	if (other && session_lives(session))
		return; /* it has one already */
	if (other)
		other->session = other->foreground = 0;
	if (!session_lives(terminal->session))
		give_terminal(terminal, session, process);
}

int job_take_terminal(struct terminal *terminal, uint32_t process, bool steal)
{
	struct process_info info;
	if (terminal->stream)
		return -ENOTTY;
	if (!caller_info(process, &info))
		return -EPERM;
	if (terminal->session == info.session)
		return 0;
	if (info.process != info.session || terminal_of_session(info.session))
		return -EPERM;
	if (session_lives(terminal->session)) {
		if (!steal || info.effective_user != 0)
			return -EPERM;
		process_set_terminal_once(state.proc, terminal->session, 0, 0);
	}
	give_terminal(terminal, info.session, info.group);
	return 0;
}

int job_leave_terminal(struct terminal *terminal, uint32_t process)
{
	struct process_info info;
	if (!caller_info(process, &info) || !terminal->session || info.session != terminal->session)
		return -ENOTTY;
	if (info.process != info.session)
		return 0; /* only the leader's leaving concerns the others */
	job_signal(terminal, SIGNAL_HUP);
	job_signal(terminal, SIGNAL_CONT);
	uint32_t session = terminal->session;
	terminal->session = terminal->foreground = 0;
	tell_proc(terminal, session);
	return 0;
}

int job_set_foreground(struct terminal *terminal, uint32_t process, bool signal_off, uint32_t group)
{
	struct process_info info;
	uint32_t exists = 0;
	if (!caller_info(process, &info) || !terminal->session || info.session != terminal->session)
		return -ENOTTY;
	int status = check(terminal, process, SIGNAL_TTOU, signal_off);
	if (status < 0)
		return status;
	if (process_group_state(state.proc, NULL, group, info.session, &exists, NULL) != 0 || !exists)
		return -EPERM;
	terminal->foreground = group;
	tell_proc(terminal, info.session);
	return 0;
}

int job_get_foreground(struct terminal *terminal, uint32_t process, uint32_t *group)
{
	struct process_info info;
	*group = terminal->foreground;
	if (!caller_info(process, &info))
		return terminal->session ? 0 : -ENOTTY;
	return terminal->session && info.session == terminal->session ? 0 : -ENOTTY;
}

void job_session_of(uint32_t process, uint32_t *session)
{
	struct process_info info;
	if (caller_info(process, &info))
		*session = info.session;
}
