/* A program at the terminal beside eight busy ones: it answers each key with a line that tells the TSC's time when the
 * answer's first byte was out; at a `q` it tells how many of them were busy. Who types knows when the key was pressed (tools/bench_keys.py). */
#include "bench.h"
#include <poll.h>
#include <sys/resource.h>
#include <termios.h>

#define BUSY 8

static int spin(void)
{
	for (volatile unsigned long count = 0;; count++)
		;
	return 0;
}

static bool terminal_set_raw(void)
{
	struct termios settings;
	if (tcgetattr(0, &settings))
		return false;
	cfmakeraw(&settings);
	return !tcsetattr(0, TCSANOW, &settings);
}

/* How many of them had time of the CPU. */
static unsigned busy_ended(const pid_t *busy)
{
	unsigned count = 0;
	for (unsigned i = 0; i < BUSY; i++) {
		struct rusage usage = {0};
		kill(busy[i], SIGKILL);
		count += wait4(busy[i], NULL, 0, &usage) == busy[i] && (usage.ru_utime.tv_sec || usage.ru_utime.tv_usec);
	}
	return count;
}

int keys_echo(void)
{
	pid_t busy[BUSY];
	struct pollfd terminal = {.events = POLLIN}; /* as editors wait */
	char key;
	if (!terminal_set_raw())
		return 1;
	for (unsigned i = 0; i < BUSY; i++)
		if ((busy[i] = partner_start(spin)) < 0)
			return 1;
	dprintf(1, "keys\n");
	while (poll(&terminal, 1, -1) == 1 && read(0, &key, 1) == 1 && key != 'q') {
		if (write(1, &key, 1) != 1 || tcdrain(1))
			return 1;
		dprintf(1, " %lu\n", ticks_now());
	}
	dprintf(1, "busy %u\n", busy_ended(busy));
	return 0;
}
