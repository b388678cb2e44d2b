/* Pipes under stress, from several processes at once: whole small writes, deaths in the middle of a write, and
 * partners that write over whatever they share with us. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* --- many writers and readers ------------------------------------------------------------------------ */

#define WRITERS 4
#define READERS 3

/* Small writes arrive in one piece; bytes are neither lost nor doubled. Every record is a length and that many equal bytes. */
static void write_records(int fd, unsigned seed, unsigned count)
{
	static const uint16_t lengths[] = { 1, 2, 7, 100, 1000, 2047, 2048, 4000, 4091, 4092 };
	uint8_t record[4096];
	for (unsigned i = 0; i < count; i++) {
		uint16_t length = lengths[(i * 7 + seed) % 10];
		memcpy(record, &(uint32_t){ length }, 4);
		memset(record + 4, (int)(seed * 16 + i % 16), length);
		if (write(fd, record, length + 4u) != length + 4)
			_exit(1);
	}
	_exit(0);
}

static void whole_writes(void)
{
	int ends[2], status, good = 0;
	static uint8_t bytes[1 << 16];
	pipe(ends);
	for (unsigned i = 0; i < WRITERS; i++) {
		if (fork() == 0) {
			close(ends[0]);
			write_records(ends[1], i, 400);
		}
	}
	close(ends[1]);
	FILE *in = fdopen(ends[0], "r");
	uint32_t length;
	unsigned records = 0, torn = 0;
	while (fread(&length, 4, 1, in) == 1) {
		if (length == 0 || length > 4092 || fread(bytes, 1, length, in) != length) {
			torn = 1000000;
			break;
		}
		for (uint32_t i = 1; i < length; i++)
			torn += bytes[i] != bytes[0];
		records++;
	}
	say("records", records);
	say("torn", torn);
	for (unsigned i = 0; i < WRITERS; i++)
		if (wait(&status) > 0 && status == 0)
			good++;
	say("writers", good);
}

