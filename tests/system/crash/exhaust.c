/* Takes all memory that there is, page by page, and holds it while it has the supervisor killed: `exhaust TIMES`. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define MOST (1ul << 30)

/* What the kernel copies where there is no memory is an error, not a signal. */
static size_t take_all(char *area)
{
	size_t taken = 0;
	int zeros = open("/dev/zero", O_RDONLY);
	while (taken < MOST && read(zeros, area + taken, PAGE) == (ssize_t)PAGE)
		taken += PAGE;
	return taken;
}

static unsigned long free_now(void)
{
	char text[4096], *at;
	int file = open("/proc/meminfo", O_RDONLY);
	ssize_t length = read(file, text, sizeof text - 1);
	close(file);
	text[length > 0 ? length : 0] = 0;
	at = strstr(text, "MemFree:");
	return at ? strtoul(at + 8, NULL, 10) : 0;
}

static int command(int control, const char *line)
{
	return write(control, line, strlen(line)) < 0;
}

int main(int count, char **arguments)
{
	int times = count > 1 ? atoi(arguments[1]) : 1, failed = 0;
	int control = open("/proc/atoll/control", O_WRONLY);
	char *area = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t taken = take_all(area);
	unsigned long left = free_now();
	for (int i = 0; i < times; i++) {
		taken += take_all(area + taken);
		failed += command(control, "kill supervisor") + command(control, "kill pipe");
		taken += take_all(area + taken);
		failed += command(control, "kill pipe");
		nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	}
	munmap(area, MOST);
	printf("%lu MiB, %lu KiB free, %d failed\n", taken >> 20, left, failed);
	return 0;
}
