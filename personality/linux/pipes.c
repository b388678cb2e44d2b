/* Reading and writing pipes and socket pairs: copies between the program's memory and a ring in shared memory, sleeping
 * on its futex words (protocols/ring.h). No server takes part, unless the ring says that somebody polls.
 *
 * Whoever shares a ring may write anything into it at any time. So each word is read once and checked, copies
 * stay inside the ring whatever the words say, every touch survives a page that is gone, and every loop sleeps
 * or ends, and ends for a signal: a garbled ring gives EIO, or wrong bytes, or silence, and no more. */
#include "files.h"
#include "protocol_ring.h"
#include "protocols/ring.h"
#include "ready.h"
#include "signals.h"
#include "time.h"

#define EVERYBODY INT32_MAX
#define LOCK_PATIENCE 10000000ull /* nanoseconds that a call which must not wait waits for another to finish copying */

static uint8_t *ring_bytes(struct ring *ring)
{
	return (uint8_t *)ring + RING_BYTES;
}

/* What a futex wait's end means for the call: 0: look again. */
static int64_t sleep_result(struct thread *thread, int64_t status, unsigned flags)
{
	if (flags & PIPE_UNINTERRUPTED && (status == STATUS_OK || status == STATUS_AGAIN))
		return 0;
	if (status == STATUS_INTERRUPTED || (status == STATUS_AGAIN && *(volatile uint64_t *)&thread->alert))
		return -EINTR;
	return status == STATUS_OK || status == STATUS_AGAIN ? 0 : status == STATUS_TIMED_OUT ? -EAGAIN : -EIO;
}

/* --- locks --------------------------------------------------------------------------------------------- */

static int64_t lock_sleep(struct thread *thread, uint32_t *lock, uint32_t found, uint64_t deadline, unsigned flags)
{
	uint32_t again;
	if (!(found & RING_AWAITED)) {
		if (access_exchange32(lock, found, found | RING_AWAITED, &again) < 0)
			return -EIO;
		if (again != found)
			return sleep_result(thread, STATUS_AGAIN, flags);
	}
	return sleep_result(thread, futex_wait(lock, found | RING_AWAITED, deadline, !(flags & PIPE_UNINTERRUPTED)), flags);
}

static int64_t ring_lock(struct thread *thread, uint32_t *lock, uint32_t member, unsigned flags)
{
	uint32_t found, mine = member << 1;
	uint64_t deadline = 0;
	for (;;) {
		if (access_exchange32(lock, 0, mine, &found) < 0)
			return -EIO;
		if (found == 0)
			return 0;
		if (flags & PIPE_NOWAIT && deadline == 0)
			deadline = time_now() + LOCK_PATIENCE;
		int64_t status = lock_sleep(thread, lock, found, deadline, flags);
		if (status < 0)
			return status;
		mine |= RING_AWAITED; /* whoever has slept cannot know whether others still do */
	}
}

/* All who sleep are woken: the one that was woken alone could die of it. */
static void ring_unlock(uint32_t *lock)
{
	uint32_t old = 0;
	access_swap32(lock, 0, &old);
	if (old & RING_AWAITED)
		futex_wake(lock, EVERYBODY);
}

/* --- sleeping and telling ------------------------------------------------------------------------------- */

/* Until the word is no longer what was seen. The count comes before the comparison, as the other side's addition to the
 * word comes before its look at the count. */
static int64_t ring_sleep(struct thread *thread, uint32_t *word, uint32_t seen, uint32_t *sleepers, unsigned flags)
{
	if (access_add32(sleepers, 1) < 0)
		return -EIO;
	int64_t status = futex_wait(word, seen, 0, !(flags & PIPE_UNINTERRUPTED));
	access_add32(sleepers, (uint32_t)-1);
	return sleep_result(thread, status, flags);
}

static void ring_tell(struct open_file *file, uint32_t *word, const uint32_t *sleepers, const uint32_t *watched)
{
	uint32_t count = 0, watches = 0;
	access_load32(sleepers, &count);
	if (count)
		futex_wake(word, EVERYBODY);
	access_load32(watched, &watches);
	if (watches)
		ring_changed(file->slot, NULL);
}

