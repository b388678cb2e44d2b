/* Captables, pools and the life of objects: random operations through the kernel's own calls against a
 * model that says for every slot which object it names with which rights, and for every object which
 * pool it was made from. An object lives while a slot of a living table names it, until it or a pool above
 * is destroyed. Runs with preemption points that fire often. */
#include "kernel_calls.h"
#include "machine.h"
#include "obj/captable.h"
#include "obj/quiesce.h"
#include <stdio.h>
#include <string.h>

#define SLOTS 600u /* two blocks */
#define USED 40u   /* slots the test uses, spread over the table */
#define TABLES 4
#define OBJECTS 4096

enum { SLOT_TABLE = 1, SLOT_POOL = 2, SLOT_TABLES = 10, SLOT_POOLS = 20 };

/* The notifications, pools and tables of the test. `pool`: index into pools, the base pool is 0. */
struct model_object {
	uint64_t serial; /* 0: not in use */
	bool dead;
	int pool;
};
struct model_slot {
	int object; /* -1: empty */
	uint32_t rights;
};
static struct model_object objects[OBJECTS];
static struct model_slot tables[TABLES][USED];
static int table_pool[TABLES]; /* -1: no such table */
static struct { bool alive; int parent; } pools[6];
static uint64_t serials;

static uint32_t place(uint32_t used)
{
	return 3 + used * 14;
}

static int new_object(int pool)
{
	for (int i = 0; i < OBJECTS; i++) {
		if (objects[i].serial)
			continue;
		objects[i] = (struct model_object){.serial = ++serials, .pool = pool};
		return i;
	}
	CHECK(!"enough objects");
}

/* Objects that no slot names are gone. */
static void forget_unnamed(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		bool named = false;

		if (!objects[i].serial)
			continue;
		for (int t = 0; t < TABLES; t++)
			for (uint32_t s = 0; s < USED; s++)
				named |= table_pool[t] >= 0 && tables[t][s].object == i;
		if (!named)
			objects[i].serial = 0;
	}
}

static void table_gone(int table)
{
	table_pool[table] = -1;
	for (uint32_t i = 0; i < USED; i++)
		tables[table][i].object = -1;
}

static void pool_gone(int pool)
{
	pools[pool].alive = false;
	for (int i = 1; i < 6; i++)
		if (pools[i].alive && pools[i].parent == pool)
			pool_gone(i);
	for (int i = 0; i < OBJECTS; i++)
		if (objects[i].serial && objects[i].pool == pool)
			objects[i].dead = true;
	for (int i = 0; i < TABLES; i++)
		if (table_pool[i] == pool)
			table_gone(i);
}

static int some_pool(void)
{
	int pool = (int)machine_random(6);

	return pools[pool].alive ? pool : 0;
}

static uint32_t pool_slot(int pool)
{
	return pool ? SLOT_POOLS + (uint32_t)pool : SLOT_POOL;
}

static int some_table(void)
{
	int table = (int)machine_random(TABLES);

	return table_pool[table] >= 0 ? table : -1;
}

static status_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	return machine_call(number, a, b, c, d, e, 0);
}

/* --- operations --- */

static void make_table(void)
{
	int table = (int)machine_random(TABLES), pool = some_pool(), source = some_table();
	status_t status;

	if (table_pool[table] >= 0 && machine_random(3))
		return;
	if (source >= 0 && source != table && machine_random(2)) {
		status = call(KERNEL_CALL_CAPTABLE_CLONE, pool_slot(pool), SLOT_TABLES + (uint32_t)source,
		              SLOT_TABLES + (uint32_t)table, 0, 0);
		CHECK(status == STATUS_OK);
		table_pool[table] = pool;
		memcpy(tables[table], tables[source], sizeof(tables[table]));
	} else {
		status = call(KERNEL_CALL_CAPTABLE_CREATE, pool_slot(pool), SLOTS, SLOT_TABLES + (uint32_t)table, 0, 0);
		CHECK(status == STATUS_OK);
		table_gone(table);
		table_pool[table] = pool;
	}
	forget_unnamed();
}

static void make_object(void)
{
	int table = some_table(), pool = some_pool();
	uint32_t used = (uint32_t)machine_random(USED);

	if (table < 0)
		return;
	CHECK(call(KERNEL_CALL_NOTIFICATION_CREATE, pool_slot(pool), 5, 0, 0, 0) == STATUS_OK);
	CHECK(call(KERNEL_CALL_CAP_COPY, SLOT_TABLES + (uint32_t)table, place(used), SLOT_TABLE, 5, RIGHTS_ALL) == STATUS_OK);
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, 5, 0, 0, 0) == STATUS_OK);
	tables[table][used] = (struct model_slot){new_object(pool), RIGHTS_ALL};
	forget_unnamed();
}

