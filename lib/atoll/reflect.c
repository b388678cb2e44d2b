/* The Linux system calls that the C library itself makes in a native program: memory, its thread
 * pointer, locks, the clock, printing, the end. All others are ENOSYS: a server talks to the kernel and
 * to other servers, not to Linux.
 *
 * It runs in the middle of whatever the C library was doing: general registers only. */
#pragma GCC target("general-regs-only")
#define _GNU_SOURCE
#include "atoll/startup.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define FS_BASE 0
#define ARCH_SET_FS 0x1002
#define TERMINAL_SIZE 0x5413 /* TIOCGWINSZ */
#define PROTECTION (MAP_READ | MAP_WRITE | MAP_EXECUTE)
_Static_assert(PROT_READ == MAP_READ && PROT_WRITE == MAP_WRITE && PROT_EXEC == MAP_EXECUTE,
               "Linux's protection bits are the kernel's");

struct vector { /* struct iovec */
	const char *base;
	uint64_t length;
};

static int64_t result_of(int64_t status)
{
	return status < 0 ? status_to_errno(status) : status;
}

static uint64_t pages_of(uint64_t length)
{
	return (length + ATOLL_PAGE_SIZE - 1) & ~(ATOLL_PAGE_SIZE - 1);
}

static int64_t map_anonymous(const uint64_t a[6])
{
	if (!(a[3] & MAP_ANONYMOUS))
		return -ENOSYS;
	uint64_t flags = (a[2] & PROTECTION) | MAP_PRIVATE_COPY;
	flags |= a[3] & MAP_FIXED ? MAP_REPLACE : MAP_ANYWHERE;
	return result_of(space_map(SELF_SPACE, 0, a[0], pages_of(a[1]), 0, flags));
}

static int64_t remap(const uint64_t a[6])
{
	uint32_t flags = a[3] & MREMAP_FIXED ? 3 : a[3] & MREMAP_MAYMOVE ? 1 : 0;
	return result_of(space_move(SELF_SPACE, a[0], pages_of(a[1]), a[4], pages_of(a[2]), flags));
}

static int64_t advise(const uint64_t a[6])
{
	if (a[2] != MADV_DONTNEED)
		return 0;
	return result_of(space_discard(SELF_SPACE, a[0], pages_of(a[1])));
}

static uint64_t nanoseconds_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000ull + (uint64_t)time->tv_nsec;
}

static int64_t futex(const uint64_t a[6])
{
	const struct timespec *timeout = (const struct timespec *)a[3];
	switch (a[1] & 0x7f) { /* without FUTEX_PRIVATE and FUTEX_CLOCK_REALTIME */
	case 0:
		return result_of(futex_wait((uint32_t *)a[0], (uint32_t)a[2],
		                            timeout ? time_now() + nanoseconds_of(timeout) : 0, 0));
	case 1:
		return result_of(futex_wake((uint32_t *)a[0], (uint32_t)a[2]));
	default:
		return -ENOSYS;
	}
}

static int64_t clock_read(uint64_t clock, struct timespec *time)
{
	uint64_t now = clock == CLOCK_REALTIME ? time_real() : time_now();
	time->tv_sec = (time_t)(now / 1000000000);
	time->tv_nsec = (long)(now % 1000000000);
	return 0;
}

static int64_t sleep_until(uint64_t deadline)
{
	int64_t status = thread_sleep(deadline, 0);
	return status == STATUS_TIMED_OUT ? 0 : result_of(status);
}

static int64_t print(uint64_t descriptor, const struct vector *vectors, uint64_t count)
{
	if (descriptor != 1 && descriptor != 2)
		return -EBADF;
	uint64_t total = 0;
	for (uint64_t i = 0; i < count; i++) {
		log_text(vectors[i].base, vectors[i].length);
		total += vectors[i].length;
	}
	return (int64_t)total;
}

/* Not for keys: mixes the cycle counter. Native programs use it for hash seeds at most. */
static int64_t random_fill(uint8_t *to, uint64_t length)
{
	uint64_t state = __builtin_ia32_rdtsc() ^ (uint64_t)to;
	for (uint64_t i = 0; i < length; i++) {
		state = state * 6364136223846793005ull + __builtin_ia32_rdtsc();
		to[i] = (uint8_t)(state >> 33);
	}
	return (int64_t)length;
}

/* A native program has nowhere to exit to. The supervisor is told by an exception, as of any other
 * death. */
static _Noreturn void end(uint64_t status)
{
	char text[] = "exits with status 000";
	for (unsigned at = sizeof(text) - 2, digits = 0; digits < 3; digits++, status /= 10)
		text[at--] = (char)('0' + status % 10);
	log_text(text, sizeof(text) - 1);
	__builtin_trap();
}

int64_t reflect_call(uint64_t number, const uint64_t a[6])
{
	struct vector whole = { (const char *)a[1], a[2] };
	switch (number) {
	case SYS_arch_prctl:
		return a[0] == ARCH_SET_FS ? result_of(thread_set_base(FS_BASE, a[1])) : -EINVAL;
	case SYS_set_tid_address:
	case SYS_gettid:
	case SYS_getpid:
		return 1;
	case SYS_brk:
		return 0; /* never moves: the allocator then uses mmap */
	case SYS_mmap:
		return map_anonymous(a);
	case SYS_munmap:
		return result_of(space_unmap(SELF_SPACE, a[0], pages_of(a[1])));
	case SYS_mprotect:
		return result_of(space_protect(SELF_SPACE, a[0], pages_of(a[1]), (uint32_t)a[2] & PROTECTION));
	case SYS_mremap:
		return remap(a);
	case SYS_madvise:
		return advise(a);
	case SYS_futex:
		return futex(a);
	case SYS_clock_gettime:
		return clock_read(a[0], (struct timespec *)a[1]);
	case SYS_nanosleep:
		return sleep_until(time_now() + nanoseconds_of((const struct timespec *)a[0]));
	case SYS_clock_nanosleep:
		return sleep_until((a[1] ? 0 : time_now()) + nanoseconds_of((const struct timespec *)a[2]));
	case SYS_write:
		return print(a[0], &whole, 1);
	case SYS_writev:
		return print(a[0], (const struct vector *)a[1], a[2]);
	case SYS_ioctl: /* standard output counts as a terminal: it is flushed line by line */
		return a[1] == TERMINAL_SIZE && (a[0] == 1 || a[0] == 2) ? 0 : -ENOTTY;
	case SYS_getrandom:
		return random_fill((uint8_t *)a[0], a[1]);
	case SYS_exit:
	case SYS_exit_group:
		end(a[0]);
	default:
		return -ENOSYS;
	}
}
