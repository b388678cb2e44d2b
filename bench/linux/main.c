/* Runs the rows that are asked for, each in a process of its own, and prints one line for each:
 *
 *     begin NAME
 *     row NAME ticks=T operations=N bytes=B batches=K    the fastest batch; N operations of B bytes each
 *     row NAME failed CALL ERRNO TEXT                    a system call refused
 *     row NAME wrong TEXT                                it ran, but not as it must
 *     row NAME died STATUS                               its process ended by itself
 *
 * A row that does not come to an end is the host's to notice: with -icount a guest's clock leaps while it waits.
 * `bench rows [NAME...]` does that; `bench boot` tells how far the machine is: ticks since power-on, and memory;
 * `bench echo` answers keys (terminal.c). */
#include "bench.h"
#include <sys/prctl.h>

#define WARM_UP_BATCHES 2
#define BATCHES 8

const char *program_path;
static const char *row_name;

bool call_failed(const char *call)
{
	int error = errno;
	printf("row %s failed %s %s %s\n", row_name, call, strerrorname_np(error) ?: "?", strerror(error));
	fflush(stdout);
	return false;
}

bool row_wrong(const char *what)
{
	printf("row %s wrong %s\n", row_name, what);
	fflush(stdout);
	return false;
}

pid_t partner_start(int (*function)(void))
{
	pid_t partner = fork();
	if (partner == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(function());
	}
	return partner;
}

bool partner_ended(pid_t partner)
{
	int status = 0;
	return waitpid(partner, &status, 0) == partner && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool read_all(int file, void *buffer, size_t length)
{
	for (char *at = buffer; length > 0;) {
		ssize_t count = read(file, at, length);
		if (count <= 0)
			return false;
		at += count;
		length -= count;
	}
	return true;
}

bool write_all(int file, const void *buffer, size_t length)
{
	for (const char *at = buffer; length > 0;) {
		ssize_t count = write(file, at, length);
		if (count <= 0)
			return false;
		at += count;
		length -= count;
	}
	return true;
}

static bool row_measure(const struct row *row)
{
	uint64_t best = UINT64_MAX;
	if (row->prepare && !row->prepare())
		return false;
	unsigned warm_up = row->operations ? WARM_UP_BATCHES : 0, batches = row->operations ? BATCHES : 1;
	for (unsigned batch = 0; batch < warm_up + batches; batch++) {
		uint64_t ticks = row->run(row->operations);
		if (!ticks)
			return false;
		if (batch >= warm_up && ticks < best)
			best = ticks;
	}
	if (row->finish)
		row->finish();
	printf("row %s ticks=%lu operations=%u bytes=%lu batches=%u\n", row->name, best, row->operations, row->bytes,
	       batches);
	fflush(stdout);
	return true;
}

static void row_run(const struct row *row)
{
	int status = 0;
	printf("begin %s\n", row->name);
	fflush(stdout);
	row_name = row->name;
	pid_t child = fork();
	if (child == 0)
		_exit(row_measure(row) ? 0 : 3);
	if (child < 0)
		call_failed("fork");
	else if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
		printf("row %s died signal %d\n", row->name, WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3)
		printf("row %s died status %d\n", row->name, WEXITSTATUS(status));
	fflush(stdout);
}

/* The field of /proc/meminfo, in bytes. */
static uint64_t memory_field(const char *name)
{
	char line[128];
	uint64_t kibibytes = 0;
	FILE *file = fopen("/proc/meminfo", "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			kibibytes = strtoull(line + strlen(name), NULL, 10);
	if (file)
		fclose(file);
	return kibibytes * 1024;
}

static int boot_told(void)
{
	uint64_t now = ticks_now();
	printf("boot ticks=%lu total=%lu free=%lu\n", now, memory_field("MemTotal:"), memory_field("MemFree:"));
	return 0;
}

/* How fast the TSC counts, by the system's own clock: what turns ticks into time when there is no -icount. */
static void clock_told(void)
{
	struct timespec start, now;
	uint64_t from = ticks_now(), nanoseconds;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
		nanoseconds = (now.tv_sec - start.tv_sec) * 1000000000ull + now.tv_nsec - start.tv_nsec;
	} while (nanoseconds < 20000000);
	printf("clock hertz=%.0f\n", (double)(ticks_now() - from) * 1e9 / nanoseconds);
	fflush(stdout);
}

static bool asked_for(const char *name, char **names)
{
	for (char **wanted = names; *wanted; wanted++)
		if (!strcmp(name, *wanted))
			return true;
	return !*names;
}

int main(int count, char **arguments)
{
	const struct row *const tables[] = {call_rows, channel_rows, thread_rows, process_rows, memory_rows,
	                                    file_rows, signal_rows, wait_rows, network_rows, disk_rows, share_rows};
	if (count == 3 && !strcmp(arguments[1], "child"))
		return atoi(arguments[2]);
	if (count == 2 && !strcmp(arguments[1], "boot"))
		return boot_told();
	if (count == 2 && !strcmp(arguments[1], "echo"))
		return keys_echo();
	if (count < 2 || strcmp(arguments[1], "rows")) {
		fputs("bench boot | echo | rows [NAME...]   (in a guest: ./atoll bench)\n", stderr);
		return 2;
	}
	program_path = arguments[0];
	clock_told();
	for (unsigned table = 0; table < sizeof(tables) / sizeof(tables[0]); table++)
		for (const struct row *row = tables[table]; row->name; row++)
			if (asked_for(row->name, arguments + 2))
				row_run(row);
	puts("end");
	return 0;
}
