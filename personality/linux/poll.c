/* poll and select: each file's server is asked what is ready now, and remembers a notification of this thread where
 * nothing is. The thread then waits for the notification and asks again. A registration that is left
 * behind only means a wake-up too many, and the next one under the same cookie replaces it. */
#include "files.h"
#include "signals.h"
#include "time.h"

#define POLL_BIT 1u
#define POLL_SMALL 16u
#define SELECT_MAX 1024u

uint32_t file_ready(struct thread *thread, struct open_file *file, uint32_t events, uint64_t cookie,
                    slot_t notification, uint64_t bits, uint64_t *deadline)
{
	uint32_t ready = 0;
	if (file->kind != FILE_GATE)
		return own_poll(thread, file, events, notification, bits, deadline);
	if (file->flags & FILE_RING) {
		int32_t now = pipe_ready(thread, file);
		ready = (uint32_t)now & (events | POLLERR | POLLHUP);
		if (now >= 0 && (!notification || (ready && !(events & FILE_POLL_EDGE))))
			return ready;
	}
	int status = file_poll(file->slot, NULL, events, cookie, bits, notification, &ready);
	/* A file whose server knows no readiness is always ready, as a regular file is. */
	return status < 0 ? events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM) : ready & (events | POLLERR | POLLHUP);
}

/* Asks about each entry; how many have something. Once one has, nobody needs to remember us any more. */
static int poll_once(struct thread *thread, struct linux_pollfd *list, uint64_t count, slot_t notification,
                     uint64_t *deadline)
{
	int ready = 0;
	for (uint64_t i = 0; i < count; i++) {
		list[i].ready = 0;
		if (list[i].descriptor < 0)
			continue;
		struct open_file *file = file_find_io(thread->task, list[i].descriptor);
		if (!file)
			list[i].ready = POLLNVAL;
		else
			list[i].ready = (int16_t)file_ready(thread, file, (uint16_t)list[i].events, thread->id,
			                                    ready ? 0 : notification, POLL_BIT, deadline);
		file_release(thread->task, file);
		ready += list[i].ready != 0;
	}
	return ready;
}

/* Something can be said without asking any server. */
static bool rings_ready(struct thread *thread, const struct linux_pollfd *list, uint64_t count)
{
	uint32_t ready = 0;
	for (uint64_t i = 0; i < count && !ready; i++) {
		struct open_file *file = list[i].descriptor < 0 ? NULL : file_find_io(thread->task, list[i].descriptor);
		if (file && file->flags & FILE_RING)
			ready = file_ready(thread, file, (uint16_t)list[i].events, 0, 0, 0, NULL);
		file_release(thread->task, file);
	}
	return ready;
}

static int64_t poll_wait(struct thread *thread, struct linux_pollfd *list, uint64_t count, uint64_t deadline)
{
	bool waits = deadline > time_now();
	slot_t notification = waits ? thread_notification(thread) : 0;
	if (waits && !notification)
		return -ENOMEM;
	for (;;) {
		uint64_t wake = deadline;
		bool asks = waits && !rings_ready(thread, list, count);
		int ready = poll_once(thread, list, count, asks ? notification : 0, &wake);
		if (ready > 0 || !waits || time_now() >= deadline)
			return ready;
		if (signals_pending_set(thread) & ~thread->blocked)
			return -EINTR;
		if (!asks)
			continue; /* somebody took meanwhile what was there */
		if (notification_wait(notification, wake, 1) == STATUS_INTERRUPTED)
			return -EINTR;
	}
}

static int64_t poll_list(struct thread *thread, uint64_t list, uint64_t count, uint64_t deadline)
{
	struct linux_pollfd small[POLL_SMALL];
	if (count > thread->task->descriptor_limit)
		return -EINVAL;
	uint64_t bytes = count * sizeof(small[0]);
	struct linux_pollfd *entries = count <= POLL_SMALL ? small : heap_allocate(bytes);
	if (!entries)
		return -ENOMEM;
	int64_t result = user_read(entries, list, bytes);
	if (result == 0)
		result = poll_wait(thread, entries, count, deadline);
	if (result >= 0 && user_write(list, entries, bytes) < 0)
		result = -EFAULT;
	if (entries != small)
		heap_free(entries);
	return result;
}

static uint64_t deadline_milliseconds(struct thread *thread, int32_t timeout)
{
	return timeout < 0 ? FOREVER : deadline_after(thread, (uint64_t)timeout * 1000000);
}

