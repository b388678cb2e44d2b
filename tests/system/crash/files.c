/* Uses a file system in every way there is, over and over, and checks each answer against what it knows: `files ROUNDS
 * [alone]`, in an empty directory. It prints one line for each surprise, and in the end a number made of everything it has seen. With
 * `alone` (nobody else uses the file system) inode numbers must be those that follow, and at the end no block more is in use than
 * after the first rounds. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : surprise(__LINE__, #condition))
#define FAILS(call, error) CHECK((call) < 0 && errno == (error))
#define PAGE 4096
#define MANY 70 /* open files: more than fit where a few are kept */

static unsigned turn, surprises;
static bool alone;
static uint64_t seen = 0xcbf29ce484222325;
static unsigned char bytes[6 * PAGE], found[6 * PAGE];

static void surprise(int line, const char *what)
{
	if (surprises++ < 20)
		printf("round %u, line %d: %s (errno %d)\n", turn, line, what, errno);
}

static void note(const void *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		seen = (seen ^ ((const unsigned char *)data)[i]) * 0x100000001b3;
}

static void note_number(uint64_t number)
{
	note(&number, sizeof number);
}

static void fill(unsigned salt)
{
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251 + turn + salt) | 1;
}

static bool all_zero(size_t from, size_t to)
{
	while (from < to && found[from] == 0)
		from++;
	return from == to;
}

static uint64_t size_of(int file)
{
	struct stat status;
	CHECK(fstat(file, &status) == 0);
	note_number((uint64_t)status.st_size);
	return (uint64_t)status.st_size;
}

/* The file is what `bytes` says in these parts and zeros elsewhere, and that long. */
static void check_contents(int file, size_t size, size_t from, size_t to)
{
	CHECK(size_of(file) == size);
	memset(found, 0xee, sizeof found);
	CHECK(pread(file, found, sizeof found, 0) == (ssize_t)size);
	CHECK(all_zero(0, from) && memcmp(found + from, bytes + from, to - from) == 0 && all_zero(to, size));
	note(found, size);
}

static void writing(void)
{
	fill(1);
	int file = open("f", O_RDWR | O_CREAT | O_EXCL, 0640);
	CHECK(file >= 0);
	FAILS(open("f", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	CHECK(write(file, bytes, 3000) == 3000 && write(file, bytes + 3000, 2000) == 2000);
	check_contents(file, 5000, 0, 5000);
	CHECK(pwrite(file, bytes + 100, 900, 100) == 900);
	FAILS(pwrite(file, bytes, 1, 1ll << 62), EFBIG);
	int end = open("f", O_WRONLY | O_APPEND);
	CHECK(write(end, bytes + 5000, 1500) == 1500 && write(end, bytes + 6500, 1500) == 1500);
	CHECK(lseek(end, 0, SEEK_CUR) == 8000 && lseek(file, 0, SEEK_CUR) == 5000);
	check_contents(file, 8000, 0, 8000);
	CHECK(fcntl(file, F_SETFL, O_APPEND) == 0 && fcntl(file, F_GETFL) & O_APPEND);
	CHECK(pwrite(file, bytes + 8000, 700, 0) == 700); /* as Linux: at the end */
	check_contents(file, 8700, 0, 8700);
	close(end);
	close(file);
}

static void truncation(void)
{
	fill(1);
	int file = open("f", O_RDWR);
	CHECK(ftruncate(file, 4100) == 0);
	check_contents(file, 4100, 0, 4100);
	CHECK(ftruncate(file, 9000) == 0);
	check_contents(file, 9000, 0, 4100);
	CHECK(truncate("f", 50) == 0 && ftruncate(file, 3 * PAGE) == 0);
	check_contents(file, 3 * PAGE, 0, 50);
	CHECK(pwrite(file, bytes + 4 * PAGE, 100, 4 * PAGE) == 100 && ftruncate(file, 4 * PAGE + 60) == 0);
	CHECK(lseek(file, 100, SEEK_DATA) == 100 && lseek(file, 100, SEEK_HOLE) == PAGE && lseek(file, PAGE, SEEK_DATA) == 4 * PAGE);
	int again = open("f", O_WRONLY | O_TRUNC);
	check_contents(file, 0, 0, 0);
	CHECK(ftruncate(file, 10) == 0);
	check_contents(file, 10, 0, 0);
	close(again);
	close(file);
}

static void setting_aside(void)
{
	fill(2);
	int file = open("a", O_RDWR | O_CREAT, 0600);
	CHECK(write(file, bytes, 3 * PAGE) == 3 * PAGE);
	CHECK(fallocate(file, 0, 2 * PAGE, 3 * PAGE) == 0);
	check_contents(file, 5 * PAGE, 0, 3 * PAGE);
	CHECK(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE + 10) == 0);
	check_contents(file, 5 * PAGE, PAGE + 10, 3 * PAGE);
	CHECK(fallocate(file, FALLOC_FL_ZERO_RANGE, 2 * PAGE + 5, 4 * PAGE - 5) == 0);
	check_contents(file, 6 * PAGE, PAGE + 10, 2 * PAGE + 5);
	CHECK(fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 6 * PAGE) == 0);
	FAILS(fallocate(file, 0, 0, 1ll << 42), ENOSPC);
	FAILS(fallocate(file, 0, 0, 0), EINVAL);
	check_contents(file, 6 * PAGE, PAGE + 10, 2 * PAGE + 5);
	close(file);
	CHECK(unlink("a") == 0);
}

