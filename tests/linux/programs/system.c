/* What programs ask about the machine and themselves, and calls that move data without a buffer. */
#include "check.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/uio.h>

static void queries(void)
{
	struct sysinfo info;
	struct rusage usage;
	struct tms times_now;
	struct rlimit limit;
	unsigned cpu = 99, node = 99;
	SAY(sysinfo(&info));
	SAY(info.uptime > 0);
	SAY(info.mem_unit);
	SAY(info.totalram > info.freeram);
	SAY(info.procs > 0);
	SAY(getrusage(RUSAGE_SELF, &usage));
	SAY(usage.ru_maxrss > 0);
	SAY(usage.ru_majflt);
	SAY(getrusage(RUSAGE_CHILDREN, &usage));
	SAY(usage.ru_maxrss >= 0);
	SAY(getrusage(1, &usage));
	SAY(getrusage(7, &usage));
	SAY(times(&times_now) > 0);
	SAY(times(NULL) > 0);
	SAY(syscall(SYS_getcpu, &cpu, &node, NULL));
	SAY(cpu);
	SAY(node);
	SAY(syscall(SYS_getcpu, NULL, NULL, NULL));
	SAY(getrlimit(RLIMIT_STACK, &limit));
	SAY(limit.rlim_cur);
	SAY(getrlimit(99, &limit));
	SAY(syscall(SYS_prlimit64, 999999, RLIMIT_STACK, NULL, &limit));
	limit = (struct rlimit){ 10, 5 };
	SAY(setrlimit(RLIMIT_CORE, &limit));
}

static void scheduling(void)
{
	struct sched_param parameters = { 0 };
	struct timespec interval;
	cpu_set_t set;
	SAY(sched_getscheduler(0));
	SAY(syscall(SYS_sched_getscheduler, 0));
	SAY(syscall(SYS_sched_getscheduler, 999999));
	SAY(syscall(SYS_sched_getscheduler, -1));
	SAY(syscall(SYS_sched_getparam, 0, &parameters));
	SAY(parameters.sched_priority);
	SAY(syscall(SYS_sched_getparam, 0, NULL));
	SAY(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &parameters));
	SAY(syscall(SYS_sched_getscheduler, 0));
	SAY(syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &parameters));
	SAY(syscall(SYS_sched_getscheduler, 0));
	SAY(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &parameters));
	SAY(syscall(SYS_sched_setscheduler, 0, 77, &parameters));
	parameters.sched_priority = 5;
	SAY(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &parameters));
	SAY(syscall(SYS_sched_setparam, 0, &parameters));
	SAY(sched_get_priority_max(SCHED_OTHER));
	SAY(sched_get_priority_min(SCHED_FIFO));
	SAY(sched_get_priority_max(SCHED_RR));
	SAY(sched_get_priority_max(77));
	SAY(syscall(SYS_sched_rr_get_interval, 0, &interval));
	SAY(syscall(SYS_sched_rr_get_interval, -1, &interval));
	CPU_ZERO(&set);
	SAY(syscall(SYS_sched_getaffinity, 0, sizeof(set), &set) > 0);
	SAY(CPU_COUNT(&set));
	SAY(syscall(SYS_sched_getaffinity, 0, 1, &set));
	SAY(syscall(SYS_sched_getaffinity, 999999, sizeof(set), &set));
	SAY(syscall(SYS_sched_setaffinity, 0, sizeof(set), &set));
	CPU_ZERO(&set);
	SAY(syscall(SYS_sched_setaffinity, 0, sizeof(set), &set));
	SAY(sched_yield());
	struct { unsigned size, policy; unsigned long long flags; int nice; unsigned priority; unsigned long long more[3]; } attributes = { 0 };
	SAY(syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0));
	SAY(attributes.size);
	SAY(attributes.policy);
	SAY(syscall(SYS_sched_getattr, 0, &attributes, 10, 0));
}

static void descriptors(void)
{
	int ends[2], pair[2];
	SAY(pipe2(ends, 0x40000000));
	SAY(pipe2(ends, O_NONBLOCK | O_CLOEXEC));
	SAY(fcntl(ends[0], F_GETFL));
	SAY(fcntl(ends[1], F_GETFL));
	SAY(fcntl(ends[1], F_GETFD));
	SAY(write(ends[1], "ab", 2));
	SAY(write(ends[1], "cd", 2));
	char text[16];
	SAY(read(ends[0], text, sizeof(text)));
	SAY(dup3(3, 3, 0));
	SAY(dup3(3, 20, O_NONBLOCK));
	SAY(dup3(3, 20, O_CLOEXEC));
	SAY(fcntl(20, F_GETFD));
	SAY(dup2(3, 2000000));
	SAY(syscall(436, 20, 10, 0));
	SAY(syscall(436, 20, 30, 8));
	SAY(syscall(436, 3, 10, 4));
	SAY(fcntl(4, F_GETFD));
	SAY(syscall(436, 3, ~0u, 2));
	SAY(fcntl(3, F_GETFD));
	SAY(fcntl(0, F_DUPFD, 2000000));
	SAY(fcntl(0, F_DUPFD_CLOEXEC, 100));
	SAY(fcntl(0, 9999));
}

static void tell(const char *name, long count, int from, int to)
{
	printf("%s: %ld %s, at %ld and %ld\n", name, count, count < 0 ? strerror(errno) : "", (long)lseek(from, 0, SEEK_CUR),
	       (long)lseek(to, 0, SEEK_CUR));
}

