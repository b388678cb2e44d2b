/* Memory objects and address spaces. */
#include "harness.h"
#include <string.h>

#define PAGE ATOLL_PAGE_SIZE

static uint8_t bytes[3 * PAGE];

static void memory_reads_what_was_written(void)
{
	uint8_t back[100];
	CHECK_STATUS(memory_create(SELF_POOL, 2 * PAGE, 0, T1), STATUS_OK);
	memset(bytes, 0x5a, sizeof(bytes));
	CHECK_STATUS(memory_write(T1, PAGE - 10, bytes, 50), 50);
	CHECK_STATUS(memory_read(T1, PAGE - 20, back, 100), 100);
	CHECK(back[9] == 0 && back[10] == 0x5a && back[59] == 0x5a && back[60] == 0);
	CHECK_STATUS(memory_read(T1, 2 * PAGE - 5, back, 100), 5);
	CHECK_STATUS(memory_read(T1, 9 * PAGE, back, 100), 0);
	CHECK_STATUS(memory_read(T1, UINT64_MAX - 3, back, 100), 0);
}

static void resize_frees_and_clears(void)
{
	uint8_t seen = 9, one = 1;
	struct memory_info info;
	CHECK_STATUS(memory_create(SELF_POOL, 8 * PAGE, MEMORY_POPULATE, T1), STATUS_OK);
	CHECK_STATUS(memory_write(T1, 3 * PAGE, &one, 1), 1);
	CHECK_STATUS(memory_resize(T1, 2 * PAGE), STATUS_OK);
	CHECK_STATUS(memory_info(T1, &info), STATUS_OK);
	CHECK(info.size == 2 * PAGE && info.resident == 2 * PAGE);
	CHECK_STATUS(memory_resize(T1, 8 * PAGE), STATUS_OK);
	CHECK(memory_read(T1, 3 * PAGE, &seen, 1) == 1 && seen == 0);
	CHECK_STATUS(memory_discard(T1, 0, 8 * PAGE), STATUS_OK);
	CHECK_STATUS(memory_info(T1, &info), STATUS_OK);
	CHECK(info.resident == 0);
}

static void sparse_objects_are_cheap(void)
{
	uint8_t one = 1, seen;
	struct memory_info info;
	CHECK_STATUS(memory_create(SELF_POOL, 1ull << 40, 0, T1), STATUS_OK);
	CHECK_STATUS(memory_write(T1, 1ull << 39, &one, 1), 1);
	CHECK(memory_read(T1, 1ull << 39, &seen, 1) == 1 && seen == 1);
	CHECK_STATUS(memory_info(T1, &info), STATUS_OK);
	CHECK(info.resident == PAGE);
	CHECK(memory_create(SELF_POOL, UINT64_MAX, 0, T2) < 0);
}

static void mapping_shows_the_object(void)
{
	CHECK_STATUS(memory_create(SELF_POOL, 4 * PAGE, 0, T1), STATUS_OK);
	int64_t at = space_map(SELF_SPACE, T1, 0, 4 * PAGE, 0, MAP_READ | MAP_WRITE | MAP_ANYWHERE);
	CHECK(at > 0);
	volatile uint8_t *mapped = (uint8_t *)at;
	mapped[PAGE + 1] = 77;
	uint8_t seen = 0;
	CHECK(memory_read(T1, PAGE + 1, &seen, 1) == 1 && seen == 77);
	CHECK_STATUS(space_protect(SELF_SPACE, at, PAGE, MAP_READ | MAP_EXECUTE | MAP_WRITE), STATUS_OK);
	CHECK_STATUS(space_unmap(SELF_SPACE, at, 4 * PAGE), STATUS_OK);
	CHECK_STATUS(space_protect(SELF_SPACE, at, PAGE, MAP_READ), STATUS_BAD_ADDRESS);
}

static void private_mapping_keeps_its_writes(void)
{
	uint8_t one = 1, seen;
	CHECK_STATUS(memory_create(SELF_POOL, 2 * PAGE, 0, T1), STATUS_OK);
	CHECK_STATUS(memory_write(T1, 0, &one, 1), 1);
	CHECK_STATUS(cap_copy(SELF_CAPTABLE, T2, SELF_CAPTABLE, T1, RIGHT_READ), STATUS_OK);
	int64_t at = space_map(SELF_SPACE, T2, 0, 2 * PAGE, 0,
	                       MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY | MAP_ANYWHERE);
	CHECK(at > 0);
	volatile uint8_t *mapped = (uint8_t *)at;
	CHECK(mapped[0] == 1 && mapped[PAGE] == 0);
	mapped[0] = 5;
	CHECK(memory_read(T1, 0, &seen, 1) == 1 && seen == 1);
	CHECK(memory_write(T1, PAGE, &one, 1) == 1 && mapped[PAGE] == 1);
	CHECK_STATUS(space_map(SELF_SPACE, T2, 0, PAGE, 0, MAP_READ | MAP_WRITE | MAP_ANYWHERE),
	             STATUS_NO_RIGHT);
	CHECK_STATUS(space_unmap(SELF_SPACE, at, 2 * PAGE), STATUS_OK);
}

