/* From the architecture's start to the first thread. */
#include "arch/arch.h"
#include "base/log.h"
#include "entry/entry.h"
#include "mm/pool.h"

_Noreturn void kernel_main(const struct boot_info *boot, physical_t archive)
{
	entry_init();
	struct pool *pool = pool_create(NULL, page_free());
	if (!pool)
		panic("no memory for the root pool");
	log_print("kernel: %lu MiB of memory, boot archive %lu KiB\n", page_total() >> 20, boot->archive_size >> 10);
	uint32_t count = arch_cpu_start_others(); /* all of them, before a program counts them */
	log_print("kernel: %u CPU%s\n", count, count == 1 ? "" : "s");
	root_start(pool, boot, archive);
	arch_kernel_leave();
}
