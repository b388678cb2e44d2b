/* Which address space a CPU has loaded, and what the CPUs still remember of it.
 *
 * A CPU stays in a space's active_cpus after it has gone on to another one, until the first request for the
 * old one reaches it: so going to and fro between two spaces writes nothing that other CPUs read.
 *
 * With PCIDs a CPU keeps entries of spaces it is not running: pcid_serial says whose they are, and
 * a space's stale_cpus which CPUs must drop them before they run it again. The two masks make the race
 * between a CPU that loads a space and one that changes it come out right in any order: the loader
 * sets `active`, then reads `stale`; the changer sets `stale`, then reads `active`; both with full
 * barriers, so at least one of them sees the other. A loader that was active already is sent the request.
 *
 * A shootdown is one request at a time for the whole machine. The kernel runs with interrupts off, so
 * every loop that waits for another CPU serves requests itself (arch_spin_hint).
 */
#include "arch/local.h"
#include "base/log.h"
#include "sched/cpu.h"

/* Above it a reload of CR3 is cheaper than so many INVLPG, also with what must be walked again. */
#define FLUSH_PAGES_MAX 32u

static uint64_t shootdown_waiting; /* atomic: CPUs that the request waits for */
static uint32_t shootdown_busy;
static struct arch_space *shootdown_space; /* written by the CPU that holds shootdown_busy */
static uint64_t shootdown_start, shootdown_end;

static void space_leave(void)
{
	cr3_write(kernel_physical(kernel_root));
	cpu_self()->arch.space = NULL;
}

/* On a CPU that has the space loaded. An idle one lets go of it: it would only be asked again. */
static void local_flush(uint64_t start, uint64_t end)
{
	if (start == SPACE_GONE || !cpu_current()) {
		space_leave();
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
/* The space is compared without a lock: this CPU alone changes what it has loaded, and the request
 * does not change until all bits are cleared. */
void shootdown_serve(void)
{
	uint32_t index = cpu_self()->index;

	if (!(__atomic_load_n(&shootdown_waiting, __ATOMIC_ACQUIRE) >> index & 1))
		return;
	if (cpus[index].arch.space == shootdown_space)
		local_flush(shootdown_start, shootdown_end);
	if (cpus[index].arch.space != shootdown_space)
		__atomic_fetch_and(&shootdown_space->active_cpus, ~(1ull << index), __ATOMIC_RELEASE);
	__atomic_fetch_and(&shootdown_waiting, ~(1ull << index), __ATOMIC_RELEASE);
}

void arch_spin_hint(void)
{
	__builtin_ia32_pause();
	if (__atomic_load_n(&shootdown_waiting, __ATOMIC_RELAXED))
		shootdown_serve();
}

/* Called with the table lock held, interrupts off, so two CPUs may want one of each other: who
 * waits for its turn serves the other's request (arch_spin_hint). Who has its turn need not serve
 * while it waits: there is no second request. */
static void shootdown(struct arch_space *space, uint64_t start, uint64_t end, uint64_t targets)
{
	while (__atomic_exchange_n(&shootdown_busy, 1, __ATOMIC_ACQUIRE))
		arch_spin_hint();
	shootdown_space = space;
	shootdown_start = start;
	shootdown_end = end;
	__atomic_store_n(&shootdown_waiting, targets, __ATOMIC_SEQ_CST);
	for (uint64_t left = targets; left; left &= left - 1)
		apic_send(cpus[__builtin_ctzll(left)].arch.apic_id, VECTOR_SHOOTDOWN);
	while (__atomic_load_n(&shootdown_waiting, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	__atomic_store_n(&shootdown_busy, 0, __ATOMIC_RELEASE);
}

/* Synchronous: on return no CPU uses an old entry, so frames may be freed. CPUs that do not run the
 * space are told by `stale_cpus`, and pay when they come back to it. */
void space_flush(struct arch_space *space, uint64_t start, uint64_t end)
{
	uint32_t index = cpu_self()->index;
	uint64_t bit = 1ull << index;
	bool here = cpus[index].arch.space == space;

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

void arch_space_flush(struct arch_space *space)
{
	if (!space->flush_end)
		return;
	space_flush(space, space->flush_start, space->flush_end);
	space->flush_start = UINT64_MAX;
	space->flush_end = 0;
}
