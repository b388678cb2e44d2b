/* poll and select: a look at all files, then, where nothing is ready and the call may wait, a sleep until something
 * watched is signalled, and another look. What this process sees by itself it looks at in place; servers are
 * asked only about the rest, and about what will wake us. */
#include "ready.h"
#include "signals.h"
#include "time.h"

#define POLL_SMALL 32u
#define SELECT_MAX 1024u
#define SELECT_SMALL 128u
#define READY_ASK ((int16_t)READY_UNKNOWN) /* in place of an entry's events: they are not known yet */

/* What is seen without asking. How many entries have something, and in *asks how many are marked READY_ASK. */
static int list_look(struct task *task, struct linux_pollfd *list, uint64_t count, unsigned *asks)
{
	struct files *files = &task->files;
	bool shared = task_is_shared(task);
	int ready = 0;
	*asks = 0;
	if (shared)
		lock_take(&files->lock);
	for (struct linux_pollfd *entry = list; entry < list + count; entry++) {
		int32_t now = 0;
		if (entry->descriptor >= 0) {
			const struct open_file *file =
				(uint32_t)entry->descriptor < files->size ? files->table[entry->descriptor].file : NULL;
			now = file && !(file->flags & FILE_PATH_ONLY) ? file_ready_here(file) : POLLNVAL;
			if (now == READY_UNKNOWN)
				++*asks;
			else
				now &= (uint16_t)entry->events | READY_ALWAYS | POLLNVAL;
		}
		entry->ready = (int16_t)now;
		ready += now > 0;
	}
	if (shared)
		lock_release(&files->lock);
	return ready;
}

/* Asks about the marked entries, or about all, and has them watched. How many more have something. */
static int list_ask(struct thread *thread, struct linux_pollfd *list, uint64_t count, bool all, uint64_t *deadline)
{
	struct task *task = thread->task;
	int ready = 0;
	for (struct linux_pollfd *entry = list; entry < list + count; entry++) {
		if (entry->descriptor < 0 || (!all && entry->ready != READY_ASK))
			continue;
		struct open_file *file = file_find_io(task, entry->descriptor);
		entry->ready = file ? (int16_t)file_ready_watched(thread, file, (uint16_t)entry->events, deadline) : POLLNVAL;
		file_release(task, file);
		ready += entry->ready != 0;
	}
	return ready;
}

static int64_t list_wait(struct thread *thread, struct linux_pollfd *list, uint64_t count, uint64_t deadline)
{
	for (;;) {
		unsigned asks;
		uint64_t wake = deadline;
		int ready = list_look(thread->task, list, count, &asks);
		bool waits = ready == 0 && deadline != AT_ONCE;
		if ((waits || asks) && !thread_notification(thread))
			return -ENOMEM;
		if (asks)
			watches_take(thread);
		if (waits || asks)
			ready += list_ask(thread, list, count, waits, &wake);
		if (ready > 0)
			return ready;
		if (signals_pending_set(thread) & ~thread->blocked)
			return -EINTR;
		if (deadline == AT_ONCE || (deadline != FOREVER && time_now() >= deadline))
			return 0;
		if (watches_wait(thread, wake) < 0)
			return -EINTR;
	}
}

static int64_t poll_list(struct thread *thread, uint64_t list, uint64_t count, uint64_t deadline)
{
	struct linux_pollfd small[POLL_SMALL];
	if (count > thread->task->descriptor_limit)
		return -EINVAL;
	uint64_t bytes = count * sizeof(small[0]);
	struct linux_pollfd *entries = count <= POLL_SMALL ? small : heap_allocate_raw(bytes);
	if (!entries)
		return -ENOMEM;
	int64_t result = user_read(entries, list, bytes);
	if (result == 0)
		result = list_wait(thread, entries, count, deadline);
	if (result >= 0 && user_write(list, entries, bytes) < 0)
		result = -EFAULT;
	if (entries != small)
		heap_free(entries);
	return result;
}

static uint64_t deadline_milliseconds(struct thread *thread, int32_t timeout)
{
	return timeout < 0 ? FOREVER : deadline_in(thread, (uint64_t)timeout * 1000000);
}

int64_t linux_poll(struct thread *thread, uint64_t list, uint64_t count, int32_t timeout)
{
	return poll_list(thread, list, count, deadline_milliseconds(thread, timeout));
}