static void cloned_space_is_apart(void)
{
	int64_t at = space_map(SELF_SPACE, 0, 0, 2 * PAGE, 0, MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY | MAP_ANYWHERE);
	CHECK(at > 0);
	volatile uint8_t *mapped = (uint8_t *)at;
	mapped[0] = 1;
	CHECK_STATUS(space_clone(SELF_POOL, SELF_SPACE, T1), STATUS_OK);
	mapped[0] = 2;
	uint8_t seen = 0, three = 3;
	CHECK(space_read(T1, at, &seen, 1) >= 0 && seen == 1);
	CHECK(space_write(T1, at, &three, 1) >= 0 && mapped[0] == 2);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK(mapped[0] == 2);
	CHECK_STATUS(space_unmap(SELF_SPACE, at, 2 * PAGE), STATUS_OK);
}

static void regions_split_move_and_answer(void)
{
	struct region_info info;
	uint32_t flags = MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY;
	int64_t at = space_map(SELF_SPACE, 0, 0, 8 * PAGE, 0, flags | MAP_ANYWHERE);
	CHECK(at > 0);
	volatile uint8_t *mapped = (uint8_t *)at;
	for (unsigned page = 0; page < 8; page++)
		mapped[page * PAGE] = page;
	CHECK_STATUS(space_unmap(SELF_SPACE, at + 3 * PAGE, PAGE), STATUS_OK);
	CHECK(mapped[2 * PAGE] == 2 && mapped[4 * PAGE] == 4);
	CHECK_STATUS(space_query(SELF_SPACE, at + 3 * PAGE, &info), STATUS_OK);
	CHECK(info.address == (uint64_t)at + 4 * PAGE);
	CHECK_STATUS(space_map(SELF_SPACE, 0, at + 2 * PAGE, 2 * PAGE, 0, flags), STATUS_BUSY);
	int64_t moved = space_move(SELF_SPACE, at + 4 * PAGE, 4 * PAGE, 0, 16 * PAGE, 1);
	CHECK(moved > 0 && ((volatile uint8_t *)moved)[3 * PAGE] == 7 && ((volatile uint8_t *)moved)[9 * PAGE] == 0);
	CHECK_STATUS(space_discard(SELF_SPACE, moved, PAGE), STATUS_OK);
	CHECK(*(volatile uint8_t *)moved == 0);
	CHECK_STATUS(space_unmap(SELF_SPACE, moved, 16 * PAGE), STATUS_OK);
	CHECK_STATUS(space_unmap(SELF_SPACE, at, 3 * PAGE), STATUS_OK);
}

static void pinned_pages_say_where_they_are(void)
{
	CHECK_STATUS(memory_create(SELF_POOL, 3 * PAGE, MEMORY_PINNED, T1), STATUS_OK);
	int64_t first = memory_physical(T1, 0), second = memory_physical(T1, PAGE + 8);
	CHECK(first > 0 && first % PAGE == 0 && second % PAGE == 8 && second - 8 != first);
	CHECK_STATUS(memory_physical(T1, 0), first);
	CHECK_STATUS(memory_physical(T1, 3 * PAGE), STATUS_BAD_ARGUMENT);
	CHECK_STATUS(memory_resize(T1, PAGE), STATUS_BAD_ARGUMENT);
	CHECK_STATUS(memory_discard(T1, 0, PAGE), STATUS_BAD_ARGUMENT);
	CHECK_STATUS(memory_create(SELF_POOL, PAGE, MEMORY_POPULATE, T2), STATUS_OK);
	CHECK_STATUS(memory_physical(T2, 0), STATUS_BAD_ARGUMENT);
}

static void bad_ranges(void)
{
	uint32_t flags = MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY;
	CHECK(space_map(SELF_SPACE, 0, 0x1000, PAGE, 0, flags) < 0);
	CHECK(space_map(SELF_SPACE, 0, USER_ADDRESS_END, PAGE, 0, flags) < 0);
	CHECK(space_map(SELF_SPACE, 0, 0xffff800000000000, PAGE, 0, flags) < 0);
	CHECK(space_map(SELF_SPACE, 0, 0x20000000, UINT64_MAX - 0x1000, 0, flags) < 0);
	CHECK(space_map(SELF_SPACE, 0, 0x20000001, PAGE, 0, flags) < 0);
	CHECK(space_unmap(SELF_SPACE, TIME_PAGE_ADDRESS, PAGE) != 0 || time_now() > 0);
	CHECK_STATUS(memory_create(SELF_POOL, PAGE, 0, T1), STATUS_OK);
	CHECK(space_map(SELF_SPACE, T1, 0, PAGE, UINT64_MAX - PAGE + 1, MAP_READ | MAP_ANYWHERE) < 0);
	CHECK(memory_write(T1, 0, (void *)0xffffffff80000000, 8) == STATUS_BAD_ADDRESS);
	CHECK(memory_read(T1, 0, (void *)8, 8) == STATUS_BAD_ADDRESS);
}

const struct test memory_tests[] = {
	{"memory: reads what was written", memory_reads_what_was_written},
	{"memory: resize frees and clears", resize_frees_and_clears},
	{"memory: sparse objects are cheap", sparse_objects_are_cheap},
	{0},
};

const struct test space_tests[] = {
	{"space: a mapping shows the object", mapping_shows_the_object},
	{"space: a private mapping keeps its writes", private_mapping_keeps_its_writes},
	{"space: a cloned space is apart", cloned_space_is_apart},
	{"space: regions split, move and answer", regions_split_move_and_answer},
	{"memory: pinned pages say where they are", pinned_pages_say_where_they_are},
	{"space: bad ranges", bad_ranges},
	{0},
};
