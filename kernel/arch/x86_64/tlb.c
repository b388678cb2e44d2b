/* Which address space a CPU has loaded, and what the CPUs still remember of it.
 *
 * With PCIDs a CPU keeps entries of spaces it is not running: pcid_serial says whose they are, and
 * a space's stale_cpus which CPUs must drop them before they run it again. The two masks make the race
 * between a CPU that loads a space and one that changes it come out right in any order: the loader
 * sets `active`, then reads `stale`; the changer sets `stale`, then reads `active`; both with full
 * barriers, so at least one of them sees the other.
 *
 * A shootdown is one request at a time for the whole machine. The kernel runs with interrupts off, so
 * every loop that waits for another CPU serves requests itself (arch_spin_hint).
 */
#include "arch/local.h"
#include "base/log.h"
#include "sched/cpu.h"

#define FLUSH_PAGES_MAX 32u
#define CR3_KEEP (1ull << 63)

static uint64_t shootdown_waiting; /* atomic: CPUs that the request waits for */
static uint32_t shootdown_busy;
static struct arch_space *shootdown_space; /* written by the CPU that holds shootdown_busy */
static uint64_t shootdown_start, shootdown_end;

static uint64_t space_cr3(struct arch_space *space, struct local_cpu *local, bool stale)
{
	if (!(features.cr4 & CR4_PCID))
		return space->root;
	unsigned slot = (unsigned)(space->serial % (PCID_COUNT - 1)) + 1; /* 0 is the kernel's */
	bool keep = !stale && local->pcid_serial[slot] == space->serial;
	local->pcid_serial[slot] = space->serial;
	return space->root | slot | (keep ? CR3_KEEP : 0);
}

/* NULL: the kernel's own tables. */
void space_load(struct arch_space *space)
{
	struct local_cpu *local = &local_cpus[cpu_self()->index];
	uint64_t bit = 1ull << cpu_self()->index;
	struct arch_space *old = local->space;

	if (space == old)
		return;
	if (space) {
		__atomic_fetch_or(&space->active_cpus, bit, __ATOMIC_SEQ_CST);
		bool stale = __atomic_load_n(&space->stale_cpus, __ATOMIC_SEQ_CST) & bit;
		if (stale)
			__atomic_fetch_and(&space->stale_cpus, ~bit, __ATOMIC_SEQ_CST);
		cr3_write(space_cr3(space, local, stale));
	} else {
		cr3_write(kernel_physical(kernel_root));
	}
	local->space = space;
	if (old)
		__atomic_fetch_and(&old->active_cpus, ~bit, __ATOMIC_RELEASE);
}

/* On a CPU that has the space loaded. An idle one lets go of it: it would only be asked again. */
static void local_flush(uint64_t start, uint64_t end)
{
	if (start == SPACE_GONE || !cpu_current()) {
		space_load(NULL);
		return;
	}
	if (end - start > FLUSH_PAGES_MAX * PAGE_SIZE) {
		cr3_write(cr3_read()); /* bit 63 reads as 0: drops this PCID's entries */
		return;
	}
	for (uint64_t at = start; at < end; at += PAGE_SIZE)
		__asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
}

/* Answer a request that waits for this CPU, if there is one. */
void shootdown_serve(void)
{
	uint32_t index = cpu_self()->index;

	if (!(__atomic_load_n(&shootdown_waiting, __ATOMIC_ACQUIRE) >> index & 1))
		return;
	if (local_cpus[index].space == shootdown_space)
		local_flush(shootdown_start, shootdown_end);
	__atomic_fetch_and(&shootdown_waiting, ~(1ull << index), __ATOMIC_RELEASE);
}

void arch_spin_hint(void)
{
	__builtin_ia32_pause();
	if (__atomic_load_n(&shootdown_waiting, __ATOMIC_RELAXED))
		shootdown_serve();
}

static void shootdown(struct arch_space *space, uint64_t start, uint64_t end, uint64_t targets)
{
	while (__atomic_exchange_n(&shootdown_busy, 1, __ATOMIC_ACQUIRE))
		arch_spin_hint();
	shootdown_space = space;
	shootdown_start = start;
	shootdown_end = end;
	__atomic_store_n(&shootdown_waiting, targets, __ATOMIC_SEQ_CST);
	for (uint64_t left = targets; left; left &= left - 1)
		apic_send(local_cpus[__builtin_ctzll(left)].apic_id, VECTOR_SHOOTDOWN);
	while (__atomic_load_n(&shootdown_waiting, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	__atomic_store_n(&shootdown_busy, 0, __ATOMIC_RELEASE);
}

void arch_space_flush(struct arch_space *space, uint64_t start, uint64_t end)
{
	uint32_t index = cpu_self()->index;
	uint64_t bit = 1ull << index;
	bool here = local_cpus[index].space == space;

	if (features.cr4 & CR4_PCID)
		__atomic_fetch_or(&space->stale_cpus, here ? ~bit : ~0ull, __ATOMIC_SEQ_CST);
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (here)
		local_flush(start, end);
	uint64_t others = __atomic_load_n(&space->active_cpus, __ATOMIC_SEQ_CST) & ~bit;
	if (others)
		shootdown(space, start, end, others);
}