/* What is left of the time goes back to the caller of ppoll and select, unless there was none. */
static void remaining_write(uint64_t to, uint64_t deadline, bool microseconds)
{
	if (!to || deadline == AT_ONCE)
		return;
	uint64_t now = time_now();
	struct linux_timespec left = timespec_make(deadline > now ? deadline - now : 0);
	if (microseconds)
		left.nanoseconds /= 1000;
	user_write(to, &left, sizeof(left));
}

int64_t linux_ppoll(struct thread *thread, uint64_t list, uint64_t count, uint64_t timeout, uint64_t mask,
                    uint64_t set_size)
{
	uint64_t deadline = FOREVER;
	if (timeout) {
		int status = duration_read(timeout, &deadline);
		if (status < 0)
			return status;
		deadline = deadline_in(thread, deadline);
	}
	int status = signal_mask_for_call(thread, mask, set_size);
	if (status < 0)
		return status;
	int64_t result = signal_mask_after_call(thread, poll_list(thread, list, count, deadline));
	remaining_write(timeout, deadline, false);
	return result;
}

/* --- select ---------------------------------------------------------------------------------------------- */

#define SET_WORDS (SELECT_MAX / 64)

struct select_sets {
	uint32_t size; /* words that count, in each set */
	uint64_t words[3][SET_WORDS]; /* readable, writable, exceptional */
};

static int sets_read(struct select_sets *sets, uint32_t count, const uint64_t addresses[3])
{
	uint64_t last = count % 64 ? (1ull << count % 64) - 1 : ~0ull; /* bits that count in the last word */
	sets->size = (count + 63) / 64;
	for (unsigned kind = 0; kind < 3; kind++) {
		uint64_t *words = sets->words[kind];
		if (!addresses[kind])
			memset(words, 0, sets->size * 8);
		else if (user_read(words, addresses[kind], sets->size * 8) < 0)
			return -EFAULT;
		if (sets->size)
			words[sets->size - 1] &= last;
	}
	return 0;
}

#define SELECT_IN (READY_IN | POLLHUP | POLLERR)
#define SELECT_OUT (READY_OUT | POLLERR)

/* One word of each set, in place of which comes what is ready of it. How many bits that is; -EBADF; READY_ASK: that takes
 * asking, and the words are as they were. */
static int word_look(const struct files *files, uint32_t first, uint64_t *in, uint64_t *out, uint64_t *exceptional)
{
	uint64_t readable = 0, writable = 0, urgent = 0;
	int bits = 0;
	for (uint64_t left = *in | *out | *exceptional; left; left &= left - 1) {
		uint64_t bit = left & -left;
		uint32_t number = first + (unsigned)__builtin_ctzll(left);
		const struct open_file *file = number < files->size ? files->table[number].file : NULL;
		if (!file || file->flags & FILE_PATH_ONLY)
			return -EBADF;
		int32_t ready = file_ready_here(file);
		if (ready == READY_UNKNOWN)
			return READY_ASK;
		if (!ready)
			continue;
		readable |= ready & SELECT_IN ? bit & *in : 0;
		writable |= ready & SELECT_OUT ? bit & *out : 0;
		urgent |= ready & POLLPRI ? bit & *exceptional : 0;
		bits += (readable & bit) != 0;
		bits += (writable & bit) != 0;
		bits += (urgent & bit) != 0;
	}
	*in = readable;
	*out = writable;
	*exceptional = urgent;
	return bits;
}

/* The answer, where that takes neither asking nor waiting; the sets are garbled otherwise. */
static bool sets_look(struct thread *thread, struct select_sets *sets, uint64_t deadline, int64_t *result)
{
	struct files *files = &thread->task->files;
	bool shared = task_is_shared(thread->task);
	int bits = 0;
	*result = 0;
	if (shared)
		lock_take(&files->lock);
	for (uint32_t i = 0; i < sets->size && bits >= 0; i++) {
		bits = word_look(files, i * 64, &sets->words[0][i], &sets->words[1][i], &sets->words[2][i]);
		*result += bits;
	}
	if (shared)
		lock_release(&files->lock);
	if (bits < 0)
		*result = bits;
	if (*result == 0)
		return deadline == AT_ONCE && !(signals_pending_set(thread) & ~thread->blocked);
	return bits != READY_ASK;
}

/* The sets as a poll list; its length. */
static uint64_t select_to_poll(const struct select_sets *sets, struct linux_pollfd *list)
{
	uint64_t length = 0;
	for (uint32_t i = 0; i < sets->size; i++) {
		uint64_t in = sets->words[0][i], out = sets->words[1][i], exceptional = sets->words[2][i];
		for (uint64_t left = in | out | exceptional; left; left &= left - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(left);
			uint32_t events = (in >> bit & 1 ? READY_IN : 0u) | (out >> bit & 1 ? READY_OUT : 0u) |
			                  (exceptional >> bit & 1 ? POLLPRI : 0u);
			list[length++] = (struct linux_pollfd){ (int32_t)(i * 64 + bit), (int16_t)events, 0 };
		}
	}
	return length;
}