/* Long writes and reads of all sizes around PIPE_BUF and the whole pipe, by several on each side: the sum is right. */
static void many_on_each_side(void)
{
	static const uint32_t sizes[] = { 1, 4095, 4096, 4097, 8192, 65535, 65536, 65537, 100000, 131072 };
	static uint8_t bytes[131072];
	int ends[2], sums[2];
	uint64_t wanted = 0, total = 0, part;
	pipe(ends);
	pipe(sums);
	for (unsigned i = 0; i < READERS; i++) {
		if (fork() == 0) {
			close(ends[1]);
			uint64_t sum = 0;
			long got;
			for (unsigned k = i; (got = read(ends[0], bytes, sizes[k % 10])) > 0; k++)
				for (long at = 0; at < got; at++)
					sum += bytes[at];
			write(sums[1], &sum, 8);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		for (unsigned k = 0; k < 20; k++)
			wanted += (uint64_t)sizes[(k + i) % 10] * (i + 1);
		if (fork() == 0) {
			memset(bytes, (int)i + 1, sizeof(bytes));
			for (unsigned k = 0; k < 20; k++)
				if (write(ends[1], bytes, sizes[(k + i) % 10]) != (long)sizes[(k + i) % 10])
					_exit(1);
			_exit(0);
		}
	}
	close(ends[1]);
	for (unsigned i = 0; i < READERS; i++)
		if (read(sums[0], &part, 8) == 8)
			total += part;
	while (wait(NULL) > 0)
		;
	SAY(total == wanted);
}

static int thread_ends[2];

static void *thread_write(void *argument)
{
	uint8_t byte = (uint8_t)(uintptr_t)argument;
	for (unsigned i = 0; i < 2000; i++)
		write(thread_ends[1], &byte, 1);
	return NULL;
}

static void threads(void)
{
	pthread_t writers[WRITERS];
	uint8_t bytes[64];
	uint64_t sum = 0;
	long got, count = 0;
	pipe(thread_ends);
	for (uintptr_t i = 0; i < WRITERS; i++)
		pthread_create(&writers[i], NULL, thread_write, (void *)(i + 1));
	while (count < WRITERS * 2000 && (got = read(thread_ends[0], bytes, sizeof(bytes))) > 0) {
		count += got;
		for (long i = 0; i < got; i++)
			sum += bytes[i];
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	SAY(count);
	SAY(sum);
}

/* --- deaths ------------------------------------------------------------------------------------------ */

/* A writer and a reader that are killed wherever they are leave a pipe that works. */
static void deaths(void)
{
	static uint8_t bytes[70000];
	int works = 0;
	for (unsigned i = 0; i < 60; i++) {
		int ends[2];
		pipe(ends);
		pid_t writer = fork();
		if (writer == 0)
			for (;;)
				write(ends[1], bytes, i % 2 ? 5000 : sizeof(bytes));
		pid_t reader = fork();
		if (reader == 0)
			for (;;)
				read(ends[0], bytes, i % 3 ? 777 : sizeof(bytes));
		for (volatile unsigned turn = 0; turn < i * 3000; turn++)
			;
		kill(i % 2 ? writer : reader, SIGKILL);
		kill(i % 2 ? reader : writer, SIGKILL);
		while (wait(NULL) > 0)
			;
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
		while (read(ends[0], bytes, sizeof(bytes)) > 0)
			;
		works += write(ends[1], "again", 5) == 5 && read(ends[0], bytes, 9) == 5 && !memcmp(bytes, "again", 5);
		close(ends[1]);
		works += read(ends[0], bytes, 9) == 0;
		close(ends[0]);
	}
	SAY(works);
}

/* Whoever sleeps for a partner that dies is told. */
static void last_one(void)
{
	int ends[2], status;
	char byte;
	pipe(ends);
	pid_t child = fork();
	if (child == 0) {
		write(ends[1], "a", 1);
		pause();
	}
	close(ends[1]);
	SAY(read(ends[0], &byte, 1));
	if (fork() == 0) {
		usleep(50000);
		kill(child, SIGKILL);
		_exit(0);
	}
	SAY(read(ends[0], &byte, 1));
	while (wait(&status) > 0)
		;
	struct pollfd end = { ends[0], POLLIN, 0 };
	SAY(poll(&end, 1, -1));
	SAY(end.revents == POLLHUP);
}

/* --- partners that garble what is shared ----------------------------------------------------------------- */

/* Where Atoll's personality keeps rings (RING_AREA); on Linux nothing is there, and nothing is garbled. */
#define SHARED 0x7fffba000000ull
#define SHARED_EACH 0x11000ull
static sigjmp_buf not_there;

static void no_page(int number)
{
	(void)number;
	siglongjmp(not_there, 1);
}

static void garble(uint32_t pattern, unsigned rounds)
{
	signal(SIGSEGV, no_page);
	signal(SIGBUS, no_page);
	for (volatile unsigned round = 0; round < rounds; round++) {
		for (volatile unsigned ring = 0; ring < 4; ring++) {
			if (sigsetjmp(not_there, 1))
				continue;
			volatile uint32_t *words = (volatile uint32_t *)(SHARED + ring * SHARED_EACH);
			for (unsigned i = 0; i < 40; i++)
				words[i] = pattern + (pattern & 1 ? i * 0x01234567u * (round + 1) : 0);
		}
	}
	_exit(0);
}

static void nothing(int number)
{
	(void)number;
}

/* Every call returns, or is ended by a signal; what it says is not asked. */
static void use_garbled(const int *ends)
{
	static char bytes[70000];
	int pending;
	struct itimerspec often = { { 0, 5000000 }, { 0, 5000000 } };
	timer_t timer;
	timer_create(CLOCK_MONOTONIC, NULL, &timer);
	timer_settime(timer, 0, &often, NULL);
	struct pollfd both[2] = { { ends[0], POLLIN, 0 }, { ends[1], POLLOUT, 0 } };
	poll(both, 2, 5);
	read(ends[0], bytes, 100);
	write(ends[1], bytes, 100);
	write(ends[1], bytes, sizeof(bytes));
	read(ends[0], bytes, sizeof(bytes));
	ioctl(ends[0], FIONREAD, &pending);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	read(ends[0], bytes, sizeof(bytes));
	write(ends[1], bytes, sizeof(bytes));
	poll(both, 2, 0);
	timer_delete(timer);
}

static void garbled(void)
{
	static const uint32_t patterns[] = { 0, 1, 2, 0xffffffff, 0xfffffffe, 0x80000000, 0x7fffffff, 0x20000, 0x20002, 0x12345678 };
	struct sigaction action = { .sa_handler = nothing };
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	int survived = 0;
	for (unsigned i = 0; i < 30; i++) {
		int ends[2], other[2];
		if (i % 3 == 2)
			socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
		else
			pipe(ends);
		write(ends[1], "x", 1);
		pid_t child = fork();
		if (child == 0) {
			struct pollfd here[2] = { { ends[0], POLLIN, 0 }, { ends[1], POLLIN, 0 } };
			poll(here, 2, 0); /* now it shares them */
			garble(patterns[i % 10], i < 15 ? 1 : 3000);
		}
		if (i < 15)
			waitpid(child, NULL, 0);
		use_garbled(ends);
		if (i >= 15)
			waitpid(child, NULL, 0);
		close(ends[0]);
		close(ends[1]);
		/* Other pipes have seen nothing of it. */
		char word[8];
		pipe(other);
		survived += write(other[1], "whole", 5) == 5 && read(other[0], word, 8) == 5 && !memcmp(word, "whole", 5);
		close(other[0]);
		close(other[1]);
	}
	SAY(survived);
}

int main(void)
{
	in_child("whole_writes", whole_writes);
	in_child("many_on_each_side", many_on_each_side);
	in_child("threads", threads);
	in_child("deaths", deaths);
	in_child("last_one", last_one);
	in_child("garbled", garbled);
	return 0;
}