static void names(void)
{
	struct stat status;
	char target[64] = "";
	fill(3);
	CHECK(mkdir("d", 0755) == 0 && mkdir("d/e", 0700) == 0);
	FAILS(mkdir("d", 0755), EEXIST);
	int old = open("d/g", O_RDWR | O_CREAT, 0644), new = open("d/h", O_RDWR | O_CREAT, 0644);
	CHECK(write(old, bytes, 2000) == 2000 && write(new, bytes + 10, 10) == 10);
	CHECK(rename("d/h", "d/g") == 0 && size_of(old) == 2000 && size_of(new) == 10);
	CHECK(fstat(old, &status) == 0 && status.st_nlink == 0);
	check_contents(old, 2000, 0, 2000);
	CHECK(link("d/g", "d/e/l") == 0 && fstat(new, &status) == 0 && status.st_nlink == 2);
	FAILS(rmdir("d/e"), ENOTEMPTY);
	FAILS(renameat2(AT_FDCWD, "d/g", AT_FDCWD, "f", RENAME_NOREPLACE), EEXIST);
	CHECK(renameat2(AT_FDCWD, "d/e", AT_FDCWD, "d/g", RENAME_EXCHANGE) == 0 && stat("d/g/l", &status) == 0);
	CHECK(symlink("g/l", "d/s") == 0 && readlink("d/s", target, sizeof target) == 3 && strcmp(target, "g/l") == 0);
	CHECK(lstat("d/s", &status) == 0 && S_ISLNK(status.st_mode) && stat("d/s", &status) == 0 && status.st_size == 10);
	CHECK(unlink("d/g/l") == 0 && unlink("d/e") == 0 && unlink("d/s") == 0);
	FAILS(unlink("d/e"), ENOENT);
	CHECK(fstat(new, &status) == 0 && status.st_nlink == 0);
	CHECK(rmdir("d/g") == 0 && rmdir("d") == 0);
	close(old);
	close(new);
}

static void attributes(void)
{
	struct stat status;
	const struct timespec times[2] = { { 1000 + turn, 5 }, { 2000 + turn, 7 } };
	CHECK(chmod("f", 0604) == 0 && chown("f", 3, 4) == 0 && utimensat(AT_FDCWD, "f", times, 0) == 0);
	CHECK(stat("f", &status) == 0 && status.st_mode == (S_IFREG | 0604) && status.st_uid == 3 && status.st_gid == 4);
	CHECK(status.st_atim.tv_sec == 1000 + turn && status.st_mtim.tv_nsec == 7);
	int file = open("f", O_RDONLY);
	CHECK(fchmod(file, 0600) == 0 && fchown(file, 0, 0) == 0 && futimens(file, times) == 0);
	CHECK(fstat(file, &status) == 0 && status.st_mode == (S_IFREG | 0600) && status.st_mtim.tv_sec == 2000 + turn);
	CHECK(access("f", R_OK | W_OK) == 0);
	FAILS(access("f", X_OK), EACCES);
	FAILS(faccessat(AT_FDCWD, "none", F_OK, 0), ENOENT);
	close(file);
}

