/* ioctl: settings, window size, job control, queues. Arguments by address come in the send buffer,
 * results go to the receive buffer, as Linux lays them out. */
#include "tty.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#define GET_SETTINGS2 0x802c542au
#define SET_SETTINGS2 0x402c542bu /* ...c W, ...d F */
#define GET_LOCK 0x80045439u
#define SETTINGS2_SIZE 44u /* struct settings, then input and output speed */
#define HANG_UP 0x5437u    /* TIOCVHANGUP */

static int answer(struct request *request, const void *bytes, uint64_t length)
{
	int64_t done = request_write(request, 0, bytes, length);
	return done < 0 ? (int)done : done < (int64_t)length ? -EFAULT : 0;
}

static int answer_number(struct request *request, uint32_t number)
{
	return answer(request, &number, sizeof number);
}

static bool argument_number(const struct request *request, int32_t *number)
{
	if (request->data_length < sizeof *number)
		return false;
	memcpy(number, request->data, sizeof *number);
	return true;
}

static uint32_t speed_of(const struct settings *settings)
{
	static const uint32_t slow[] = { 0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400 };
	static const uint32_t fast[] = { 0, 57600, 115200, 230400, 460800, 500000, 576000, 921600 };
	uint32_t code = settings->control & CBAUD;
	if (code < 16)
		return slow[code];
	return (code & 15) < 8 ? fast[code & 15] : 115200;
}

static int get_settings(struct request *request, const struct terminal *terminal, bool second)
{
	unsigned char out[SETTINGS2_SIZE] = { 0 };
	uint32_t speed = speed_of(&terminal->settings);
	memcpy(out, &terminal->settings, sizeof terminal->settings);
	memcpy(out + sizeof terminal->settings, &speed, sizeof speed);
	memcpy(out + sizeof terminal->settings + sizeof speed, &speed, sizeof speed);
	return answer(request, out, second ? SETTINGS2_SIZE : sizeof terminal->settings);
}

/* how: 0 now, 1 when the output has drained, 2 then, and input not read is dropped. */
static int set_settings(struct request *request, struct file *file, unsigned how, struct caller caller)
{
	struct terminal *terminal = file->terminal;
	struct settings settings;
	if (request->data_length < sizeof settings)
		return -EFAULT;
	memcpy(&settings, request->data, sizeof settings);
	int status = file->is_master ? 0 : job_check_change(terminal, caller.process, caller.signal_off);
	if (status < 0)
		return status;
	if (how && !file->is_master) {
		struct waiter *waiter;
		status = terminal_drain(request, file, &waiter);
		if (waiter) {
			waiter->sets = true;
			waiter->flushes = how == 2;
			waiter->settings = settings;
		}
		return status;
	}
	struct settings old = terminal->settings;
	terminal->settings = settings;
	if (how == 2)
		discipline_flush(terminal);
	discipline_settings_changed(terminal, &old);
	return 0;
}

static int set_window(struct request *request, struct terminal *terminal)
{
	struct window_size window;
	if (request->data_length < sizeof window)
		return -EFAULT;
	memcpy(&window, request->data, sizeof window);
	bool changed = memcmp(&window, &terminal->window, sizeof window) != 0;
	terminal->window = window;
	if (changed)
		job_signal(terminal, SIGNAL_WINCH);
	return 0;
}

static int flush(struct file *file, uint64_t what)
{
	struct terminal *terminal = file->terminal;
	if (what > TCIOFLUSH)
		return -EINVAL;
	if (what == TCIFLUSH || what == TCIOFLUSH) {
		discipline_flush(terminal);
		if (terminal->line) {
			uint32_t length;
			line_input(terminal->line, &length);
			terminal->line->input_used += length;
		}
	}
	/* Output on its way to a serial line is in the writer's hands; a master's can be dropped. */
	if (what != TCIFLUSH && terminal->pseudo)
		ring_skip(terminal->output, ring_count(terminal->output));
	return 0;
}

static int flow(struct terminal *terminal, uint64_t how)
{
	switch (how) {
	case TCOOFF:
	case TCOON:
		output_stop(terminal, how == TCOOFF);
		return 0;
	case TCIOFF:
	case TCION:
		if (output_has_room(terminal))
			output_raw(terminal, terminal->settings.characters[how == TCIOFF ? VSTOP : VSTART]);
		return 0;
	default:
		return -EINVAL;
	}
}