int64_t linux_poll(struct thread *thread, uint64_t list, uint64_t count, int32_t timeout)
{
	return poll_list(thread, list, count, deadline_milliseconds(thread, timeout));
}

/* What is left of the time goes back to the caller of ppoll and select. */
static void remaining_write(uint64_t to, uint64_t deadline, bool microseconds)
{
	uint64_t now = time_now();
	struct linux_timespec left = timespec_make(deadline > now ? deadline - now : 0);
	if (microseconds)
		left.nanoseconds /= 1000;
	if (to)
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
		deadline = deadline_after(thread, deadline);
	}
	int status = signal_mask_for_call(thread, mask, set_size);
	if (status < 0)
		return status;
	int64_t result = poll_list(thread, list, count, deadline);
	remaining_write(timeout, deadline, false);
	return result;
}

/* --- select ---------------------------------------------------------------------------------------------- */

#define SET_WORDS (SELECT_MAX / 64)

struct select_sets {
	uint64_t words[3][SET_WORDS]; /* readable, writable, exceptional */
};
static const uint32_t select_events[3] = { POLLIN | POLLRDNORM | POLLRDBAND, POLLOUT | POLLWRNORM | POLLWRBAND, POLLPRI };
static const uint32_t select_results[3] = { POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
	                                        POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR, POLLPRI };

static bool set_has(const uint64_t *words, uint32_t number)
{
	return words[number / 64] >> number % 64 & 1;
}

/* The sets as a poll list; its length. */
static uint64_t select_to_poll(const struct select_sets *sets, uint32_t count, struct linux_pollfd *list)
{
	uint64_t length = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t events = 0;
		for (unsigned kind = 0; kind < 3; kind++)
			if (set_has(sets->words[kind], i))
				events |= select_events[kind];
		if (events)
			list[length++] = (struct linux_pollfd){ (int32_t)i, (int16_t)events, 0 };
	}
	return length;
}

/* The answer as sets; how many bits are set, or -EBADF. */
static int64_t select_from_poll(struct select_sets *sets, const struct linux_pollfd *list, uint64_t length)
{
	struct select_sets wanted = *sets;
	int64_t bits = 0;
	memset(sets, 0, sizeof(*sets));
	for (uint64_t i = 0; i < length; i++) {
		uint32_t number = (uint32_t)list[i].descriptor, ready = (uint16_t)list[i].ready;
		if (ready & POLLNVAL)
			return -EBADF;
		for (unsigned kind = 0; kind < 3; kind++) {
			if (ready & select_results[kind] && set_has(wanted.words[kind], number)) {
				sets->words[kind][number / 64] |= 1ull << number % 64;
				bits++;
			}
		}
	}
	return bits;
}

static int64_t select_run(struct thread *thread, int32_t count, const uint64_t addresses[3], uint64_t deadline)
{
	struct select_sets sets = { 0 };
	uint64_t bytes = ((uint64_t)MINIMUM((uint32_t)count, SELECT_MAX) + 63) / 64 * 8;
	if (count < 0)
		return -EINVAL;
	for (unsigned kind = 0; kind < 3; kind++)
		if (addresses[kind] && user_read(sets.words[kind], addresses[kind], bytes) < 0)
			return -EFAULT;
	struct linux_pollfd *list = heap_allocate(SELECT_MAX * sizeof(*list));
	if (!list)
		return -ENOMEM;
	uint64_t length = select_to_poll(&sets, MINIMUM((uint32_t)count, SELECT_MAX), list);
	int64_t result = poll_wait(thread, list, length, deadline);
	if (result >= 0)
		result = select_from_poll(&sets, list, length);
	heap_free(list);
	for (unsigned kind = 0; result >= 0 && kind < 3; kind++)
		if (addresses[kind] && user_write(addresses[kind], sets.words[kind], bytes) < 0)
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
		deadline = deadline_after(thread, duration_of(&time));
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
		deadline = deadline_after(thread, deadline);
	}
	if (mask && user_read(pair, mask, sizeof(pair)) < 0)
		return -EFAULT;
	int status = signal_mask_for_call(thread, pair[0], pair[1]);
	if (status < 0)
		return status;
	int64_t result = select_run(thread, count, addresses, deadline);
	remaining_write(timeout, deadline, false);
	return result;
}
