/* Reading and writing: the program's buffer goes straight to the server, which the kernel lets copy it. What has
 * several pieces is gathered first, so that a pipe sees one write and a terminal one read. */
#include "ready.h"
#include "signals.h"

#define TRANSFER_MAX 0x7ffff000ull
#define VECTORS_MAX 1024u
#define GATHER_MAX 0x10000u
#define GATHER_STACK 2048u
#define ZEROS_PIECE 0x10000u
#define RWF_HINTS 7u /* HIPRI, DSYNC, SYNC: nothing is left to do for them */
#define RWF_KNOWN (RWF_HINTS | FILE_RWF_NOWAIT | FILE_RWF_APPEND)

/* The caller's process id rides along for job control at terminals, and whether `signal`, which it would send, does
 * anything. */
uint32_t transfer_flags(struct thread *thread, int signal)
{
	return (thread->task->process & 0xffff) << FILE_FLAGS_PROCESS_SHIFT |
	       (signal_is_off(thread, signal) ? FILE_FLAGS_SIGNAL_OFF : 0);
}

/* --- null, zero and full ------------------------------------------------------------------------------ */

/* Zeros, piece by piece, so that a signal ends a long read early. The buffer may be our own. */
static int64_t zeros_read(const struct thread *thread, uint64_t buffer, uint64_t length)
{
	uint64_t done = 0;
	do {
		uint64_t part = MINIMUM(length - done, ZEROS_PIECE);
		if (access_clear((void *)(buffer + done), part) < 0)
			return done > 0 ? (int64_t)done : -EFAULT;
		done += part;
	} while (done < length && !__atomic_load_n(&thread->alert, __ATOMIC_RELAXED));
	return (int64_t)done;
}

/* --- one piece ------------------------------------------------------------------------------------------ */

static unsigned pipe_flags_of(uint32_t flags)
{
	return flags & FILE_RWF_NOWAIT ? PIPE_NOWAIT : 0;
}

/* Where the server neither reads nor writes: it is an end of a pipe that came by name or from another program. */
static bool ring_found(struct thread *thread, struct open_file *file)
{
	int error;
	if (file->flags & FILE_RING || !pipe_view(thread->task, file, &error))
		return false;
	__atomic_or_fetch(&file->flags, (uint16_t)FILE_RING, __ATOMIC_RELAXED);
	return true;
}

static int64_t gate_read(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, int64_t offset,
                         uint32_t flags)
{
	uint64_t count = 0;
	int status = file_read(file->slot, INTERRUPTIBLE, offset, length, flags | transfer_flags(thread, SIGTTIN),
	                       (void *)buffer, length, NULL, &count);
	if (status == 0 && offset == FILE_OFFSET_CURRENT)
		file->position += count;
	return status < 0 ? status : (int64_t)count;
}

int64_t file_read_at(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length, int64_t offset,
                     uint32_t flags)
{
	int64_t result;
	if (file->flags & FILE_DEVICES && file->flags & FILE_READS)
		return file->flags & FILE_NULL ? 0 : zeros_read(thread, buffer, length);
	if (file->kind != FILE_GATE)
		return own_read(thread, file, buffer, length);
	if (offset == FILE_OFFSET_CURRENT && file->flags & FILE_OFFSET_HERE)
		return offset_read(thread, file, buffer, length, flags);
	if (file->flags & FILE_CONTENT && window_read(thread, file, buffer, length, offset, &result))
		return result;
	if (file->flags & FILE_RING)
		result = offset != FILE_OFFSET_CURRENT ? -ESPIPE
		                                       : pipe_read(thread, file, buffer, length, pipe_flags_of(flags));
	else
		result = gate_read(thread, file, buffer, length, offset, flags);
	if (result == -EOPNOTSUPP && ring_found(thread, file))
		return file_read_at(thread, file, buffer, length, offset, flags);
	return result;
}

/* RLIMIT_FSIZE: how much of a write to a regular file may go on; -EFBIG, with SIGXFSZ, where nothing may. */
static int64_t size_limit_apply(struct thread *thread, struct open_file *file, uint64_t length, int64_t offset)
{
	struct file_attributes attributes;
	uint32_t flags = 0;
	uint64_t limit = thread->task->file_size_limit;
	if (file_status(file->slot, NULL, &attributes, sizeof(attributes), NULL) < 0 ||
	    (attributes.mode & S_IFMT) != S_IFREG)
		return (int64_t)length;
	file_get_flags(file->slot, NULL, &flags);
	if (flags & O_APPEND)
		offset = (int64_t)attributes.size;
	else if (offset == FILE_OFFSET_CURRENT)
		offset_seek(file, 0, SEEK_CUR, &offset);
	if ((uint64_t)offset < limit)
		return (int64_t)MINIMUM(length, limit - (uint64_t)offset);
	signal_raise(thread, SIGXFSZ, SI_USER);
	return -EFBIG;
}