static int control_settings(struct request *request, struct file *file, uint32_t command, struct caller caller)
{
	switch (command) {
	case TCGETS:
		return get_settings(request, file->terminal, false);
	case GET_SETTINGS2:
		return get_settings(request, file->terminal, true);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_settings(request, file, command - TCSETS, caller);
	case SET_SETTINGS2:
	case SET_SETTINGS2 + 1:
	case SET_SETTINGS2 + 2:
		return set_settings(request, file, command - SET_SETTINGS2, caller);
	case TIOCGWINSZ:
		return answer(request, &file->terminal->window, sizeof file->terminal->window);
	case TIOCSWINSZ:
		return set_window(request, file->terminal);
	case TIOCGSOFTCAR:
		return answer_number(request, (file->terminal->settings.control & CLOCAL) != 0);
	case TIOCSSOFTCAR:
		return 0;
	default:
		return -ENOTTY;
	}
}

static int control_jobs(struct request *request, struct file *file, uint32_t command, uint64_t argument,
                        struct caller caller)
{
	struct terminal *terminal = file->terminal;
	uint32_t group;
	int32_t number;
	int status;
	switch (command) {
	case TIOCGPGRP:
		status = file->is_master ? (group = terminal->foreground, 0) : job_get_foreground(terminal, caller.process, &group);
		return status < 0 ? status : answer_number(request, group);
	case TIOCSPGRP:
		if (!argument_number(request, &number))
			return -EFAULT;
		return number <= 0 ? -EINVAL : job_set_foreground(terminal, caller.process, caller.signal_off, (uint32_t)number);
	case TIOCGSID:
		status = job_get_foreground(terminal, caller.process, &group);
		return status < 0 ? status : answer_number(request, terminal->session);
	case TIOCSCTTY:
		return file->is_master ? -EIO : job_take_terminal(terminal, caller.process, argument == 1);
	case TIOCNOTTY:
		return job_leave_terminal(terminal, caller.process);
	case HANG_UP:
		return -EPERM;
	default:
		return -ENOTTY;
	}
}

static int control_queues(struct request *request, struct file *file, uint32_t command, uint64_t argument)
{
	struct terminal *terminal = file->terminal;
	struct waiter *waiter;
	switch (command) {
	case TIOCINQ:
		return answer_number(request, file->is_master ? ring_count(terminal->output) : input_pending(terminal));
	case TIOCOUTQ:
		return answer_number(request, file->is_master ? 0 : ring_count(terminal->output));
	case TCFLSH:
		return flush(file, argument);
	case TCXONC:
		return flow(terminal, argument);
	case TCSBRK: /* a break (0) is over at once; else tcdrain */
	case TCSBRKP:
		return command == TCSBRK && argument ? terminal_drain(request, file, &waiter) : 0;
	case TIOCSTI:
		return -EPERM;
	case TIOCEXCL:
	case TIOCNXCL:
		terminal->exclusive = command == TIOCEXCL;
		return 0;
	default:
		return -ENOTTY;
	}
}

static int control_pty(struct request *request, struct file *file, uint32_t command)
{
	struct terminal *terminal = file->terminal;
	int32_t number;
	if (!file->is_master)
		return -ENOTTY;
	switch (command) {
	case TIOCGPTN:
		return answer_number(request, terminal->device & 0xff);
	case TIOCSPTLCK:
		if (!argument_number(request, &number))
			return -EFAULT;
		terminal->locked = number != 0;
		return 0;
	case GET_LOCK:
		return answer_number(request, terminal->locked);
	case TIOCPKT:
		return argument_number(request, &number) && number ? -EINVAL : 0; /* no packet mode */
	default:
		return -ENOTTY;
	}
}

static int set_nonblocking(const struct request *request, struct file *file)
{
	int32_t on;
	if (!argument_number(request, &on))
		return -EFAULT;
	file->flags = on ? file->flags | OPEN_NONBLOCK : file->flags & ~OPEN_NONBLOCK;
	return 0;
}

int control_serve(struct request *request, struct file *file, uint32_t command, uint64_t argument,
                  struct caller caller, int64_t *result)
{
	*result = 0;
	if (command == FIONBIO)
		return set_nonblocking(request, file);
	if (file->terminal->stream) /* a stream is no terminal, and says so */
		return command == FIONREAD ? answer_number(request, input_pending(file->terminal)) : -ENOTTY;
	if (file->terminal->hung_up && !file->is_master)
		return -EIO;
	int status = control_settings(request, file, command, caller);
	if (status == -ENOTTY)
		status = control_queues(request, file, command, argument);
	if (status == -ENOTTY)
		status = control_pty(request, file, command);
	return status == -ENOTTY ? control_jobs(request, file, command, argument, caller) : status;
}