static void moving(void)
{
	char text[64] = "";
	int ends[2];
	loff_t in = 2, out = 20;
	off_t at = 3;
	int from = open("from", O_RDWR | O_CREAT | O_TRUNC, 0600), to = open("to", O_RDWR | O_CREAT | O_TRUNC, 0600);
	write(from, "0123456789abcdef", 16);
	lseek(from, 0, SEEK_SET);
	tell("sendfile", sendfile(to, from, NULL, 4), from, to);
	tell("sendfile at", sendfile(to, from, &at, 4), from, to);
	SAY(at);
	tell("sendfile past the end", sendfile(to, from, NULL, 100), from, to);
	tell("sendfile negative", sendfile(to, from, &(off_t){ -1 }, 1), from, to);
	lseek(from, 0, SEEK_SET);
	tell("copy", syscall(SYS_copy_file_range, from, NULL, to, NULL, 5, 0), from, to);
	tell("copy at", syscall(SYS_copy_file_range, from, &in, to, &out, 5, 0), from, to);
	SAY(in);
	SAY(out);
	tell("copy flags", syscall(SYS_copy_file_range, from, NULL, to, NULL, 5, 1), from, to);
	tell("copy onto itself", syscall(SYS_copy_file_range, from, &(loff_t){ 0 }, from, &(loff_t){ 4 }, 8, 0), from, to);
	tell("copy past the end", syscall(SYS_copy_file_range, from, &(loff_t){ 100 }, to, NULL, 5, 0), from, to);
	SAY(pread(to, text, 63, 0));
	SAY(strcmp(text, "0123345645678") > 0);
	pipe(ends);
	tell("copy to a pipe", syscall(SYS_copy_file_range, from, NULL, ends[1], NULL, 5, 0), from, to);
}

static void files(void)
{
	uint32_t status[64] = { 0 };
	int file = open("file", O_RDWR | O_CREAT, 0600), memory = syscall(SYS_memfd_create, "name", 1);
	SAY(syscall(332, AT_FDCWD, "file", 0, 1, status));
	SAY(status[0] & 0x7ff);
	SAY(syscall(332, AT_FDCWD, "file", 0x6000, 0xfff, status));
	SAY(syscall(332, AT_FDCWD, "file", 0, 1u << 31, status));
	SAY(syscall(332, file, "", AT_EMPTY_PATH, 0xfff, status));
	SAY(syscall(332, AT_FDCWD, "", 0, 0xfff, status));
	SAY(fallocate(file, 0, 10, 100));
	SAY(lseek(file, 0, SEEK_END));
	SAY(fallocate(file, 1, 0, 5000));
	SAY(lseek(file, 0, SEEK_END));
	SAY(fallocate(file, 0, -1, 5));
	SAY(fallocate(file, 0, 0, 0));
	SAY(fallocate(file, 0x800, 0, 5));
	SAY(pwrite(file, "xxxxxxxx", 8, 0));
	SAY(fallocate(file, 2 | 1, 2, 3));
	char text[9] = "";
	SAY(pread(file, text, 8, 0));
	SAY(text[1] == 'x' && text[2] == 0 && text[4] == 0 && text[5] == 'x');
	SAY(fallocate(file, 2, 2, 3));
	SAY(fallocate(open("file", O_RDONLY), 0, 0, 5));
	SAY(fcntl(memory, F_GETFD));
	SAY(write(memory, "abc", 3));
	SAY(lseek(memory, 0, SEEK_END));
	SAY(syscall(SYS_memfd_create, "x", 0x80));
}

static void memory(void)
{
	char *at = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *moved;
	memset(at, 7, 8 * 4096);
	SAY(madvise(at, 4096, MADV_DONTNEED));
	SAY(at[0]);
	SAY(madvise(at + 1, 4096, MADV_DONTNEED));
	SAY(madvise(at, 4096, 77));
	SAY(madvise(at, 4096, MADV_WILLNEED));
	SAY(madvise(at, 4096, MADV_HUGEPAGE) == 0 || errno == EINVAL);
	SAY(madvise(at, 0, MADV_DONTNEED));
	SAY(munmap(at + 2 * 4096, 4096));
	SAY(madvise(at, 4 * 4096, MADV_DONTNEED));
	SAY(madvise(at, 4 * 4096, MADV_NORMAL));
	SAY(mremap(at + 3 * 4096, 4096, 0, 0) == MAP_FAILED);
	SAY(mremap(at + 1, 4096, 4096, 0) == MAP_FAILED);
	SAY(mremap(at, 4096, 4096, 8) == MAP_FAILED);
	SAY(mremap(at + 4 * 4096, 4096, 2 * 4096, 0) == MAP_FAILED);
	moved = mremap(at + 4 * 4096, 4096, 2 * 4096, MREMAP_MAYMOVE);
	SAY(moved != MAP_FAILED && moved[0] == 7 && moved[4096] == 0);
	SAY(mremap(at + 5 * 4096, 4096, 4096, MREMAP_FIXED, at) == MAP_FAILED);
	SAY(mremap(at + 5 * 4096, 4096, 4096, MREMAP_FIXED | MREMAP_MAYMOVE, at) == at);
	SAY(at[0]);
	SAY(mremap(at + 2 * 4096, 4096, 2 * 4096, MREMAP_MAYMOVE) == MAP_FAILED);
	SAY(mlock(at, 4096));
	SAY(munlock(at, 4096));
	SAY(msync(at, 4096, MS_SYNC | MS_ASYNC));
	SAY(msync(at + 2 * 4096, 4096, MS_SYNC));
	unsigned char present[8];
	SAY(mincore(at, 4096, present));
	SAY(present[0] & 1);
	SAY(mincore(at + 2 * 4096, 4096, present));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	in_child("queries", queries);
	in_child("scheduling", scheduling);
	in_child("descriptors", descriptors);
	in_child("moving", moving);
	in_child("files", files);
	in_child("memory", memory);
	return 0;
}
