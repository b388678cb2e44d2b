/* Sockets, as far as they go: the two ends of a socket pair, which the pipe server keeps as streams. There is no
 * network and no named socket: socket() says that the family is not supported. */
#include "files.h"
#include "signals.h"

#define AF_UNIX 1
enum { MSG_PEEK = 2, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000 };
enum { SOL_SOCKET = 1, SO_TYPE = 3, SO_ERROR = 4, SO_SNDBUF = 7, SO_RCVBUF = 8, SO_ACCEPTCONN = 30, SO_PROTOCOL = 38,
       SO_DOMAIN = 39 };
#define SOCK_STREAM 1
#define RWF_NOWAIT 8u
#define PAIR_BUFFER 65536u

struct linux_msghdr {
	uint64_t name;
	uint32_t name_length, padding;
	uint64_t vectors, vector_count, control, control_length;
	int32_t flags, padding2;
};

/* The pair's end behind a descriptor, held; or NULL and why not. */
static struct open_file *pair_find(struct thread *thread, int32_t descriptor, int64_t *error)
{
	struct open_file *file = file_find_io(thread->task, descriptor);
	*error = file ? -ENOTSOCK : -EBADF;
	if (!file || file->flags & FILE_SOCKET)
		return file;
	file_release(thread->task, file);
	return NULL;
}

/* The answer of a call that no end of a pair supports. */
static int64_t pair_refuse(struct thread *thread, int32_t descriptor, int64_t answer)
{
	int64_t error;
	struct open_file *file = pair_find(thread, descriptor, &error);
	if (!file)
		return error;
	file_release(thread->task, file);
	return answer;
}

int64_t linux_socket(struct thread *thread, int32_t family, int32_t type, int32_t protocol)
{
	return -EAFNOSUPPORT;
}

int64_t linux_connect(struct thread *thread, int32_t descriptor, uint64_t address, uint32_t length)
{
	return pair_refuse(thread, descriptor, -EISCONN);
}

int64_t linux_accept(struct thread *thread, int32_t descriptor, uint64_t address, uint64_t length)
{
	return pair_refuse(thread, descriptor, -EINVAL);
}

int64_t linux_accept4(struct thread *thread, int32_t descriptor, uint64_t address, uint64_t length, int32_t flags)
{
	return pair_refuse(thread, descriptor, -EINVAL);
}

int64_t linux_bind(struct thread *thread, int32_t descriptor, uint64_t address, uint32_t length)
{
	return pair_refuse(thread, descriptor, -EINVAL);
}

int64_t linux_listen(struct thread *thread, int32_t descriptor, int32_t backlog)
{
	return pair_refuse(thread, descriptor, -EINVAL);
}

int64_t linux_shutdown(struct thread *thread, int32_t descriptor, int32_t how)
{
	return pair_refuse(thread, descriptor, how < 0 || how > 2 ? -EINVAL : -EOPNOTSUPP);
}

/* --- names: an end of a pair has none, only its family -------------------------------------------- */

static int64_t name_write(uint64_t address, uint64_t length_address)
{
	uint16_t family = AF_UNIX;
	uint32_t length;
	if (user_read32(length_address, &length) < 0)
		return -EFAULT;
	if ((int32_t)length < 0)
		return -EINVAL;
	if (user_write(address, &family, MINIMUM(length, sizeof(family))) < 0)
		return -EFAULT;
	return user_write32(length_address, sizeof(family));
}

int64_t linux_getsockname(struct thread *thread, int32_t descriptor, uint64_t address, uint64_t length)
{
	int64_t answer = pair_refuse(thread, descriptor, 0);
	return answer < 0 ? answer : name_write(address, length);
}

int64_t linux_getpeername(struct thread *thread, int32_t descriptor, uint64_t address, uint64_t length)
{
	return linux_getsockname(thread, descriptor, address, length);
}

/* --- sending and receiving ------------------------------------------------------------------------- */

static uint32_t flags_of(int32_t flags)
{
	return flags & MSG_DONTWAIT ? RWF_NOWAIT : 0;
}

/* SIGPIPE is raised by writing; MSG_NOSIGNAL takes it back before anyone looks. */
static void pipe_signal_take_back(struct thread *thread)
{
	struct process_siginfo info;
	lock_take(&thread->task->lock);
	signal_queue_take(thread->task, &thread->pending, SIGNAL_BIT(SIGPIPE), &info);
	lock_release(&thread->task->lock);
}