static int64_t gate_write(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length,
                          int64_t offset, uint32_t flags, const struct call_options *options)
{
	uint64_t count = 0;
	int status = file_write(file->slot, options, offset, flags | transfer_flags(thread, SIGTTOU), (const void *)buffer,
	                        length, &count);
	if (status == -EPIPE)
		signal_raise(thread, SIGPIPE, SI_USER);
	return status < 0 ? status : (int64_t)count;
}

int64_t file_write_at(struct thread *thread, struct open_file *file, uint64_t buffer, uint64_t length,
                      int64_t offset, uint32_t flags)
{
	int64_t result;
	if (file->flags & FILE_DEVICES && file->flags & FILE_WRITES)
		return file->flags & FILE_FULL && length > 0 ? -ENOSPC : (int64_t)length;
	if (file->kind != FILE_GATE)
		return own_write(thread, file, buffer, length);
	if (offset == FILE_OFFSET_CURRENT && file->flags & FILE_OFFSET_HERE) {
		if (!(flags & FILE_RWF_APPEND))
			return offset_write(thread, file, buffer, length, flags);
		offset_leave(file);
	}
	if (!(file->flags & FILE_RING) && thread->task->file_size_limit != RLIM_INFINITY && length > 0) {
		int64_t allowed = size_limit_apply(thread, file, length, offset);
		if (allowed < 0)
			return allowed;
		length = (uint64_t)allowed;
	}
	if (file->flags & FILE_CONTENT_WRITES && !(flags & FILE_RWF_APPEND) &&
	    window_write(thread, file, buffer, length, offset, &result))
		return result;
	if (file->flags & FILE_RING)
		result = offset != FILE_OFFSET_CURRENT ? -ESPIPE
		                                       : pipe_write(thread, file, buffer, length, pipe_flags_of(flags));
	else
		result = gate_write(thread, file, buffer, length, offset, flags, INTERRUPTIBLE);
	if (result == -EOPNOTSUPP && ring_found(thread, file))
		return file_write_at(thread, file, buffer, length, offset, flags);
	return result;
}

static int64_t transfer(struct thread *thread, int32_t descriptor, uint64_t buffer, uint64_t length, int64_t offset,
                        bool writing)
{
	struct open_file *file = file_find_io(thread->task, descriptor);
	if (!file)
		return -EBADF;
	int64_t result = -EFAULT;
	length = MINIMUM(length, TRANSFER_MAX);
	if (user_range(buffer, length))
		result = writing ? file_write_at(thread, file, buffer, length, offset, 0)
		                 : file_read_at(thread, file, buffer, length, offset, 0);
	file_release(thread->task, file);
	return result;
}

int64_t linux_read(struct thread *thread, int32_t descriptor, uint64_t buffer, uint64_t length)
{
	return transfer(thread, descriptor, buffer, length, FILE_OFFSET_CURRENT, false);
}

int64_t linux_write(struct thread *thread, int32_t descriptor, uint64_t buffer, uint64_t length)
{
	return transfer(thread, descriptor, buffer, length, FILE_OFFSET_CURRENT, true);
}

int64_t linux_pread64(struct thread *thread, int32_t descriptor, uint64_t buffer, uint64_t length, int64_t offset)
{
	return offset < 0 ? -EINVAL : transfer(thread, descriptor, buffer, length, offset, false);
}

int64_t linux_pwrite64(struct thread *thread, int32_t descriptor, uint64_t buffer, uint64_t length, int64_t offset)
{
	return offset < 0 ? -EINVAL : transfer(thread, descriptor, buffer, length, offset, true);
}

/* --- several pieces ------------------------------------------------------------------------------------- */

/* Copies between the pieces and one buffer; bytes done or -EFAULT. */
static int64_t vectors_copy(const struct linux_iovec *vectors, uint64_t count, uint8_t *buffer, uint64_t length,
                            bool gather)
{
	uint64_t done = 0;
	for (uint64_t i = 0; i < count && done < length; i++) {
		uint64_t part = MINIMUM(vectors[i].length, length - done);
		int status = gather ? user_read(buffer + done, vectors[i].address, part)
		                    : user_write(vectors[i].address, buffer + done, part);
		if (status < 0)
			return status;
		done += part;
	}
	return (int64_t)done;
}

