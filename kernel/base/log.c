/* The log: a ring of bytes with positions that only grow, so that any number of readers can each
 * keep their own place and see what they missed. Every byte also goes to the early console until a
 * driver takes it over. */
#include "arch/arch.h"
#include "base/format.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/string.h"

#define LOG_SIZE 65536ull

static struct spin_lock log_lock = SPIN_LOCK(LOCK_LOG);
static char log_ring[LOG_SIZE];
static uint64_t log_end; /* position after the newest byte; under log_lock */
static bool log_grew; /* atomic */

/* In a panic the lock may be held by the CPU that panicked, or by one already stopped. */
static bool log_lock_take(void)
{
	if (panic_in_progress())
		return false;
	spin_lock(&log_lock);
	return true;
}

/* The console is written under the lock, so that lines do not mix; it is slow, and turned off once
 * a driver has the port. exit_work_set brings this CPU to system_log_signal: no notification can be
 * signalled from here, under whatever locks. */
void log_append(const char *bytes, uint64_t length)
{
	bool locked = log_lock_take();

	for (uint64_t i = 0; i < length; i++)
		log_ring[(log_end + i) % LOG_SIZE] = bytes[i];
	log_end += length;
	arch_console_write(bytes, length);
	if (!locked)
		return;
	spin_unlock(&log_lock);
	__atomic_store_n(&log_grew, true, __ATOMIC_RELAXED);
	exit_work_set(1ull << cpu_number());
}

void log_print(const char *format, ...)
{
	char line[256];
	va_list arguments;

	va_start(arguments, format);
	log_append(line, format_text(line, sizeof(line), format, arguments));
	va_end(arguments);
}

/* Positions count bytes since boot, so a reader that was too slow sees zeros where it missed some,
 * and knows how many. */
uint64_t log_copy(uint64_t position, char *buffer, uint64_t length)
{
	bool locked = log_lock_take();
	uint64_t oldest = log_end > LOG_SIZE ? log_end - LOG_SIZE : 0;

	uint64_t newer = position < log_end ? log_end - position : 0;

	if (length > newer)
		length = newer;
	for (uint64_t i = 0; i < length; i++)
		buffer[i] = position + i < oldest ? 0 : log_ring[(position + i) % LOG_SIZE];
	if (locked)
		spin_unlock(&log_lock);
	return length;
}

bool log_take_growth(void)
{
	return __atomic_load_n(&log_grew, __ATOMIC_RELAXED) && __atomic_exchange_n(&log_grew, false, __ATOMIC_RELAXED);
}