int64_t linux_sendto(struct thread *thread, int32_t descriptor, uint64_t buffer, uint64_t length, uint32_t flags,
                     uint64_t address, uint32_t address_length)
{
	int64_t result;
	struct open_file *file = pair_find(thread, descriptor, &result);
	if (!file)
		return result;
	result = !user_range(buffer, length) ? -EFAULT
	         : address ? -EISCONN
	                   : file_write_at(thread, file, buffer, length, FILE_OFFSET_CURRENT, flags_of((int32_t)flags));
	if (result == -EPIPE && flags & MSG_NOSIGNAL)
		pipe_signal_take_back(thread);
	file_release(thread->task, file);
	return result;
}

int64_t linux_recvfrom(struct thread *thread, int32_t descriptor, uint64_t buffer, uint64_t length, uint32_t flags,
                       uint64_t address, uint64_t address_length)
{
	int64_t result;
	struct open_file *file = pair_find(thread, descriptor, &result);
	if (!file)
		return result;
	result = !user_range(buffer, length) ? -EFAULT
	         : flags & MSG_PEEK ? -EOPNOTSUPP
	                            : file_read_at(thread, file, buffer, length, FILE_OFFSET_CURRENT, flags_of((int32_t)flags));
	file_release(thread->task, file);
	if (result >= 0 && address_length && user_write32(address_length, 0) < 0)
		return -EFAULT;
	return result;
}

int64_t linux_sendmsg(struct thread *thread, int32_t descriptor, uint64_t message_address, uint32_t flags)
{
	struct linux_msghdr message;
	int64_t answer = pair_refuse(thread, descriptor, 0);
	if (answer < 0)
		return answer;
	if (user_read(&message, message_address, sizeof(message)) < 0)
		return -EFAULT;
	if (message.control_length)
		return -EOPNOTSUPP; /* no descriptors in messages */
	if (message.name_length)
		return -EISCONN;
	int64_t result = transfer_vectors(thread, descriptor, message.vectors, message.vector_count, FILE_OFFSET_CURRENT,
	                                  flags_of((int32_t)flags), true);
	if (result == -EPIPE && flags & MSG_NOSIGNAL)
		pipe_signal_take_back(thread);
	return result;
}

int64_t linux_recvmsg(struct thread *thread, int32_t descriptor, uint64_t message_address, uint32_t flags)
{
	struct linux_msghdr message;
	int64_t answer = pair_refuse(thread, descriptor, 0);
	if (answer < 0)
		return answer;
	if (user_read(&message, message_address, sizeof(message)) < 0)
		return -EFAULT;
	if (flags & MSG_PEEK)
		return -EOPNOTSUPP;
	int64_t result = transfer_vectors(thread, descriptor, message.vectors, message.vector_count, FILE_OFFSET_CURRENT,
	                                  flags_of((int32_t)flags), false);
	message.name_length = 0;
	message.control_length = 0;
	message.flags = 0;
	if (result >= 0 && user_write(message_address, &message, sizeof(message)) < 0)
		return -EFAULT;
	return result;
}

/* --- options --------------------------------------------------------------------------------------- */

int64_t linux_setsockopt(struct thread *thread, int32_t descriptor, int32_t level, int32_t option, uint64_t value,
                         uint32_t length)
{
	return pair_refuse(thread, descriptor, level == SOL_SOCKET ? 0 : -ENOPROTOOPT);
}

static int64_t option_value(int32_t option)
{
	switch (option) {
	case SO_TYPE:
		return SOCK_STREAM;
	case SO_DOMAIN:
		return AF_UNIX;
	case SO_SNDBUF:
	case SO_RCVBUF:
		return PAIR_BUFFER;
	case SO_ERROR:
	case SO_ACCEPTCONN:
	case SO_PROTOCOL:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int64_t linux_getsockopt(struct thread *thread, int32_t descriptor, int32_t level, int32_t option, uint64_t value,
                         uint64_t length_address)
{
	int64_t found = pair_refuse(thread, descriptor, level == SOL_SOCKET ? option_value(option) : -ENOPROTOOPT);
	uint32_t length, word = (uint32_t)found;
	if (found < 0)
		return found;
	if (user_read32(length_address, &length) < 0)
		return -EFAULT;
	length = MINIMUM(length, (uint32_t)sizeof(word));
	if (user_write(value, &word, length) < 0)
		return -EFAULT;
	return user_write32(length_address, length);
}