/* One piece after the other; stops where one comes back short. Only where the whole is too much to gather. */
static int64_t vectors_each(struct thread *thread, struct open_file *file, const struct linux_iovec *vectors,
                            uint64_t count, int64_t offset, uint32_t flags, bool writing)
{
	int64_t total = 0;
	for (uint64_t i = 0; i < count; i++) {
		if (vectors[i].length == 0)
			continue;
		/* What has arrived is given back rather than waiting for more. */
		if (total > 0 && !writing && !file_ready(thread, file, POLLIN, NULL))
			break;
		int64_t at = offset < 0 ? offset : offset + total;
		int64_t done = writing ? file_write_at(thread, file, vectors[i].address, vectors[i].length, at, flags)
		                       : file_read_at(thread, file, vectors[i].address, vectors[i].length, at, flags);
		if (done < 0)
			return total > 0 ? total : done;
		total += done;
		if ((uint64_t)done < vectors[i].length)
			break;
	}
	return total;
}

static int64_t vectors_gathered(struct thread *thread, struct open_file *file, const struct linux_iovec *vectors,
                                uint64_t count, uint64_t total, int64_t offset, uint32_t flags, bool writing)
{
	uint8_t small[GATHER_STACK];
	uint8_t *buffer = total <= GATHER_STACK ? small : heap_allocate_raw(total);
	if (!buffer)
		return -ENOMEM;
	int64_t result;
	if (writing) {
		result = vectors_copy(vectors, count, buffer, total, true);
		if (result >= 0)
			result = file_write_at(thread, file, (uint64_t)buffer, total, offset, flags);
	} else {
		result = file_read_at(thread, file, (uint64_t)buffer, total, offset, flags);
		if (result > 0)
			result = vectors_copy(vectors, count, buffer, (uint64_t)result, false);
	}
	if (buffer != small)
		heap_free(buffer);
	return result;
}

/* Reads the list in, checks it: the bytes it names, or a negative errno. */
static int64_t vectors_read(struct linux_iovec *vectors, uint64_t from, uint64_t count)
{
	uint64_t total = 0;
	if (user_read(vectors, from, count * sizeof(*vectors)) < 0)
		return -EFAULT;
	for (uint64_t i = 0; i < count; i++) {
		if (vectors[i].length > INT64_MAX)
			return -EINVAL;
		vectors[i].length = MINIMUM(vectors[i].length, TRANSFER_MAX - total);
		if (!user_range(vectors[i].address, vectors[i].length))
			return -EFAULT;
		total += vectors[i].length;
	}
	return (int64_t)total;
}

static int64_t vectors_transfer(struct thread *thread, struct open_file *file, const struct linux_iovec *vectors,
                                uint64_t count, uint64_t total, int64_t offset, uint32_t flags, bool writing)
{
	if (count == 1)
		return vectors_each(thread, file, vectors, 1, offset, flags, writing);
	if (total <= GATHER_MAX)
		return vectors_gathered(thread, file, vectors, count, total, offset, flags, writing);
	return vectors_each(thread, file, vectors, count, offset, flags, writing);
}

int64_t transfer_vectors(struct thread *thread, int32_t descriptor, uint64_t vectors, uint64_t count, int64_t offset,
                         uint32_t flags, bool writing)
{
	struct linux_iovec small[8];
	if (count > VECTORS_MAX)
		return -EINVAL;
	struct open_file *file = file_find_io(thread->task, descriptor);
	if (!file)
		return -EBADF;
	struct linux_iovec *list = count <= 8 ? small : heap_allocate_raw(count * sizeof(*list));
	int64_t result = list ? vectors_read(list, vectors, count) : -ENOMEM;
	if (result >= 0)
		result = vectors_transfer(thread, file, list, count, (uint64_t)result, offset, flags, writing);
	if (list != small)
		heap_free(list);
	file_release(thread->task, file);
	return result;
}

int64_t linux_readv(struct thread *thread, int32_t descriptor, uint64_t vectors, uint64_t count)
{
	return transfer_vectors(thread, descriptor, vectors, count, FILE_OFFSET_CURRENT, 0, false);
}

int64_t linux_writev(struct thread *thread, int32_t descriptor, uint64_t vectors, uint64_t count)
{
	return transfer_vectors(thread, descriptor, vectors, count, FILE_OFFSET_CURRENT, 0, true);
}

