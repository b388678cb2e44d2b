/* Pools: who pays. */
#include "mm/pool.h"
#include "base/log.h"
#include "base/preempt.h"
#include "base/string.h"
#include "abi/structures.h"
#include "mm/page.h"

/* The last memory of the machine is for what is charged to the root pool itself: the root server, which could not be started
 * again without. That before is for servers, whose clients' pools are sparing: or nobody could serve when all is taken. */
#define ROOTS_OWN (1ull << 20)
#define NOT_SPARING (3ull << 20)

/* Every charge walks up to the root, and a pool's end walks down: both stay short. */
#define DEPTH_MAX 16

/* Bottom up, and undone where a pool refuses: the count goes up before it is compared with the limit, so of two CPUs
 * that want the last byte at most one gets it. A charge that fails may for a moment be seen by another one, which
 * then fails too though there would have been room: a limit is reached early rather than exceeded. Relaxed throughout:
 * the count guards no other memory. */
bool pool_charge(struct pool *pool, uint64_t bytes)
{
	if (pool && page_free() < pool->left)
		return false;
	for (struct pool *at = pool; at; at = at->parent) {
		uint64_t used = __atomic_add_fetch(&at->used, bytes, __ATOMIC_RELAXED);

		if (used <= __atomic_load_n(&at->limit, __ATOMIC_RELAXED))
			continue;
		for (struct pool *charged = pool; charged != at->parent; charged = charged->parent)
			__atomic_sub_fetch(&charged->used, bytes, __ATOMIC_RELAXED);
		return false;
	}
	return true;
}

void pool_credit(struct pool *pool, uint64_t bytes)
{
	for (; pool; pool = pool->parent) {
		DEBUG_ASSERT(__atomic_load_n(&pool->used, __ATOMIC_RELAXED) >= bytes);
		__atomic_sub_fetch(&pool->used, bytes, __ATOMIC_RELAXED);
	}
}

/* Charged by the size asked for, not by the slab class or the page it comes from: what a slab loses
 * is the kernel's. */
void *pool_allocate(struct pool *pool, uint32_t size)
{
	if (!pool_charge(pool, size))
		return NULL;
	void *memory = kernel_allocate(size);
	if (memory)
		return memset(memory, 0, size);
	pool_credit(pool, size);
	return NULL;
}

void pool_free(struct pool *pool, void *memory, uint32_t size)
{
	kernel_free(memory, size);
	pool_credit(pool, size);
}

/* Under the pool's lock, where pool_destroy looks for what is left: an object is either refused or
 * found by it. The reference keeps the pool's memory for the credits to come, also after it is
 * destroyed. */
bool pool_add_object(struct pool *pool, struct object *object)
{
	if (!pool)
		return true; /* the root pool is made from none */
	spin_lock(&pool->lock);
	bool good = !object_is_dead(&pool->object);
	if (good) {
		list_append(&pool->objects, &object->in_pool);
		pool->object_total++;
		object_reference(&pool->object);
		object->pool = pool;
	}
	spin_unlock(&pool->lock);
	return good;
}

/* The charge stays until the memory is free (object_free_memory), and so does the reference to the
 * pool. */
void pool_remove_object(struct object *object)
{
	struct pool *pool = object->pool;

	if (!pool)
		return;
	spin_lock(&pool->lock);
	list_remove(&object->in_pool);
	pool->object_total--;
	spin_unlock(&pool->lock);
}

struct pool *pool_create(struct pool *parent, uint64_t limit)
{
	struct pool *pool;
	uint32_t depth = 1;

	for (struct pool *above = parent; above; above = above->parent)
		depth++;
	if (depth > DEPTH_MAX)
		return NULL;
	pool = (struct pool *)object_create(parent, OBJECT_POOL);
	if (!pool)
		return NULL;
	spin_lock_init(&pool->lock, LOCK_POOL);
	list_init(&pool->objects);
	pool->parent = parent;
	pool->limit = limit & ~POOL_SPARING;
	if (parent)
		pool->left = limit & POOL_SPARING || parent->left == NOT_SPARING ? NOT_SPARING : ROOTS_OWN;
	return pool;
}

/* An object of a dead pool, referenced; NULL: none is left. */
static struct object *pool_first(struct pool *pool)
{
	struct object *object = NULL;

	spin_lock(&pool->lock);
	if (!list_empty(&pool->objects)) {
		object = list_first(&pool->objects, struct object, in_pool);
		object_reference(object);
	}
	spin_unlock(&pool->lock);
	return object;
}

/* Destroys what was made from it, pools below included: as deep as DEPTH_MAX allows. An object without a name is
 * still being filled in by another CPU: it will be named, or ended, before that CPU leaves the kernel. */
static status_t pool_destroy(struct object *dying)
{
	struct pool *pool = (struct pool *)dying;
	struct object *object;

	while ((object = pool_first(pool))) {
		status_t status = object_has_been_named(object) ? object_destroy(object) : STATUS_RESTART;

		object_unreference(object);
		if (status == STATUS_RESTART || preempt_wanted())
			return STATUS_RESTART;
	}
	return STATUS_OK;
}

const struct object_class pool_class = { .size = sizeof(struct pool), .destroy = pool_destroy };
