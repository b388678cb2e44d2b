/* Offsets of open files. Where others may share an open file its offset is the server's. A regular file that only this
 * process has (tables.c) has it here, in `position`, while FILE_OFFSET_HERE is set: reading and seeking in it need no
 * call. It goes to the server before the file may be shared, and where that looks at it itself.
 *
 * Threads may use it at once. A read takes its place when it is done, and is done again if another was faster; a
 * write takes its place first. */
#include "files.h"

#define OFFSET_LEAVES (~0ull) /* in `position`: it is on its way to the server */

/* The offset, in *at; false: it is the server's, by now. */
static bool offset_get(const struct open_file *file, uint64_t *at)
{
	while (__atomic_load_n(&file->flags, __ATOMIC_ACQUIRE) & FILE_OFFSET_HERE) {
		*at = __atomic_load_n(&file->position, __ATOMIC_ACQUIRE);
		if (*at != OFFSET_LEAVES)
			return true;
		thread_yield();
	}
	return false;
}

static bool offset_change(struct open_file *file, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(&file->position, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void offset_leave(struct open_file *file)
{
	uint64_t at;
	while (offset_get(file, &at)) {
		if (!offset_change(file, at, OFFSET_LEAVES))
			continue;
		file_seek(file->slot, NULL, (int64_t)at, SEEK_SET, NULL);
		__atomic_and_fetch(&file->flags, (uint16_t)~FILE_OFFSET_HERE, __ATOMIC_ACQ_REL);
		__atomic_store_n(&file->position, at, __ATOMIC_RELEASE);
	}
}

int64_t offset_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, uint32_t flags)
{
	uint64_t at;
	while (offset_get(file, &at)) {
		int64_t count = file_read_at(thread, file, buffer, length, (int64_t)at, flags);
		if (count <= 0 || offset_change(file, at, at + (uint64_t)count))
			return count;
	}
	return file_read_at(thread, file, buffer, length, FILE_OFFSET_CURRENT, flags);
}

int64_t offset_write(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, uint32_t flags)
{
	uint64_t at;
	while (offset_get(file, &at)) {
		if (!offset_change(file, at, at + length))
			continue;
		int64_t count = file_write_at(thread, file, buffer, length, (int64_t)at, flags);
		uint64_t done = count > 0 ? (uint64_t)count : 0;
		if (done < length)
			offset_change(file, at + length, at + done);
		return count;
	}
	return file_write_at(thread, file, buffer, length, FILE_OFFSET_CURRENT, flags);
}

/* From the start or from where it is. */
static int seek_here(struct open_file *file, uint64_t at, int64_t offset, uint32_t whence, int64_t *position)
{
	int64_t base = whence == SEEK_CUR ? (int64_t)at : 0;
	if (__builtin_add_overflow(base, offset, position) || *position < 0)
		return -EINVAL;
	return *position == (int64_t)at || offset_change(file, at, (uint64_t)*position) ? 0 : -EAGAIN;
}

int offset_seek(struct open_file *file, int64_t offset, uint32_t whence, int64_t *position)
{
	uint64_t at;
	int status;
	if (file->kind != FILE_GATE)
		return -ESPIPE;
	while (offset_get(file, &at)) {
		if (whence == SEEK_SET || whence == SEEK_CUR) {
			status = seek_here(file, at, offset, whence, position);
			if (status != -EAGAIN)
				return status;
			continue;
		}
		status = file_seek(file->slot, NULL, offset, whence, position);
		if (status < 0 || offset_change(file, at, (uint64_t)*position))
			return status;
	}
	status = file_seek(file->slot, NULL, offset, whence, position);
	if (status == 0)
		file->position = (uint64_t)*position;
	return status;
}
