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

/* --- writing --- */

static void write_again(int fd, int times)
{
	for (int i = 0; i < times; i++)
		if (pwrite(fd, "warm", 4, 100) != 4)
			printf("pwrite: %s\n", strerror(errno));
}

static bool later(struct timespec one, struct timespec other)
{
	return one.tv_sec > other.tv_sec || (one.tv_sec == other.tv_sec && one.tv_nsec > other.tv_nsec);
}

static void written_times(void)
{
	struct stat before, after;
	int fd = file_make("wt", 5000, 'w'), reader_fd = open("wt", O_RDONLY);
	write_again(fd, ROUNDS);
	for (int i = 0; i < 6; i++) {
		fstat(reader_fd, &before);
		usleep(30000); /* Linux counts in steps */
		if (i == 4)
			warm_up(reader_fd); /* the access time is the latest now */
		write_again(fd, i == 5 ? 1 : 3);
		if (i == 3)
			chmod("wt", 0640);
		stat("wt", &after);
		printf("%d %d\n", later(after.st_mtim, before.st_mtim), later(after.st_ctim, before.st_ctim));
	}
	usleep(30000);
	SAY(pread(reader_fd, buffer, 4, 0));
	stat("wt", &after);
	SAY(later(after.st_atim, before.st_atim));
	struct timespec times[2] = { { 1000, 0 }, { 500, 0 } };
	write_again(fd, 2);
	SAY(futimens(fd, times));
	stat("wt", &after);
	printf("%ld %ld\n", (long)after.st_atim.tv_sec, (long)after.st_mtim.tv_sec);
	write_again(fd, 2);
	stat("wt", &after);
	SAY(after.st_mtim.tv_sec > 1000);
	struct timespec ahead[2] = { { 5000000000, 0 }, { 5000000000, 0 } };
	SAY(futimens(fd, ahead));
	write_again(fd, 10);
	stat("wt", &after);
	SAY(after.st_mtim.tv_sec < 5000000000);
}

static void written_bytes(void)
{
	struct stat status;
	int fd = file_make("wb", 20000, '-'), other = open("wb", O_WRONLY), read_only = open("wb", O_RDONLY);
	write_again(fd, ROUNDS);
	write_again(other, ROUNDS);
	SAY(pwrite(read_only, "x", 1, 0));
	SAY(pwrite(fd, "0123456789", 10, 19995));
	fstat(fd, &status);
	SAY(status.st_size);
	SAY(pwrite(fd, "abc", 3, 30000));
	SAY(pread(read_only, buffer, 20, 19990));
	printf("%.15s\n", buffer);
	SAY(pwrite(fd, (void *)16, 10, 50));
	SAY(pwrite(fd, "", 0, 50));
	SAY(pwrite(fd, "y", 1, -1));
	SAY(ftruncate(other, 4097));
	SAY(pwrite(fd, "end", 3, 4095));
	SAY(pwrite(fd, "gap", 3, 12000));
	SAY(pread(read_only, buffer, 20, 4090));
	for (int i = 0; i < 20; i++)
		printf(" %d", buffer[i]);
	printf("\n");
	char *map = mmap(NULL, 16384, PROT_READ, MAP_SHARED, read_only, 0);
	SAY(pwrite(other, "mapped", 6, 200));
	SAY(pwrite(fd, "MAPPED", 6, 300));
	printf("%.6s %.6s\n", map + 200, map + 300);
	struct iovec { void *address; size_t length; } pieces[2] = { { "one", 3 }, { "two", 3 } };
	SAY(syscall(SYS_pwritev, fd, pieces, 2, 400l, 0l));
	printf("%.6s\n", map + 400);
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(lseek(fd, 500, SEEK_SET));
	SAY(write(fd, "at", 2));
	SAY(lseek(fd, 0, SEEK_CUR));
	printf("%.2s\n", map + 500);
	/* To append is not to write where one says. */
	SAY(fcntl(fd, F_SETFL, O_APPEND));
	SAY(pwrite(fd, "tail", 4, 0));
	fstat(fd, &status);
	SAY(status.st_size);
	printf("%d\n", map[0]);
	SAY(fcntl(fd, F_SETFL, 0));
	SAY(pwrite(fd, "head", 4, 0));
	printf("%.4s\n", map);
}

