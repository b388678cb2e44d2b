/* The life of kernel objects.
 *
 * References keep the memory, capabilities keep the object. When references reach zero the object is
 * first destroyed (if nobody did), then its memory goes to quiesce.c. A lookup without locks may still make a
 * new reference meanwhile; quiesce.c looks again before it frees, and OBJECT_FREEING in the count
 * says that it has the object already, so that it never gets it twice.
 */
#include "obj/object.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/trace.h"
#include "obj/quiesce.h"

enum { DESTROY_IDLE, DESTROY_IN_STEP, DESTROY_DONE };

static uint64_t last_number;
static uint64_t alive[OBJECT_TYPE_COUNT];
static struct object *to_destroy; /* a stack: pushed to by anyone */

/* Everything that can fail comes before the object is counted as alive. Its pool knows it at once,
 * but leaves it alone until its creator has given it a name (pool_destroy). */
struct object *object_create(struct pool *pool, enum object_type type)
{
	uint32_t size = object_classes[type]->size;
	struct object *object = pool_allocate(pool, size);

	if (!object)
		return NULL;
	object->type = type;
	object->references = 1;
	object->number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
	list_init(&object->in_pool);
	if (!pool_add_object(pool, object)) {
		pool_free(pool, object, size);
		return NULL;
	}
	__atomic_add_fetch(&alive[type], 1, __ATOMIC_RELAXED);
	return object;
}

uint64_t object_count_of(enum object_type type)
{
	return __atomic_load_n(&alive[type], __ATOMIC_RELAXED);
}

uint64_t object_count(void)
{
	uint64_t count = 0;

	for (unsigned type = 0; type < OBJECT_TYPE_COUNT; type++)
		count += object_count_of(type);
	return count;
}

/* Relaxed: who makes a reference has one, or is inside a lookup that quiesce.c waits for. */
void object_reference(struct object *object)
{
	__atomic_add_fetch(&object->references, 1, __ATOMIC_RELAXED);
}

/* Release, so that all uses come before the memory's next owner's; acquire for the one who finds 0.
 * With the last reference of an object that nobody destroyed (it lost its name while it was in use)
 * destruction still comes first. */
void object_unreference(struct object *object)
{
	if (__atomic_sub_fetch(&object->references, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	if (__atomic_load_n(&object->destroy_state, __ATOMIC_ACQUIRE) != DESTROY_DONE)
		object_destroy_later(object);
	else
		quiesce_free(object);
}

/* A name can be added as long as there is one. OBJECT_UNNAMED, once set, stays: an object that lost
 * its last name cannot get another, so `unnamed` runs once. */
bool object_capability_take(struct object *object)
{
	uint32_t count = __atomic_load_n(&object->capabilities, __ATOMIC_RELAXED);

	do {
		if (count & OBJECT_UNNAMED)
			return false;
	} while (!__atomic_compare_exchange_n(&object->capabilities, &count, count + 1, true, __ATOMIC_ACQ_REL,
	                                      __ATOMIC_RELAXED));
	object_reference(object);
	return true;
}

void object_capability_drop(struct object *object)
{
	uint32_t none = 0;

	/* Someone may take one between the two steps: then it was not the last. */
	if (__atomic_sub_fetch(&object->capabilities, 1, __ATOMIC_ACQ_REL) == 0 &&
	    __atomic_compare_exchange_n(&object->capabilities, &none, OBJECT_UNNAMED, false, __ATOMIC_ACQ_REL,
	                                __ATOMIC_RELAXED) &&
	    !object_is_dead(object)) {
		if (object_classes[object->type]->unnamed)
			object_classes[object->type]->unnamed(object);
		else
			object_destroy_later(object);
	}
	object_unreference(object);
}

/* `dead` first, and for everyone to see: from then on lookups fail and nothing new is added to the
 * object, so the steps of class->destroy come to an end. One CPU at a time runs a step; another
 * that finds one running comes again, since its caller may rely on the object being gone.
 * pool_remove_object before DONE: who sees DONE may free. */
status_t object_destroy(struct object *object)
{
	const struct object_class *class = object_classes[object->type];
	uint8_t idle = DESTROY_IDLE;

	__atomic_store_n(&object->dead, true, __ATOMIC_SEQ_CST);
	if (!__atomic_compare_exchange_n(&object->destroy_state, &idle, DESTROY_IN_STEP, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_ACQUIRE))
		return idle == DESTROY_DONE ? STATUS_OK : STATUS_RESTART;
	status_t status = class->destroy ? class->destroy(object) : STATUS_OK;
	if (status == STATUS_RESTART) {
		__atomic_store_n(&object->destroy_state, DESTROY_IDLE, __ATOMIC_RELEASE);
		return STATUS_RESTART;
	}
	trace(TRACE_DESTROY, object->type, object->number);
	pool_remove_object(object);
	__atomic_sub_fetch(&alive[object->type], 1, __ATOMIC_RELAXED);
	__atomic_store_n(&object->destroy_state, DESTROY_DONE, __ATOMIC_RELEASE);
	return STATUS_OK;
}

/* Sequentially consistent, for begin_period in quiesce.c: an object that is pushed after a period
 * has taken the stack waits for the next one. No ABA: stacks are taken whole, or see pop_to_destroy. */
void object_push(struct object **stack, struct object *object)
{
	object->next_free = __atomic_load_n(stack, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(stack, &object->next_free, object, true, __ATOMIC_SEQ_CST,
	                                    __ATOMIC_RELAXED))
		;
	exit_work_set(1ull << cpu_number());
}

/* The list holds a reference. An object is on it at most once in its life (destroy_queued), so one
 * link is enough; the same link serves quiesce.c later. */
void object_destroy_later(struct object *object)
{
	__atomic_store_n(&object->dead, true, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&object->destroy_queued, true, __ATOMIC_ACQ_REL))
		return;
	object_reference(object);
	object_push(&to_destroy, object);
}

bool object_destroy_pending(void)
{
	return __atomic_load_n(&to_destroy, __ATOMIC_RELAXED) != NULL || quiesce_pending();
}

/* One CPU at a time takes from the stack, so what it has seen on top stays on it until the exchange. */
static struct object *pop_to_destroy(void)
{
	static struct spin_lock lock = SPIN_LOCK(LOCK_POOL);

	spin_lock(&lock);
	struct object *object = __atomic_load_n(&to_destroy, __ATOMIC_ACQUIRE);
	while (object && !__atomic_compare_exchange_n(&to_destroy, &object, object->next_free, true, __ATOMIC_ACQUIRE,
	                                              __ATOMIC_ACQUIRE))
		;
	spin_unlock(&lock);
	return object;
}

/* On the way out of the kernel, with no lock held, until something more urgent wants the CPU. What has to wait, perhaps for
 * one further down, goes back last; that is a few, since it waits for another CPU. */
void object_destroy_some(void)
{
	struct object *object, *again = NULL;

	do {
		object = pop_to_destroy();
		if (object && object_destroy(object) == STATUS_RESTART)
			object_push(&again, object);
		else if (object)
			object_unreference(object);
	} while (object && !preempt_wanted());
	while ((object = again)) {
		again = object->next_free;
		object_push(&to_destroy, object);
	}
}

/* The pool's reference goes last: the credit for the object's memory needs it. */
bool object_free_memory(struct object *object)
{
	const struct object_class *class = object_classes[object->type];
	struct pool *pool = object->pool;

	if (class->release_some && class->release_some(object))
		return false;
	if (class->release)
		class->release(object);
	pool_free(pool, object, class->size);
	if (pool)
		object_unreference((struct object *)pool);
	return true;
}
