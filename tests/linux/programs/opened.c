/* Many open files, and whatever may become of them: copies, children, other programs, other rights. */
#include "check.h"
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#define MANY 40

static int fds[MANY];

/* Enough of them that whatever is done for who opens many is done. */
static void open_many(const char *prefix, int flags)
{
	char name[32];
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		fds[i] = open(name, flags | O_RDWR | O_CREAT, 0644);
		if (fds[i] < 0 || dprintf(fds[i], "text of %d\n", i) < 0)
			printf("%s: %s\n", name, strerror(errno));
	}
}

static void say_text(const char *what, int fd, off_t offset)
{
	char text[64] = "";
	ssize_t count = pread(fd, text, sizeof(text) - 1, offset);
	printf("%s: %s", what, count < 0 ? strerror(errno) : text);
	printf(count <= 0 ? "\n" : "");
	fflush(stdout);
}

static void numbers(void)
{
	open_many("n", 0);
	for (int i = 0; i < MANY; i++)
		if (fds[i] != fds[0] + i)
			printf("%d is %d\n", i, fds[i]);
	for (int i = 0; i < MANY; i += 3)
		close(fds[i]);
	for (int i = 0; i < MANY; i += 3) {
		int fd = open("n1", O_RDONLY);
		if (fd != fds[i])
			printf("%d is %d\n", i, fd);
		say_text("again", fd, 0);
	}
	SAY(close(fds[2]));
	SAY(close(fds[2]));
	SAY(read(fds[2], &fds, 1));
	SAY(dup2(fds[4], fds[2]) == fds[2]);
	SAY(lseek(fds[2], 5, SEEK_SET));
	SAY(lseek(fds[4], 0, SEEK_CUR));
	SAY(close(fds[4]));
	say_text("copy", fds[2], 0);
	SAY(syscall(SYS_close_range, fds[5], fds[9], 0));
	SAY(fcntl(fds[7], F_GETFD));
	int sum = 0;
	for (int i = 0; i < 3000; i++) {
		int fd = open(i % 2 ? "n10" : "n11", i % 3 ? O_RDONLY : O_RDWR);
		sum += fd >= 0 && close(fd) == 0;
	}
	SAY(sum);
	for (int i = 0; i < 1000; i++)
		if (open("n12", O_RDONLY) < 0) {
			SAY(errno == EMFILE);
			break;
		}
}

static void *idle(void *unused)
{
	(void)unused;
	pause();
	return NULL;
}

static void children(void)
{
	open_many("c", 0);
	SAY(lseek(fds[3], 8, SEEK_SET));
	int before = open("c0", O_RDONLY), status;
	for (int round = 0; round < 3; round++) {
		fflush(stdout);
		pid_t child = fork();
		if (child == 0) {
			char byte;
			SAY(read(fds[3], &byte, 1));
			printf("%c\n", byte);
			SAY(lseek(fds[4 + round], 2 + round, SEEK_SET));
			say_text("child", before, 0);
			SAY(close(before));
			int own = open("c5", O_RDONLY), more[5];
			for (int i = 0; i < 5; i++)
				more[i] = open("c6", O_RDONLY);
			say_text("own", own, 0);
			say_text("own", more[4], 0);
			SAY(flock(fds[20], LOCK_EX | LOCK_NB));
			fflush(stdout);
			_exit(0);
		}
		waitpid(child, &status, 0);
		SAY(status);
		SAY(lseek(fds[3], 0, SEEK_CUR));
		SAY(lseek(fds[4 + round], 0, SEEK_CUR));
		say_text("parent", before, 0);
		/* The lock is the open file's, which lives on here. */
		int other = open("c20", O_RDWR);
		SAY(flock(other, LOCK_EX | LOCK_NB));
		SAY(flock(fds[20], LOCK_UN));
		SAY(flock(other, LOCK_EX | LOCK_NB));
		SAY(close(other));
		if (round == 1) {
			pthread_t thread;
			pthread_create(&thread, NULL, idle, NULL);
		}
	}
	/* What a child has open lives on without us. */
	int ends[2];
	if (pipe(ends))
		return;
	fds[0] = open("gone", O_RDWR | O_CREAT, 0600);
	SAY(write(fds[0], "still here\n", 11));
	SAY(unlink("gone"));
	fflush(stdout);
	if (fork() == 0) {
		char byte;
		close(ends[1]);
		read(ends[0], &byte, 1);
		say_text("unlinked", fds[0], 0);
		_exit(0);
	}
	close(fds[0]);
	close(ends[1]);
	wait(NULL);
}