static void copy(void)
{
	int to = some_table(), from = some_table();
	uint32_t to_used = (uint32_t)machine_random(USED), from_used = (uint32_t)machine_random(USED);
	uint32_t rights = (uint32_t)machine_random(machine_random(4) ? 32 : 40);
	struct model_slot source;
	status_t status, expected = STATUS_OK;

	if (to < 0 || from < 0)
		return;
	source = tables[from][from_used];
	if (rights > RIGHTS_ALL)
		expected = STATUS_BAD_ARGUMENT;
	else if (source.object < 0)
		expected = STATUS_BAD_HANDLE;
	else if (objects[source.object].dead)
		expected = STATUS_DESTROYED;
	else if (!(source.rights & RIGHT_COPY))
		expected = STATUS_NO_RIGHT;
	status = call(KERNEL_CALL_CAP_COPY, SLOT_TABLES + (uint32_t)to, place(to_used), SLOT_TABLES + (uint32_t)from,
	              place(from_used), rights);
	CHECK(status == expected);
	if (status == STATUS_OK)
		tables[to][to_used] = (struct model_slot){source.object, source.rights & rights};
	forget_unnamed();
}

static void drop(void)
{
	int table = some_table();
	uint32_t used = (uint32_t)machine_random(USED);

	if (table < 0)
		return;
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLES + (uint32_t)table, place(used), 0, 0, 0) == STATUS_OK);
	tables[table][used].object = -1;
	forget_unnamed();
}

static void destroy_object(void)
{
	int table = some_table();
	uint32_t used = (uint32_t)machine_random(USED);
	struct model_slot *slot;
	status_t expected;

	if (table < 0)
		return;
	slot = &tables[table][used];
	/* A dead object, or one without the right to be copied here, stays where it is. */
	if (slot->object < 0 || objects[slot->object].dead || !(slot->rights & RIGHT_COPY))
		return;
	CHECK(call(KERNEL_CALL_CAP_COPY, SLOT_TABLE, 6, SLOT_TABLES + (uint32_t)table, place(used), RIGHTS_ALL) == STATUS_OK);
	expected = slot->rights & RIGHT_CONTROL ? STATUS_OK : STATUS_NO_RIGHT;
	CHECK(call(KERNEL_CALL_OBJECT_DESTROY, 6, 0, 0, 0, 0) == expected);
	if (expected == STATUS_OK) {
		objects[slot->object].dead = true;
		CHECK(call(KERNEL_CALL_OBJECT_DESTROY, 6, 0, 0, 0, 0) == STATUS_DESTROYED);
	}
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, 6, 0, 0, 0) == STATUS_OK);
}

static void destroy_table(void)
{
	int table = some_table();
	uint64_t slot = SLOT_TABLES + (uint64_t)table;

	if (table < 0 || machine_random(4))
		return;
	if (machine_random(2))
		CHECK(call(KERNEL_CALL_OBJECT_DESTROY, slot, 0, 0, 0, 0) == STATUS_OK);
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, slot, 0, 0, 0) == STATUS_OK);
	table_gone(table);
	forget_unnamed();
}

static void make_or_destroy_pool(void)
{
	int pool = 1 + (int)machine_random(5), parent = some_pool();

	if (!pools[pool].alive) {
		CHECK(call(KERNEL_CALL_POOL_CREATE, pool_slot(parent), 1 << 22, pool_slot(pool), 0, 0) == STATUS_OK);
		pools[pool].alive = true;
		pools[pool].parent = parent;
	} else if (machine_random(8) == 0) {
		CHECK(call(KERNEL_CALL_OBJECT_DESTROY, pool_slot(pool), 0, 0, 0, 0) == STATUS_OK);
		pool_gone(pool);
		forget_unnamed();
	}
}

/* --- checks --- */

static void check_slot(int table, uint32_t used)
{
	struct model_slot *slot = &tables[table][used];
	status_t status = call(KERNEL_CALL_CAP_INFO, SLOT_TABLES + (uint64_t)table, place(used), 0, 0, 0);

	if (slot->object < 0)
		CHECK(status == 0);
	else if (objects[slot->object].dead)
		CHECK(status == STATUS_DESTROYED);
	else
		CHECK(status == (status_t)(OBJECT_NOTIFICATION | slot->rights << 8));
}

