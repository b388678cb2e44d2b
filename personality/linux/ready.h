/* What files are ready for: looked at in this process where that can be, asked of a server where it must be. */
#ifndef PERSONALITY_READY_H
#define PERSONALITY_READY_H

#include "files.h"
#include "protocol_ring.h"
#include "protocols/ring.h"

#define READY_UNKNOWN (-1)
#define READY_IN (POLLIN | POLLRDNORM | POLLRDBAND)
#define READY_OUT (POLLOUT | POLLWRNORM | POLLWRBAND)
#define READY_ALWAYS (POLLERR | POLLHUP) /* told whether asked for or not */
#define READY_PLAIN (POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM) /* of a file that never makes anybody wait */

/* Who waits: the bits of a notification; `deadline` becomes earlier where time alone makes a file ready. */
struct ready_watch {
	slot_t notification;
	uint64_t bits;
	uint64_t cookie; /* among all who wait for the file */
	uint64_t *deadline;
};

/* Which of these events hold now, from whoever knows. With a watch (may be NULL), whose bits are signalled once if none
 * holds and one comes, with FILE_POLL_EDGE also if one holds and there is news. */
uint32_t file_ready(struct thread *thread, struct open_file *file, uint32_t events, const struct ready_watch *watch);
/* The same, watched by the thread's own notification until one comes; what is watched already is not asked again. */
uint32_t file_ready_watched(struct thread *thread, struct open_file *file, uint32_t events, uint64_t *deadline);
/* Sleep until something watched is signalled, or the deadline; -EINTR. */
int64_t watches_wait(struct thread *thread, uint64_t deadline);
/* Is the file, or was it when nothing has been signalled since, watched and not ready? Takes what has been signalled. */
void watches_take(struct thread *thread);
bool file_is_watched(const struct thread *thread, const struct open_file *file, uint32_t events);

/* What has come to a file, ever: two words that grow. One that differs from before is an edge. */
struct ready_marks {
	uint32_t in, out;
};
/* The sides (READY_IN, READY_OUT, all) that had news since the marks, which are brought up to date. Only of
 * files whose readiness is known here. */
uint32_t file_news(const struct open_file *file, struct ready_marks *marks);

/* Where these are counted; NULL: time alone may bring news. */
void file_words(const struct open_file *file, const uint32_t **in, const uint32_t **out);

/* --- the parts of it ------------------------------------------------------------------------------------ */
uint32_t pipe_ready(const struct pipe_view *view);
uint32_t pipe_input_ready(const struct pipe_view *view, uint64_t words); /* by tail and head, as access_load_pair gives them */
uint32_t pipe_news(const struct pipe_view *view, struct ready_marks *marks);
void event_words(const struct open_file *file, const uint32_t **in, const uint32_t **out);
uint32_t event_ready(const struct open_file *file);
uint32_t event_news(const struct open_file *file, struct ready_marks *marks);
/* Of the personality's own kinds. */
uint32_t own_ready(struct thread *thread, struct open_file *file, uint32_t events, const struct ready_watch *watch);
uint32_t epoll_ready(struct thread *thread, struct open_file *file, const struct ready_watch *watch);

static inline uint32_t pipe_ready_now(const struct pipe_view *view)
{
	if (view->output)
		return pipe_ready(view);
	uint64_t words = access_load_pair(&view->input->tail, &view->input->head);
	bool idle = (uint32_t)words == words >> 32 && !(words & RING_CLOSED);
	return idle ? 0 : pipe_input_ready(view, words);
}

/* All events that hold, as far as this process sees by itself; READY_UNKNOWN: file_ready must ask. */
static inline int32_t file_ready_here(const struct open_file *file)
{
	if (file->flags & FILE_RING) {
		const struct pipe_view *view = __atomic_load_n(&file->object, __ATOMIC_ACQUIRE);
		return view ? (int32_t)pipe_ready_now(view) : READY_UNKNOWN;
	}
	if (file->kind == FILE_EVENT || file->kind == FILE_TIMER)
		return (int32_t)event_ready(file);
	return file->flags & (FILE_DEVICES | FILE_DISK) ? (int32_t)READY_PLAIN : READY_UNKNOWN;
}

#endif