/* The flags of one transfer: may it wait? */
static unsigned transfer_mode(const struct pipe_view *view, unsigned flags)
{
	uint32_t shared = 0;
	access_load32(view->flags, &shared);
	return shared & RING_NONBLOCK ? flags | PIPE_NOWAIT : flags;
}

/* Both words and what is between them; *tail and *head as they were read. */
static int64_t ring_look(struct ring *ring, uint32_t *tail, uint32_t *head, uint32_t *count)
{
	if (access_load32(&ring->tail, tail) < 0 || access_load32(&ring->head, head) < 0)
		return -EIO;
	*count = ring_count(*tail, *head);
	return *count > RING_CAPACITY ? -EIO : 0;
}

/* --- reading --------------------------------------------------------------------------------------------- */

/* Under the read lock. Bytes taken, 0 at the end, -EAGAIN where there are none: *seen is then the word to sleep on. */
static int64_t ring_take(struct ring *ring, uint64_t buffer, uint64_t length, uint32_t *seen)
{
	uint32_t head, count;
	int64_t status = ring_look(ring, seen, &head, &count);
	if (status < 0)
		return status;
	if (count == 0)
		return *seen & RING_CLOSED ? 0 : -EAGAIN;
	uint64_t wanted = MINIMUM(length, count), first = MINIMUM(wanted, RING_CAPACITY - ring_place(head));
	if (access_copy((void *)buffer, ring_bytes(ring) + ring_place(head), first) < 0)
		return -EFAULT;
	if (wanted > first && access_copy((void *)(buffer + first), ring_bytes(ring), wanted - first) < 0)
		wanted = first;
	access_add32(&ring->head, (uint32_t)wanted * RING_BYTE);
	return (int64_t)wanted;
}

/* Empty, and not at its end: that is seen without the lock. */
static bool ring_is_idle(const struct ring *ring, uint32_t *tail)
{
	uint64_t words = access_load_pair(&ring->tail, &ring->head);
	*tail = (uint32_t)words;
	return !(*tail & RING_CLOSED) && *tail >> 1 == words >> 33;
}

int64_t pipe_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, unsigned flags)
{
	int error = -EIO;
	struct pipe_view *view = pipe_view(thread->task, file, &error);
	if (!view)
		return error;
	struct ring *ring = view->input;
	if (!ring)
		return -EBADF;
	if (length == 0)
		return 0;
	flags = transfer_mode(view, flags);
	for (;;) {
		uint32_t seen = 0;
		int64_t result = ring_is_idle(ring, &seen) ? -EAGAIN : 0;
		if (result == 0)
			result = ring_lock(thread, &ring->read_lock, view->member, flags);
		if (result == 0) {
			result = ring_take(ring, buffer, length, &seen);
			ring_unlock(&ring->read_lock);
		}
		if (result > 0)
			ring_tell(file, &ring->head, &ring->room_sleepers, &ring->room_watched);
		if (result != -EAGAIN || flags & PIPE_NOWAIT)
			return result;
		result = ring_sleep(thread, &ring->tail, seen, &ring->data_sleepers, flags);
		if (result < 0)
			return result;
	}
}

/* --- writing --------------------------------------------------------------------------------------------- */

/* Under the write lock. Bytes added; -EAGAIN where there is no room: *seen is then the word to sleep on. */
static int64_t ring_put(struct ring *ring, uint64_t buffer, uint64_t length, bool whole, uint32_t *seen)
{
	uint32_t tail, count;
	int64_t status = ring_look(ring, &tail, seen, &count);
	if (*seen & RING_CLOSED)
		return -EPIPE;
	if (status < 0)
		return status;
	uint64_t room = RING_CAPACITY - count, place = ring_place(tail);
	if (room == 0 || (whole && room < length))
		return -EAGAIN;
	uint64_t wanted = MINIMUM(length, room), first = MINIMUM(wanted, RING_CAPACITY - place);
	if (access_copy(ring_bytes(ring) + place, (const void *)buffer, first) < 0)
		return -EFAULT;
	if (wanted > first && access_copy(ring_bytes(ring), (const void *)(buffer + first), wanted - first) < 0)
		wanted = first;
	access_add32(&ring->tail, (uint32_t)wanted * RING_BYTE);
	return (int64_t)wanted;
}

