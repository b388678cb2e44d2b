/* Files that are read again and again while they change: every read gives what a single one would. */
#include "check.h"
#include <pthread.h>
#include <sys/resource.h>

#define ROUNDS 20 /* reads before what is tested, so that whatever is kept for reading is there */

static char buffer[70000];
static int to_child[2], to_parent[2];

static void warm_up(int fd)
{
	for (int i = 0; i < ROUNDS; i++)
		if (pread(fd, buffer, 1, 0) < 0)
			printf("pread: %s\n", strerror(errno));
}

static int file_make(const char *name, size_t size, char byte)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	memset(buffer, byte, sizeof(buffer));
	for (size_t done = 0; done < size;) {
		size_t part = size - done < sizeof(buffer) ? size - done : sizeof(buffer);
		if (write(fd, buffer, part) != (ssize_t)part)
			break;
		done += part;
	}
	warm_up(fd);
	return fd;
}

/* The child waits for its turn, and says that it is done; the parent gives it a turn. */
static void turn_wait(void)
{
	char byte;
	if (read(to_child[0], &byte, 1) != 1)
		_exit(9);
}

static void turn_end(void)
{
	if (write(to_parent[1], "", 1) != 1)
		_exit(9);
}

static void turn_give(void)
{
	char byte;
	if (write(to_child[1], "", 1) != 1 || read(to_parent[0], &byte, 1) != 1)
		_exit(9);
}

/* Another process writes, appends, truncates; this one sees it with the next read. */
static void another_changes(void)
{
	int fd = file_make("a", 10000, 'a');
	if (pipe(to_child) || pipe(to_parent))
		return;
	if (fork() == 0) {
		int own = open("a", O_WRONLY | O_APPEND);
		turn_wait();
		bool right = write(own, "more", 4) == 4;
		turn_end();
		turn_wait();
		right &= pwrite(fd, "XYZ", 3, 4095) == 3;
		turn_end();
		turn_wait();
		right &= ftruncate(own, 100) == 0;
		turn_end();
		turn_wait();
		right &= ftruncate(own, 5000) == 0;
		turn_end();
		_exit(!right);
	}
	turn_give();
	SAY(pread(fd, buffer, sizeof(buffer), 9990));
	printf("%.14s\n", buffer);
	turn_give();
	SAY(pread(fd, buffer, 6, 4093));
	printf("%.6s\n", buffer);
	turn_give();
	SAY(pread(fd, buffer, sizeof(buffer), 0));
	SAY(pread(fd, buffer, 10, 100));
	SAY(pread(fd, buffer, 10, 4096));
	turn_give();
	memset(buffer, 1, 300);
	SAY(pread(fd, buffer, 200, 90));
	printf("%c%c%d%d\n", buffer[0], buffer[9], buffer[10], buffer[199]);
	SAY(pread(fd, buffer, 10000, 0));
	wait(NULL);
}

/* Another process truncates and fills all the while: what is read is whole, or ends early. */
static void another_truncates(void)
{
	int fd = file_make("t", 65536, 't');
	pid_t child = fork();
	if (child == 0) {
		memset(buffer, 't', sizeof(buffer));
		for (;;)
			if (ftruncate(fd, 0) || pwrite(fd, buffer, 65536, 0) != 65536)
				_exit(1);
	}
	bool right = true;
	for (int i = 0; i < 3000; i++) {
		ssize_t count = pread(fd, buffer, 30000, 1000 * (i % 40));
		right &= count >= 0 && count <= 30000;
		for (ssize_t at = 0; at < count; at += 4096)
			right &= buffer[at] == 't' || buffer[at] == 0;
	}
	SAY(right);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void shared_offset(void)
{
	int fd = file_make("o", 300, 'o');
	for (int i = 0; i < 300; i++)
		if (pwrite(fd, (char[]){ (char)('A' + i % 26) }, 1, i) != 1)
			return;
	lseek(fd, 0, SEEK_SET);
	for (int i = 0; i < 50; i++)
		if (read(i % 2 ? fd : dup(fd), buffer, 1) != 1 || buffer[0] != 'A' + i % 26)
			printf("read %d: %c\n", i, buffer[0]);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 50; i < 100; i++)
			if (read(fd, buffer, 1) != 1 || buffer[0] != 'A' + i % 26)
				printf("child %d: %c\n", i, buffer[0]);
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(read(fd, buffer, 4));
	printf("%.4s\n", buffer);
	SAY(read(fd, (void *)16, 4));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(pread(fd, (void *)16, 4, 0));
	SAY(pread(fd, (void *)-4096l, 4, 0));
	SAY(write(fd, "...", 3));
	SAY(read(fd, buffer, 3));
	printf("%.3s\n", buffer);
	SAY(lseek(fd, -5, SEEK_END));
	SAY(read(fd, buffer, 100));
	SAY(read(fd, buffer, 100));
	SAY(pread(fd, buffer, 100, 1l << 40));
	/* Where the buffer ends, the read does. */
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	lseek(fd, 10, SEEK_SET);
	long count = read(fd, page + 4090, 20);
	printf("%d\n", count == 6 || count < 0);
	SAY(lseek(fd, 0, SEEK_CUR) == (count < 0 ? 10 : 10 + count));
}