static void check_all(uint64_t base_objects)
{
	uint64_t alive = 0;

	machine_settle();
	for (int i = 0; i < TABLES; i++) {
		alive += table_pool[i] >= 0;
		for (uint32_t used = 0; table_pool[i] >= 0 && used < USED; used++)
			check_slot(i, used);
	}
	for (int i = 1; i < 6; i++)
		alive += pools[i].alive;
	for (int i = 0; i < OBJECTS; i++)
		alive += objects[i].serial && !objects[i].dead;
	CHECK(object_count() == base_objects + alive);
}

static void refuse_nonsense(void)
{
	const uint64_t big = ~0ull;

	CHECK(call(KERNEL_CALL_CAP_INFO, SLOT_TABLE, 0, 0, 0, 0) == STATUS_BAD_HANDLE);
	CHECK(call(KERNEL_CALL_CAP_INFO, SLOT_TABLE, big, 0, 0, 0) == STATUS_BAD_ARGUMENT);
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, 1u << 31, 0, 0, 0) == STATUS_BAD_HANDLE);
	CHECK(call(KERNEL_CALL_CAP_INFO, big, 1, 0, 0, 0) == STATUS_BAD_HANDLE);
	CHECK(call(KERNEL_CALL_CAP_INFO, SLOT_POOL, 1, 0, 0, 0) == STATUS_WRONG_TYPE);
	CHECK(call(KERNEL_CALL_CAPTABLE_CREATE, SLOT_POOL, 65537, 7, 0, 0) == STATUS_BAD_ARGUMENT);
	CHECK(call(KERNEL_CALL_CAPTABLE_CREATE, SLOT_POOL, 0, 7, 0, 0) == STATUS_BAD_ARGUMENT);
	CHECK(call(KERNEL_CALL_POOL_CREATE, SLOT_POOL, 0, SLOTS + 1, 0, 0) == STATUS_BAD_HANDLE);
	CHECK(call(4711, 0, 0, 0, 0, 0) == STATUS_BAD_CALL);
	/* An empty pool pays for nothing, and pools nest only so deep. */
	CHECK(call(KERNEL_CALL_POOL_CREATE, SLOT_POOL, 10, 7, 0, 0) == STATUS_OK);
	CHECK(call(KERNEL_CALL_NOTIFICATION_CREATE, 7, 8, 0, 0, 0) == STATUS_NO_MEMORY);
	CHECK(call(KERNEL_CALL_POOL_SET_LIMIT, 7, big, 0, 0, 0) == STATUS_OK);
	for (uint64_t depth = 3; depth < 17; depth++)
		CHECK(call(KERNEL_CALL_POOL_CREATE, depth + 4, big, depth + 5, 0, 0) == (depth < 16 ? STATUS_OK : STATUS_NO_MEMORY));
	for (uint64_t slot = 7; slot < 22; slot++)
		CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, slot, 0, 0, 0) == STATUS_OK);
}

/* An object that was collected while the rest of a long list was being freed is work left to do, too. */
static void free_behind_long_list(struct pool *pool)
{
	struct object *last = &memory_create(pool, PAGE_SIZE, 0)->object;
	uint64_t used = pool->used - object_classes[last->type]->size;

	for (int i = 0; i < 33; i++) /* one more than are freed at once */
		object_unreference(&memory_create(pool, PAGE_SIZE, 0)->object);
	object_destroy_some();
	quiesce_kernel_exit(0);
	CHECK(pool->used == used + 2 * object_classes[last->type]->size && object_destroy_pending());
	object_unreference(last);
	object_destroy_some();
	quiesce_kernel_exit(0);
	CHECK(pool->used == used + object_classes[last->type]->size && object_destroy_pending());
	machine_settle();
	CHECK(pool->used == used);
}

/* A pool that ends while an object is being made from it, on another CPU, leaves that object alone until it has a name. */
static void pool_ends_early(void)
{
	struct pool *pool = pool_create(machine_pool, 1 << 20);
	struct memory *memory = memory_create(pool, PAGE_SIZE, 0);

	CHECK(object_destroy(&pool->object) == STATUS_RESTART && !object_is_dead(&memory->object));
	CHECK(captable_install(cpu_current()->captable, 5, &memory->object, RIGHTS_ALL) == STATUS_OK);
	object_unreference(&memory->object);
	CHECK(object_destroy(&pool->object) == STATUS_OK && object_is_dead(&memory->object));
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, 5, 0, 0, 0) == STATUS_OK);
	object_unreference(&pool->object);
	machine_settle();
}

