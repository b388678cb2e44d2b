/* What a process may do, and what of it ends with it: permissions asked for real and effective ids, files opened for
 * their name alone, record locks of processes that have gone. */
#include "check.h"
#include <sys/file.h>
#include <sys/resource.h>

static void directories(void)
{
	mkdir("closed", 0755);
	mkdir("closed/inner", 0755);
	chmod(".", 0755);
	chmod("closed", 0744);
	SAY(setresuid(1000, 1000, 1000));
	int closed = open("closed", O_RDONLY | O_DIRECTORY);
	SAY(access("closed/inner", F_OK));
	SAY(chdir("closed"));
	SAY(fchdir(closed));
	SAY(chdir("/proc/self"));
	SAY(fchdir(open("/dev/null", O_RDONLY)));
	SAY(fchdir(99));
	SAY(fchdir(-1));
}

static void real_ids(void)
{
	close(open("secret", O_CREAT | O_WRONLY, 0600));
	mkdir("d", 0700);
	close(open("d/x", O_CREAT | O_WRONLY, 0644));
	SAY(setresgid(1000, 0, 0));
	SAY(setresuid(1000, 0, 0));
	SAY(access("secret", R_OK));
	SAY(access("d/x", R_OK));
	SAY(access("/etc/passwd", R_OK));
	SAY(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS));
	SAY(open("secret", O_RDONLY) >= 0);
	SAY(setresuid(0, 1000, 0));
	SAY(access("secret", R_OK));
	SAY(open("secret", O_RDONLY));
	SAY(access("d/x", R_OK));
}

static void names_alone(void)
{
	char *arguments[] = { "true", NULL }, target[16];
	struct stat status;
	close(open("f", O_CREAT | O_WRONLY, 0640));
	int file = open("f", O_PATH);
	SAY(fchownat(file, "", 3, 4, AT_EMPTY_PATH));
	SAY(fstat(file, &status));
	printf("%d %d %o\n", status.st_uid, status.st_gid, status.st_mode);
	SAY(syscall(SYS_fchown, file, 5, 6));
	SAY(readlinkat(file, "", target, sizeof(target)));
	SAY(syscall(SYS_execveat, file, "", arguments, NULL, AT_EMPTY_PATH));
	SAY(syscall(SYS_execveat, open(".", O_PATH), "", arguments, NULL, AT_EMPTY_PATH));
	SAY(syscall(SYS_execveat, open("/bin/busybox", O_PATH), "", arguments, NULL, AT_EMPTY_PATH));
}

static void full_table(void)
{
	while (open("/dev/null", O_RDONLY) >= 0)
		;
	SAY(open("new", O_CREAT | O_RDWR, 0600));
	SAY(access("new", F_OK));
}

static int lock(int file, int command, short type, off_t start, off_t length)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
	int status = fcntl(file, command, &lock);
	if (status == 0 && command == F_GETLK)
		printf("%d %ld %ld\n", lock.l_type, (long)lock.l_start, (long)lock.l_len);
	return status;
}

/* The open file lives on in the parent: a lock must not. */
static void locks(void)
{
	int file = open("k", O_RDWR | O_CREAT, 0600), ends[2], status;
	char byte;
	pid_t child = fork();
	if (child == 0) {
		lock(file, F_SETLK, F_WRLCK, 10, 5);
		lock(file, F_SETLK, F_WRLCK, 30, 5);
		_exit(0);
	}
	waitpid(child, &status, 0);
	SAY(lock(file, F_GETLK, F_WRLCK, 0, 0));
	pipe(ends);
	child = fork();
	if (child == 0) {
		lock(file, F_SETLK, F_WRLCK, 0, 0);
		write(ends[1], "x", 1);
		pause();
	}
	SAY(read(ends[0], &byte, 1));
	SAY(lock(file, F_SETLK, F_WRLCK, 0, 1));
	kill(child, SIGKILL);
	SAY(lock(file, F_SETLKW, F_WRLCK, 0, 1));
	waitpid(child, &status, 0);
	child = fork();
	if (child == 0) {
		SAY(lock(file, F_SETLK, F_WRLCK, 20, 5));
		execl("/bin/sh", "sh", "-c", "echo x > ready; while [ ! -e done ]; do sleep 0.01; done", NULL);
	}
	while (access("ready", F_OK) < 0)
		usleep(1000);
	SAY(lock(file, F_GETLK, F_WRLCK, 20, 5));
	close(open("done", O_CREAT | O_WRONLY, 0600));
	waitpid(child, &status, 0);
	SAY(lock(file, F_GETLK, F_WRLCK, 20, 5));
}

static void file_size(void)
{
	static char bytes[200];
	struct rlimit limit = { 150, 150 };
	int large = open("large", O_RDWR | O_CREAT | O_TRUNC, 0600), file = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);
	SAY(write(large, bytes, 200));
	setrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_IGN);
	SAY(write(file, bytes, 100));
	SAY(write(file, bytes, 100));
	SAY(write(file, bytes, 100));
	SAY(ftruncate(file, 150));
	SAY(ftruncate(file, 151));
	SAY(ftruncate(large, 160));
	signal(SIGXFSZ, SIG_DFL);
	SAY(ftruncate(file, 200));
}

int main(void)
{
	in_child("directories", directories);
	in_child("real ids", real_ids);
	in_child("names alone", names_alone);
	in_child("full table", full_table);
	in_child("locks", locks);
	in_child("file size", file_size);
	return 0;
}
