/* /proc/PID/fd: what is listed, where the links lead, what opening them gives; of the own process and of others. */
#include "check.h"
#include <dirent.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/statfs.h>

static int compare(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

/* The listing, sorted, without the descriptor that reads it. */
static void list(const char *path)
{
	int numbers[64], count = 0;
	DIR *directory = opendir(path);
	if (!directory) {
		printf("%s\n", strerror(errno));
		return;
	}
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_name[0] == '.')
			continue;
		if (entry->d_type != DT_LNK)
			printf("%s is of type %d\n", entry->d_name, entry->d_type);
		if (atoi(entry->d_name) != dirfd(directory))
			numbers[count++] = atoi(entry->d_name);
	}
	closedir(directory);
	qsort(numbers, count, sizeof(int), compare);
	for (int i = 0; i < count; i++)
		printf(" %d", numbers[i]);
	printf("\n");
}

/* Where a link leads; of a pipe or socket its kind and whether the number is its inode's. */
static void show(int directory, const char *name)
{
	char target[256], *bracket;
	struct stat link, file;
	long length = readlinkat(directory, name, target, sizeof(target) - 1);
	if (length < 0 || fstatat(directory, name, &link, AT_SYMLINK_NOFOLLOW) < 0) {
		printf("%s: %s\n", name, strerror(errno));
		return;
	}
	target[length] = 0;
	const char *end = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	printf("%s %o %ld -> ", end, link.st_mode, (long)link.st_size);
	int status = fstatat(directory, name, &file, 0);
	if ((bracket = strchr(target, '[')) && bracket[1] >= '0' && bracket[1] <= '9') {
		printf("%.*s, its number %d\n", (int)(bracket - target), target, strtoul(bracket + 1, NULL, 10) == file.st_ino);
		return;
	}
	printf("%s, %o\n", target, status < 0 ? 0 : file.st_mode);
}

static void many_open(void)
{
	int ends[2];
	syscall(436 /* close_range */, 3, ~0u, 0);
	open("file", O_RDWR | O_CREAT, 0640);
	open("file", O_RDONLY);
	open("file", O_WRONLY);
	open(".", O_RDONLY | O_DIRECTORY);
	open("file", O_PATH);
	pipe(ends);
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	epoll_create1(0);
	eventfd(0, 0);
	timerfd_create(CLOCK_MONOTONIC, 0);
	open("/dev/null", O_RDWR);
	dup2(3, 40);
}

static void own(void)
{
	many_open();
	list("/proc/self/fd");
	list("/dev/fd");
	chdir("/proc/self/fd");
	list(".");
	for (int i = 3; i <= 15; i++) {
		char name[8];
		sprintf(name, "%d", i);
		show(AT_FDCWD, name);
	}
	show(AT_FDCWD, "40");
	show(AT_FDCWD, "41");
	show(AT_FDCWD, "03");
	int directory = open("/proc/self/fd", O_RDONLY);
	show(directory, "4");
	show(AT_FDCWD, "/dev/fd/5");
	SAY(close(4));
	show(directory, "4");
}