/* The machine's last memory is the root pool's, and before that not a sparing pool's, nor of a pool below one. */
static void last_memory_is_kept(void)
{
	struct pool *usual = pool_create(machine_pool, UINT64_MAX >> 1), *sparing = pool_create(machine_pool, UINT64_MAX);
	struct pool *below = pool_create(sparing, UINT64_MAX >> 1), *const pools_in_order[] = {below, sparing, usual};
	static const uint64_t kept[] = {3 << 20, 3 << 20, 1 << 20};
	physical_t taken = 0, page;

	for (unsigned i = 0; i < 3; i++) {
		CHECK(pool_charge(pools_in_order[i], PAGE_SIZE));
		pool_credit(pools_in_order[i], PAGE_SIZE);
		while (page_free() >= kept[i] && (page = page_allocate(false)))
			page_push(&taken, page);
		CHECK(page_free() < kept[i] && !pool_charge(pools_in_order[i], PAGE_SIZE) && pool_charge(machine_pool, PAGE_SIZE));
		pool_credit(machine_pool, PAGE_SIZE);
		i += i == 0; /* the two sparing ones are alike */
		CHECK(!pool_charge(pools_in_order[i], PAGE_SIZE));
	}
	CHECK(sparing->limit == UINT64_MAX >> 1);
	while (taken)
		page_release(page_pop(&taken));
	object_unreference(&below->object);
	object_unreference(&sparing->object);
	object_unreference(&usual->object);
	machine_settle();
}

/* Interrupt lines that the machine may lack leave nothing behind, and each has one owner. */
static void claim_interrupt_lines(struct pool *pool)
{
	struct object *system = object_create(pool, OBJECT_SYSTEM);

	CHECK(captable_install(cpu_current()->captable, 5, system, RIGHTS_ALL) == STATUS_OK);
	object_unreference(system);
	for (uint64_t line = 24; line < 300; line++)
		CHECK(call(KERNEL_CALL_IRQ_CREATE, 5, SLOT_POOL, line, 6, 0) == STATUS_BAD_ARGUMENT);
	for (int again = 0; again < 2; again++) {
		CHECK(call(KERNEL_CALL_IRQ_CREATE, 5, SLOT_POOL, 3, 6, 0) == STATUS_OK);
		CHECK(call(KERNEL_CALL_IRQ_CREATE, 5, SLOT_POOL, 3, 7, 0) == STATUS_BUSY);
		CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, 6, 0, 0, 0) == STATUS_OK);
		machine_settle();
	}
	CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, 5, 0, 0, 0) == STATUS_OK);
	machine_settle();
}

int main(int argc, char **argv)
{
	uint64_t steps = 20000, base_objects, base_free, base_used;
	struct pool *pool;
	struct thread *thread;

	machine_arguments(argc, argv, &steps);
	pool = pool_create(machine_pool, 8 << 20);
	thread = machine_thread(machine_pool, SLOTS);
	CHECK(captable_install(thread->captable, SLOT_TABLE, &thread->captable->object, RIGHTS_ALL) == STATUS_OK);
	CHECK(captable_install(thread->captable, SLOT_POOL, &pool->object, RIGHTS_ALL) == STATUS_OK);
	refuse_nonsense();
	machine_settle();
	free_behind_long_list(pool);
	pool_ends_early();
	claim_interrupt_lines(pool);
	last_memory_is_kept();
	base_objects = object_count();
	base_free = page_free();
	base_used = pool->used;
	for (int i = 0; i < TABLES; i++)
		table_gone(i);
	pools[0].alive = true;
	machine_preempt_rate = 3;
	for (uint64_t step = 0; step < steps; step++) {
		static void (*const operations[])(void) = {make_table, make_object, make_object, copy, copy, copy, drop, drop,
		                                           destroy_object, destroy_table, make_or_destroy_pool};

		operations[machine_random(sizeof(operations) / sizeof(operations[0]))]();
		if (step % 16 == 0)
			machine_settle();
		if (step % 256 == 0)
			check_all(base_objects);
	}
	check_all(base_objects);
	for (uint64_t slot = 3; slot < 40; slot++)
		CHECK(call(KERNEL_CALL_CAP_DROP, SLOT_TABLE, slot, 0, 0, 0) == STATUS_OK);
	machine_settle();
	CHECK(object_count() == base_objects && page_free() == base_free && pool->used == base_used);
	printf("ok\n");
	return 0;
}
