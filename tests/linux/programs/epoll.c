/* epoll: edges, instances that watch each other, what a change of the list does. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static struct epoll_event events[8];

static int watch(int instance, int operation, int fd, uint32_t wanted)
{
	struct epoll_event event = { wanted, { .fd = fd } };
	return epoll_ctl(instance, operation, fd, &event);
}

static int ready(int instance)
{
	return epoll_wait(instance, events, 8, 0);
}

/* Every write is an edge, whether the one before has been read or not. */
static void edges(void)
{
	int instance = epoll_create1(0), ends[2];
	char bytes[8];
	pipe2(ends, O_NONBLOCK);
	SAY(watch(instance, EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLET));
	SAY(ready(instance));
	for (int i = 0; i < 3; i++) {
		SAY(write(ends[1], "x", 1));
		SAY(ready(instance));
		SAY(ready(instance));
	}
	SAY(read(ends[0], bytes, 8));
	SAY(ready(instance));
	SAY(watch(instance, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET | EPOLLONESHOT));
	SAY(write(ends[1], "y", 1));
	SAY(ready(instance));
	SAY(write(ends[1], "z", 1));
	SAY(ready(instance));
	SAY(watch(instance, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET));
	SAY(ready(instance));
	if (fork() == 0) {
		usleep(50000);
		_exit(write(ends[1], "c", 1) != 1);
	}
	SAY(epoll_wait(instance, events, 8, 5000));
	wait(NULL);
	close(ends[1]);
	SAY(ready(instance));
	printf("%x\n", events[0].events);
	int counter = eventfd(0, EFD_NONBLOCK);
	SAY(watch(instance, EPOLL_CTL_ADD, counter, EPOLLIN | EPOLLET));
	for (int i = 0; i < 2; i++) {
		SAY(eventfd_write(counter, 1));
		SAY(ready(instance));
		SAY(ready(instance));
	}
}

static void circles(void)
{
	int chain[8], counter = eventfd(1, 0);
	for (int i = 0; i < 8; i++)
		chain[i] = epoll_create1(0);
	SAY(watch(chain[0], EPOLL_CTL_ADD, chain[0], EPOLLIN));
	SAY(watch(chain[0], EPOLL_CTL_ADD, counter, EPOLLIN));
	SAY(watch(chain[1], EPOLL_CTL_ADD, chain[0], EPOLLIN));
	SAY(watch(chain[0], EPOLL_CTL_ADD, chain[1], EPOLLIN));
	SAY(watch(chain[2], EPOLL_CTL_ADD, chain[1], EPOLLIN));
	SAY(watch(chain[0], EPOLL_CTL_ADD, chain[2], EPOLLIN));
	SAY(ready(chain[2]));
	SAY(ready(chain[1]));
	SAY(close(chain[0]));
	SAY(ready(chain[2]));
}

int main(void)
{
	in_child("edges", edges);
	in_child("circles", circles);
	return 0;
}
