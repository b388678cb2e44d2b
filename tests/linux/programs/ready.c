/* What files are ready for, as poll, select and epoll tell it: each kind of file, levels and edges, few and many. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static const short all = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP;

static void tell(const char *what, int fd)
{
	struct pollfd one = { fd, all, 0 };
	int count = poll(&one, 1, 0);
	printf("%s: %d %x\n", what, count, (unsigned short)one.revents);
}

static void kinds(void)
{
	int ends[2], pair[2];
	char bytes[70000];
	pipe2(ends, O_NONBLOCK);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
	tell("read end, empty", ends[0]);
	tell("write end, empty", ends[1]);
	SAY(write(ends[1], "x", 1));
	tell("read end", ends[0]);
	while (write(ends[1], bytes, 4096) > 0)
		;
	tell("write end, full", ends[1]);
	SAY(read(ends[0], bytes, 4096));
	tell("write end, with room", ends[1]);
	tell("pair, fresh", pair[0]);
	SAY(write(pair[1], "x", 1));
	tell("pair, with a byte", pair[0]);
	close(pair[1]);
	tell("pair, alone", pair[0]);
	SAY(read(pair[0], bytes, 8));
	tell("pair, alone and empty", pair[0]);
	close(ends[1]);
	tell("read end, alone", ends[0]);
	while (read(ends[0], bytes, sizeof(bytes)) > 0)
		;
	tell("read end, alone and empty", ends[0]);
	pipe(ends);
	close(ends[0]);
	tell("write end, alone", ends[1]);
	tell("closed", ends[0]);
	tell("/dev/null", open("/dev/null", O_RDWR));
	tell("/dev/null to read", open("/dev/null", O_RDONLY));
	tell("/dev/zero", open("/dev/zero", O_RDWR));
	tell("directory", open("/", O_RDONLY | O_DIRECTORY));
	tell("file", open("/tmp/ready", O_CREAT | O_RDWR, 0600));
	tell("file to write", open("/tmp/ready", O_WRONLY));
	tell("path only", open("/tmp/ready", O_PATH));
	int counter = eventfd(0, EFD_NONBLOCK);
	tell("eventfd, 0", counter);
	eventfd_write(counter, 0xfffffffffffffffe);
	tell("eventfd, most", counter);
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	tell("timer, off", timer);
	timerfd_settime(timer, 0, &(struct itimerspec){ { 0, 0 }, { 0, 1 } }, NULL);
	usleep(1000);
	tell("timer, expired", timer);
	tell("epoll, empty", epoll_create1(0));
}

static void show(struct pollfd *both, int timeout)
{
	int count = poll(both, 2, timeout);
	printf("%d %x %x\n", count, both[0].revents, both[1].revents);
}

#define SETTLING 50000 /* microseconds: Linux takes up what a master writes in a work item of its own */

static void terminal(void)
{
	mkdir("/dev/pts", 0755); /* where there is none yet */
	mount("devpts", "/dev/pts", "devpts", 0, "mode=620,ptmxmode=666");
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	unlockpt(master);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
	char bytes[64];
	struct pollfd both[2] = { { master, POLLIN, 0 }, { slave, POLLIN, 0 } };
	for (int i = 0; i < 3; i++)
		SAY(poll(both, 2, 0));
	SAY(write(master, "ab", 2));
	usleep(SETTLING);
	for (int i = 0; i < 2; i++)
		show(both, 0);
	SAY(write(master, "c\n", 2));
	usleep(SETTLING);
	for (int i = 0; i < 2; i++)
		show(both, 0);
	SAY(read(slave, bytes, 64));
	SAY(read(master, bytes, 64));
	for (int i = 0; i < 3; i++)
		show(both, 0);
	SAY(write(slave, "out", 3));
	show(both, 20);
	both[0].events = POLLIN | POLLOUT;
	both[1].events = POLLOUT;
	show(both, 20);
	if (fork() == 0) {
		usleep(30000);
		_exit(write(master, "late\n", 5) != 5);
	}
	both[1].events = POLLIN;
	both[0].events = 0;
	show(both, 5000);
	wait(NULL);
}

