/* Signals: handlers, frames, masks, restart, queues, alternate stacks, waits. */
#include "check.h"
#include <setjmp.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile sig_atomic_t count, last;
static void counting(int signal) { count++; last = signal; }

static void install(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigaction(signal, &action, NULL);
}

static void with_information(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	printf("info %d code %d address %p pid %d\n", signal, info->si_code,
	       signal == SIGSEGV ? info->si_addr : NULL, signal == SIGUSR1 ? info->si_pid == getpid() : 0);
	if (signal == SIGSEGV) { /* go on behind the instruction */
		user->uc_mcontext.gregs[REG_RIP] += 3;
		user->uc_mcontext.gregs[REG_RAX] = 77;
	}
}

static void frames(void)
{
	struct sigaction action = { .sa_sigaction = with_information, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	long value = 0x1230;
	register double keep __asm__("xmm5") = 1.5;
	__asm__ volatile("mov (%%rax), %%rax" : "+a"(value), "+x"(keep) : : "memory"); /* three bytes */
	printf("value %ld keep %g\n", value, keep);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR1);
	union sigval word = { .sival_int = 5 };
	SAY(sigqueue(getpid(), SIGUSR1, word));
}

static void masks(void)
{
	sigset_t set, old, pending;
	install(SIGUSR1, counting, 0);
	install(SIGUSR2, counting, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	SAY(sigprocmask(SIG_BLOCK, &set, &old));
	raise(SIGUSR1);
	raise(SIGUSR1);
	SAY(count);
	SAY(sigpending(&pending));
	SAY(sigismember(&pending, SIGUSR1));
	SAY(sigprocmask(SIG_SETMASK, &old, NULL));
	SAY(count);
	count = 0;
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	SAY(sigsuspend(&old));
	SAY(count);
	raise(SIGUSR1);
	int signal;
	SAY(sigwait(&set, &signal));
	SAY(signal == SIGUSR1);
	siginfo_t info;
	struct timespec soon = { 0, 20000000 };
	SAY(sigtimedwait(&set, &info, &soon));
}

static void restart(void)
{
	int ends[2];
	char byte;
	struct itimerval timer = { { 0, 100000 }, { 0, 100000 } }, none = { 0 }; /* again, should it come before the wait */
	SAY(pipe(ends));
	install(SIGALRM, counting, 0);
	setitimer(ITIMER_REAL, &timer, NULL);
	SAY(read(ends[0], &byte, 1));
	install(SIGALRM, counting, SA_RESTART);
	count = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
	if (fork() == 0) {
		usleep(300000);
		_exit(write(ends[1], "x", 1) != 1);
	}
	SAY(read(ends[0], &byte, 1));
	SAY(count > 0);
	struct timespec left, minute = { 60, 0 };
	int result = nanosleep(&minute, &left);
	printf("nanosleep %d %s left %d\n", result, strerror(errno), left.tv_sec > 0);
	setitimer(ITIMER_REAL, &none, NULL);
	wait(NULL);
	alarm(10);
	SAY(alarm(0) > 0);
}

static sigjmp_buf back;
static void jump(int signal) { siglongjmp(back, signal); }

static void stacks(void)
{
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	SAY(sigaltstack(&stack, NULL));
	struct sigaction action = { .sa_handler = jump, .sa_flags = SA_ONSTACK };
	sigaction(SIGSEGV, &action, NULL);
	int signal = sigsetjmp(back, 1);
	if (signal == 0)
		__asm__ volatile("mov $16, %%rsp\n\tpush %%rax" : : : "memory");
	printf("came back from %d\n", signal);
	signal = sigsetjmp(back, 1);
	if (signal == 0)
		*(volatile int *)8 = 0;
	printf("and from %d\n", signal);
}

static int depth;
static void nested(int signal)
{
	int level = ++depth;
	printf("in %d level %d\n", signal, level);
	if (level == 1)
		raise(SIGUSR2);
	if (level == 2)
		raise(SIGUSR1); /* blocked until its own handler returns */
	printf("out %d level %d\n", signal, level);
}

static void nesting(void)
{
	install(SIGUSR1, nested, 0);
	install(SIGUSR2, nested, 0);
	raise(SIGUSR1);
	install(SIGUSR1, counting, SA_RESETHAND | SA_NODEFER);
	raise(SIGUSR1);
	struct sigaction now;
	sigaction(SIGUSR1, NULL, &now);
	SAY(now.sa_handler == SIG_DFL);
	SAY(sigaction(SIGKILL, &now, NULL));
	SAY(kill(getpid(), 0));
	SAY(kill(getpid(), 65));
	SAY(kill(999999, 0));
}

static void queue_handler(int signal, siginfo_t *info, void *context)
{
	(void)context;
	printf("queued %d value %d code %d\n", signal - SIGRTMIN, info->si_value.sival_int, info->si_code);
}

static void queues(void)
{
	sigset_t all, old;
	struct sigaction action = { .sa_sigaction = queue_handler, .sa_flags = SA_SIGINFO };
	sigfillset(&action.sa_mask);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	for (int i = 3; i > 0; i--) {
		sigaction(SIGRTMIN + i, &action, NULL);
		sigqueue(getpid(), SIGRTMIN + i, (union sigval){ .sival_int = i });
		sigqueue(getpid(), SIGRTMIN + i, (union sigval){ .sival_int = i * 10 });
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void many(void)
{
	install(SIGUSR1, counting, 0);
	count = 0;
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 200; i++)
			kill(getppid(), SIGUSR1);
		_exit(0);
	}
	volatile unsigned long spins = 0;
	int status;
	while (waitpid(child, &status, WNOHANG) == 0)
		spins++;
	SAY(count > 0 && count <= 200);
}

int main(void)
{
	in_child("frames", frames);
	in_child("masks", masks);
	in_child("restart", restart);
	in_child("stacks", stacks);
	in_child("nesting", nesting);
	in_child("queues", queues);
	in_child("many", many);
	in_child("abort", abort);
	return 0;
}