/* The answer as sets; how many bits are set, or -EBADF. */
static int64_t select_from_poll(struct select_sets *sets, const struct linux_pollfd *list, uint64_t length)
{
	static const uint32_t wanted[3] = { READY_IN, READY_OUT, POLLPRI };
	static const uint32_t given[3] = { SELECT_IN, SELECT_OUT, POLLPRI };
	int64_t bits = 0;
	for (unsigned kind = 0; kind < 3; kind++)
		memset(sets->words[kind], 0, sets->size * 8);
	for (const struct linux_pollfd *entry = list; entry < list + length; entry++) {
		uint32_t number = (uint32_t)entry->descriptor, ready = (uint16_t)entry->ready;
		if (ready & POLLNVAL)
			return -EBADF;
		for (unsigned kind = 0; ready && kind < 3; kind++) {
			if (ready & given[kind] && (uint16_t)entry->events & wanted[kind]) {
				sets->words[kind][number / 64] |= 1ull << number % 64;
				bits++;
			}
		}
	}
	return bits;
}

/* Asks and waits; the answer comes in place of the sets. */
static int64_t select_wait(struct thread *thread, struct select_sets *sets, uint64_t deadline)
{
	struct linux_pollfd small[SELECT_SMALL], *list = small;
	if (sets->size * 64 > SELECT_SMALL)
		list = heap_allocate_raw(sets->size * 64 * sizeof(*list));
	if (!list)
		return -ENOMEM;
	uint64_t length = select_to_poll(sets, list);
	int64_t result = list_wait(thread, list, length, deadline);
	if (result >= 0)
		result = select_from_poll(sets, list, length);
	if (list != small)
		heap_free(list);
	return result;
}

static int64_t select_run(struct thread *thread, int32_t count, const uint64_t addresses[3], uint64_t deadline)
{
	struct select_sets sets;
	int64_t result;
	uint32_t limit = MINIMUM((uint32_t)count, SELECT_MAX);
	if (count < 0)
		return -EINVAL;
	if (sets_read(&sets, limit, addresses) < 0)
		return -EFAULT;
	if (!sets_look(thread, &sets, deadline, &result)) {
		if (sets_read(&sets, limit, addresses) < 0)
			return -EFAULT;
		result = select_wait(thread, &sets, deadline);
	}
	for (unsigned kind = 0; result >= 0 && kind < 3; kind++)
		if (addresses[kind] && user_write(addresses[kind], sets.words[kind], sets.size * 8) < 0)
			result = -EFAULT;
	return result;
}

int64_t linux_select(struct thread *thread, int32_t count, uint64_t readable, uint64_t writable, uint64_t exceptional,
                     uint64_t timeout)
{
	const uint64_t addresses[3] = { readable, writable, exceptional };
	struct linux_timeval given;
	uint64_t deadline = FOREVER;
	if (timeout) {
		if (user_read(&given, timeout, sizeof(given)) < 0)
			return -EFAULT;
		if (given.seconds < 0 || given.microseconds < 0)
			return -EINVAL;
		struct linux_timespec time = { given.seconds + given.microseconds / 1000000,
		                               given.microseconds % 1000000 * 1000 };
		deadline = deadline_in(thread, duration_of(&time));
	}
	int64_t result = select_run(thread, count, addresses, deadline);
	remaining_write(timeout, deadline, true);
	return result;
}

int64_t linux_pselect6(struct thread *thread, int32_t count, uint64_t readable, uint64_t writable,
                       uint64_t exceptional, uint64_t timeout, uint64_t mask)
{
	const uint64_t addresses[3] = { readable, writable, exceptional };
	uint64_t deadline = FOREVER, pair[2] = { 0, 0 };
	if (timeout) {
		int status = duration_read(timeout, &deadline);
		if (status < 0)
			return status;
		deadline = deadline_in(thread, deadline);
	}
	if (mask && user_read(pair, mask, sizeof(pair)) < 0)
		return -EFAULT;
	int status = signal_mask_for_call(thread, pair[0], pair[1]);
	if (status < 0)
		return status;
	int64_t result = signal_mask_after_call(thread, select_run(thread, count, addresses, deadline));
	remaining_write(timeout, deadline, false);
	return result;
}
