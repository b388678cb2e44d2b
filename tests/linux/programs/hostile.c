/* A program that asks for what it must not get: the answer is an error or its death, never more. */
#include "check.h"
#include <sys/uio.h>

#define BAD ((void *)0xdead0000beefull)
#define KERNEL ((void *)0xffffffff80100000ull)
#define NONCANONICAL ((void *)0x8000000000000000ull)

static void bad_pointers(void)
{
	int fd = open("/etc/passwd", O_RDONLY), out[2];
	char *hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SAY(munmap(hole + 4096, 4096));
	SAY(pipe(out));
	void *const places[] = { NULL, BAD, KERNEL, NONCANONICAL, (void *)-1, hole + 4096 };
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		void *bad = places[i];
		printf("place %u\n", i);
		SAY(syscall(SYS_read, fd, bad, 16));
		SAY(syscall(SYS_write, out[1], bad, 16));
		SAY(syscall(SYS_open, bad, O_RDONLY));
		SAY(syscall(SYS_stat, "/", bad));
		SAY(syscall(SYS_fstat, fd, bad));
		SAY(syscall(SYS_pipe, bad));
		SAY(syscall(SYS_getcwd, bad, 100));
		SAY(syscall(SYS_uname, bad));
		SAY(syscall(SYS_clock_gettime, 0, bad) && i);
		SAY(syscall(SYS_rt_sigaction, SIGUSR1, bad, bad, 8) == 0 || i);
		SAY(syscall(SYS_nanosleep, bad, NULL));
		SAY(syscall(SYS_execve, "/bin/busybox", bad, bad) == 0 || i);
		SAY(syscall(SYS_getdents64, fd, bad, 100));
		SAY(syscall(SYS_readlink, "/proc/self/exe", bad, 100));
		SAY(syscall(SYS_poll, bad, 2, 0));
	}
	memset(hole, 'x', 4096);
	SAY(write(out[1], hole + 4090, 100));
	SAY(read(fd, hole + 4090, 100));
	SAY(open(hole + 4000, O_RDONLY));
}

static void bad_lengths(void)
{
	static char buffer[16];
	int fd = open("/tmp/t/x", O_RDWR | O_CREAT, 0600);
	SAY(syscall(SYS_read, fd, buffer, (size_t)-1));
	SAY(syscall(SYS_write, fd, buffer, (size_t)-4096));
	SAY(lseek(fd, -1, SEEK_SET));
	SAY(lseek(fd, INT64_MAX, SEEK_SET) == INT64_MAX);
	SAY(pread(fd, buffer, 16, -5));
	SAY(ftruncate(fd, -1));
	struct iovec vector[2] = { { buffer, 4 }, { buffer, (size_t)-1 } };
	SAY(writev(fd, vector, 2));
	SAY(writev(fd, vector, 2000));
	SAY(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	SAY(mmap(NULL, (size_t)-4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	SAY(munmap((void *)1, 4096));
	SAY(munmap((void *)4096, (size_t)-1));
	SAY(mprotect((void *)0x1000, 4096, PROT_READ));
	SAY(read(999, buffer, 1));
	SAY(close(-1));
	SAY(dup2(1, 1 << 20));
	SAY(fcntl(1, F_DUPFD, -1));
	char name[5000];
	memset(name, 'a', sizeof(name));
	name[4999] = 0;
	SAY(open(name, O_RDONLY));
	SAY(mkdir(name + 4600, 0700));
}

static void privileged(void) { __asm__ volatile("hlt"); }
static void ports(void) { __asm__ volatile("outb %%al, $0x80" : : "a"(0)); }
static void control(void) { unsigned long v; __asm__ volatile("mov %%cr3, %0" : "=r"(v)); }
static void machine_register(void) { __asm__ volatile("rdmsr" : : "c"(0xc0000082) : "eax", "edx"); }
static void interrupts_off(void) { __asm__ volatile("cli"); }
static void illegal(void) { __asm__ volatile("ud2"); }
static void breakpoint(void) { __asm__ volatile("int3"); }
static void old_gate(void) { __asm__ volatile("int $0x21"); }
static void divide(void) { __asm__ volatile("idivl %0" : : "r"(0), "a"(1), "d"(0)); }
static void null_read(void) { printf("%d", *(volatile int *)0); }
static void kernel_read(void) { printf("%d", *(volatile int *)KERNEL); }
static void noncanonical(void) { printf("%d", *(volatile int *)NONCANONICAL); }
static void text_write(void) { *(volatile char *)(uintptr_t)divide = 0; }
static void data_run(void) { static char code[16] = { (char)0xc3 }; ((void (*)(void))(uintptr_t)code)(); }
static void wild_jump(void) { ((void (*)(void))BAD)(); }
static void kernel_jump(void) { ((void (*)(void))KERNEL)(); }
static void overflow(void) { volatile char page[65536]; page[0] = 0; overflow(); page[1] = page[0]; }

static void unknown_calls(void)
{
	SAY(syscall(600));
	SAY(syscall(1000000));
	SAY(syscall(335));
	SAY(syscall(SYS_tuxcall));
	SAY(syscall(0x7fffffff));
}

static void bad_stack_signal(void)
{
	signal(SIGSEGV, SIG_DFL);
	__asm__ volatile("mov $8, %%rsp\n\tmov $0, %%rax\n\tmov (%%rax), %%rax" : : : "memory");
}

int main(void)
{
	static const struct { const char *name; void (*run)(void); } deaths[] = {
		{ "privileged", privileged }, { "ports", ports }, { "control", control },
		{ "machine_register", machine_register }, { "interrupts_off", interrupts_off }, { "illegal", illegal },
		{ "breakpoint", breakpoint }, { "old_gate", old_gate }, { "divide", divide }, { "null_read", null_read },
		{ "kernel_read", kernel_read }, { "noncanonical", noncanonical }, { "text_write", text_write },
		{ "data_run", data_run }, { "wild_jump", wild_jump }, { "kernel_jump", kernel_jump },
		{ "overflow", overflow }, { "bad_stack_signal", bad_stack_signal },
	};
	in_child("bad_pointers", bad_pointers);
	in_child("bad_lengths", bad_lengths);
	in_child("unknown_calls", unknown_calls);
	for (unsigned i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++)
		in_child(deaths[i].name, deaths[i].run);
	return 0;
}
