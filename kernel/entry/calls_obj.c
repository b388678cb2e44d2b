/* Kernel calls on capabilities, captables and pools. The decoder has checked types and rights. */
#include "arch/arch.h"
#include "kernel_calls.h"
#include "mm/pool.h"
#include "obj/captable.h"
#include "sched/thread.h"

/* The object found in `from` cannot be freed before this CPU leaves the kernel, so no lock of both
 * tables at once is needed. captable_install looks whether it still has a name. */
status_t handle_cap_copy(struct captable *to, uint32_t to_slot, struct captable *from, uint32_t from_slot,
                         uint32_t rights)
{
	struct object *object;
	uint32_t held;

	if (rights > RIGHTS_ALL)
		return STATUS_BAD_ARGUMENT;
	status_t status = captable_lookup_rights(from, from_slot, &object, &held);
	if (status != STATUS_OK)
		return status;
	if (!(held & RIGHT_COPY))
		return STATUS_NO_RIGHT;
	return captable_install(to, to_slot, object, held & rights);
}

status_t handle_cap_info(struct captable *table, uint32_t slot)
{
	struct object *object;
	uint32_t rights;

	if (slot == 0 || slot >= table->slots)
		return STATUS_BAD_HANDLE;
	status_t status = captable_lookup_rights(table, slot, &object, &rights);
	if (status == STATUS_BAD_HANDLE)
		return 0;
	return status == STATUS_OK ? (status_t)(object->type | rights << 8) : status;
}

status_t handle_captable_create(struct pool *pool, uint32_t slots, uint32_t slot)
{
	if (slots == 0 || slots > CAPTABLE_SLOTS_MAX)
		return STATUS_BAD_ARGUMENT;
	return thread_install_new((struct object *)captable_create(pool, slots), slot);
}

status_t handle_captable_clone(struct pool *pool, struct captable *source, uint32_t slot)
{
	struct captable *clone;
	status_t status = captable_clone(pool, source, &clone);

	return status == STATUS_OK ? thread_install_new(&clone->object, slot) : status;
}

/* Made again after a preemption it finds the object dead and goes on, or finds that the kernel has finished
 * by itself, as it does should the caller never come back. */
status_t handle_object_destroy(uint32_t slot)
{
	struct object *object;
	uint32_t rights;
	status_t status = captable_lookup_rights(cpu_current()->captable, slot, &object, &rights);

	if (status == STATUS_BAD_HANDLE)
		return status;
	if (!(rights & RIGHT_CONTROL))
		return STATUS_NO_RIGHT;
	bool again = cpu_current()->destroying == object->number;
	cpu_current()->destroying = 0;
	if (object_is_destroyed(object))
		return again ? STATUS_OK : STATUS_DESTROYED;
	status = object_destroy(object);
	if (status == STATUS_RESTART) {
		cpu_current()->destroying = object->number;
		object_destroy_later(object);
	}
	return status;
}

status_t handle_pool_create(struct pool *parent, uint64_t limit, uint32_t slot)
{
	return thread_install_new((struct object *)pool_create(parent, limit), slot);
}

status_t handle_pool_info(struct pool *pool, uint64_t info)
{
	struct pool_info answer = {
		.limit = __atomic_load_n(&pool->limit, __ATOMIC_RELAXED),
		.used = __atomic_load_n(&pool->used, __ATOMIC_RELAXED),
		.objects = __atomic_load_n(&pool->object_total, __ATOMIC_RELAXED),
	};

	return arch_user_write(info, &answer, sizeof(answer));
}

/* No lock: a charge that races with it is judged by the old limit or the new. */
status_t handle_pool_set_limit(struct pool *pool, uint64_t limit)
{
	__atomic_store_n(&pool->limit, limit, __ATOMIC_RELAXED);
	return STATUS_OK;
}
