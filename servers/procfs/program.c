/* /proc/atoll/program: a program's file on its way to the supervisor, which has made the memory object that it is written to. A
 * command in /proc/atoll/control uses it. One writer at a time; who opens it begins anew. */
#include "procfs.h"

#include <errno.h>

static uint64_t writer; /* label; 0: nobody has it open */
static slot_t memory;
static uint64_t size;

static int opened(uint64_t label)
{
	if (writer)
		return -EBUSY;
	if (memory)
		slot_free(memory);
	memory = slot_allocate();
	if (!memory)
		return -ENFILE;
	int status = source_program(memory);
	if (status) {
		slot_free(memory);
		memory = 0;
		return status;
	}
	writer = label;
	size = 0;
	return 0;
}

static void closed(uint64_t label)
{
	if (writer == label)
		writer = 0;
}

/* The bytes are there, and the supervisor knows how many, before the writer hears of it. To do that twice is to do it once. */
static int write(const struct request *request, uint64_t offset, uint64_t *count)
{
	uint64_t room = offset < PROGRAM_SIZE_MAX ? PROGRAM_SIZE_MAX - offset : 0;
	uint64_t length = request->send_length < room ? request->send_length : room;
	if (request->send_length == 0)
		return 0;
	if (room == 0)
		return -EFBIG;
	int64_t done = request_read_memory(request, 0, memory, offset, length);
	if (done <= 0)
		return done == 0 ? -EIO : (int)done;
	uint64_t end = offset + (uint64_t)done;
	int status = end > size ? source_program_written(end) : 0;
	if (status)
		return status;
	size = end > size ? end : size;
	*count = (uint64_t)done;
	return 0;
}

const struct keeping program_keeping = { .opened = opened, .write = write, .closed = closed };