static void sets(void)
{
	int ends[2], high;
	char byte;
	pipe(ends);
	high = fcntl(ends[0], F_DUPFD, 200);
	fd_set in, out, other;
	struct timeval none = { 0, 0 }, some = { 0, 20000 };
	for (int i = 0; i < 3; i++) {
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_ZERO(&other);
		FD_SET(ends[0], &in);
		FD_SET(high, &in);
		FD_SET(ends[1], &in);
		FD_SET(ends[0], &out);
		FD_SET(ends[1], &out);
		FD_SET(ends[0], &other);
		FD_SET(high, &other);
		SAY(select(high + 1, &in, &out, &other, &none));
		printf("%d %d %d, %d %d, %d %d\n", FD_ISSET(ends[0], &in), FD_ISSET(high, &in), FD_ISSET(ends[1], &in),
		       FD_ISSET(ends[0], &out), FD_ISSET(ends[1], &out), FD_ISSET(ends[0], &other), FD_ISSET(high, &other));
		if (i == 0)
			SAY(write(ends[1], "x", 1));
		else if (i == 1)
			close(ends[1]), ends[1] = open("/dev/null", O_RDWR);
	}
	/* Bits at and above the count are not looked at, and are cleared in the same word. */
	FD_ZERO(&in);
	FD_SET(high, &in);
	FD_SET(high + 1, &in);
	SAY(select(high + 1, &in, NULL, NULL, &none));
	printf("%d %d\n", FD_ISSET(high, &in), FD_ISSET(high + 1, &in));
	FD_SET(high + 1, &in);
	SAY(select(high + 2, &in, NULL, NULL, &none));
	SAY(select(-1, &in, NULL, NULL, &none));
	SAY(select(0, NULL, NULL, NULL, &some));
	printf("%ld %ld\n", (long)some.tv_sec, (long)some.tv_usec);
	SAY(read(ends[0], &byte, 1));
	SAY(select(high + 1, (fd_set *)8, NULL, NULL, &none));
}

/* --- epoll ------------------------------------------------------------------------------------------ */

static struct epoll_event events[64];

static int watch(int instance, int fd, uint32_t wanted)
{
	struct epoll_event event = { wanted, { .fd = fd } };
	return epoll_ctl(instance, EPOLL_CTL_ADD, fd, &event);
}

static void step(const char *what, int instance)
{
	int count = epoll_wait(instance, events, 64, 0);
	printf("%s: %d", what, count);
	for (int i = 0; i < count; i++)
		printf(" %x", events[i].events);
	printf("\n");
}

/* What is left of before is no news. */
static void edges_pipe(void)
{
	int instance = epoll_create1(0), ends[2];
	static char bytes[70000];
	pipe2(ends, O_NONBLOCK);
	watch(instance, ends[0], EPOLLIN | EPOLLET);
	step("empty", instance);
	SAY(write(ends[1], bytes, 2000));
	step("written", instance);
	SAY(read(ends[0], bytes, 1000));
	step("half read", instance);
	SAY(write(ends[1], bytes, 1));
	step("written more", instance);
	SAY(read(ends[0], bytes, 5000));
	step("all read", instance);
	SAY(write(ends[1], bytes, 1));
	SAY(read(ends[0], bytes, 5000));
	step("written and read", instance);
	int writer = epoll_create1(0);
	watch(writer, ends[1], EPOLLOUT | EPOLLET);
	step("room", writer);
	SAY(write(ends[1], bytes, 100));
	SAY(read(ends[0], bytes, 100));
	step("never full", writer);
	while (write(ends[1], bytes, 4096) > 0)
		;
	step("full", writer);
	SAY(read(ends[0], bytes, 65536));
	step("emptied", writer);
	step("emptied, again", writer);
	close(ends[0]);
	step("alone", writer);
}

