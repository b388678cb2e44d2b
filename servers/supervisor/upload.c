/* A program's file on its way in: procfs writes it to a memory object that is made here (/proc/atoll/program), and a command
 * that needs a program takes a copy, which nobody else can change. There is one, in a slot of its own; it is as durable as
 * the supervisor's own state, in which its size is. It goes when the step that used it counts. */
#include "supervisor.h"
#include <errno.h>

enum upload_state { UPLOAD_NONE, UPLOAD_COMES, UPLOAD_GOES };

bool upload_prepare(void)
{
	struct pool_info own;
	state.upload = slot_kept();
	state.files = slot_kept();
	return pool_info(SELF_POOL, &own) >= 0 && pool_create(SELF_POOL, own.limit | POOL_SPARING, state.files) >= 0;
}

int upload_begin(void)
{
	slot_destroy(state.upload);
	state.upload_size = 0;
	state.upload_state = UPLOAD_NONE;
	if (memory_create(state.files, PROGRAM_SIZE_MAX, 0, state.upload) < 0)
		return -ENOMEM;
	state.upload_state = UPLOAD_COMES;
	return 0;
}

int upload_written(uint64_t size)
{
	if (size > PROGRAM_SIZE_MAX)
		return -EFBIG;
	if (state.upload_state != UPLOAD_COMES)
		return -ENODATA;
	state.upload_size = size;
	return 0;
}

/* That it comes may be what a step says that was broken off: its object may be gone. */
int upload_copy(slot_t to, uint64_t *size)
{
	struct memory_info info;
	if (state.upload_state != UPLOAD_COMES || state.upload_size == 0 || memory_info(state.upload, &info) < 0)
		return -ENODATA;
	*size = state.upload_size;
	if (memory_create(state.files, *size, 0, to) < 0)
		return -ENOMEM;
	if (program_copy(to, 0, state.upload, 0, *size))
		return 0;
	slot_destroy(to);
	return -ENOMEM;
}

void upload_used(void)
{
	state.upload_state = UPLOAD_GOES;
	state.upload_size = 0;
}

void upload_committed(void)
{
	if (state.upload_state != UPLOAD_GOES)
		return;
	slot_destroy(state.upload);
	state.upload_state = UPLOAD_NONE;
}
