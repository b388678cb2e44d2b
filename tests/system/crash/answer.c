/* How long the file server's answers take at most, with many files open and read through windows: `answer FILES`. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CALLS 3000

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Every tenth is read and written so often that it needs no calls. */
static int file_open(unsigned number)
{
	char bytes[32];
	snprintf(bytes, sizeof bytes, "file-%u", number);
	int file = open(bytes, O_RDWR | O_CREAT, 0600);
	ssize_t done = write(file, bytes, sizeof bytes);
	for (unsigned i = 0; number % 10 == 0 && i < 8; i++)
		done += pwrite(file, bytes, 8, 0) + pread(file, bytes, 8, 0);
	return done > 0 ? file : -1;
}

int main(int count, char **arguments)
{
	unsigned files = count > 1 ? (unsigned)atoi(arguments[1]) : 1;
	uint64_t longest = 0;
	int file = -1;
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ files + 16, files + 16 });
	for (unsigned i = 0; i < files; i++)
		if ((file = file_open(i)) < 0)
			return 1;
	for (unsigned i = 0; i < CALLS; i++) {
		uint64_t begin = now();
		if (fchmod(file, 0600 + (i & 1)) != 0)
			return 1;
		uint64_t took = now() - begin;
		longest = took > longest ? took : longest;
	}
	printf("%lu\n", longest);
	return 0;
}
