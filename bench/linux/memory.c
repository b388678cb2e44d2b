/* Memory: page faults and mappings. Huge pages are refused, so that a fault is one page on every system. */
#include "bench.h"

static uint8_t *pages_map(unsigned pages)
{
	uint8_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
	return memory;
}

static void pages_write(volatile uint8_t *memory, unsigned pages, uint8_t value)
{
	for (unsigned i = 0; i < pages; i++)
		memory[i * PAGE] = value;
}

/* How many pages begin with the value and are zero behind it. */
static unsigned pages_that_hold(const volatile uint8_t *memory, unsigned pages, uint8_t value)
{
	unsigned right = 0;
	for (unsigned i = 0; i < pages; i++)
		right += memory[i * PAGE] == value && memory[i * PAGE + PAGE - 1] == 0;
	return right;
}

/* The first page is touched beforehand: the tables above the pages are not part of the row. */
static uint64_t touch_run(unsigned operations)
{
	uint8_t *memory = pages_map(operations + 1);
	CALL("mmap", memory != MAP_FAILED);
	pages_write(memory, 1, 7);
	uint64_t start = ticks_now();
	pages_write(memory + PAGE, operations, 7);
	uint64_t ticks = ticks_now() - start;
	RIGHT(pages_that_hold(memory, operations + 1, 7) == operations + 1);
	CALL("munmap", !munmap(memory, (operations + 1) * PAGE));
	return ticks;
}

#define COPIED_PAGES 256
static uint8_t *copied;
static int go[2];

/* The child keeps the pages shared while the parent writes, and then still sees what was there. */
static int keep_old(void)
{
	char byte;
	close(go[1]);
	if (read(go[0], &byte, 1) != 0)
		return 1;
	return pages_that_hold(copied, COPIED_PAGES, 7) == COPIED_PAGES ? 0 : 2;
}

static uint64_t copy_run(unsigned operations)
{
	copied = pages_map(operations);
	CALL("mmap", copied != MAP_FAILED);
	pages_write(copied, operations, 7);
	CALL("pipe", !pipe(go));
	pid_t child = partner_start(keep_old);
	CALL("fork", child > 0);
	uint64_t start = ticks_now();
	pages_write(copied, operations, 8);
	uint64_t ticks = ticks_now() - start;
	close(go[1]);
	close(go[0]);
	RIGHT(partner_ended(child));
	RIGHT(pages_that_hold(copied, operations, 8) == operations);
	CALL("munmap", !munmap(copied, operations * PAGE));
	return ticks;
}

/* Of sixteen pages the first is touched: the row is about the mapping, not about faults. */
#define MAPPED_PAGES 16
static uint64_t map_run(unsigned operations)
{
	unsigned right = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		uint8_t *memory = mmap(NULL, MAPPED_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		                       -1, 0);
		CALL("mmap", memory != MAP_FAILED);
		right += memory[0] == 0;
		pages_write(memory, 1, i);
		CALL("munmap", !munmap(memory, MAPPED_PAGES * PAGE));
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	return ticks;
}

const struct row memory_rows[] = {
	{"first-touch", 256, 0, NULL, touch_run, NULL},
	{"copy-on-write", COPIED_PAGES, 0, NULL, copy_run, NULL},
	{"mmap-munmap-64k", 40, 0, NULL, map_run, NULL},
	{0},
};
