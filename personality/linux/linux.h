/* Linux x86-64 as programs know it: errno values, flags and the structures that cross into user
 * memory. Only what the personality itself looks at; the rest passes through to servers. */
#ifndef LINUX_H
#define LINUX_H

#include <stdint.h>

enum linux_error {
	EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8,
	EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EFAULT = 14, ENOTBLK = 15,
	EBUSY = 16, EEXIST = 17, EXDEV = 18, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22,
	ENFILE = 23, EMFILE = 24, ENOTTY = 25, ETXTBSY = 26, EFBIG = 27, ENOSPC = 28, ESPIPE = 29,
	EROFS = 30, EMLINK = 31, EPIPE = 32, EDOM = 33, ERANGE = 34, EDEADLK = 35, ENAMETOOLONG = 36,
	ENOLCK = 37, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40, ENODATA = 61, EOVERFLOW = 75, ELIBBAD = 80,
	ENOTSOCK = 88, EDESTADDRREQ = 89, EMSGSIZE = 90, ENOPROTOOPT = 92, EPROTONOSUPPORT = 93,
	ESOCKTNOSUPPORT = 94, EOPNOTSUPP = 95, EAFNOSUPPORT = 97, EISCONN = 106, ENOTCONN = 107,
	ETIMEDOUT = 110, ECONNREFUSED = 111, EALREADY = 114, ECANCELED = 125,
	ERESTARTSYS = 512, /* for the dispatcher alone: EINTR that is made again under SA_RESTART */
};

/* open */
enum {
	O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3,
	O_CREAT = 0100, O_EXCL = 0200, O_NOCTTY = 0400, O_TRUNC = 01000, O_APPEND = 02000,
	O_NONBLOCK = 04000, O_DIRECT = 040000, O_LARGEFILE = 0100000, O_DIRECTORY = 0200000,
	O_NOFOLLOW = 0400000, O_NOATIME = 01000000, O_CLOEXEC = 02000000, O_PATH = 010000000,
	O_TMPFILE = 020200000,
};
#define PATH_OPEN_EXECUTE (1u << 30)

/* *at calls */
#define AT_FDCWD (-100)
enum {
	AT_SYMLINK_NOFOLLOW = 0x100, AT_EACCESS = 0x200, AT_REMOVEDIR = 0x200, AT_SYMLINK_FOLLOW = 0x400,
	AT_NO_AUTOMOUNT = 0x800, AT_EMPTY_PATH = 0x1000, AT_STATX_SYNC_TYPE = 0x6000,
};

enum { S_IFMT = 0170000, S_IFSOCK = 0140000, S_IFLNK = 0120000, S_IFREG = 0100000, S_IFBLK = 060000,
       S_IFDIR = 040000, S_IFCHR = 020000, S_IFIFO = 010000, S_ISUID = 04000, S_ISGID = 02000 };

/* fcntl */
enum { F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_GETLK = 5, F_SETLK = 6,
       F_SETLKW = 7, F_SETOWN = 8, F_GETOWN = 9, F_SETSIG = 10, F_GETSIG = 11, F_GETOWN_EX = 16, F_OFD_GETLK = 36,
       F_OFD_SETLK = 37, F_OFD_SETLKW = 38, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ = 1031,
       F_GETPIPE_SZ = 1032, F_ADD_SEALS = 1033, F_GET_SEALS = 1034 };
#define FD_CLOEXEC 1u

enum { SEEK_SET = 0, SEEK_CUR = 1, SEEK_END = 2 };

/* poll and epoll share their bits */
enum { POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 16, POLLNVAL = 32,
       POLLRDNORM = 64, POLLRDBAND = 128, POLLWRNORM = 256, POLLWRBAND = 512, POLLRDHUP = 0x2000 };

/* clone */
#define CLONE_VM 0x100ull
#define CLONE_FS 0x200ull
#define CLONE_FILES 0x400ull
#define CLONE_SIGHAND 0x800ull
#define CLONE_PIDFD 0x1000ull
#define CLONE_PTRACE 0x2000ull
#define CLONE_VFORK 0x4000ull
#define CLONE_PARENT 0x8000ull
#define CLONE_THREAD 0x10000ull
#define CLONE_NEWNS 0x20000ull
#define CLONE_SETTLS 0x80000ull
#define CLONE_PARENT_SETTID 0x100000ull
#define CLONE_CHILD_CLEARTID 0x200000ull
#define CLONE_CHILD_SETTID 0x1000000ull
#define CLONE_NEW_NAMESPACES 0x7e020080ull
#define CLONE_CLEAR_SIGHAND 0x100000000ull

/* mmap, mremap, madvise. The names of abi/structures.h own MAP_: these are LINUX_MAP_. */
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_GROWSDOWN = 0x1000000, PROT_GROWSUP = 0x2000000 };
enum { LINUX_MAP_SHARED = 1, LINUX_MAP_PRIVATE = 2, LINUX_MAP_SHARED_VALIDATE = 3, LINUX_MAP_TYPE = 15,
       LINUX_MAP_FIXED = 0x10, LINUX_MAP_ANONYMOUS = 0x20, LINUX_MAP_32BIT = 0x40,
       LINUX_MAP_POPULATE = 0x8000, LINUX_MAP_HUGETLB = 0x40000, LINUX_MAP_FIXED_NOREPLACE = 0x100000 };
enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };
enum { MADV_NORMAL = 0, MADV_WILLNEED = 3, MADV_DONTNEED = 4, MADV_FREE = 8, MADV_REMOVE = 9,
       MADV_DONTFORK = 10, MADV_DOFORK = 11, MADV_HWPOISON = 100, MADV_DONTNEED_LOCKED = 24 };

