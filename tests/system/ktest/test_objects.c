/* Capabilities, captables and pools. */
#include "harness.h"

static void copy_drops_rights(void)
{
	CHECK_STATUS(endpoint_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(cap_copy(SELF_CAPTABLE, T2, SELF_CAPTABLE, T1, RIGHT_READ), STATUS_OK);
	int64_t info = cap_info(SELF_CAPTABLE, T2);
	CHECK((info & 0xff) == OBJECT_ENDPOINT && info >> 8 == RIGHT_READ);
	CHECK_STATUS(gate_create(SELF_POOL, T2, 7, T3), STATUS_NO_RIGHT);
	CHECK_STATUS(cap_copy(SELF_CAPTABLE, T3, SELF_CAPTABLE, T2, RIGHTS_ALL), STATUS_NO_RIGHT);
}

static void copy_replaces(void)
{
	CHECK_STATUS(endpoint_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(notification_create(SELF_POOL, T2), STATUS_OK);
	CHECK_STATUS(cap_copy(SELF_CAPTABLE, T2, SELF_CAPTABLE, T1, RIGHTS_ALL), STATUS_OK);
	CHECK((cap_info(SELF_CAPTABLE, T2) & 0xff) == OBJECT_ENDPOINT);
	CHECK_STATUS(cap_copy(SELF_CAPTABLE, T1, SELF_CAPTABLE, T1, RIGHTS_ALL), STATUS_OK);
	CHECK((cap_info(SELF_CAPTABLE, T1) & 0xff) == OBJECT_ENDPOINT);
}

static void destroyed_is_dead_everywhere(void)
{
	CHECK_STATUS(endpoint_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(cap_copy(SELF_CAPTABLE, T2, SELF_CAPTABLE, T1, RIGHTS_ALL), STATUS_OK);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, T2, 1, T3), STATUS_DESTROYED);
	CHECK_STATUS(object_destroy(T2), STATUS_DESTROYED);
}

static void wrong_handles(void)
{
	CHECK_STATUS(object_destroy(T1), STATUS_BAD_HANDLE);
	CHECK_STATUS(object_destroy(0), STATUS_BAD_HANDLE);
	CHECK_STATUS(object_destroy(0xffffffff), STATUS_BAD_HANDLE);
	CHECK_STATUS(endpoint_create(SELF_SPACE, T1), STATUS_WRONG_TYPE);
	CHECK_STATUS(endpoint_create(SELF_POOL, 0), STATUS_BAD_HANDLE);
}

static void captable_clone_holds_the_same(void)
{
	CHECK_STATUS(captable_create(SELF_POOL, 1024, T1), STATUS_OK);
	CHECK_STATUS(endpoint_create(SELF_POOL, T2), STATUS_OK);
	CHECK_STATUS(cap_copy(T1, 900, SELF_CAPTABLE, T2, RIGHT_READ | RIGHT_COPY), STATUS_OK);
	CHECK_STATUS(captable_clone(SELF_POOL, T1, T3), STATUS_OK);
	CHECK_STATUS(cap_info(T3, 900), OBJECT_ENDPOINT | (RIGHT_READ | RIGHT_COPY) << 8);
	CHECK_STATUS(cap_info(T3, 899), 0);
	CHECK(cap_copy(T1, 1024, SELF_CAPTABLE, T2, RIGHTS_ALL) == STATUS_BAD_HANDLE);
	CHECK_STATUS(captable_create(SELF_POOL, 65537, T4), STATUS_BAD_ARGUMENT);
}

static void pool_bounds_what_is_made(void)
{
	CHECK_STATUS(pool_create(SELF_POOL, 64 * 1024, T1), STATUS_OK);
	int64_t status = STATUS_OK;
	unsigned made = 0;
	while (made < 48 && (status = endpoint_create(T1, T3 + made)) == STATUS_OK)
		made++;
	CHECK_STATUS(memory_create(T1, 1 << 20, MEMORY_POPULATE, T2), STATUS_NO_MEMORY);
	struct pool_info info;
	CHECK_STATUS(pool_info(T1, &info), STATUS_OK);
	CHECK(info.used <= info.limit && info.objects == made);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK_STATUS(object_destroy(T3), STATUS_DESTROYED);
}

static void pools_nest(void)
{
	CHECK_STATUS(pool_create(SELF_POOL, 1 << 20, T1), STATUS_OK);
	CHECK_STATUS(pool_create(T1, 1 << 30, T2), STATUS_OK);
	CHECK_STATUS(memory_create(T2, 2 << 20, MEMORY_POPULATE, T3), STATUS_NO_MEMORY);
	CHECK_STATUS(memory_create(T2, 512 << 10, MEMORY_POPULATE, T3), STATUS_OK);
	struct pool_info info;
	CHECK_STATUS(pool_info(T1, &info), STATUS_OK);
	CHECK(info.used >= 512 << 10);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK_STATUS(memory_info(T3, &(struct memory_info){0}), STATUS_DESTROYED);
}

const struct test object_tests[] = {
	{"objects: a copy drops rights", copy_drops_rights},
	{"objects: a copy replaces", copy_replaces},
	{"objects: destroyed is dead everywhere", destroyed_is_dead_everywhere},
	{"objects: wrong handles", wrong_handles},
	{"objects: a cloned captable holds the same", captable_clone_holds_the_same},
	{"objects: a pool bounds what is made", pool_bounds_what_is_made},
	{"objects: pools nest", pools_nest},
	{0},
};
