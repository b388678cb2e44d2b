/* Ends other services at random instants: `killer MICROSECONDS SERVICE...`, at most that long apart. It has a better priority
 * than they, so that they are stopped at any instruction. It says how often at the end of each hundred. */
#include "atoll/atoll.h"
#include "protocol_supervisor.h"
#include <stdlib.h>

#define VICTIMS_MAX 8

int main(void)
{
	uint64_t seed = __builtin_ia32_rdtsc(), apart = strtoull(startup_argument(1), NULL, 10) * 1000;
	int victims[VICTIMS_MAX];
	unsigned count = 0, kills = 0;
	for (; count < VICTIMS_MAX && startup_argument(2 + count); count++)
		victims[count] = startup_service(startup_argument(2 + count));
	supervisor_ready(SELF_SUPERVISOR, NULL);
	for (;;) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		thread_sleep(time_now() + (seed >> 33) % apart, 0);
		int status = supervisor_control(SELF_SUPERVISOR, NULL, (uint32_t)victims[(seed >> 20) % count], CONTROL_RESTART);
		if (status == 0 && ++kills % 100 == 0)
			log_line("%u kills", kills);
		else if (status != 0)
			log_line("a kill failed: %d", status);
	}
}
