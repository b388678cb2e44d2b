/* A libFuzzer target: a hostile thread makes kernel calls, decoder and handlers and all, on the host's machine. The
 * input is a list of calls: a number, then for each argument how to make it (a slot, a size, an address, a
 * rough or an arbitrary number). Nothing may crash, panic, or stay behind when the thread's pool is destroyed. */
#include "kernel_calls.h"
#include "machine.h"
#include "obj/captable.h"
#include "sched/scheduler.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS_MAX 200
#define SLOTS 32u
#define RECORDS (16 * PAGE_SIZE) /* the table of call ids stays */
#define AREA 0x200000ull

enum { SLOT_TABLE = 1, SLOT_SPACE, SLOT_THREAD, SLOT_POOL, SLOT_SYSTEM, SLOT_FIRST_FREE };

static const uint8_t *input, *input_end;

static uint64_t take(unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes && input < input_end; i++)
		value |= (uint64_t)*input++ << (8 * i);
	return value;
}

static uint64_t argument(void)
{
	uint64_t kind = take(1);

	switch (kind % 8) {
	case 0: case 1: case 2:
		return kind / 8 % SLOTS;
	case 3:
		return kind / 8 * PAGE_SIZE;
	case 4:
		return AREA + (kind / 8 & 3) * PAGE_SIZE + take(1) * 8;
	case 5:
		return 1ull << kind / 8 * 2;
	case 6:
		return AREA + kind / 8 * PAGE_SIZE;
	default:
		return take(8);
	}
}

static void make_call(struct thread *thread)
{
	struct registers *registers = &thread->arch.registers;
	uint64_t number = take(1);

	memset(registers, 0, sizeof(*registers));
	registers->rip = 0x400000;
	registers->rax = number | NATIVE_CALL;
	registers->rdi = argument(), registers->rsi = argument(), registers->rdx = argument();
	registers->r10 = argument(), registers->r8 = argument(), registers->r9 = argument();
	registers->r12 = number >= KERNEL_CALL_CALL && number <= KERNEL_CALL_REPLY_RECEIVE && take(1) % 2 ? AREA + take(1) * 8 : 0;
	registers->r13 = argument();
	machine_system_call();
	lock_assert_none_held();
}

/* Most handles that miss are taken for the next one that fits, or the input would have to guess too much. */
status_t __real_captable_lookup(struct captable *table, uint32_t slot, enum object_type type, uint32_t rights,
                                struct object **object);
status_t __wrap_captable_lookup(struct captable *table, uint32_t slot, enum object_type type, uint32_t rights,
                                struct object **object);

status_t __wrap_captable_lookup(struct captable *table, uint32_t slot, enum object_type type, uint32_t rights,
                                struct object **object)
{
	status_t status = __real_captable_lookup(table, slot, type, rights, object);

	for (uint32_t i = 1; slot % 8 && status != STATUS_OK && i < SLOTS; i++)
		if (__real_captable_lookup(table, (slot + i) % SLOTS, type, rights, object) == STATUS_OK)
			return STATUS_OK;
	return status;
}

/* The thread's structures and buffers hold the input itself, from its end. */
static void fill_area(struct space *space)
{
	for (uint64_t at = 0; at < 256 && input + at < input_end; at++) {
		uint8_t byte = input_end[-1 - (int64_t)at];

		machine_touch(space, AREA + at, &byte, true);
	}
}

static void make_first_thread(struct pool *pool)
{
	struct thread *thread = machine_thread(pool, SLOTS);
	struct object *system = object_create(pool, OBJECT_SYSTEM);

	CHECK(system && captable_install(thread->captable, SLOT_TABLE, &thread->captable->object, RIGHTS_ALL) == STATUS_OK);
	captable_install(thread->captable, SLOT_SPACE, &thread->space->object, RIGHTS_ALL);
	captable_install(thread->captable, SLOT_POOL, &pool->object, RIGHTS_ALL);
	captable_install(thread->captable, SLOT_THREAD, &thread->object, RIGHTS_ALL);
	captable_install(thread->captable, SLOT_SYSTEM, system, RIGHTS_ALL);
	object_unreference(system);
	space_map(thread->space, NULL, 0, AREA, 4 * PAGE_SIZE, 0, MAP_READ | MAP_WRITE);
	fill_area(thread->space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t objects, free;
	struct thread *thread;
	struct pool *pool;

	input = data;
	input_end = data + size;
	if (!machine_pool) {
		machine_start(1);
		machine_quiet = true;
	}
	machine_settle();
	objects = object_count();
	free = page_free();
	pool = pool_create(machine_pool, 4 << 20);
	make_first_thread(pool);
	machine_seed(take(1));
	machine_preempt_rate = (uint32_t)take(1) % 8;
	/* Threads that it makes run too, with what is next in the input. */
	for (int i = 0; i < CALLS_MAX && input < input_end && (thread = machine_exit()); i++)
		make_call(thread);
	machine_preempt_rate = 0;
	object_destroy_later(&pool->object);
	machine_idle();
	object_unreference(&pool->object);
	machine_settle();
	CHECK(object_count() == objects && page_free() + RECORDS >= free);
	return 0;
}
