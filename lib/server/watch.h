/* Poll watchers: who wants to know when an open file becomes ready (file_poll).
 *
 * One watch per cookie; a poll with the same cookie replaces it. A watch signals once and is gone. */
#ifndef SERVER_WATCH_H
#define SERVER_WATCH_H

#include "server/server.h"

#define WATCH_IN 0x001u
#define WATCH_PRIORITY 0x002u
#define WATCH_OUT 0x004u
#define WATCH_ERROR 0x008u
#define WATCH_HANGUP 0x010u
#define WATCH_READ_NORMAL 0x040u
#define WATCH_WRITE_NORMAL 0x100u
#define WATCH_READ_HANGUP 0x2000u
#define WATCH_EDGE 0x80000000u /* FILE_POLL_EDGE */
#define WATCH_ALWAYS (WATCH_ERROR | WATCH_HANGUP)

struct watch;
struct watch_list {
	struct watch *first;
	unsigned count;
};

/* The whole of file_poll: the events that hold now, and, if none does and the caller sent a
 * notification (capability 0 of the request), a watch; with WATCH_EDGE one in any case. 0 or -ENOMEM. */
int watch_poll(struct watch_list *list, struct request *request, uint32_t ready, uint32_t events,
               uint64_t cookie, uint64_t bits, uint32_t *result);
/* The file is ready for these: signal and forget every watch that waits for one of them. */
void watch_fire(struct watch_list *list, uint32_t ready);
/* All events that somebody waits for. */
uint32_t watch_wanted(const struct watch_list *list);
/* The file is gone. */
void watch_clear(struct watch_list *list);

#endif
