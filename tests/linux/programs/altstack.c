/* The alternate signal stack: what sigaltstack refuses, where frames go, what happens when it overflows. */
#include "check.h"
#include <cpuid.h>
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <ucontext.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define STACK_BYTES 65536
static char area[STACK_BYTES] __attribute__((aligned(4096)));
static int depth;

/* Not the library's, which has opinions of its own. */
static long alternate(const void *stack, void *old)
{
	return syscall(SYS_sigaltstack, stack, old);
}

static void show(const char *what)
{
	stack_t now;
	alternate(NULL, &now);
	printf("%s: %s, flags %x, size %zu\n", what, now.ss_sp == area ? "area" : now.ss_sp ? "other" : "none",
	       (unsigned)now.ss_flags, now.ss_size);
	fflush(stdout);
}

static void install(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
	sigaction(signal, &action, NULL);
}

static long use(size_t size, int flags)
{
	return alternate(&(stack_t){ .ss_sp = area, .ss_size = size, .ss_flags = flags }, NULL);
}

static const char *place(const void *pointer)
{
	const char *at = pointer;
	return at >= area && at < area + STACK_BYTES ? "alternate" : "own";
}

static void refusals(void)
{
	show("at first");
	SAY(use(MINSIGSTKSZ - 1, 0));
	SAY(use(2047, 0));
	SAY(use(2048, 0));
	SAY(use(0, 0));
	show("unchanged");
	SAY(use(STACK_BYTES, SS_ONSTACK));
	show("SS_ONSTACK");
	SAY(use(STACK_BYTES, SS_ONSTACK | SS_DISABLE));
	SAY(use(STACK_BYTES, 4));
	SAY(use(STACK_BYTES, 1 << 31));
	show("SS_AUTODISARM");
	SAY(use(STACK_BYTES, 1 << 31 | SS_ONSTACK));
	show("both");
	SAY(use(5, SS_DISABLE));
	show("disabled");
	SAY(alternate((void *)8, NULL));
	SAY(alternate(NULL, (void *)8));
	SAY(alternate(NULL, NULL));
	show("end");
}

static void look(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	char local;
	printf("%d on %s, context: %s, flags %x, size %zu\n", signal, place(&local),
	       user->uc_stack.ss_sp == area ? "area" : user->uc_stack.ss_sp ? "other" : "none",
	       (unsigned)user->uc_stack.ss_flags, user->uc_stack.ss_size);
	show("inside");
	SAY(use(STACK_BYTES, 0));
	SAY(use(2048, SS_DISABLE));
}

static void inside(void)
{
	install(SIGUSR1, look, SA_ONSTACK);
	install(SIGUSR2, look, 0);
	raise(SIGUSR1);
	show("none");
	use(STACK_BYTES, SS_DISABLE);
	use(STACK_BYTES, 0);
	raise(SIGUSR1);
	show("after");
	use(STACK_BYTES, 0);
	raise(SIGUSR2);
	show("after");
	use(STACK_BYTES, 1 << 31);
	raise(SIGUSR1);
	show("after");
}

/* Each handler's frame lies below the one it interrupted; the way back finds everything as it was. */
static void nest(int signal, siginfo_t *info, void *context)
{
	char mark[64];
	const char *above = (const char *)context;
	memset(mark, depth, sizeof(mark));
	int level = ++depth;
	printf("level %d on %s, below its context %d\n", level, place(mark), mark < above);
	if (level < 4)
		raise(level == 2 ? SIGUSR2 : signal);
	int whole = 1;
	for (unsigned i = 0; i < sizeof(mark); i++)
		whole &= mark[i] == level - 1;
	printf("level %d whole %d\n", level, whole);
	if (level == 3)
		*(volatile int *)(uintptr_t)(level - 3 + 8) = 1;
}