static void listing(void)
{
	char name[32], path[4096];
	CHECK(mkdir("many", 0755) == 0);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "many/%u-%.*s", i, (int)(turn % 12), "a longer name");
		int file = open(name, O_WRONLY | O_CREAT, 0600);
		CHECK(file >= 0);
		close(file);
	}
	CHECK(unlinkat(AT_FDCWD, name, 0) == 0);
	CHECK(chdir("many") == 0 && getcwd(path, sizeof path) && strcmp(strrchr(path, '/'), "/many") == 0 && chdir("..") == 0);
	DIR *directory = opendir("many");
	unsigned count = 0;
	for (struct dirent *entry; (entry = readdir(directory)); count++)
		note(entry->d_name, strlen(entry->d_name));
	CHECK(count == 21);
	rewinddir(directory);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			CHECK(unlinkat(dirfd(directory), entry->d_name, 0) == 0);
	closedir(directory);
	CHECK(rmdir("many") == 0);
}

/* A child waits for a lock that the parent has, as a process and through an open file. */
static void locks(void)
{
	struct flock range = { .l_type = F_WRLCK, .l_start = 10, .l_len = 20 }, other = { .l_type = F_RDLCK };
	int file = open("f", O_RDWR), status = -1, ready[2];
	char byte;
	CHECK(pipe(ready) == 0 && fcntl(file, F_SETLK, &range) == 0 && flock(file, LOCK_EX) == 0);
	pid_t child = fork();
	if (child == 0) {
		int own = open("f", O_RDWR);
		bool held = fcntl(own, F_SETLK, &other) < 0 && errno == EAGAIN && flock(own, LOCK_SH | LOCK_NB) < 0 && errno == EAGAIN;
		held = held && fcntl(own, F_GETLK, &other) == 0 && other.l_type == F_WRLCK && other.l_start == 10;
		other = (struct flock){ .l_type = F_WRLCK };
		held = held && write(ready[1], "r", 1) == 1 && fcntl(own, F_SETLKW, &other) == 0 && flock(own, LOCK_EX) == 0;
		_exit(held ? 0 : 1);
	}
	CHECK(child > 0 && read(ready[0], &byte, 1) == 1);
	range.l_type = F_UNLCK;
	range.l_start = 15;
	range.l_len = 5; /* in two parts; they go with the file */
	CHECK(fcntl(file, F_SETLK, &range) == 0 && flock(file, LOCK_UN) == 0);
	close(file);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	close(ready[0]);
	close(ready[1]);
}

static void mapping(void)
{
	fill(4);
	int file = open("m", O_RDWR | O_CREAT, 0600);
	CHECK(ftruncate(file, 2 * PAGE) == 0);
	unsigned char *map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(map != MAP_FAILED);
	memcpy(map + 1000, bytes + 1000, 3000);
	check_contents(file, 2 * PAGE, 1000, 4000);
	CHECK(pwrite(file, bytes + 4000, 100, 4000) == 100 && memcmp(map, found, 1000) == 0 && map[4050] == bytes[4050]);
	CHECK(ftruncate(file, 3 * PAGE) == 0 && map[2 * PAGE + 5] == 0);
	map[2 * PAGE + 5] = 0;
	check_contents(file, 3 * PAGE, 1000, 4100);
	CHECK(munmap(map, 3 * PAGE) == 0 && unlink("m") == 0);
	close(file);
}

/* So many reads and writes that they need no calls any more, and what is then changed by calls. */
static void windows(void)
{
	fill(5);
	int file = open("w", O_RDWR | O_CREAT, 0600), reader = open("w", O_RDONLY);
	CHECK(write(file, bytes, 3000) == 3000);
	for (unsigned i = 0; i < 12; i++) {
		CHECK(pwrite(file, bytes + i * 100, 100, i * 100) == 100);
		CHECK(pread(reader, found, 200, i * 100) == 200 && memcmp(found, bytes + i * 100, 200) == 0);
	}
	CHECK(pwrite(file, bytes + 3000, 2000, 3000) == 2000);
	CHECK(pread(reader, found, 5000, 0) == 5000 && memcmp(found, bytes, 5000) == 0);
	CHECK(ftruncate(file, 1000) == 0 && pread(reader, found, 5000, 0) == 1000 && pread(reader, found, 10, 1000) == 0);
	CHECK(ftruncate(file, 4000) == 0 && pwrite(file, bytes + 3000, 1000, 3000) == 1000);
	CHECK(pread(reader, found, 5000, 0) == 4000 && memcmp(found, bytes, 1000) == 0 && all_zero(1000, 3000) &&
	      memcmp(found + 3000, bytes + 3000, 1000) == 0);
	memset(bytes + 1000, 0, 2000);
	for (unsigned i = 0; i < 6; i++)
		CHECK(read(reader, found, 700) == (i < 5 ? 700 : 500) && memcmp(found, bytes + i * 700, 500) == 0);
	CHECK(unlink("w") == 0);
	close(file);
	close(reader);
}