static void access_time(void)
{
	struct stat before, after;
	int fd = file_make("s", 5000, 's');
	fstat(fd, &before);
	usleep(20000);
	SAY(pwrite(fd, "new", 3, 0));
	SAY(pread(fd, buffer, 3, 0));
	fstat(fd, &after);
	SAY(after.st_atim.tv_sec > before.st_atim.tv_sec || after.st_atim.tv_nsec > before.st_atim.tv_nsec);
	struct timespec times[2] = { { 1000, 0 }, { 500, 0 } };
	SAY(futimens(fd, times));
	SAY(pread(fd, buffer, 3, 0));
	fstat(fd, &after);
	SAY(after.st_atim.tv_sec > 1000);
	SAY(after.st_mtim.tv_sec);
}

static void many_and_large(void)
{
	int fds[40];
	char name[8];
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		fds[i] = file_make(name, 5000, (char)('0' + i));
	}
	bool right = true;
	for (int round = 0; round < 30; round++)
		for (int i = 0; i < 40; i++)
			right &= pread(fds[i], buffer, 5000, 0) == 5000 && buffer[0] == '0' + i && buffer[4999] == '0' + i;
	SAY(right);
	/* Far apart in one file, most of it a hole; then without a name. */
	int fd = file_make("large", 100, 'l');
	const off_t places[] = { 0, 8 << 20, (8 << 20) - 50, 20 << 20, 3 << 20, 40 << 20 };
	for (int i = 0; i < 6; i++)
		if (pwrite(fd, "mark", 4, places[i]) != 4)
			printf("pwrite\n");
	SAY(unlink("large"));
	for (int round = 0; round < 50; round++)
		for (int i = 0; i < 6; i++)
			right &= pread(fd, buffer, 60, places[i]) == (i == 5 ? 4 : 60) && !memcmp(buffer, "mark", 4);
	SAY(right);
	SAY(lseek(fd, 0, SEEK_SET));
	long sum = 0, count, total = 0;
	while ((count = read(fd, buffer, 65536)) > 0) {
		total += count;
		for (long i = 0; i < count; i++)
			sum += buffer[i];
	}
	printf("%ld %ld\n", total, sum);
}

static int shared_fd;

static void *reader(void *right)
{
	static __thread char bytes[4096];
	for (int i = 0; i < 2000; i++) {
		long number = i % 12;
		if (pread(shared_fd, bytes, 4096, number * (1 << 20)) != 4096 || bytes[7] != (char)('a' + number))
			*(bool *)right = false;
	}
	return NULL;
}

static void threads(void)
{
	bool right = true;
	pthread_t others[3];
	shared_fd = file_make("p", 100, 'p');
	memset(buffer, 0, 4096);
	for (int i = 0; i < 12; i++) {
		memset(buffer, 'a' + i, 4096);
		if (pwrite(shared_fd, buffer, 4096, (long)i * (1 << 20)) != 4096)
			return;
	}
	for (int i = 0; i < 3; i++)
		pthread_create(&others[i], NULL, reader, &right);
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		if (child == 0) {
			reader(&right);
			_exit(!right);
		}
		int status;
		waitpid(child, &status, 0);
		right &= status == 0;
	}
	for (int i = 0; i < 3; i++)
		pthread_join(others[i], NULL);
	SAY(right);
}

int main(void)
{
	in_child("another changes", another_changes);
	in_child("another truncates", another_truncates);
	in_child("shared offset", shared_offset);
	in_child("access time", access_time);
	in_child("many and large", many_and_large);
	in_child("threads", threads);
	return 0;
}