int64_t linux_preadv(struct thread *thread, int32_t descriptor, uint64_t vectors, uint64_t count, uint64_t offset_low,
                     uint64_t offset_high)
{
	int64_t offset = (int64_t)offset_low;
	return offset < 0 ? -EINVAL : transfer_vectors(thread, descriptor, vectors, count, offset, 0, false);
}

int64_t linux_pwritev(struct thread *thread, int32_t descriptor, uint64_t vectors, uint64_t count, uint64_t offset_low,
                      uint64_t offset_high)
{
	int64_t offset = (int64_t)offset_low;
	return offset < 0 ? -EINVAL : transfer_vectors(thread, descriptor, vectors, count, offset, 0, true);
}

int64_t linux_preadv2(struct thread *thread, int32_t descriptor, uint64_t vectors, uint64_t count,
                      uint64_t offset_low, uint64_t offset_high, uint32_t flags)
{
	int64_t offset = (int64_t)offset_low;
	if (offset < FILE_OFFSET_CURRENT)
		return -EINVAL;
	return flags & ~RWF_KNOWN ? -EOPNOTSUPP
	                          : transfer_vectors(thread, descriptor, vectors, count, offset, flags & ~RWF_HINTS, false);
}

int64_t linux_pwritev2(struct thread *thread, int32_t descriptor, uint64_t vectors, uint64_t count,
                       uint64_t offset_low, uint64_t offset_high, uint32_t flags)
{
	int64_t offset = (int64_t)offset_low;
	if (offset < FILE_OFFSET_CURRENT)
		return -EINVAL;
	return flags & ~RWF_KNOWN ? -EOPNOTSUPP
	                          : transfer_vectors(thread, descriptor, vectors, count, offset, flags & ~RWF_HINTS, true);
}

/* --- from file to file ------------------------------------------------------------------------------ */

#define COPY_CHUNK 0x10000u

struct copy_end {
	struct open_file *file;
	int64_t offset; /* FILE_OFFSET_CURRENT: the file's own */
};

/* Writes what was read, as far as it goes. What is left is read again by whoever reads on: the source's own
 * offset goes back. A pipe cannot take it back, so there the rest is written whatever signals come. */
static int64_t copy_write(struct thread *thread, struct copy_end *in, struct copy_end *out, const uint8_t *buffer,
                          uint64_t length)
{
	uint64_t done = 0;
	int64_t put = file_write_at(thread, out->file, (uint64_t)buffer, length, out->offset, 0);
	if (put > 0)
		done = (uint64_t)put;
	if (done == length || in->offset != FILE_OFFSET_CURRENT)
		return put;
	int64_t position;
	if (in->file->kind != FILE_GATE || offset_seek(in->file, (int64_t)(done - length), SEEK_CUR, &position) == 0)
		return put;
	while (done < length && (put > 0 || put == -EINTR) && out->file->kind == FILE_GATE) {
		int64_t offset = out->offset < 0 ? out->offset : out->offset + (int64_t)done;
		uint64_t rest = (uint64_t)buffer + done;
		put = out->file->flags & FILE_RING ? pipe_write(thread, out->file, rest, length - done, PIPE_UNINTERRUPTED)
		                                   : gate_write(thread, out->file, rest, length - done, offset, 0, NULL);
		if (put == 0)
			break;
		if (put > 0)
			done += (uint64_t)put;
	}
	return done > 0 ? (int64_t)done : put;
}

/* Copies at most count bytes through a buffer. */
static int64_t files_transfer(struct thread *thread, struct copy_end *in, struct copy_end *out, uint64_t count)
{
	uint8_t *buffer = heap_allocate_raw(COPY_CHUNK);
	uint64_t total = 0;
	int64_t result = 0;
	if (!buffer)
		return -ENOMEM;
	while (total < count) {
		uint64_t chunk = MINIMUM(count - total, COPY_CHUNK);
		int64_t got = result = file_read_at(thread, in->file, (uint64_t)buffer, chunk, in->offset, 0);
		if (got <= 0)
			break;
		result = copy_write(thread, in, out, buffer, (uint64_t)got);
		uint64_t done = result > 0 ? (uint64_t)result : 0;
		if (in->offset != FILE_OFFSET_CURRENT)
			in->offset += (int64_t)done;
		if (out->offset != FILE_OFFSET_CURRENT)
			out->offset += (int64_t)done;
		total += done;
		if (done < (uint64_t)got || (uint64_t)got < chunk)
			break;
	}
	heap_free(buffer);
	return total > 0 ? (int64_t)total : result;
}

