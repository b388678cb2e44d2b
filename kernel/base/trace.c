/* Trace records: a ring per CPU, written without locks by its own CPU. And how long interrupts are off. */
#include "base/trace.h"
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/symbols.h"

#ifdef ATOLL_LATENCY
static struct {
	uint64_t since, number;
	const char *kind;
} off[SYSTEM_CPUS_MAX];

void latency_begin(const char *kind, uint64_t number)
{
	uint32_t cpu = cpu_number();
	if (kind) {
		off[cpu].kind = kind;
		off[cpu].number = number;
	}
	off[cpu].since = arch_cycles();
}

/* Of several CPUs one may write over the other's: the next that is longer tells again. */
void latency_end(void)
{
	static uint64_t longest;
	uint32_t cpu = cpu_number();
	uint64_t cycles = off[cpu].since ? arch_cycles() - off[cpu].since : 0, offset;
	off[cpu].since = 0;
	if (cycles <= longest)
		return;
	longest = cycles;
	const char *name = symbol_find((uint64_t)__builtin_return_address(0), &offset);
	log_print("kernel: interrupts off for %lu cycles: %s %lu, up to %s+0x%lx\n", cycles, off[cpu].kind,
	          off[cpu].number, name, offset);
}
#endif

#ifdef ATOLL_TRACE
#define TRACE_RECORDS 1024u

/* Read by tools/trace.py from a memory dump, by these names. */
struct trace_record trace_ring[SYSTEM_CPUS_MAX][TRACE_RECORDS];
uint64_t trace_next[SYSTEM_CPUS_MAX];

/* No lock and no atomics: interrupts are off, and no other CPU writes this ring. An NMI that panics
 * may find the last record half written. */
void trace(enum trace_kind kind, uint64_t a, uint64_t b)
{
	uint32_t cpu = cpu_number();
	struct trace_record *record = &trace_ring[cpu][trace_next[cpu]++ % TRACE_RECORDS];

	*record = (struct trace_record){
		.time = arch_time_now(),
		.kind = (uint16_t)kind,
		.cpu = (uint16_t)cpu,
		.thread = (uint32_t)thread_current_number(),
		.a = a,
		.b = b,
	};
}

void trace_dump(unsigned last)
{
	static const char *const names[] = { "none", "call in", "call out", "switch", "exception", "interrupt",
		                             "send", "receive", "reply", "destroy" };
	uint32_t cpu = cpu_number();

	if (last > TRACE_RECORDS)
		last = TRACE_RECORDS;
	for (uint64_t i = trace_next[cpu] > last ? trace_next[cpu] - last : 0; i < trace_next[cpu]; i++) {
		const struct trace_record *record = &trace_ring[cpu][i % TRACE_RECORDS];
		log_print("%12lu thread %u %s %lx %lx\n", record->time, record->thread, names[record->kind],
		          record->a, record->b);
	}
}
#endif
