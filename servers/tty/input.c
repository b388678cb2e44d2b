/* Reading: lines in canonical mode, VMIN and VTIME in raw mode.
 *
 * The ready queue holds what may be read, as 16-bit entries: a byte, perhaps marked as the end of a
 * line, or the mark of an end-of-file character, which is no byte. */
#include "tty.h"
#include <errno.h>
#include <termios.h>

#define CHUNK 1024u
#define TENTH 100000000ull /* VTIME's unit, nanoseconds */

uint32_t ready_count(const struct terminal *terminal)
{
	return terminal->ready_added - terminal->ready_taken;
}

uint32_t ready_room(const struct terminal *terminal)
{
	return READY_SIZE - ready_count(terminal);
}

void ready_add(struct terminal *terminal, uint16_t entry)
{
	terminal->ready[terminal->ready_added++ & (READY_SIZE - 1)] = entry;
	if (entry & (READY_END | READY_EOF))
		terminal->ready_lines++;
}

static bool canonical(const struct terminal *terminal)
{
	return !terminal->stream && (terminal->settings.local & ICANON);
}

static uint32_t least(const struct terminal *terminal)
{
	return terminal->stream ? 1 : terminal->settings.characters[VMIN];
}

static uint64_t patience(const struct terminal *terminal)
{
	return terminal->stream ? 0 : terminal->settings.characters[VTIME] * TENTH;
}

bool input_available(const struct terminal *terminal)
{
	if (terminal->hung_up || (terminal->input_ended && !ready_count(terminal)))
		return true;
	if (canonical(terminal))
		return terminal->ready_lines > 0;
	uint32_t need = patience(terminal) ? 1 : least(terminal);
	return ready_count(terminal) >= (need ? need : 1);
}

uint32_t input_pending(const struct terminal *terminal)
{
	if (!canonical(terminal))
		return ready_count(terminal);
	uint32_t count = 0, lines = terminal->ready_lines;
	for (uint32_t at = terminal->ready_taken; lines; at++) {
		uint16_t entry = terminal->ready[at & (READY_SIZE - 1)];
		count += !(entry & READY_EOF);
		lines -= (entry & (READY_END | READY_EOF)) != 0;
	}
	return count;
}

bool input_pump(struct terminal *terminal)
{
	if (!terminal->line)
		return false;
	uint32_t length, used = 0;
	const unsigned char *bytes = line_input(terminal->line, &length);
	while (used < length && discipline_take(terminal, bytes[used]))
		used++;
	terminal->line->input_used += used;
	return used > 0;
}

/* Copy up to `length` bytes to a call's buffer: to the end of the line in canonical mode. Bytes
 * copied, or a negative errno and nothing is taken. */
static int64_t take(struct terminal *terminal, uint64_t call, uint64_t length)
{
	unsigned char chunk[CHUNK];
	uint64_t total = 0;
	bool stop = false;
	while (!stop && total < length && ready_count(terminal)) {
		uint32_t at = terminal->ready_taken, count = 0, lines = 0;
		while (!stop && count < CHUNK && total + count < length && at != terminal->ready_added) {
			uint16_t entry = terminal->ready[at++ & (READY_SIZE - 1)];
			if (!(entry & READY_EOF))
				chunk[count++] = (unsigned char)entry;
			lines += (entry & (READY_END | READY_EOF)) != 0;
			stop = canonical(terminal) && (entry & (READY_END | READY_EOF));
		}
		int64_t written = count ? parked_write(call, total, chunk, count) : 0;
		if (written < (int64_t)count)
			return total ? (int64_t)total : written < 0 ? written : -EFAULT;
		terminal->ready_taken = at;
		terminal->ready_lines -= lines;
		total += count;
	}
	/* An end-of-file mark right behind a full buffer belongs to this line. */
	if (!stop && canonical(terminal) && total && ready_count(terminal) &&
	    (terminal->ready[terminal->ready_taken & (READY_SIZE - 1)] & READY_EOF)) {
		terminal->ready_taken++;
		terminal->ready_lines--;
	}
	return (int64_t)total;
}

/* May a read of this length be answered now? `expired`: its time is over. */
static bool satisfied(const struct terminal *terminal, uint64_t length, bool expired)
{
	uint32_t count = ready_count(terminal), need = least(terminal);
	if (terminal->hung_up || terminal->input_ended)
		return true;
	if (canonical(terminal))
		return terminal->ready_lines > 0;
	if (expired)
		return true;
	if (need == 0)
		return count > 0 || patience(terminal) == 0;
	return count >= (need < length ? need : length);
}

int terminal_read(struct request *request, struct file *file, uint64_t length, bool may_wait, uint64_t *count)
{
	struct terminal *terminal = file->terminal;
	if (length > request->receive_length)
		length = request->receive_length;
	if (length == 0)
		return 0;
	bool first = !terminal->queues[WAITER_READ];
	if (first && (satisfied(terminal, length, false) ||
	              (!may_wait && !canonical(terminal) && ready_count(terminal)))) {
		int64_t taken = take(terminal, request->id, length);
		*count = taken < 0 ? 0 : (uint64_t)taken;
		return taken < 0 ? (int)taken : 0;
	}
	if (!may_wait)
		return -EAGAIN;
	struct waiter *waiter = waiter_park(request, WAITER_READ, file, length);
	if (!waiter)
		return -ENOMEM;
	/* With VMIN 0 the time runs from the call; else from each byte that comes. */
	if (!canonical(terminal) && patience(terminal) && (least(terminal) == 0 || ready_count(terminal)))
		waiter->deadline = step_recall(time_now()) + patience(terminal);
	return REQUEST_PARKED;
}

static bool read_advance(struct terminal *terminal, struct waiter *waiter)
{
	bool expired = waiter->deadline && waiter->deadline <= time_now();
	if (!satisfied(terminal, waiter->length, expired)) {
		/* The time between bytes starts again with each that comes. */
		if (!canonical(terminal) && patience(terminal) && least(terminal) && ready_count(terminal) != waiter->seen) {
			waiter->seen = ready_count(terminal);
			waiter->deadline = time_now() + patience(terminal);
		}
		return false;
	}
	int64_t taken = take(terminal, waiter->id, waiter->length);
	waiter_answer(waiter, taken < 0 ? (int)taken : 0, taken < 0 ? 0 : (uint64_t)taken);
	return true;
}

bool reads_advance(struct terminal *terminal)
{
	bool moved = false;
	while (terminal->queues[WAITER_READ] && read_advance(terminal, terminal->queues[WAITER_READ]))
		moved = true;
	return moved;
}

void timers_program(void)
{
	uint64_t soonest = 0;
	for (struct terminal *terminal = state.terminals; terminal; terminal = terminal->next) {
		const struct waiter *waiter = terminal->queues[WAITER_READ];
		if (waiter && waiter->deadline && (!soonest || waiter->deadline < soonest))
			soonest = waiter->deadline;
	}
	if (soonest != state.timer)
		notification_set_timer(state.notification, soonest, 1);
	state.timer = soonest;
}