static void fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	char local;
	printf("fault at %p on %s, interrupted on %s\n", info->si_addr, place(&local),
	       place((void *)user->uc_mcontext.gregs[REG_RSP]));
	fflush(stdout);
	_exit(3);
}

static void nested(void)
{
	use(STACK_BYTES, 0);
	install(SIGUSR1, nest, SA_ONSTACK | SA_NODEFER);
	install(SIGUSR2, nest, SA_ONSTACK | SA_NODEFER);
	install(SIGSEGV, fault, SA_ONSTACK);
	raise(SIGUSR1);
}

/* A signal from a timer interrupts a handler that runs on the alternate stack. */
static volatile sig_atomic_t ticks;
static void tick(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	char local;
	printf("tick on %s, below %d\n", place(&local), (uintptr_t)&local < (uintptr_t)user->uc_mcontext.gregs[REG_RSP]);
	ticks++;
}

static void spin(int signal, siginfo_t *info, void *context)
{
	volatile char mark[256];
	for (unsigned i = 0; i < sizeof(mark); i++)
		mark[i] = 77;
	ualarm(20000, 0);
	while (!ticks)
		for (unsigned i = 0; i < sizeof(mark); i++)
			if (mark[i] != 77)
				abort();
	printf("spun on %s\n", place((void *)mark));
}

static void interrupted(void)
{
	use(STACK_BYTES, 0);
	install(SIGUSR1, spin, SA_ONSTACK);
	install(SIGALRM, tick, SA_ONSTACK);
	raise(SIGUSR1);
}

static void dig(int signal, siginfo_t *info, void *context)
{
	depth++;
	raise(SIGUSR1);
}

/* Frame below frame until the stack is full: SIGSEGV, whose handler has no room either. */
static void overflow(void)
{
	use(STACK_BYTES, 0);
	install(SIGUSR1, dig, SA_ONSTACK | SA_NODEFER);
	install(SIGSEGV, fault, SA_ONSTACK);
	raise(SIGUSR1);
}

/* The same, and SIGSEGV is handled on the program's own stack: rsp still points into the alternate one. */
static void overflow_plain(void)
{
	use(STACK_BYTES, 0);
	install(SIGUSR1, dig, SA_ONSTACK | SA_NODEFER);
	install(SIGSEGV, fault, 0);
	raise(SIGUSR1);
}

static void too_small(void)
{
	SAY(alternate(&(stack_t){ .ss_sp = area, .ss_size = 2048 }, NULL));
	install(SIGUSR1, dig, SA_ONSTACK | SA_NODEFER);
	raise(SIGUSR1);
}

static void *in_thread(void *unused)
{
	(void)unused;
	show("thread");
	return NULL;
}

static void inherited(void)
{
	use(STACK_BYTES, 0);
	pthread_t thread;
	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
	if (fork() == 0) {
		show("child");
		_exit(0);
	}
	wait(NULL);
	if (vfork() == 0) {
		show("vfork child");
		_exit(0);
	}
	wait(NULL);
	show("parent");
}

/* The frame that was written is what rt_sigreturn takes its stack from. */
static void change_context(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	user->uc_stack.ss_flags = SS_DISABLE;
}

static void by_return(void)
{
	use(STACK_BYTES, 0);
	install(SIGUSR1, change_context, 0);
	raise(SIGUSR1);
	show("changed by return");
}

int main(void)
{
	unsigned eax, state, ecx, edx;
	__cpuid_count(13, 0, eax, state, ecx, edx); /* how much extended state is in use */
	SAY(getauxval(AT_MINSIGSTKSZ) % 16);
	SAY((getauxval(AT_MINSIGSTKSZ) - state) / 16);
	in_child("refusals", refusals);
	in_child("inside", inside);
	in_child("nested", nested);
	in_child("interrupted", interrupted);
	in_child("overflow", overflow);
	in_child("overflow plain", overflow_plain);
	in_child("too small", too_small);
	in_child("inherited", inherited);
	in_child("by return", by_return);
	return 0;
}