static void devices(void)
{
	unsigned char other[PAGE];
	int zero = open("/dev/zero", O_RDONLY), full = open("/dev/full", O_WRONLY), random = open("/dev/urandom", O_RDWR);
	int nothing = open("/dev/null", O_RDWR);
	memset(found, 1, sizeof found);
	CHECK(read(zero, found, sizeof found) == sizeof found && all_zero(0, sizeof found));
	FAILS(write(full, found, 10), ENOSPC);
	CHECK(read(random, found, 5000) == 5000 && read(random, other, PAGE) == PAGE && memcmp(found, other, PAGE) != 0);
	CHECK(write(nothing, bytes, 100) == 100 && read(nothing, bytes, 100) == 0);
	close(zero);
	close(full);
	close(random);
	close(nothing);
	CHECK(mkfifo("p", 0600) == 0);
	int both = open("p", O_RDWR | O_NONBLOCK);
	CHECK(both >= 0 && write(both, "through", 7) == 7 && read(both, found, 10) == 7 && memcmp(found, "through", 7) == 0);
	close(both);
	CHECK(unlink("p") == 0);
}

static void copying(void)
{
	struct statfs info;
	off_t at = 500;
	fill(6);
	int from = open("c", O_RDWR | O_CREAT, 0600), to = open(".", O_TMPFILE | O_RDWR, 0600);
	CHECK(from >= 0 && to >= 0 && write(from, bytes, 9000) == 9000);
	CHECK(sendfile(to, from, &at, 8000) == 8000 && at == 8500);
	CHECK(pread(to, found, 9000, 0) == 8000 && memcmp(found, bytes + 500, 8000) == 0);
	int twin = dup(to);
	CHECK(lseek(twin, 0, SEEK_CUR) == 8000 && lseek(twin, 30, SEEK_SET) == 30 && read(to, found, 10) == 10);
	CHECK(fstatfs(to, &info) == 0 && statfs("c", &info) == 0 && fsync(to) == 0);
	close(twin);
	close(to);
	close(from);
	CHECK(unlink("c") == 0);
}

static void crowd(void)
{
	int files[MANY];
	for (unsigned i = 0; i < MANY; i++)
		CHECK((files[i] = open("f", O_RDONLY)) >= 0);
	for (unsigned i = 0; i < MANY; i++)
		close(files[i]);
}

/* A number for each node that was made since, if nobody else makes any. */
static void numbers(void)
{
	static uint64_t last;
	struct stat status;
	CHECK(stat("f", &status) == 0);
	if (alone)
		note_number(last ? status.st_ino - last : 0);
	last = status.st_ino;
}

/* Blocks that are free, when that has not changed for a while: the kernel frees what nothing names any more when each CPU has been
 * idle or in a program since. */
static fsblkcnt_t blocks_free(void)
{
	struct statfs info = { 0 };
	fsblkcnt_t last;
	unsigned same = 0;
	statfs(".", &info);
	for (unsigned look = 0; same < 5 && look < 200; look++) {
		last = info.f_bfree;
		usleep(10000);
		statfs(".", &info);
		same = info.f_bfree == last ? same + 1 : 0;
	}
	return info.f_bfree;
}

int main(int count, char **arguments)
{
	static void (*const parts[])(void) = { writing, numbers, truncation, setting_aside, names, attributes, listing, mapping,
		                               windows, devices, copying };
	unsigned rounds = count > 1 ? (unsigned)atoi(arguments[1]) : 1;
	fsblkcnt_t before = 0;
	alone = count > 2;
	for (turn = 0; turn < rounds; turn++) {
		for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
			parts[i]();
		if (turn % 16 == 0)
			locks();
		if (turn % 32 == 0)
			crowd();
		CHECK(unlink("f") == 0);
		if (turn == 2 && alone)
			before = blocks_free();
	}
	if (alone && rounds > 3)
		CHECK(blocks_free() == before);
	printf("%u rounds, %u surprises, %016lx\n", rounds, surprises, seen);
	return surprises != 0;
}
