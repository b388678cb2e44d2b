/* Kernel status values as Linux errno values. No C library. */
#include "atoll/atoll.h"

/* Linux's numbers, spelled out: this file is also built where there is no errno.h. */
enum linux_errno {
	LINUX_EPERM = 1,
	LINUX_ESRCH = 3,
	LINUX_EINTR = 4,
	LINUX_EIO = 5,
	LINUX_EBADF = 9,
	LINUX_EAGAIN = 11,
	LINUX_ENOMEM = 12,
	LINUX_EFAULT = 14,
	LINUX_EBUSY = 16,
	LINUX_EINVAL = 22,
	LINUX_ENOSYS = 38,
	LINUX_EOVERFLOW = 75,
	LINUX_ETIMEDOUT = 110,
};

int status_to_errno(int64_t status)
{
	static const uint8_t table[] = {
		[-STATUS_BAD_CALL] = LINUX_ENOSYS,
		[-STATUS_BAD_HANDLE] = LINUX_EBADF,
		[-STATUS_WRONG_TYPE] = LINUX_EINVAL,
		[-STATUS_NO_RIGHT] = LINUX_EPERM,
		[-STATUS_BAD_ARGUMENT] = LINUX_EINVAL,
		[-STATUS_BAD_ADDRESS] = LINUX_EFAULT,
		[-STATUS_NO_MEMORY] = LINUX_ENOMEM,
		[-STATUS_NO_SPACE] = LINUX_ENOMEM,
		[-STATUS_DESTROYED] = LINUX_EIO,
		[-STATUS_INTERRUPTED] = LINUX_EINTR,
		[-STATUS_TIMED_OUT] = LINUX_ETIMEDOUT,
		[-STATUS_AGAIN] = LINUX_EAGAIN,
		[-STATUS_BAD_CALL_ID] = LINUX_ESRCH,
		[-STATUS_BUSY] = LINUX_EBUSY,
		[-STATUS_OVERFLOW] = LINUX_EOVERFLOW,
	};
	if (status >= 0)
		return 0;
	uint64_t index = -(uint64_t)status;
	return index < sizeof(table) ? -(int)table[index] : -LINUX_EIO;
}