/* signals */
enum { SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8,
       SIGKILL = 9, SIGUSR1 = 10, SIGSEGV = 11, SIGPIPE = 13, SIGALRM = 14, SIGCHLD = 17, SIGCONT = 18,
       SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22, SIGURG = 23, SIGXFSZ = 25, SIGWINCH = 28, SIGSYS = 31 };
#define SIGNAL_COUNT 64
#define SIGNAL_REALTIME 32 /* the first that queues */
#define SIGNAL_BIT(signal) (1ull << ((signal) - 1))
enum { SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2 };
#define SIG_DFL 0ull
#define SIG_IGN 1ull
#define SA_NOCLDSTOP 1ull
#define SA_NOCLDWAIT 2ull
#define SA_SIGINFO 4ull
#define SA_RESTORER 0x04000000ull
#define SA_ONSTACK 0x08000000ull
#define SA_RESTART 0x10000000ull
#define SA_NODEFER 0x40000000ull
#define SA_RESETHAND 0x80000000ull
enum { SS_ONSTACK = 1, SS_DISABLE = 2 };
#define SS_AUTODISARM (1u << 31)
#define MINIMUM_SIGNAL_STACK 2048
enum { SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TIMER = -2, SI_TKILL = -6,
       SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRALN = 1, BUS_ADRERR = 2, ILL_ILLOPN = 2, FPE_INTDIV = 1,
       FPE_FLTDIV = 3, FPE_FLTOVF = 4, FPE_FLTUND = 5, FPE_FLTRES = 6, FPE_FLTINV = 7, TRAP_BRKPT = 1,
       TRAP_TRACE = 2 };

struct linux_sigaction {
	uint64_t handler, flags, restorer, mask;
};
struct linux_stack {
	uint64_t address;
	int32_t flags;
	uint32_t padding;
	uint64_t size;
};
struct linux_siginfo {
	int32_t signal, error, code, padding;
	union {
		struct {
			uint32_t process, user;
			uint64_t value;
		} sent;
		struct {
			uint32_t process, user;
			int32_t status, padding;
			uint64_t user_time, system_time;
		} child;
		struct {
			int32_t timer, overrun;
			uint64_t value;
		} timer;
		struct {
			uint64_t address;
			uint64_t rest;
		} fault;
		uint8_t bytes[112];
	};
};
_Static_assert(sizeof(struct linux_siginfo) == 128, "siginfo_t");

struct linux_sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error_code, trap_number, old_mask, fault_address;
	uint64_t fpstate;
	uint64_t reserved[8];
};
_Static_assert(sizeof(struct linux_sigcontext) == 256, "struct sigcontext");
struct linux_ucontext {
	uint64_t flags, link;
	struct linux_stack stack;
	struct linux_sigcontext context;
	uint64_t mask;
};
struct linux_rt_sigframe {
	uint64_t return_address;
	struct linux_ucontext ucontext;
	struct linux_siginfo info;
};

/* time */
struct linux_timespec {
	int64_t seconds, nanoseconds;
};
struct linux_timeval {
	int64_t seconds, microseconds;
};
struct linux_itimerspec {
	struct linux_timespec interval, value;
};
struct linux_itimerval {
	struct linux_timeval interval, value;
};
enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_PROCESS_CPUTIME_ID = 2, CLOCK_THREAD_CPUTIME_ID = 3,
       CLOCK_MONOTONIC_RAW = 4, CLOCK_REALTIME_COARSE = 5, CLOCK_MONOTONIC_COARSE = 6, CLOCK_BOOTTIME = 7,
       CLOCK_REALTIME_ALARM = 8, CLOCK_BOOTTIME_ALARM = 9, CLOCK_TAI = 11 };
#define TIMER_ABSTIME 1
#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe
#define CLOCK_TICKS 100 /* a second, as times() and siginfo count */

/* files */
struct linux_stat {
	uint64_t device, inode, links;
	uint32_t mode, user, group, padding;
	uint64_t special_device;
	int64_t size, block_size, blocks;
	struct linux_timespec access, modify, change;
	int64_t reserved[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat");
struct linux_statx_time {
	int64_t seconds;
	uint32_t nanoseconds;
	int32_t reserved;
};
struct linux_statx {
	uint32_t mask, block_size;
	uint64_t attributes;
	uint32_t links, user, group;
	uint16_t mode, padding;
	uint64_t inode, size, blocks, attributes_mask;
	struct linux_statx_time access, birth, change, modify;
	uint32_t special_major, special_minor, device_major, device_minor;
	uint64_t mount, reserved[13];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx");
struct linux_statfs {
	int64_t type, block_size;
	uint64_t blocks, blocks_free, blocks_available, files, files_free;
	int32_t id[2];
	int64_t name_max, fragment_size, flags, spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs");
struct linux_iovec {
	uint64_t address, length;
};
struct linux_flock {
	int16_t type, whence;
	int32_t padding;
	int64_t start, length;
	int32_t process, padding2;
};
struct linux_pollfd {
	int32_t descriptor;
	int16_t events, ready;
};
struct linux_epoll_event {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

struct linux_rusage {
	struct linux_timeval user, system;
	int64_t maximum_resident, rest[13];
};
_Static_assert(sizeof(struct linux_rusage) == 144, "struct rusage");
struct linux_rlimit {
	uint64_t soft, hard;
};
enum { RLIMIT_FSIZE = 1, RLIMIT_STACK = 3, RLIMIT_NOFILE = 7 };
#define RLIM_INFINITY (~0ull)

/* futex */
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4, FUTEX_WAKE_OP = 5,
       FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10, FUTEX_PRIVATE = 128, FUTEX_CLOCK_REALTIME = 256 };
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu

#endif