static void records(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 5 };
	open_many("r", 0);
	SAY(fcntl(fds[8], F_SETLK, &lock));
	fflush(stdout);
	if (fork() == 0) {
		int own = open("r8", O_RDWR);
		for (int i = 0; i < 4; i++)
			own = open("r8", O_RDWR);
		SAY(fcntl(own, F_SETLK, &lock));
		lock.l_type = F_WRLCK;
		SAY(fcntl(own, F_GETLK, &lock));
		SAY(lock.l_type);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	close(open("r8", O_RDONLY)); /* any close of the file by the process */
	if (fork() == 0) {
		SAY(fcntl(open("r8", O_RDWR), F_SETLK, &lock));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

static void programs(void)
{
	char command[64];
	open_many("x", 0);
	int hidden = open("x1", O_RDONLY | O_CLOEXEC);
	SAY(lseek(fds[7], 5, SEEK_SET));
	fflush(stdout);
	if (vfork() == 0) {
		snprintf(command, sizeof(command), "cat <&%d; cat <&%d", fds[7], hidden);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(1);
	}
	wait(NULL);
	SAY(lseek(fds[7], 0, SEEK_CUR));
	fflush(stdout);
	if (vfork() == 0) {
		dup2(fds[8], 0);
		execl("/bin/cat", "cat", NULL);
		_exit(1);
	}
	wait(NULL);
	say_text("still", hidden, 0);
	say_text("still", fds[8], 0);
	SAY(lseek(fds[9], 5, SEEK_SET));
	snprintf(command, sizeof(command), "cat <&%d; ls /proc/self/fd | wc -l", fds[9]);
	fflush(stdout);
	execl("/bin/sh", "sh", "-c", command, NULL);
}

static void links(void)
{
	char name[64], target[256];
	open_many("l", 0);
	int directory = open(".", O_RDONLY | O_DIRECTORY), path = open("l3", O_PATH);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[5]);
	ssize_t count = readlink(name, target, sizeof(target) - 1);
	target[count > 0 ? count : 0] = 0;
	printf("%s\n", strrchr(target, '/') ? strrchr(target, '/') : target);
	int again = open(name, O_RDONLY);
	say_text("again", again, 0);
	SAY(lseek(again, 0, SEEK_CUR));
	fflush(stdout);
	pid_t parent = getpid();
	if (fork() == 0) {
		for (int i = 0; i < MANY; i++)
			close(fds[i]);
		snprintf(name, sizeof(name), "/proc/%d/fd/%d", parent, fds[6]);
		say_text("the parent's", open(name, O_RDONLY), 0);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	/* Opened since: seen by a child that does not have it. */
	int ends[2];
	if (pipe(ends))
		return;
	pid_t child = fork();
	if (child == 0) {
		int fresh[2];
		if (read(ends[0], fresh, sizeof(fresh)) != sizeof(fresh))
			_exit(1);
		for (int i = 0; i < 2; i++) {
			snprintf(name, sizeof(name), "/proc/%d/fd/%d", parent, fresh[i]);
			int fd = open(name, O_RDONLY);
			say_text("the parent's", fd, 0);
			close(fd);
			count = readlink(name, target, sizeof(target) - 1);
			target[count > 0 ? count : 0] = 0;
			printf("%s\n", strrchr(target, '/') ? strrchr(target, '/') : target);
		}
		fflush(stdout);
		_exit(0);
	}
	int fresh[2] = { open("l7", O_RDWR), open("l8", O_RDONLY) };
	if (write(ends[1], fresh, sizeof(fresh)) != sizeof(fresh))
		return;
	waitpid(child, NULL, 0);
	say_text("here", fresh[0], 0);
	SAY(close(fresh[0]));
	say_text("here", fresh[1], 0);
	/* By directories that are open. */
	SAY(mkdirat(directory, "sub", 0755));
	int sub = openat(directory, "sub", O_PATH | O_DIRECTORY), file = openat(sub, "f", O_RDWR | O_CREAT, 0600);
	SAY(renameat(sub, "f", directory, "g"));
	SAY(renameat(directory, "g", sub, "h"));
	SAY(linkat(sub, "h", directory, "i", 0));
	SAY(linkat(file, "", directory, "j", AT_EMPTY_PATH));
	struct stat status;
	SAY(fstat(file, &status));
	SAY(status.st_nlink);
	SAY(read(path, target, 1));
	SAY(fstatat(path, "", &status, AT_EMPTY_PATH));
	SAY(openat(path, "x", O_RDONLY));
	SAY(openat(file, "x", O_RDONLY));
	SAY(openat(77, "x", O_RDONLY));
	SAY(fchdir(sub));
	for (int i = 0; i < 5; i++)
		say_text("relative", openat(AT_FDCWD, "../l3", O_RDONLY), 0);
	SAY(open("../sub/h", O_RDONLY | O_CREAT | O_EXCL, 0600));
	SAY(chdir(".."));
	say_text("relative", open("l4", O_RDONLY), 0);
	SAY(rmdir("sub"));
	SAY(chdir("/proc/self"));
	SAY(open("none", O_RDONLY));
	SAY(open("stat", O_RDONLY) > 0);
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY);
	SAY(write(null, "x", 1));
	SAY(read(zero, target, 10));
	SAY(open("/dev/none", O_RDWR));
	SAY(open("/bin", O_RDWR));
	SAY(open("/bin/", O_RDONLY | O_DIRECTORY) > 0);
}

static void rights(void)
{
	mkdir("mine", 0755);
	open_many("mine/p", 0);
	int secret = open("secret", O_RDWR | O_CREAT, 0600);
	SAY(write(secret, "secret\n", 7));
	if (setgid(1000) || setuid(1000))
		return;
	say_text("held", secret, 0);
	for (int i = 0; i < 5; i++) {
		SAY(open("secret", O_RDONLY));
		SAY(open("mine/p1", O_RDWR));
		SAY(open("mine/new", O_RDWR | O_CREAT, 0600));
		int fd = open("mine/p1", O_RDONLY);
		say_text("public", fd, 0);
		close(fd);
	}
	SAY(write(fds[3], "more", 4));
	SAY(close(fds[3]));
	SAY(setuid(0));
}

static void another_root(void)
{
	mkdir("cage", 0755);
	mkdir("cage/inner", 0755);
	open_many("cage/o", 0);
	int outside = open("cage/o1", O_RDONLY);
	SAY(chroot("cage"));
	say_text("outside", outside, 0);
	for (int i = 0; i < 5; i++) {
		say_text("inside", open("/o2", O_RDONLY), 0);
		SAY(open("/cage/o2", O_RDONLY));
		SAY(open("/inner/../../o3", O_RDONLY) > 0);
	}
}

/* Reads, writes and seeks at a file's own offset, whoever else has a hand in it. */
static void offsets(void)
{
	char bytes[64];
	int count = 0, ends[2];
	open_many("f", 0);
	int fd = fds[3];
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(lseek(fd, -4, SEEK_CUR));
	SAY(read(fd, bytes, 64));
	SAY(read(fd, bytes, 64));
	SAY(lseek(fd, -1, SEEK_SET));
	SAY(lseek(fd, 0x7fffffffffffffff, SEEK_CUR));
	SAY(lseek(fd, -100, SEEK_CUR));
	SAY(lseek(fd, 0, 77));
	SAY(lseek(fd, 2, SEEK_SET));
	SAY(lseek(fd, -2, SEEK_END));
	SAY(read(fd, bytes, 64));
	SAY(lseek(fd, 3, SEEK_DATA));
	SAY(lseek(fd, 3, SEEK_HOLE));
	SAY(lseek(fd, 4, SEEK_SET));
	SAY(ioctl(fd, 0x541b, &count));
	SAY(count);
	SAY(read(fd, bytes, 2));
	SAY(ioctl(fd, 0x541b, &count));
	SAY(count);
	fd = fds[5];
	SAY(lseek(fd, 4, SEEK_SET));
	int copy = dup(fd);
	SAY(write(copy, "WRITTEN", 7));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(write(fd, "", 0));
	SAY(write(fd, (void *)16, 5));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(lseek(fd, 30, SEEK_SET));
	SAY(write(fd, "gap", 3));
	SAY(pread(fd, bytes, 64, 0));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND));
	SAY(lseek(fd, 1, SEEK_SET));
	SAY(fcntl(fd, F_SETFL, O_APPEND));
	SAY(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND));
	SAY(write(fd, "end", 3));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(fcntl(fd, F_SETFL, 0));
	SAY(lseek(fd, 1, SEEK_SET));
	SAY(write(fd, "E", 1));
	say_text("now", fd, 0);
	/* From file to file, and through other calls. */
	SAY(lseek(fds[6], 5, SEEK_SET));
	SAY(lseek(fds[7], 2, SEEK_SET));
	SAY(syscall(SYS_sendfile, fds[6], fds[7], NULL, 3l));
	SAY(lseek(fds[6], 0, SEEK_CUR));
	SAY(lseek(fds[7], 0, SEEK_CUR));
	SAY(syscall(SYS_copy_file_range, fds[7], NULL, fds[6], NULL, 2l, 0l));
	SAY(lseek(fds[6], 0, SEEK_CUR));
	SAY(lseek(fds[7], 0, SEEK_CUR));
	struct { void *address; size_t length; } pieces[2] = { { bytes, 2 }, { bytes + 2, 3 } };
	SAY(lseek(fds[8], 1, SEEK_SET));
	SAY(syscall(SYS_readv, fds[8], pieces, 2));
	printf("%.5s\n", bytes);
	SAY(syscall(SYS_writev, fds[8], pieces, 2));
	SAY(lseek(fds[8], 0, SEEK_CUR));
	SAY(syscall(SYS_pwritev2, fds[8], pieces, 1, -1l, -1l, 16l)); /* RWF_APPEND */
	say_text("now", fds[8], 0);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 1, .l_len = 1 };
	SAY(lseek(fds[9], 2, SEEK_SET));
	SAY(fcntl(fds[9], F_SETLK, &lock));
	fflush(stdout);
	if (fork() == 0) {
		lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
		SAY(fcntl(fds[9], F_GETLK, &lock));
		printf("%ld %ld\n", (long)lock.l_start, (long)lock.l_len);
		SAY(read(fds[9], bytes, 2));
		SAY(lseek(fds[10], 6, SEEK_SET));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	SAY(lseek(fds[9], 0, SEEK_CUR));
	SAY(lseek(fds[10], 0, SEEK_CUR));
	SAY(read(fds[10], bytes, 2));
	int appended = open("f11", O_RDWR | O_APPEND);
	SAY(write(appended, "more\n", 5));
	SAY(lseek(appended, 0, SEEK_CUR));
	SAY(lseek(appended, 0, SEEK_SET));
	SAY(read(appended, bytes, 3));
	SAY(write(appended, "again\n", 6));
	SAY(lseek(appended, 0, SEEK_CUR));
	say_text("now", appended, 0);
	int one_way = open("f12", O_WRONLY), other_way = open("f12", O_RDONLY), path = open("f12", O_PATH);
	SAY(read(one_way, bytes, 1));
	SAY(write(other_way, bytes, 1));
	SAY(lseek(one_way, 5, SEEK_SET));
	SAY(lseek(path, 0, SEEK_SET));
	SAY(write(one_way, "OF", 2));
	SAY(read(other_way, bytes, 8));
	printf("%.8s\n", bytes);
	SAY(ftruncate(one_way, 3));
	SAY(read(other_way, bytes, 8));
	SAY(lseek(other_way, 0, SEEK_CUR));
	SAY(pipe(ends));
	SAY(lseek(ends[0], 0, SEEK_CUR));
}