static void opening(void)
{
	char text[16] = "";
	many_open();
	SAY(write(3, "hello", 5));
	SAY(read(open("/proc/self/fd/3", O_RDONLY), text, 5));
	SAY(strcmp(text, "hello"));
	SAY(lseek(3, 0, SEEK_CUR));
	SAY(open("/proc/self/fd/3", O_RDONLY | O_NOFOLLOW) >= 0);
	SAY(open("/proc/self/fd/3", O_RDONLY | O_DIRECTORY) >= 0);
	SAY(open("/proc/self/fd/6/file", O_RDONLY) >= 0);
	SAY(open("/proc/self/fd/6/nothing", O_RDONLY) >= 0);
	SAY(open("/proc/self/fd/3/file", O_RDONLY) >= 0);
	SAY(open("/proc/self/fd/6/", O_RDONLY) >= 0);
	SAY(open("/proc/self/fd/7", O_RDONLY) >= 0);
	int pipe_again = open("/proc/self/fd/9", O_WRONLY);
	SAY(write(pipe_again, "x", 1));
	SAY(read(8, text, 1));
	SAY(open("/proc/self/fd/10", O_RDWR) >= 0);
	SAY(open("/proc/self/fd/12", O_RDWR) >= 0);
	SAY(open("/proc/self/fd/13", O_RDWR) >= 0);
	SAY(open("/proc/self/fd/50", O_RDWR) >= 0);
	SAY(open("/proc/self/fd/3", O_RDWR | O_CREAT, 0600) >= 0);
	SAY(open("/proc/self/fd/3", O_RDWR | O_TRUNC) >= 0);
	struct stat file;
	SAY(fstat(3, &file));
	SAY(file.st_size);
	SAY(symlink("/proc/self/fd/4", "link"));
	SAY(open("link", O_RDONLY) >= 0);
	SAY(unlink("/proc/self/fd/3"));
	SAY(mkdir("/proc/self/fd/3", 0700));
	SAY(mkdir("/proc/self/fd/50", 0700));
	SAY(access("/proc/self/fd/3", R_OK));
	SAY(access("/proc/self/fd/8", W_OK));
	SAY(access("/proc/self/fd/50", F_OK));
	SAY(chmod("/proc/self/fd/3", 0604));
	SAY(fstat(3, &file));
	SAY(file.st_mode);
	struct timespec times[2] = { { 5, 0 }, { 6, 0 } };
	SAY(utimensat(AT_FDCWD, "link", times, 0));
	SAY(fstat(3, &file));
	SAY(file.st_mtime);
	SAY(truncate("/proc/self/fd/3", 7));
	SAY(fstat(3, &file));
	SAY(file.st_size);
	int nameless = open(".", O_TMPFILE | O_RDWR, 0600);
	char name[32];
	sprintf(name, "/proc/self/fd/%d", nameless);
	SAY(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	SAY(access("named", R_OK));
	struct statfs system;
	SAY(statfs("/proc/self/fd/3", &system));
}

static void of(pid_t process)
{
	char path[64];
	sprintf(path, "/proc/%d/fd", (int)process);
	list(path);
	int directory = open(path, O_RDONLY | O_DIRECTORY);
	for (int i = 3; i <= 15; i++) {
		char name[8];
		sprintf(name, "%d", i);
		show(directory, name);
	}
}

static void others(void)
{
	char text[16] = "", path[64];
	int go[2];
	pipe(go);
	pid_t child = fork();
	if (child == 0) {
		int wait = dup2(go[0], 60);
		many_open();
		write(3, "theirs", 6);
		dup2(9, 50);
		raise(SIGSTOP);
		_exit(0);
	}
	close(go[0]);
	close(go[1]);
	waitpid(child, NULL, WUNTRACED);
	of(child);
	sprintf(path, "/proc/%d/fd/3", (int)child);
	SAY(read(open(path, O_RDONLY), text, 6));
	SAY(strcmp(text, "theirs"));
	sprintf(path, "/proc/%d/fd/6/file", (int)child);
	SAY(open(path, O_RDONLY) >= 0);
	sprintf(path, "/proc/%d/fd/12", (int)child);
	SAY(open(path, O_RDONLY) >= 0);
	sprintf(path, "/proc/%d/fd/50", (int)child);
	int there = open(path, O_WRONLY);
	SAY(write(there, "abc", 3));
	sprintf(path, "/proc/%d/fd/8", (int)child);
	int here = open(path, O_RDONLY);
	SAY(read(here, text, 16));
	if (fork() == 0) {
		SAY(setuid(1000));
		sprintf(path, "/proc/%d/fd", (int)child);
		SAY(open(path, O_RDONLY) >= 0);
		sprintf(path, "/proc/%d/fd/3", (int)child);
		SAY(readlink(path, text, sizeof(text)) >= 0);
		SAY(open(path, O_RDONLY) >= 0);
		_exit(0);
	}
	wait(NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	SAY(open(path, O_RDONLY) >= 0);
}

/* What was opened with more rights is not opened again with them. */
static void rights(void)
{
	int file = open("secret", O_RDONLY | O_CREAT, 0600);
	char path[32];
	sprintf(path, "/proc/self/fd/%d", file);
	SAY(open(path, O_RDWR) >= 0);
	SAY(chmod("secret", 0604));
	SAY(setuid(1000));
	SAY(open(path, O_RDWR) >= 0);
	SAY(open(path, O_RDONLY) >= 0);
	SAY(read(file, path, 1));
}

static void vforked(void)
{
	char path[64];
	int file = open("file", O_RDONLY | O_CREAT, 0600);
	sprintf(path, "/proc/self/fd/%d", file);
	pid_t child = vfork();
	if (child == 0) {
		close(file);
		_exit(readlink(path, path + 32, 32) < 0 ? 1 : 0);
	}
	int status;
	waitpid(child, &status, 0);
	printf("vfork child %d\n", status);
	SAY(readlink(path, path + 32, 32) > 0);
}

int main(void)
{
	in_child("own", own);
	in_child("opening", opening);
	in_child("others", others);
	in_child("rights", rights);
	in_child("vforked", vforked);
	return 0;
}
