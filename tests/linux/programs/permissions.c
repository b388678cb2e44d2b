/* Mode and owner of terminals, devices and pipes through their descriptors and names; access with real and effective
 * ids. */
#include "check.h"
#include <sys/mount.h>

static void tell(int file)
{
	struct stat status;
	fstat(file, &status);
	printf("mode %o owner %d:%d\n", status.st_mode, (int)status.st_uid, (int)status.st_gid);
}

static int terminal_open(char *name, size_t size)
{
	/* Where nobody did this yet, as Debian does it. */
	mkdir("/dev/pts", 0755);
	mount("devpts", "/dev/pts", "devpts", 0, "gid=5,mode=620,ptmxmode=666");
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	unlockpt(master);
	ptsname_r(master, name, size);
	return open(name, O_RDWR | O_NOCTTY);
}

static void terminals(void)
{
	char name[64];
	struct stat by_name;
	int terminal = terminal_open(name, sizeof(name));
	tell(terminal);
	SAY(fchmod(terminal, 0622));
	tell(terminal);
	SAY(fchown(terminal, 1000, 5));
	tell(terminal);
	SAY(stat(name, &by_name));
	SAY(by_name.st_mode);
	SAY(by_name.st_uid);
	SAY(fchown(terminal, -1, 0));
	SAY(chmod(name, 0600));
	tell(terminal);
	SAY(chown(name, 0, -1));
	tell(terminal);
	SAY(fchmod(dup(terminal), 0777));
	tell(terminal);
	SAY(futimens(terminal, NULL));
	SAY(ftruncate(terminal, 0));
	if (fork() == 0) {
		SAY(setuid(1000));
		SAY(fchmod(terminal, 0600));
		SAY(fchown(terminal, 1000, -1));
		tell(terminal);
		_exit(0);
	}
	wait(NULL);
	SAY(fchown(terminal, 1000, 1000));
	if (fork() == 0) {
		SAY(setgid(1000));
		SAY(setuid(1000));
		SAY(fchmod(terminal, 0660));
		SAY(fchown(terminal, 0, -1));
		SAY(fchown(terminal, 1000, 1000));
		tell(terminal);
		_exit(0);
	}
	wait(NULL);
}

static void devices(void)
{
	int null = open("/dev/null", O_RDWR);
	SAY(mknod("zero", S_IFCHR | 0600, 0x105));
	int zero = open("zero", O_RDONLY);
	SAY(fchmod(zero, 0640));
	SAY(fchown(zero, 3, 4));
	tell(zero);
	SAY(chmod("zero", 0444));
	SAY(chown("zero", 5, 6));
	tell(zero);
	SAY(fchmod(null, 0666));
	tell(null);
	SAY(mkfifo("fifo", 0600));
	SAY(chmod("fifo", 0644));
	SAY(chown("fifo", 7, 8));
	int fifo = open("fifo", O_RDWR);
	struct stat status;
	SAY(stat("fifo", &status));
	SAY(status.st_mode);
	SAY(status.st_gid);
}

static void ask(const char *name)
{
	printf("%s: access r %d w %d x %d", name, access(name, R_OK), access(name, W_OK), access(name, X_OK));
	printf(", AT_EACCESS r %ld w %ld x %ld\n", syscall(439, AT_FDCWD, name, R_OK, AT_EACCESS),
	       syscall(439, AT_FDCWD, name, W_OK, AT_EACCESS), syscall(439, AT_FDCWD, name, X_OK, AT_EACCESS));
}

static void asking(const char *who, int directory)
{
	printf("%s\n", who);
	ask("roots");
	ask("users");
	ask("groups");
	ask("deep/users");
	ask("closed/users");
	ask("/tmp/t/roots");
	ask("link");
	printf("at: %d %d\n", faccessat(directory, "users", R_OK, 0), faccessat(directory, "roots", R_OK, 0));
	ask("/dev/null");
}

static void file(const char *name, mode_t mode, uid_t user, gid_t group)
{
	close(open(name, O_CREAT | O_WRONLY, 0600));
	SAY(chown(name, user, group));
	SAY(chmod(name, mode));
}

static void real_ids(void)
{
	mkdir("deep", 0755);
	mkdir("closed", 0755);
	file("roots", 0600, 0, 0);
	file("users", 0700, 1000, 1000);
	file("groups", 0050, 2000, 1000);
	file("deep/users", 0400, 1000, 1000);
	file("closed/users", 0400, 1000, 1000);
	chmod("closed", 0700);
	symlink("/tmp/t/users", "link");
	int directory = open(".", O_RDONLY);
	asking("root", directory);
	ask("/proc/self/environ");
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			if (i == 0)
				SAY(setresuid(1000, 0, 0));
			if (i == 1)
				SAY(setresuid(0, 1000, 0));
			if (i == 2) {
				SAY(setresgid(1000, 0, 0));
				SAY(setresuid(3000, 1000, 0));
			}
			asking("changed", directory);
			struct stat status;
			SAY(stat("closed/users", &status));
			_exit(0);
		}
		wait(NULL);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	in_child("terminals", terminals);
	in_child("devices", devices);
	in_child("real ids", real_ids);
	SAY(faccessat(AT_FDCWD, "roots", 8, 0));
	SAY(syscall(439, AT_FDCWD, "roots", R_OK, 1));
	SAY(syscall(439, AT_FDCWD, "", R_OK, AT_EMPTY_PATH));
	SAY(syscall(439, open("roots", O_RDONLY), "", R_OK, AT_EMPTY_PATH));
	return 0;
}