#define PLACES 20000
static uint8_t seen[PLACES / 10];
static int numbers_fd;

/* Every place is read, or written, by one thread alone. */
static void *sharer(void *writes)
{
	char record[11];
	for (;;) {
		if (writes) {
			if (write(numbers_fd, "written by", 10) != 10 || lseek(numbers_fd, 0, SEEK_CUR) > PLACES * 2)
				return NULL;
		} else {
			if (read(numbers_fd, record, 10) != 10)
				return NULL;
			record[10] = 0;
			__atomic_add_fetch(&seen[atoi(record)], 1, __ATOMIC_RELAXED);
		}
	}
}

static void shared_by_threads(void)
{
	char record[16];
	pthread_t others[3];
	struct stat status;
	open_many("s", 0);
	numbers_fd = open("numbers", O_RDWR | O_CREAT, 0600);
	for (int i = 0; i < PLACES / 10; i++) {
		sprintf(record, "%010d", i);
		if (write(numbers_fd, record, 10) != 10)
			return;
	}
	for (int round = 0; round < 2; round++) {
		SAY(lseek(numbers_fd, round ? PLACES : 0, SEEK_SET));
		for (int i = 0; i < 3; i++)
			pthread_create(&others[i], NULL, sharer, round ? &others : NULL);
		if (fork() == 0)
			_exit(0);
		wait(NULL);
		for (int i = 0; i < 3; i++)
			pthread_join(others[i], NULL);
		close(open("s1", O_RDONLY));
	}
	bool right = true;
	for (int i = 0; i < PLACES / 10; i++)
		right &= seen[i] == 1;
	SAY(right);
	SAY(fstat(numbers_fd, &status));
	SAY(status.st_size % 10);
	SAY(status.st_size > PLACES * 2 && status.st_size <= PLACES * 2 + 40);
}

