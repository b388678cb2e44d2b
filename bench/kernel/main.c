/* Runs the rows and logs a line for each; then stops the machine. */
#include "bench.h"
#include <string.h>

#define WARM_UP_BATCHES 2
#define BATCHES 8

static const char *row_name;
static char stack[16384] __attribute__((aligned(16)));

bool row_wrong(const char *what, int64_t value)
{
	log_line("row %s wrong %s (%lld)", row_name, what, (long long)value);
	return false;
}

static bool thread_make(slot_t space, void (*function)(void *), unsigned priority)
{
	uint64_t *top = (uint64_t *)(stack + sizeof(stack)) - 1;
	*top = (uint64_t)thread_exit; /* where the function returns to */
	struct thread_parameters parameters = {
		.registers = {.rip = (uint64_t)function, .rsp = (uint64_t)top},
		.slot = B_THREAD,
		.priority = priority,
	};
	OK(thread_create(SELF_POOL, space, SELF_CAPTABLE, SELF_SUPERVISOR, 0, &parameters));
	OK(thread_start(B_THREAD));
	return true;
}

bool server_start_apart(void (*server)(void *))
{
	OK(endpoint_create(SELF_POOL, B_ENDPOINT));
	OK(gate_create(SELF_POOL, B_ENDPOINT, 1, B_GATE));
	OK(space_clone(SELF_POOL, SELF_SPACE, B_SPACE));
	return thread_make(B_SPACE, server, 0);
}

bool thread_start_here(void (*function)(void *), unsigned priority)
{
	return thread_make(SELF_SPACE, function, priority);
}

static void row_measure(const struct row *row)
{
	uint64_t best = UINT64_MAX;
	for (unsigned batch = 0; batch < WARM_UP_BATCHES + BATCHES; batch++) {
		uint64_t ticks = row->run(row->operations);
		if (!ticks)
			return;
		if (batch >= WARM_UP_BATCHES && ticks < best)
			best = ticks;
	}
	log_line("row %s ticks=%lu operations=%u bytes=0 batches=%u", row->name, best, row->operations, BATCHES);
}

static void row_run(const struct row *row)
{
	row_name = row->name;
	log_line("begin %s", row->name);
	if (row->prepare())
		row_measure(row);
	if (cap_info(SELF_CAPTABLE, B_THREAD) > 0)
		object_destroy(B_THREAD);
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
	const struct row *const tables[] = {call_rows, signal_rows, memory_rows};
	log_line("clock hertz=%lu", ((const struct time_page *)TIME_PAGE_ADDRESS)->tsc_frequency);
	for (unsigned table = 0; table < sizeof(tables) / sizeof(tables[0]); table++)
		for (const struct row *row = tables[table]; row->name; row++)
			if (asked_for(row->name))
				row_run(row);
	log_line("end");
	thread_sleep(time_now() + 200000000ull, 0); /* let the log's line drain */
	system_stop(startup_slot("system"), 0);
	return 0;
}
