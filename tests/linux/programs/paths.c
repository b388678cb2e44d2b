/* Paths of every length, wherever they lie in memory: what is done by name is the same for all. */
#include "check.h"

static char page_end[2 * 4096] __attribute__((aligned(4096)));

/* The path where nothing can be read behind its NUL, or behind its last byte if it has none. */
static char *at_the_end(const char *path, bool ended)
{
	size_t length = strlen(path) + ended;
	char *place = page_end + 4096 - length;
	memcpy(place, path, length);
	return place;
}

static void every_operation(const char *path)
{
	struct stat status;
	printf("%zu:", strlen(path));
	printf(" %d", open(path, O_RDONLY) < 0 ? errno : 0);
	printf(" %d", close(open(path, O_RDWR | O_CREAT | O_EXCL, 0640)));
	printf(" %d", stat(path, &status));
	printf(" %o %ld", status.st_mode, (long)status.st_size);
	printf(" %d", lstat(path, &status));
	printf(" %d", access(path, R_OK | W_OK));
	printf(" %d", truncate(path, 4096));
	printf(" %d %ld", stat(path, &status), (long)status.st_size);
	printf(" %d", mkdir(path, 0700) < 0 ? errno : 0);
	printf(" %d", rmdir(path) < 0 ? errno : 0);
	printf(" %d", unlink(path));
	printf(" %d", access(path, F_OK) < 0 ? errno : 0);
	printf(" %d", mkdir(path, 0700));
	printf(" %d", unlink(path) < 0 ? errno : 0);
	printf(" %d", rmdir(path));
	printf(" %d\n", unlink(path) < 0 ? errno : 0);
}

static void lengths(void)
{
	char path[600];
	for (size_t length = 1; length < 80; length++) {
		memset(path, 'a' + (char)(length % 26), length);
		path[length] = 0;
		every_operation(length % 2 ? at_the_end(path, true) : path);
	}
	memset(path, 'n', 256);
	for (size_t length = 254; length <= 256; length++) {
		path[length] = 0;
		SAY(close(open(path, O_WRONLY | O_CREAT, 0600)));
		SAY(unlink(path));
		path[length] = 'n';
	}
}

static void deep(void)
{
	char path[2048] = "";
	for (int i = 0; i < 60; i++) {
		snprintf(path + strlen(path), 30, "%slevel-%d", i ? "/" : "", i);
		if (mkdir(path, 0755))
			printf("%d: %s\n", i, strerror(errno));
		if (i % 6 == 0) {
			char name[2100];
			snprintf(name, sizeof(name), "%s/file", path);
			every_operation(at_the_end(name, true));
			snprintf(name, sizeof(name), "%s/../level-%d/./file/", path, i);
			printf("%d %d\n", access(name, F_OK), errno);
			snprintf(name, sizeof(name), "%s///", path);
			printf("%d\n", access(name, X_OK));
		}
	}
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	SAY(access(path, X_OK));
}

static void bad_ones(void)
{
	struct stat status;
	char *long_path = malloc(5000);
	memset(long_path, '/', 4999);
	long_path[4095] = 0;
	SAY(access(long_path, F_OK));
	long_path[4095] = '/';
	long_path[4999] = 0;
	SAY(access(long_path, F_OK));
	SAY(stat(long_path, &status));
	for (size_t length = 1; length < 20; length++) {
		memset(long_path, 'x', length);
		long_path[length] = 0;
		errno = 0;
		printf("%d %d\n", access(at_the_end(long_path, false), F_OK), errno);
	}
	SAY(access("", F_OK));
	SAY(stat("", &status));
	SAY(unlink(""));
	SAY(mkdir("", 0700));
	SAY(open("", O_RDONLY));
	SAY(access((char *)8, F_OK));
	SAY(access((char *)-8l, F_OK));
	SAY(unlink("."));
	SAY(rmdir("."));
	SAY(rmdir(".."));
	SAY(unlink("/"));
	SAY(mkdir("/", 0700));
}

static void relative(void)
{
	struct stat status;
	mkdir("one", 0755);
	mkdir("two", 0755);
	int one = open("one", O_RDONLY | O_DIRECTORY), two = open("two", O_PATH | O_DIRECTORY);
	SAY(close(openat(one, "f", O_CREAT | O_RDWR, 0600)));
	SAY(fstatat(one, "f", &status, 0));
	SAY(fstatat(two, "f", &status, 0));
	SAY(fstatat(one, "../one/f", &status, 0));
	SAY(faccessat(two, "../one/./f", R_OK, 0));
	SAY(mkdirat(two, "d", 0711));
	SAY(fstatat(two, "d", &status, 0));
	printf("%o\n", status.st_mode);
	SAY(unlinkat(two, "d", 0));
	SAY(unlinkat(two, "d", AT_REMOVEDIR));
	SAY(fstatat(one, "", &status, 0));
	SAY(fstatat(one, "", &status, AT_EMPTY_PATH));
	SAY(S_ISDIR(status.st_mode));
	int file = openat(one, "f", O_RDONLY);
	SAY(fstatat(file, "x", &status, 0));
	SAY(faccessat(file, "x", F_OK, 0));
	SAY(fstatat(99, "x", &status, 0));
	SAY(fstatat(99, "/", &status, 0));
	SAY(symlink("one/f", "link"));
	SAY(lstat("link", &status));
	printf("%o %ld\n", status.st_mode, (long)status.st_size);
	SAY(stat("link", &status));
	printf("%o %ld\n", status.st_mode, (long)status.st_size);
	SAY(fstatat(AT_FDCWD, "link", &status, AT_SYMLINK_NOFOLLOW));
	SAY(S_ISLNK(status.st_mode));
	SAY(unlink("link"));
	SAY(chdir("one"));
	SAY(access("f", F_OK));
	SAY(access("../two", F_OK));
	SAY(rename("f", "../two/g"));
	SAY(fstatat(two, "g", &status, 0));
	/* Into other trees and back. */
	SAY(access("/proc/self/stat", R_OK));
	SAY(stat("/proc/self/stat", &status));
	SAY(S_ISREG(status.st_mode));
	SAY(stat("/dev/null", &status));
	printf("%o %lx\n", status.st_mode, (long)status.st_rdev);
	SAY(access("/proc/self/none", R_OK));
	SAY(mkdir("/proc/self/none", 0700) < 0);
	SAY(access("/proc/self/cwd/../two/g", R_OK));
}

int main(void)
{
	mprotect(page_end + 4096, 4096, PROT_NONE);
	in_child("lengths", lengths);
	in_child("deep", deep);
	in_child("bad ones", bad_ones);
	in_child("relative", relative);
	return 0;
}
