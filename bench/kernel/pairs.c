/* Pairs of threads that exchange calls on several CPUs at once: what one pair costs alone, and with others beside it.
 * Each pair has its own endpoint, gate and server space, so nothing but the kernel is shared. */
#include "bench.h"

#define CALLS 4000 /* of each pair in a batch */
#define INTERVAL_PORT 0x40
#define INTERVAL_TICKS 4 /* of 838 nanoseconds */

static unsigned pair_count;
static uint32_t go;      /* futex: the batch that is to be run */
static uint32_t working; /* pairs that have not finished it */
static uint32_t right;   /* calls that were answered as they should be */
static uint64_t ended;   /* when the last pair was done */

/* Answers a number with the next one. */
static void pair_server(void *pair)
{
	struct message message = {0};
	while (message_reply_receive(B_PAIR_ENDPOINT + (slot_t)(uint64_t)pair, &message, NULL) == STATUS_OK) {
		message.header = 0;
		message.words[0]++;
	}
}

static void pair_client(void *pair)
{
	for (uint32_t batch = 0;; batch = go) {
		while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) == batch)
			futex_wait(&go, batch, 0, 0);
		uint32_t good = 0;
		for (uint64_t i = 0; i < CALLS; i++) {
			struct message message = {.header = OPERATION_PROTOCOL_FIRST, .words = {i}};
			good += message_call(B_PAIR_GATE + (slot_t)(uint64_t)pair, &message, NULL) == STATUS_OK &&
			        message.words[0] == i + 1;
		}
		__atomic_add_fetch(&right, good, __ATOMIC_RELAXED);
		if (__atomic_sub_fetch(&working, 1, __ATOMIC_ACQ_REL) == 0) {
			ended = ticks_now();
			notification_signal(B_NOTIFICATION, 1);
		}
	}
}

/* Where instructions are counted the emulator runs a CPU until a timer of the machine is due, then the next one. The old
 * interval timer, whose line nobody listens to, makes that every few thousand instructions, wherever the kernel is
 * then. Mode 3, low byte then high. */
bool interleave(void)
{
	OK(ioport_create(startup_slot("system"), SELF_POOL, INTERVAL_PORT, 4, B_PORTS));
	OK(ioport_write(B_PORTS, INTERVAL_PORT + 3, 1, 0x36));
	OK(ioport_write(B_PORTS, INTERVAL_PORT, 1, INTERVAL_TICKS));
	OK(ioport_write(B_PORTS, INTERVAL_PORT, 1, 0));
	return true;
}

static bool cpus_enough(unsigned wanted)
{
	static struct system_info info;
	OK(system_info(startup_slot("system"), &info));
	return info.cpu_count >= wanted || row_wrong("too few CPUs", (int64_t)info.cpu_count);
}

/* The first server on CPU 0, its client on `client_cpu`, the other pairs on the CPUs behind. */
static bool pairs_start(unsigned count, unsigned client_cpu)
{
	go = working = 0;
	pair_count = count;
	OK(notification_create(SELF_POOL, B_NOTIFICATION));
	for (slot_t pair = 0; pair < count; pair++) {
		OK(endpoint_create(SELF_POOL, B_PAIR_ENDPOINT + pair));
		OK(gate_create(SELF_POOL, B_PAIR_ENDPOINT + pair, 1, B_PAIR_GATE + pair));
		OK(space_clone(SELF_POOL, SELF_SPACE, B_PAIR_SPACE + pair));
		if (!thread_start_on(B_PAIR_THREAD + 2 * pair, B_PAIR_SPACE + pair, pair_server, pair, 2 * pair, 1ull << pair) ||
		    !thread_start_on(B_PAIR_THREAD + 2 * pair + 1, SELF_SPACE, pair_client, pair, 2 * pair + 1,
		                     1ull << (pair + client_cpu)))
			return false;
	}
	return true;
}

static bool one_prepare(void) { return cpus_enough(1) && pairs_start(1, 0); }
static bool two_prepare(void) { return cpus_enough(2) && pairs_start(2, 0); }
static bool four_prepare(void) { return cpus_enough(4) && pairs_start(4, 0); }
static bool across_prepare(void) { return cpus_enough(2) && pairs_start(1, 1); }

static uint64_t pairs_run(unsigned operations)
{
	right = 0;
	working = pair_count;
	uint64_t start = ticks_now();
	__atomic_add_fetch(&go, 1, __ATOMIC_RELEASE);
	OK(futex_wake(&go, PAIRS_MAX));
	OK(notification_wait(B_NOTIFICATION, 0, 0));
	RIGHT(right == operations);
	return ended - start;
}

const struct row pair_rows[] = {
	{"pairs-1", CALLS, one_prepare, pairs_run},
	{"pairs-2", 2 * CALLS, two_prepare, pairs_run},
	{"pairs-4", 4 * CALLS, four_prepare, pairs_run},
	{"pair-across", CALLS, across_prepare, pairs_run},
	{0},
};