static int entries_count(int fd, char *buffer, size_t length)
{
	int count = 0;
	for (long size; (size = syscall(SYS_getdents64, fd, buffer, length)) > 0;)
		for (long at = 0; at < size; at += *(uint16_t *)(buffer + at + 16))
			count++;
	return count;
}

static void listings(void)
{
	static char buffer[65536];
	char name[300];
	open_many("d", 0);
	mkdir("large", 0755);
	for (int i = 0; i < 700; i++) {
		snprintf(name, sizeof(name), "large/%0*d", i % 200 + 1, i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	mkdir("small", 0755);
	int large = open("large", O_RDONLY | O_DIRECTORY), small = open("small", O_RDONLY);
	for (size_t length = 512; length <= sizeof(buffer); length *= 2) {
		SAY(entries_count(large, buffer, length));
		SAY(lseek(large, 0, SEEK_SET));
		SAY(entries_count(small, buffer, length));
		SAY(entries_count(small, buffer, length));
		SAY(lseek(small, 0, SEEK_SET));
	}
	SAY(syscall(SYS_getdents64, large, buffer, 10l));
	SAY(entries_count(large, buffer, sizeof(buffer)));
	SAY(close(openat(small, "later", O_CREAT | O_WRONLY, 0600)));
	SAY(lseek(small, 0, SEEK_SET));
	SAY(entries_count(small, buffer, sizeof(buffer)));
	SAY(entries_count(small, buffer, sizeof(buffer)));
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%0200d", i);
		close(openat(small, name, O_CREAT | O_WRONLY, 0600));
	}
	SAY(lseek(small, 0, SEEK_SET)); /* without this a listing may or may not show what is new */
	SAY(entries_count(small, buffer, sizeof(buffer)));
	DIR *stream = opendir("large");
	int count = 0;
	while (readdir(stream))
		count++;
	rewinddir(stream);
	while (readdir(stream))
		count++;
	SAY(count);
	closedir(stream);
}

static volatile int stop;

static void *opener(void *right)
{
	while (!stop) {
		char byte = 0;
		int fd = open("t5", O_RDONLY);
		if (fd < 0 || pread(fd, &byte, 1, 8) != 1 || byte != '5' || close(fd))
			*(volatile int *)right = 0;
	}
	return NULL;
}

/* Others open and close while children are made, which must find in order what they inherit. */
static void threads(void)
{
	int right = 1, status;
	pthread_t others[3];
	open_many("t", 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&others[i], NULL, opener, &right);
	for (int i = 0; i < 60; i++) {
		int fd = open("t6", O_RDONLY);
		pid_t child = fork();
		if (child == 0) {
			char byte = 0;
			bool good = pread(fd, &byte, 1, 8) == 1 && byte == '6';
			good &= pread(fds[7], &byte, 1, 8) == 1 && byte == '7';
			for (int j = 0; j < 5; j++)
				good &= open("t8", O_RDONLY) >= 0;
			_exit(!good);
		}
		waitpid(child, &status, 0);
		right &= status == 0 && close(fd) == 0;
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(others[i], NULL);
	SAY(right);
}

int main(void)
{
	in_child("numbers", numbers);
	in_child("children", children);
	in_child("records", records);
	in_child("programs", programs);
	in_child("links", links);
	in_child("rights", rights);
	in_child("another root", another_root);
	in_child("offsets", offsets);
	in_child("shared by threads", shared_by_threads);
	in_child("listings", listings);
	in_child("threads", threads);
	return 0;
}
