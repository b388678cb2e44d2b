/* Files through the system calls themselves: offsets, flags, links, directories, locks, times. */
#include "check.h"
#include <dirent.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

static void offsets(void)
{
	char buffer[32] = "";
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0644);
	SAY(write(fd, "0123456789", 10));
	SAY(open("f", O_CREAT | O_EXCL, 0644));
	SAY(lseek(fd, 3, SEEK_SET));
	int other = dup(fd);
	SAY(read(other, buffer, 2));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(pwrite(fd, "XY", 2, 20));
	SAY(lseek(fd, 0, SEEK_END));
	SAY(pread(fd, buffer, 22, 0));
	for (int i = 0; i < 22; i++)
		putchar(buffer[i] ? buffer[i] : '.');
	putchar('\n');
	SAY(fcntl(fd, F_SETFL, O_APPEND));
	SAY(fcntl(fd, F_GETFL) & O_APPEND);
	lseek(fd, 0, SEEK_SET);
	SAY(write(fd, "end", 3));
	SAY(lseek(fd, 0, SEEK_CUR));
	struct iovec vector[3] = { { buffer, 2 }, { buffer + 10, 0 }, { buffer + 4, 5 } };
	lseek(fd, 0, SEEK_SET);
	SAY(readv(fd, vector, 3));
	SAY(writev(fd, vector, 3));
	SAY(ftruncate(fd, 5));
	struct stat status;
	SAY(fstat(fd, &status));
	printf("%ld %o %ld\n", (long)status.st_size, status.st_mode, (long)status.st_nlink);
	SAY(dup3(fd, fd, 0));
	SAY(dup2(fd, 50));
	SAY(fcntl(50, F_GETFD));
	SAY(fcntl(fd, F_DUPFD_CLOEXEC, 60));
	SAY(fcntl(60, F_GETFD));
	SAY(write(open("f", O_RDONLY), "x", 1));
	SAY(read(open("f", O_WRONLY), buffer, 1));
	SAY(open("f", O_RDONLY | O_DIRECTORY));
	SAY(open(".", O_WRONLY));
	SAY(open("f/x", O_RDONLY));
	SAY(openat(AT_FDCWD, "nodir/x", O_CREAT, 0600));
}