static void written_holes(void)
{
	struct stat status;
	int fd = open("wh", O_RDWR | O_CREAT | O_TRUNC, 0600);
	SAY(ftruncate(fd, 10 << 20));
	for (int i = 0; i < 10; i++)
		SAY(pwrite(fd, "data", 4, i << 20));
	fstat(fd, &status);
	printf("%ld %ld\n", (long)status.st_size, (long)status.st_blocks);
	SAY(lseek(fd, 5000, SEEK_DATA));
	SAY(lseek(fd, 2 << 20, SEEK_HOLE));
	SAY(unlink("wh"));
	SAY(pwrite(fd, "more", 4, 9 << 20));
	SAY(pread(fd, buffer, 8, 9 << 20));
	printf("%s\n", buffer);
}

static void set_id_goes(void)
{
	struct stat status;
	mkdir("own", 0700);
	if (chown("own", 1000, 1000) || chdir("own") || setgid(1000) || setuid(1000))
		return;
	int fd = file_make("wi", 5000, 'i');
	write_again(fd, ROUNDS);
	SAY(fchmod(fd, 06755));
	fstat(fd, &status);
	printf("%o\n", status.st_mode);
	write_again(fd, 1);
	fstat(fd, &status);
	printf("%o\n", status.st_mode);
	SAY(fchmod(fd, 0));
	SAY(pwrite(fd, "still", 5, 0));
}

static void write_limit(void)
{
	int fd = file_make("wl", 5000, 'l');
	signal(SIGXFSZ, SIG_IGN);
	write_again(fd, ROUNDS);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1000, 1000 });
	SAY(pwrite(fd, buffer, 10, 995));
	SAY(pwrite(fd, buffer, 10, 2000));
	SAY(pwrite(fd, buffer, 10, 200));
}

/* Another truncates while this one writes: it all comes out as if one had been after the other. */
static void truncated_while_writing(void)
{
	int fd = file_make("wc", 65536, 'c');
	pid_t child = fork();
	if (child == 0)
		for (int i = 0;; i++)
			if (ftruncate(fd, i % 2 ? 70000 : i % 4 ? 0 : 100))
				_exit(1);
	bool right = true;
	memset(buffer, 'c', sizeof(buffer));
	for (int i = 0; i < 3000; i++)
		right &= pwrite(fd, buffer, 3000, 1000 * (i % 40)) == 3000;
	SAY(right);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	SAY(ftruncate(fd, 0));
	SAY(ftruncate(fd, 60000));
	memset(buffer, 1, sizeof(buffer));
	SAY(pread(fd, buffer, 65536, 0));
	for (int i = 0; i < 60000; i++)
		right &= buffer[i] == 0;
	SAY(right);
}

static void *writer(void *right)
{
	static __thread char bytes[3000];
	memset(bytes, 'A' + (char)((uintptr_t)&bytes / 4096 % 20), sizeof(bytes));
	for (int i = 0; i < 2000; i++)
		if (pwrite(shared_fd, bytes, sizeof(bytes), 500) != sizeof(bytes))
			*(bool *)right = false;
	return NULL;
}

/* Writes of the same place do not mix. */
static void writers(void)
{
	bool right = true;
	pthread_t others[3];
	shared_fd = file_make("ww", 5000, 'w');
	write_again(shared_fd, ROUNDS);
	for (int i = 0; i < 3; i++)
		pthread_create(&others[i], NULL, writer, &right);
	for (int i = 0; i < 3; i++)
		pthread_join(others[i], NULL);
	SAY(right);
	SAY(pread(shared_fd, buffer, 3000, 500));
	for (int i = 0; i < 3000; i++)
		right &= buffer[i] == buffer[0];
	SAY(right);
	SAY(pread(shared_fd, buffer, 5000, 0));
	printf("%c%c\n", buffer[499], buffer[3500]);
}

int main(void)
{
	in_child("written times", written_times);
	in_child("written bytes", written_bytes);
	in_child("written holes", written_holes);
	in_child("set-id goes", set_id_goes);
	in_child("write limit", write_limit);
	in_child("truncated while writing", truncated_while_writing);
	in_child("writers", writers);
	in_child("another changes", another_changes);
	in_child("another truncates", another_truncates);
	in_child("shared offset", shared_offset);
	in_child("access time", access_time);
	in_child("many and large", many_and_large);
	in_child("threads", threads);
	return 0;
}
