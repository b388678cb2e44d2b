/* Pages: a fault that a pager in another space resolves, and mapping. */
#include "bench.h"

#define PAGES 64

static volatile uint64_t *mapped; /* the paged object */

/* Moves the page from its own object into the paged one, and answers. Both spaces share the captable. */
static void pager(void *argument)
{
	(void)argument;
	struct message message = {0};
	while (message_reply_receive(B_ENDPOINT, &message, NULL) == STATUS_OK) {
		int64_t status = STATUS_BAD_ARGUMENT;
		if (MESSAGE_OPERATION(message.header) == OPERATION_PAGE)
			status = memory_supply(B_PAGED, message.words[0], B_MEMORY, message.words[0], PAGE);
		message.header = (uint32_t)status;
	}
}

static bool pager_prepare(void)
{
	if (!server_start_apart(pager))
		return false;
	OK(memory_create(SELF_POOL, PAGES * PAGE, 0, B_MEMORY));
	OK(memory_create_paged(SELF_POOL, PAGES * PAGE, B_GATE, B_PAGED));
	int64_t address = space_map(SELF_SPACE, B_PAGED, 0, PAGES * PAGE, 0, MAP_READ | MAP_WRITE | MAP_ANYWHERE);
	OK(address);
	mapped = (volatile uint64_t *)address;
	return true;
}

/* Each page carries its number and the batch's, so one of an earlier batch is noticed. The first is touched
 * beforehand: the tables above the pages are not part of the row. */
static uint64_t fault_run(unsigned operations)
{
	static uint64_t batch;
	uint64_t stamp, sum = 0, expected = 0;
	batch += 1000;
	OK(memory_discard(B_PAGED, 0, PAGES * PAGE));
	for (unsigned i = 0; i <= operations; i++) {
		stamp = batch + i;
		OK(memory_write(B_MEMORY, i * PAGE, &stamp, sizeof(stamp)));
		expected += stamp;
	}
	sum = mapped[0];
	uint64_t start = ticks_now();
	for (unsigned i = 1; i <= operations; i++)
		sum += mapped[i * PAGE / sizeof(*mapped)];
	uint64_t ticks = ticks_now() - start;
	RIGHT(sum == expected);
	return ticks;
}

#define STAMP 0x1234

static bool map_prepare(void)
{
	uint64_t stamp = STAMP;
	OK(memory_create(SELF_POOL, PAGE, MEMORY_POPULATE, B_MEMORY));
	OK(memory_write(B_MEMORY, 0, &stamp, sizeof(stamp)));
	return true;
}

static inline int64_t page_map(void)
{
	return space_map(SELF_SPACE, B_MEMORY, 0, PAGE, 0, MAP_READ | MAP_WRITE | MAP_ANYWHERE);
}

/* The page is there to be mapped, but is not touched, but for the last one, to see that it works. */
static uint64_t map_run(unsigned operations)
{
	int64_t wrong = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		int64_t address = page_map();
		wrong |= address;
		wrong |= space_unmap(SELF_SPACE, (uint64_t)address, PAGE);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(wrong > 0);
	int64_t address = page_map();
	OK(address);
	RIGHT(*(volatile uint64_t *)address == STAMP);
	OK(space_unmap(SELF_SPACE, (uint64_t)address, PAGE));
	return ticks;
}

static uint64_t map_touch_run(unsigned operations)
{
	unsigned right = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		int64_t address = page_map();
		OK(address);
		right += *(volatile uint64_t *)address == STAMP;
		right += space_unmap(SELF_SPACE, (uint64_t)address, PAGE) == STATUS_OK;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == 2 * operations);
	return ticks;
}

const struct row memory_rows[] = {
	{"kernel-page-fault", PAGES - 1, pager_prepare, fault_run},
	{"kernel-map-unmap", 100, map_prepare, map_run},
	{"kernel-map-touch-unmap", 100, map_prepare, map_touch_run},
	{0},
};