static void relative(void)
{
	mkdir("d", 0755);
	int folder = open("d", O_RDONLY | O_DIRECTORY);
	SAY(openat(folder, "x", O_CREAT | O_WRONLY, 0600) >= 0);
	SAY(mkdirat(folder, "sub", 0700));
	SAY(symlinkat("x", folder, "link"));
	char target[10] = "";
	SAY(readlinkat(folder, "link", target, 10));
	SAY(linkat(folder, "x", folder, "hard", 0));
	SAY(renameat(folder, "hard", AT_FDCWD, "moved"));
	struct stat status;
	SAY(fstatat(folder, "link", &status, AT_SYMLINK_NOFOLLOW));
	printf("%o %ld\n", status.st_mode, (long)status.st_size);
	SAY(faccessat(folder, "x", R_OK | W_OK, 0));
	SAY(faccessat(folder, "none", F_OK, 0));
	SAY(unlinkat(folder, "sub", 0));
	SAY(unlinkat(folder, "sub", AT_REMOVEDIR));
	SAY(unlinkat(folder, "x", 0));
	SAY(open("d/link", O_RDONLY));
	SAY(open("d/link", O_RDONLY | O_NOFOLLOW));
	SAY(fchdir(folder));
	SAY(access("link", F_OK));
	SAY(rmdir("../d"));
	SAY(chdir(".."));
	SAY(unlink("d/link"));
	SAY(rmdir("d"));
	SAY(openat(folder, "y", O_CREAT, 0600));
	SAY(rename("moved", "moved"));
	SAY(rename("moved", "nodir/x"));
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void directories(void)
{
	mkdir("many", 0755);
	for (int i = 0; i < 500; i++) {
		char name[40];
		snprintf(name, sizeof(name), "many/entry-with-a-long-name-%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	DIR *folder = opendir("many");
	static char *names[600];
	int count = 0;
	struct dirent *entry;
	long position = 0;
	while ((entry = readdir(folder))) {
		if (count == 100)
			position = telldir(folder);
		names[count++] = strdup(entry->d_name);
	}
	SAY(count);
	seekdir(folder, position);
	int after = 0;
	while ((entry = readdir(folder)))
		after++;
	SAY(after);
	rewinddir(folder);
	SAY(readdir(folder) != NULL);
	closedir(folder);
	qsort(names, (size_t)count, sizeof(names[0]), by_name);
	printf("%s %s %s\n", names[0], names[2], names[count - 1]);
	folder = opendir("many"); /* removing while reading */
	int removed = 0;
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			removed += unlinkat(dirfd(folder), entry->d_name, 0) == 0;
	SAY(removed);
	closedir(folder);
	SAY(rmdir("many"));
}

static void locks(void)
{
	int fd = open("l", O_RDWR | O_CREAT, 0600), ends[2];
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
	SAY(fcntl(fd, F_SETLK, &range));
	SAY(pipe(ends));
	fflush(stdout);
	if (fork() == 0) {
		struct flock query = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 15 };
		SAY(fcntl(fd, F_GETLK, &query));
		printf("%d %ld %ld %d\n", query.l_type, (long)query.l_start, (long)query.l_len, query.l_pid == getppid());
		query = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 1 };
		SAY(fcntl(fd, F_SETLK, &query));
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		SAY(fcntl(fd, F_SETLKW, &query));
		fflush(stdout);
		_exit(0);
	}
	char byte;
	SAY(read(ends[0], &byte, 1));
	usleep(50000);
	range.l_type = F_UNLCK;
	int unlocked = fcntl(fd, F_SETLK, &range); /* told when the child has told what it got */
	wait(NULL);
	SAY(unlocked);
	SAY(flock(fd, LOCK_EX));
	int again = open("l", O_RDWR);
	SAY(flock(again, LOCK_EX | LOCK_NB));
	SAY(flock(fd, LOCK_UN));
	SAY(flock(again, LOCK_SH | LOCK_NB));
	SAY(flock(fd, LOCK_SH | LOCK_NB));
}

static void attributes(void)
{
	struct stat status;
	int fd = open("a", O_RDWR | O_CREAT, 0666);
	SAY(fchmod(fd, 04751));
	SAY(fchown(fd, 12, 34));
	SAY(stat("a", &status));
	printf("%o %d %d\n", status.st_mode, status.st_uid, status.st_gid);
	struct timespec times[2] = { { 1000000000, 5 }, { 2000000000, 123456789 } };
	SAY(futimens(fd, times));
	fstat(fd, &status);
	printf("%ld %ld %ld %ld\n", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	SAY(utimensat(AT_FDCWD, "a", times, 0));
	fstat(fd, &status);
	printf("%ld %d\n", status.st_atim.tv_sec, status.st_mtim.tv_sec > 1600000000 && status.st_mtim.tv_sec != 2000000000);
	struct statvfs system;
	SAY(fstatvfs(fd, &system));
	SAY(system.f_namemax);
	SAY(umask(027));
	SAY(umask(022));
	SAY(mknod("p", S_IFIFO | 0644, 0));
	SAY(lstat("p", &status));
	printf("%o\n", status.st_mode);
	SAY(fsync(fd));
	SAY(fallocate(fd, 0, 0, 10000));
	fstat(fd, &status);
	printf("%ld\n", (long)status.st_size);
	SAY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	SAY(lseek(fd, 0, SEEK_DATA));
	SAY(lseek(fd, 4096, SEEK_HOLE));
}

enum { HIPRI = 1, DSYNC = 2, SYNC = 4, APPEND = 16 }; /* RWF_; not every C library has these calls */

static long positioned(long call, int fd, const struct iovec *piece, long offset, int flags)
{
	return syscall(call, fd, piece, 1, offset, 0, flags);
}

/* Positioned transfers with flags, and what is not for pipes. */
static void flags_and_pipes(void)
{
	char bytes[16] = "0123456789";
	struct iovec piece = { bytes, 5 };
	int fd = open("r", O_RDWR | O_CREAT | O_TRUNC, 0600), ends[2];
	SAY(positioned(SYS_pwritev2, fd, &piece, 0, DSYNC));
	SAY(positioned(SYS_pwritev2, fd, &piece, 0, APPEND));
	SAY(positioned(SYS_pwritev2, fd, &piece, -1, SYNC));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(lseek(fd, 0, SEEK_END));
	SAY(positioned(SYS_preadv2, fd, &piece, 2, HIPRI));
	SAY(positioned(SYS_preadv2, fd, &piece, 0, 0x1000));
	piece.iov_len = 1ul << 33;
	SAY(writev(fd, &piece, 0));
	pipe(ends);
	SAY(ftruncate(ends[1], 0));
	SAY(fallocate(ends[1], 0, 0, 1));
	SAY(posix_fadvise(ends[0], 0, 0, POSIX_FADV_NORMAL));
	SAY(sync_file_range(ends[0], 0, 0, 0));
	SAY(fcntl(ends[0], F_GETOWN));
	close(ends[0]);
	SAY(write(ends[1], bytes, 0));
}

int main(void)
{
	in_child("offsets", offsets);
	in_child("relative", relative);
	in_child("directories", directories);
	in_child("locks", locks);
	in_child("attributes", attributes);
	in_child("flags and pipes", flags_and_pipes);
	return 0;
}