/* Writes until all is in, or nothing more goes in: bytes done, or a negative errno for the rest in *error. */
static uint64_t ring_write(struct thread *thread, struct open_file *file, struct pipe_view *view, uint64_t buffer,
                           uint64_t length, unsigned flags, int64_t *error)
{
	struct ring *ring = view->output;
	uint64_t done = 0;
	*error = 0;
	while (done < length) {
		uint32_t seen = 0;
		*error = ring_lock(thread, &ring->write_lock, view->member, flags);
		if (*error < 0)
			break;
		int64_t result = ring_put(ring, buffer + done, length - done, length <= RING_ATOMIC, &seen);
		ring_unlock(&ring->write_lock);
		if (result > 0) {
			done += (uint64_t)result;
			ring_tell(file, &ring->tail, &ring->data_sleepers, &ring->data_watched);
			continue;
		}
		*error = result;
		if (result != -EAGAIN || flags & PIPE_NOWAIT)
			break;
		*error = ring_sleep(thread, &ring->head, seen, &ring->room_sleepers, flags);
		if (*error < 0)
			break;
	}
	return done;
}

int64_t pipe_write(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, unsigned flags)
{
	int error = -EIO;
	struct pipe_view *view = pipe_view(thread->task, file, &error);
	if (!view)
		return error;
	if (!view->output)
		return -EBADF;
	int64_t result;
	uint64_t done = ring_write(thread, file, view, buffer, length, transfer_mode(view, flags), &result);
	if (result == -EPIPE && !(flags & PIPE_NO_SIGNAL) && (done == 0 || !view->socket))
		signal_raise(thread, SIGPIPE, SI_USER);
	return done > 0 ? (int64_t)done : result;
}

/* --- readiness ------------------------------------------------------------------------------------------- */

/* Where the words cannot be touched access_load_pair gives -EFAULT, which counts as garbled. */
uint32_t pipe_input_ready(const struct pipe_view *view, uint64_t words)
{
	uint32_t tail = (uint32_t)words, count = ring_count(tail, (uint32_t)(words >> 32)), unopened = 0;
	uint32_t ready = count ? POLLIN | POLLRDNORM : 0;
	if (!(tail & RING_CLOSED) || count > RING_CAPACITY)
		return ready;
	access_load32(&view->input->unopened, &unopened);
	return unopened ? ready : ready | (view->socket ? POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP : POLLHUP);
}

static uint32_t output_ready(const struct pipe_view *view)
{
	uint64_t words = access_load_pair(&view->output->tail, &view->output->head);
	uint32_t head = (uint32_t)(words >> 32), count = ring_count((uint32_t)words, head);
	uint32_t writable = POLLOUT | POLLWRNORM | (view->socket ? POLLWRBAND : 0);
	if (head & RING_CLOSED && count <= RING_CAPACITY)
		return writable | (view->socket ? 0 : POLLERR);
	return count <= RING_CAPACITY - RING_ATOMIC || count > RING_CAPACITY ? writable : 0;
}

uint32_t pipe_ready(const struct pipe_view *view)
{
	const struct ring *input = view->input;
	return (input ? pipe_input_ready(view, access_load_pair(&input->tail, &input->head)) : 0) |
	       (view->output ? output_ready(view) : 0);
}

/* Whoever reads from a pipe wakes writers only if it was full: it cannot have been, unless all that was written
 * until now would fill what was free when we last looked. A socket pair tells of all reading. */
uint32_t pipe_news(const struct pipe_view *view, struct ready_marks *marks)
{
	uint32_t news = 0;
	struct ready_marks now = { 0 };
	if (view->input) {
		now.in = now.out = (uint32_t)access_load_pair(&view->input->tail, &view->input->head);
		uint32_t change = now.in ^ marks->in;
		news |= change & RING_CLOSED ? UINT32_MAX : change ? READY_IN : 0;
	}
	if (view->output) {
		uint64_t words = access_load_pair(&view->output->tail, &view->output->head);
		now.out = (uint32_t)(words >> 32);
		now.in = view->input ? now.in : now.out;
		uint32_t change = now.out ^ marks->out;
		bool told = view->socket || ring_count((uint32_t)words, marks->out) > RING_CAPACITY - RING_ATOMIC;
		news |= change & RING_CLOSED ? UINT32_MAX : change && told ? READY_OUT : 0;
	}
	*marks = now; /* a direction that there is not has the other's: see file_words */
	return news;
}
