/* The end: say everything that helps to find out why, then stop every CPU. One CPU does this;
 * others that panic meanwhile stop silently, a panic within the panic says its line and stops. */
#include "arch/arch.h"
#include "base/format.h"
#include "base/log.h"
#include "base/preempt.h"

static uint32_t panic_owner; /* CPU + 1 */

bool panic_in_progress(void)
{
	return __atomic_load_n(&panic_owner, __ATOMIC_RELAXED) != 0;
}

/* Locks may be held here by anyone, this CPU included, so from now on the log takes none (log.c)
 * and nothing else of the kernel is called that would. */
void panic(const char *format, ...)
{
	char text[256];
	va_list arguments;
	uint32_t nobody = 0, me = cpu_number() + 1;
	bool first = __atomic_compare_exchange_n(&panic_owner, &nobody, me, false, __ATOMIC_ACQ_REL,
	                                         __ATOMIC_ACQUIRE);

	if (!first && nobody != me)
		arch_halt();
	arch_console_enable(true);
	va_start(arguments, format);
	format_text(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_print("\nkernel panic on CPU %u: %s\n", me - 1, text);
	if (first) {
		log_print("thread %lu\n", thread_current_number());
		arch_backtrace();
	}
	arch_halt();
}