static void edges_others(void)
{
	int instance = epoll_create1(0), pair[2], counter = eventfd(0, EFD_NONBLOCK);
	uint64_t value;
	char bytes[64];
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
	watch(instance, pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	step("pair", instance);
	step("pair, again", instance);
	SAY(write(pair[1], "abc", 3));
	step("pair, written", instance);
	SAY(read(pair[0], bytes, 1));
	step("pair, partly read", instance);
	close(pair[1]);
	step("pair, alone", instance);
	step("pair, alone again", instance);
	close(pair[0]);
	watch(instance, counter, EPOLLIN | EPOLLOUT | EPOLLET);
	step("counter", instance);
	SAY(eventfd_write(counter, 3));
	step("counter, written", instance);
	step("counter, again", instance);
	SAY(eventfd_read(counter, &value));
	step("counter, read", instance);
	SAY(epoll_ctl(instance, EPOLL_CTL_DEL, counter, NULL));
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	watch(instance, timer, EPOLLIN | EPOLLET);
	timerfd_settime(timer, 0, &(struct itimerspec){ { 0, 5000000 }, { 0, 5000000 } }, NULL);
	SAY(epoll_wait(instance, events, 1, 1000));
	usleep(20000);
	step("timer, not read", instance);
	SAY(read(timer, &value, 8));
	SAY(epoll_wait(instance, events, 1, 1000));
	SAY(epoll_ctl(instance, EPOLL_CTL_ADD, open("/dev/null", O_RDONLY), events));
	SAY(epoll_ctl(instance, EPOLL_CTL_ADD, open("/tmp/ready", O_CREAT | O_RDWR, 0600), events));
	SAY(epoll_ctl(instance, EPOLL_CTL_ADD, open("/", O_RDONLY), events));
}

#define MANY 150

/* Many files, few of them ready: those are found whatever the others do, and each gets its turn. */
static void many(void)
{
	static int ends[MANY][2];
	static unsigned told[MANY];
	int instance = epoll_create1(0);
	char byte;
	for (unsigned i = 0; i < MANY; i++) {
		pipe(ends[i]);
		struct epoll_event event = { EPOLLIN | (i % 3 == 0 ? EPOLLET : 0), { .u32 = i } };
		epoll_ctl(instance, EPOLL_CTL_ADD, ends[i][0], &event);
	}
	step("nothing", instance);
	for (unsigned round = 0; round < 3; round++) {
		unsigned right = 0;
		for (unsigned i = 0; i < MANY; i++) {
			write(ends[i][1], "x", 1);
			if (epoll_wait(instance, events, 64, 0) == 1 && events[0].data.u32 == i)
				right++;
			read(ends[i][0], &byte, 1);
			if (epoll_wait(instance, events, 64, 0) == 0)
				right++;
		}
		printf("%u right\n", right);
	}
	for (unsigned i = 0; i < MANY; i++)
		write(ends[i][1], "x", 1);
	for (unsigned round = 0; round < 60; round++) {
		int count = epoll_wait(instance, events, 7, 0);
		for (int i = 0; i < count; i++)
			told[events[i].data.u32]++;
	}
	unsigned seen = 0, once = 0;
	for (unsigned i = 0; i < MANY; i++) {
		seen += told[i] > 0;
		once += i % 3 == 0 && told[i] == 1;
	}
	printf("%u seen, %u edges once\n", seen, once);
	static struct epoll_event more[MANY];
	SAY(epoll_wait(instance, more, MANY, 0));
	if (fork() == 0) {
		usleep(30000);
		for (unsigned i = 0; i < MANY; i++)
			write(ends[i][1], "y", 1);
		_exit(0);
	}
	for (unsigned i = 0; i < MANY; i++)
		read(ends[i][0], &byte, 1);
	unsigned found = 0;
	while (found < MANY) {
		int count = epoll_wait(instance, events, 64, 5000);
		if (count <= 0)
			break;
		for (int i = 0; i < count; i++, found++)
			read(ends[events[i].data.u32][0], &byte, 1);
	}
	printf("%u found\n", found);
	wait(NULL);
}

/* Waits of one thread after another on the same files: what was watched before is watched still. */
static void sleeps(void)
{
	int ends[4][2];
	char byte;
	struct pollfd list[4];
	for (int i = 0; i < 4; i++) {
		pipe(ends[i]);
		list[i] = (struct pollfd){ ends[i][0], POLLIN, 0 };
	}
	if (fork() == 0) {
		for (int i = 0; i < 40; i++) {
			usleep(2000);
			write(ends[i * 7 % 4][1], "x", 1);
		}
		_exit(0);
	}
	unsigned right = 0;
	for (int i = 0; i < 40; i++) {
		int count = i % 5 ? poll(list, 4, 5000) : poll(&list[i * 7 % 4], 1, 5000);
		right += count == 1 && list[i * 7 % 4].revents == POLLIN && read(ends[i * 7 % 4][0], &byte, 1) == 1;
	}
	printf("%u right\n", right);
	wait(NULL);
	SAY(poll(list, 4, 5));
}

/* One thread waits for what another does, in all three ways. */
static int shared_ends[2], shared_counter, shared_instance;
static volatile unsigned rounds_seen;

static void *waiter(void *argument)
{
	uint64_t value;
	for (unsigned round = 0; round < 30; round++) {
		struct pollfd list[2] = { { shared_ends[0], POLLIN, 0 }, { shared_counter, POLLIN, 0 } };
		fd_set in;
		FD_ZERO(&in);
		FD_SET(shared_ends[0], &in);
		FD_SET(shared_counter, &in);
		bool counted;
		if (round % 3 == 0) {
			if (poll(list, 2, 5000) != 1)
				break;
			counted = list[1].revents;
		} else if (round % 3 == 1) {
			if (select(64, &in, NULL, NULL, &(struct timeval){ 5, 0 }) != 1)
				break;
			counted = FD_ISSET(shared_counter, &in);
		} else {
			if (epoll_wait(shared_instance, events, 8, 5000) != 1)
				break;
			counted = events[0].data.fd == shared_counter;
		}
		if (read(counted ? shared_counter : shared_ends[0], &value, 8) <= 0)
			break;
		rounds_seen++;
	}
	return NULL;
}

static void threads(void)
{
	pthread_t thread;
	pipe(shared_ends);
	shared_counter = eventfd(0, EFD_NONBLOCK);
	shared_instance = epoll_create1(0);
	watch(shared_instance, shared_ends[0], EPOLLIN);
	watch(shared_instance, shared_counter, EPOLLIN | EPOLLET);
	pthread_create(&thread, NULL, waiter, NULL);
	for (unsigned round = 0; round < 30; round++) {
		usleep(round % 2 ? 0 : 3000);
		if (round % 4 < 2)
			write(shared_ends[1], "x", 1);
		else
			eventfd_write(shared_counter, 1);
		for (unsigned i = 0; rounds_seen == round && i < 5000; i++)
			usleep(1000);
	}
	pthread_join(thread, NULL);
	printf("%u rounds\n", rounds_seen);
}

/* A pending signal that ppoll lets in ends it, even if it would not have waited. */
static void on_signal(int number)
{
	printf("signal %d\n", number);
}

static void masks(void)
{
	sigset_t blocked, none;
	struct timespec zero = { 0, 0 };
	int ends[2], instance = epoll_create1(0);
	struct pollfd one;
	fd_set in;
	pipe(ends);
	one = (struct pollfd){ ends[0], POLLIN, 0 };
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	SAY(ppoll(&one, 1, &zero, &none));
	SAY(ppoll(&one, 1, &zero, &none));
	raise(SIGUSR1);
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	SAY(pselect(ends[0] + 1, &in, NULL, NULL, &zero, &none));
	raise(SIGUSR1);
	SAY(write(ends[1], "x", 1));
	SAY(ppoll(&one, 1, &zero, &none));
	raise(SIGUSR1);
	SAY(epoll_pwait(instance, events, 1, 100, &none));
}

int main(void)
{
	in_child("kinds", kinds);
	in_child("terminal", terminal);
	in_child("sets", sets);
	in_child("edges of a pipe", edges_pipe);
	in_child("edges of others", edges_others);
	in_child("many", many);
	in_child("sleeps", sleeps);
	in_child("threads", threads);
	in_child("masks", masks);
	return 0;
}
