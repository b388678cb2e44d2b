/* Trace records: a ring per CPU, written without locks by its own CPU. And how long interrupts are off. */
#include "base/trace.h"
#include "arch/arch.h"
#include "base/log.h"
#include "base/preempt.h"

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
	uint64_t cycles = off[cpu].since ? arch_cycles() - off[cpu].since : 0;
	off[cpu].since = 0;
	if (cycles <= longest)
		return;
	longest = cycles;
	log_print("kernel: interrupts off for %lu cycles: %s %lu, up to %lx\n", cycles, off[cpu].kind,
	          off[cpu].number, (uint64_t)__builtin_return_address(0));
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
#endif
