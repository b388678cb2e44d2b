/* Time: the TSC, measured once against the ACPI timer, gives nanoseconds since boot to the kernel
 * and, through the time page, to every program. The local APIC's timer, measured in the same window,
 * gives the one interrupt at a deadline. */
#include "arch/local.h"
#include "base/log.h"
#include "sched/cpu.h"

#define SCALE_SHIFT 32
#define WINDOW_NS 2000000ull /* long enough for 0.1 % and short enough not to be noticed */
#define PM_TIMER_HZ 3579545ull
#define PM_TIMER_MASK 0xffffffu
#define SECOND_NS 1000000000ull

static union {
	struct time_page time;
	char page[PAGE_SIZE];
} time_page __attribute__((aligned(4096)));
static uint64_t timer_multiplier; /* nanoseconds to ticks of the APIC timer */

physical_t arch_time_page(void)
{
	return kernel_physical(&time_page);
}

/* A 128-bit product: 64 bits would wrap within seconds. */
static uint64_t scale(uint64_t value, uint64_t multiplier)
{
	return (uint64_t)(((unsigned __int128)value * multiplier) >> SCALE_SHIFT);
}

uint64_t arch_cycles_time(uint64_t cycles)
{
	return scale(cycles, time_page.time.multiplier);
}

/* The TSC is taken to be invariant and alike on all CPUs, as it is on everything of the last
 * fifteen years and in QEMU. */
uint64_t arch_time_now(void)
{
	return arch_cycles_time(arch_cycles() - time_page.time.tsc_base);
}

/* One moment seen by three clocks. The reference is read between two readings of the TSC; of several
 * tries the tightest counts, so that an emulator's pause in between does no harm. */
struct moment {
	uint64_t tsc;
	uint32_t reference, timer;
};

static struct moment moment_read(void)
{
	struct moment best = { 0 };
	uint64_t best_gap = ~0ull;

	for (unsigned try = 0; try < 8; try++) {
		uint64_t before = arch_cycles();
		uint32_t reference = port_read32(machine.pm_timer);
		uint32_t timer = apic_timer_count();
		uint64_t gap = arch_cycles() - before;
		if (gap >= best_gap)
			continue;
		best_gap = gap;
		best = (struct moment){ before + gap / 2, reference, timer };
	}
	return best;
}

/* ACPI 4.8.3.3: at least 24 bits, and it wraps. The window is far shorter than one turn (4.7 s). */
static uint32_t reference_passed(uint32_t since, uint32_t now)
{
	return (now - since) & PM_TIMER_MASK;
}

/* Both clocks in one window, so that they agree with each other. */
static void measure(void)
{
	apic_timer_start(~0u);
	struct moment start = moment_read();
	while (reference_passed(start.reference, port_read32(machine.pm_timer)) < PM_TIMER_HZ * WINDOW_NS / SECOND_NS)
		__builtin_ia32_pause();
	struct moment end = moment_read();
	uint64_t passed = reference_passed(start.reference, end.reference);
	uint64_t timer_frequency = (uint64_t)(start.timer - end.timer) * PM_TIMER_HZ / passed;

	apic_timer_start(0);
	timer_multiplier = (timer_frequency << SCALE_SHIFT) / SECOND_NS;
	time_page.time.tsc_frequency = (end.tsc - start.tsc) * PM_TIMER_HZ / passed;
}

struct calendar {
	uint8_t second, minute, hour, day, month, year;
};

/* In binary-coded decimals and 24 hours, as firmware leaves the clock. */
/* MC146818: an index goes to port 0x70, the register comes from 0x71. Its top bit would mask NMIs. */
static uint8_t rtc_read(uint8_t index)
{
	port_write8(0x70, index);
	uint8_t value = port_read8(0x71);
	return (uint8_t)((value >> 4) * 10 + (value & 15));
}

static struct calendar calendar_read(void)
{
	return (struct calendar){ rtc_read(0), rtc_read(2), rtc_read(4), rtc_read(7), rtc_read(8), rtc_read(9) };
}

/* Gregorian, for years from 1970 on. 719468 days are from the 1st of March of year 0 to 1970. */
static uint64_t days_since_1970(uint64_t year, uint64_t month, uint64_t day)
{
	/* The year begins in March, so that the odd day is its last. */
	uint64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static uint64_t real_time_read(void)
{
	struct calendar now, again;

	do { /* twice the same: not in the middle of an update */
		now = calendar_read();
		again = calendar_read();
	} while (__builtin_memcmp(&now, &again, sizeof(now)));
	return ((days_since_1970(2000u + now.year, now.month, now.day) * 24 + now.hour) * 60 + now.minute) * 60 +
	       now.second;
}

void clock_setup(void)
{
	struct time_page *page = &time_page.time;

	if (!machine.pm_timer)
		panic("the machine has no ACPI timer");
	measure();
	page->shift = SCALE_SHIFT;
	page->multiplier = (SECOND_NS << SCALE_SHIFT) / page->tsc_frequency;
	page->tsc_base = arch_cycles();
	page->boot_time_seconds = real_time_read();
}

void clock_spin(uint64_t nanoseconds)
{
	uint64_t end = arch_time_now() + nanoseconds;

	while (arch_time_now() < end)
		arch_spin_hint();
}

/* A little late rather than early: an interrupt before its deadline would find nothing to do. */
void arch_timer_set(uint64_t deadline)
{
	uint64_t now = arch_time_now();
	uint64_t count = scale(deadline > now ? deadline - now : 0, timer_multiplier) + 1;

	if (!deadline)
		count = 0; /* none */
	apic_timer_start(count > ~0u ? ~0u : (uint32_t)count);
}
