/* The file protocol's locks: fcntl's by process or open file, and flock's. */
#define _GNU_SOURCE
#include "service.h"

#include "lock.h"
#include "protocol_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

enum { OFD_GETLK = 36, OFD_SETLK = 37, OFD_SETLKW = 38 };

static int describe_lock(const struct request *request, bool open_file_owned, struct lock_request *lock,
                         struct file_lock *wire)
{
	memcpy(wire, request->data, sizeof *wire);
	if (wire->type > F_UNLCK || wire->start > INT64_MAX || wire->length > INT64_MAX)
		return -EINVAL;
	*lock = (struct lock_request){
		.exclusive = wire->type == F_WRLCK,
		.owner = open_file_owned ? request->label : wire->owner,
		.file = request->label,
		.start = wire->start,
		.end = wire->length ? wire->start + wire->length - 1 : UINT64_MAX,
	};
	return 0;
}

static int query_lock(struct request *request, const struct node *node, const struct lock_request *lock,
                      struct file_lock *wire)
{
	static NOT_STATE struct file_lock answer;
	struct lock_request found;
	answer = *wire;
	answer.type = F_UNLCK;
	if (lock_query(node, lock, &found)) {
		answer.type = found.exclusive ? F_WRLCK : F_RDLCK;
		answer.start = found.start;
		answer.length = found.end == UINT64_MAX ? 0 : found.end - found.start + 1;
		answer.owner = found.owner >> 32 ? UINT32_MAX : (uint32_t)found.owner;
	}
	request_reply_data(request, &answer, sizeof answer);
	return 0;
}

static int finish_lock(struct request *request, int status)
{
	if (status != LOCK_WAITS)
		return status;
	request_park(request);
	return REQUEST_PARKED;
}

int serve_lock(struct request *request, const struct file_lock_in *in)
{
	struct open_file *file = this_file(request);
	struct lock_request lock;
	struct file_lock wire;
	bool own = in->command >= OFD_GETLK && in->command <= OFD_SETLKW;
	uint32_t command = own ? in->command - OFD_GETLK + F_GETLK : in->command;
	int status = describe_lock(request, own, &lock, &wire);
	if (status)
		return status;
	if (open_file_is_path(file))
		return -EBADF;
	switch (command) {
	case F_GETLK:
		return wire.type == F_UNLCK ? -EINVAL : query_lock(request, file->node, &lock, &wire);
	case F_SETLK:
	case F_SETLKW:
		break;
	default:
		return -EINVAL;
	}
	if (wire.type == F_UNLCK)
		return lock_clear(file->node, &lock);
	if (lock.exclusive ? !open_file_writable(file) : !open_file_readable(file))
		return -EBADF;
	return finish_lock(request, lock_set(file->node, &lock, command == F_SETLKW ? request->id : 0));
}

int serve_flock(struct request *request, const struct file_flock_in *in)
{
	struct open_file *file = this_file(request);
	if (open_file_is_path(file))
		return -EBADF;
	struct lock_request lock = {
		.whole = true, .owner = request->label, .file = request->label, .end = UINT64_MAX
	};
	switch (in->operation & ~(uint32_t)LOCK_NB) {
	case LOCK_UN:
		return lock_clear(file->node, &lock);
	case LOCK_EX:
		lock.exclusive = true;
		break;
	case LOCK_SH:
		break;
	default:
		return -EINVAL;
	}
	return finish_lock(request, lock_set(file->node, &lock, in->operation & LOCK_NB ? 0 : request->id));
}

int serve_release_locks(struct request *request, const struct file_release_locks_in *in)
{
	struct node *node = this_file(request)->node;
	if (node->locks)
		lock_release_owner(node, in->owner);
	return 0;
}
