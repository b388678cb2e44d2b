/* Readiness, from whoever knows of it.
 *
 * Pipes, socket pairs, eventfds and the like are looked at in place (ready.h). Of other files a server is asked. A
 * thread that waits has each file watched under a bit of its notification, and remembers that: until the bit is
 * signalled the file is as it was, not ready, and nobody is asked again, by this call or the next. Files that share a
 * bit are asked again together. */
#include "ready.h"
#include "signals.h"

uint32_t file_ready(struct thread *thread, struct open_file *file, uint32_t events, const struct ready_watch *watch)
{
	uint32_t ready = 0;
	int error;
	if (file->kind != FILE_GATE)
		return own_ready(thread, file, events, watch);
	const struct pipe_view *view = file->flags & FILE_RING ? pipe_view(thread->task, file, &error) : NULL;
	if (view) {
		ready = pipe_ready(view) & (events | READY_ALWAYS);
		if (!watch || (ready && !(events & FILE_POLL_EDGE)))
			return ready;
	}
	int status = file_poll(file->slot, NULL, events, watch ? watch->cookie : 0, watch ? watch->bits : 0,
	                       watch ? watch->notification : 0, &ready);
	/* A file whose server knows no readiness is always ready, as a regular file is. */
	return (status < 0 ? (uint32_t)READY_PLAIN : ready) & (events | READY_ALWAYS);
}

uint32_t file_news(const struct open_file *file, struct ready_marks *marks)
{
	if (file->flags & FILE_RING)
		return file->object ? pipe_news(file->object, marks) : UINT32_MAX;
	return file->kind == FILE_GATE ? 0 : event_news(file, marks);
}

void file_words(const struct open_file *file, const uint32_t **in, const uint32_t **out)
{
	const struct pipe_view *view = file->flags & FILE_RING ? file->object : NULL;
	*in = NULL;
	if (file->kind != FILE_GATE)
		event_words(file, in, out);
	if (!view)
		return;
	*in = view->input ? &view->input->tail : &view->output->head;
	*out = view->output ? &view->output->head : &view->input->tail;
}

/* --- a thread's watches ---------------------------------------------------------------------------------- */

static struct watched *watched_place(const struct thread *thread, const struct open_file *file)
{
	return (struct watched *)&thread->watched[file->serial % THREAD_WATCHES];
}

bool file_is_watched(const struct thread *thread, const struct open_file *file, uint32_t events)
{
	const struct watched *watched = watched_place(thread, file);
	return watched->serial == file->serial && !(events & ~watched->events);
}

uint32_t file_ready_watched(struct thread *thread, struct open_file *file, uint32_t events, uint64_t *deadline)
{
	struct watched *watched = watched_place(thread, file);
	bool gate = file->kind == FILE_GATE;
	struct ready_watch watch = { thread->notification, 2ull << file->serial % THREAD_WATCHES, thread->id, deadline };
	if (!watch.notification)
		return file_ready(thread, file, events, NULL);
	if (!gate)
		watch.bits = WATCH_OWN;
	else if (file_is_watched(thread, file, events))
		return 0;
	uint32_t ready = file_ready(thread, file, events, &watch);
	if (gate)
		*watched = (struct watched){ ready ? 0 : file->serial, events };
	return ready;
}

static void watches_forget(struct thread *thread, uint64_t bits)
{
	for (bits >>= 1; bits; bits &= bits - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(bits);
		if (bit < THREAD_WATCHES)
			thread->watched[bit].serial = 0;
	}
}

int64_t watches_wait(struct thread *thread, uint64_t deadline)
{
	int64_t bits = notification_wait(thread->notification, deadline, 1);
	if (bits > 0)
		watches_forget(thread, (uint64_t)bits);
	return bits == STATUS_INTERRUPTED ? -EINTR : 0;
}

void watches_take(struct thread *thread)
{
	int64_t bits = thread->notification ? notification_wait(thread->notification, 0, 2) : 0;
	if (bits > 0)
		watches_forget(thread, (uint64_t)bits);
}
