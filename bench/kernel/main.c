/* Runs the rows and logs a line for each; then stops the machine. */
#include "bench.h"
#include <string.h>

#define WARM_UP_BATCHES 2
#define BATCHES 8

static const char *row_name;
static char stacks[1 + 2 * PAIRS_MAX][16384] __attribute__((aligned(16)));

bool row_wrong(const char *what, int64_t value)
{
	log_line("row %s wrong %s (%lld)", row_name, what, (long long)value);
	return false;
}

static bool thread_make(slot_t slot, slot_t space, void (*function)(void *), uint64_t argument, char *stack,
                        unsigned priority)
{
	uint64_t *top = (uint64_t *)(stack + sizeof(stacks[0])) - 1;
	*top = (uint64_t)thread_exit; /* where the function returns to */
	struct thread_parameters parameters = {
		.registers = {.rip = (uint64_t)function, .rsp = (uint64_t)top, .rdi = argument},
		.slot = slot,
		.priority = priority,
	};
	OK(thread_create(SELF_POOL, space, SELF_CAPTABLE, SELF_SUPERVISOR, 0, &parameters));
	return true;
}

bool server_start_apart(void (*server)(void *))
{
	OK(endpoint_create(SELF_POOL, B_ENDPOINT));
	OK(gate_create(SELF_POOL, B_ENDPOINT, 1, B_GATE));
	OK(space_clone(SELF_POOL, SELF_SPACE, B_SPACE));
	return thread_make(B_THREAD, B_SPACE, server, 0, stacks[0], 0) && thread_start(B_THREAD) == STATUS_OK;
}

bool thread_start_here(void (*function)(void *), unsigned priority)
{
	return thread_make(B_THREAD, SELF_SPACE, function, 0, stacks[0], priority) && thread_start(B_THREAD) == STATUS_OK;
}

bool thread_start_on(slot_t slot, slot_t space, void (*function)(void *), uint64_t argument, unsigned stack,
                     uint64_t cpu_mask)
{
	if (!thread_make(slot, space, function, argument, stacks[1 + stack], 0))
		return false;
	OK(thread_set_schedule(slot, PRIORITY_NORMAL, WEIGHT_NORMAL, cpu_mask));
	OK(thread_start(slot));
	return true;
}

static void row_measure(const struct row *row)
{
	uint64_t best = UINT64_MAX;
	unsigned batches = row->operations > 1 ? BATCHES : 1, warm_up = row->operations > 1 ? WARM_UP_BATCHES : 0;
	for (unsigned batch = 0; batch < warm_up + batches; batch++) {
		uint64_t ticks = row->run(row->operations);
		if (!ticks)
			return;
		if (batch >= warm_up && ticks < best)
			best = ticks;
	}
	log_line("row %s ticks=%lu operations=%u bytes=0 batches=%u", row->name, best, row->operations, batches);
}

static void row_run(const struct row *row)
{
	row_name = row->name;
	log_line("begin %s", row->name);
	if (row->prepare())
		row_measure(row);
	if (cap_info(SELF_CAPTABLE, B_THREAD) > 0)
		object_destroy(B_THREAD);
	for (slot_t slot = B_PAIR_THREAD; slot < B_PAIR_THREAD + 2 * PAIRS_MAX; slot++)
		if (cap_info(SELF_CAPTABLE, slot) > 0)
			object_destroy(slot);
	for (slot_t slot = B_ENDPOINT; slot < BENCH_SLOTS_END; slot++)
		cap_drop(SELF_CAPTABLE, slot);
}

static bool asked_for(const char *name)
{
	const char *wanted;
	for (unsigned i = 1; (wanted = startup_argument(i)); i++)
		if (!strcmp(name, wanted))
			return true;
	return !startup_argument(1);
}

int main(void)
{
	const struct row *const tables[] = {call_rows, signal_rows, memory_rows, pair_rows, share_rows};
	log_line("clock hertz=%lu", ((const struct time_page *)TIME_PAGE_ADDRESS)->tsc_frequency);
	if (startup_argument(1) && asked_for("interleave") && !interleave())
		log_line("the CPUs do not take turns");
	for (unsigned table = 0; table < sizeof(tables) / sizeof(tables[0]); table++)
		for (const struct row *row = tables[table]; row->name; row++)
			if (asked_for(row->name))
				row_run(row);
	log_line("end");
	thread_sleep(time_now() + 200000000ull, 0); /* let the log's line drain */
	system_stop(startup_slot("system"), 0);
	return 0;
}