/* The offsets that a call passes by address; -EFAULT, -EINVAL. */
static int copy_end_read(struct copy_end *end, uint64_t offset)
{
	end->offset = FILE_OFFSET_CURRENT;
	if (!offset)
		return 0;
	if (user_read(&end->offset, offset, sizeof(end->offset)) < 0)
		return -EFAULT;
	return end->offset < 0 ? -EINVAL : 0;
}

static int64_t copy_between(struct thread *thread, int32_t in, uint64_t in_offset, int32_t out, uint64_t out_offset,
                            uint64_t count)
{
	struct copy_end source, target;
	source.file = file_find_io(thread->task, in);
	target.file = file_find_io(thread->task, out);
	int64_t result = -EBADF;
	if (source.file && target.file) {
		result = copy_end_read(&source, in_offset);
		if (result == 0)
			result = copy_end_read(&target, out_offset);
		if (result == 0)
			result = files_transfer(thread, &source, &target, MINIMUM(count, TRANSFER_MAX));
		if (result >= 0 && in_offset && user_write(in_offset, &source.offset, 8) < 0)
			result = -EFAULT;
		if (result >= 0 && out_offset && user_write(out_offset, &target.offset, 8) < 0)
			result = -EFAULT;
	}
	file_release(thread->task, source.file);
	file_release(thread->task, target.file);
	return result;
}

static bool descriptor_appends(struct task *task, int32_t descriptor)
{
	uint32_t flags = 0;
	struct open_file *file = file_find_io(task, descriptor);
	if (file && file->kind == FILE_GATE)
		file_get_flags(file->slot, NULL, &flags);
	file_release(task, file);
	return flags & O_APPEND;
}

int64_t linux_sendfile(struct thread *thread, int32_t out, int32_t in, uint64_t offset, uint64_t count)
{
	if (descriptor_appends(thread->task, out))
		return -EINVAL;
	return copy_between(thread, in, offset, out, 0, count);
}

/* Both ends must be regular files. */
/* One end of a range to copy: the file, and where it begins. */
struct range_end {
	struct file_attributes attributes;
	int64_t start;
};

static int range_end_read(struct task *task, int32_t descriptor, uint64_t offset, struct range_end *end)
{
	struct open_file *file = file_find_io(task, descriptor);
	if (!file)
		return -EBADF;
	int status = -EINVAL;
	if (file->kind == FILE_GATE)
		status = file_status(file->slot, NULL, &end->attributes, sizeof(end->attributes), NULL);
	uint32_t type = end->attributes.mode & S_IFMT;
	if (status == 0 && type != S_IFREG)
		status = type == S_IFDIR ? -EISDIR : -EINVAL;
	if (status == 0)
		status = offset ? user_read(&end->start, offset, sizeof(end->start))
		                : offset_seek(file, 0, SEEK_CUR, &end->start);
	file_release(task, file);
	return status;
}

/* Within one file the ranges must lie apart. */
static bool ranges_meet(const struct range_end *in, const struct range_end *out, uint64_t length)
{
	int64_t left = (int64_t)in->attributes.size - in->start;
	int64_t count = left < 0 ? 0 : (int64_t)MINIMUM(length, (uint64_t)left);
	return in->attributes.device == out->attributes.device && in->attributes.inode == out->attributes.inode &&
	       out->start + count > in->start && out->start < in->start + count;
}

int64_t linux_copy_file_range(struct thread *thread, int32_t in, uint64_t in_offset, int32_t out,
                              uint64_t out_offset, uint64_t length, uint32_t flags)
{
	struct range_end from, to;
	int status = flags ? -EINVAL : range_end_read(thread->task, in, in_offset, &from);
	if (status == 0)
		status = range_end_read(thread->task, out, out_offset, &to);
	if (status == 0 && descriptor_appends(thread->task, out))
		status = -EBADF;
	if (status == 0 && ranges_meet(&from, &to, length))
		status = -EINVAL;
	return status < 0 ? status : copy_between(thread, in, in_offset, out, out_offset, length);
}

int64_t linux_splice(struct thread *thread, int32_t in, uint64_t in_offset, int32_t out, uint64_t out_offset,
                     uint64_t length, uint32_t flags)
{
	return -EINVAL;
}

int64_t linux_tee(struct thread *thread, int32_t in, int32_t out, uint64_t length, uint32_t flags)
{
	return -EINVAL;
}

int64_t linux_vmsplice(struct thread *thread, int32_t descriptor, uint64_t vectors, uint64_t count, uint32_t flags)
{
	return -EINVAL;
}
