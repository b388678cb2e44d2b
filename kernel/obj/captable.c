/* Captables: lookups are one atomic load; stores hold the table's lock.
 *
 * A slot word that a lookup has read may be cleared at once by another CPU: the object's memory
 * stays until this CPU leaves the kernel (quiesce.c), and blocks stay until the table's own memory
 * goes, so a lookup never touches freed memory.
 */
#include "obj/captable.h"
#include "base/log.h"
#include "base/preempt.h"

#define BLOCK_SLOTS CAPTABLE_BLOCK_SLOTS
#define BLOCK_BYTES 4096u

/* NULL: no such slot, or one in a block that was never written. Acquire pairs with the release in
 * slot_make: a block is seen zeroed. */
static uint64_t *slot_word(const struct captable *table, uint32_t slot)
{
	if (slot == 0 || slot >= table->slots)
		return NULL;
	uint64_t *block = __atomic_load_n(&table->blocks[slot / BLOCK_SLOTS], __ATOMIC_ACQUIRE);
	return block ? &block[slot % BLOCK_SLOTS] : NULL;
}

static struct object *word_object(uint64_t word)
{
	return (struct object *)(word & ~(uint64_t)RIGHTS_ALL);
}

/* Acquire pairs with the release in captable_install: whoever finds a new object finds it filled
 * in. Object and rights are one word, so a lookup sees a whole capability or none, whatever a
 * writer does meanwhile. */
status_t captable_lookup_rights(struct captable *table, uint32_t slot, struct object **object,
                                uint32_t *rights)
{
	uint64_t *place = slot_word(table, slot);
	uint64_t word = place ? __atomic_load_n(place, __ATOMIC_ACQUIRE) : 0;

	if (!word)
		return STATUS_BAD_HANDLE;
	*object = word_object(word);
	*rights = word & RIGHTS_ALL;
	return object_is_dead(*object) ? STATUS_DESTROYED : STATUS_OK;
}

status_t captable_lookup(struct captable *table, uint32_t slot, enum object_type type, uint32_t rights,
                         struct object **object)
{
	uint32_t held;
	status_t status = captable_lookup_rights(table, slot, object, &held);

	if (status != STATUS_OK)
		return status;
	if (type != OBJECT_NONE && (*object)->type != type)
		return STATUS_WRONG_TYPE;
	return (held & rights) == rights ? STATUS_OK : STATUS_NO_RIGHT;
}

/* Under the lock: the word of a slot, its block made if need be. */
static uint64_t *slot_make(struct captable *table, uint32_t slot)
{
	uint64_t **block = &table->blocks[slot / BLOCK_SLOTS];

	if (!*block) {
		uint64_t *fresh = pool_allocate(table->object.pool, BLOCK_BYTES);

		if (!fresh)
			return NULL;
		__atomic_store_n(block, fresh, __ATOMIC_RELEASE);
	}
	if (slot >= table->top)
		table->top = slot + 1;
	return &(*block)[slot % BLOCK_SLOTS];
}

/* The old capability is dropped after the lock: that may end its object, which may be this very
 * table. A dead table refuses under the lock, so captable_destroy, which takes the lock for each
 * slot, sees every capability that got in. */
status_t captable_install(struct captable *table, uint32_t slot, struct object *object, uint32_t rights)
{
	uint64_t *place, old = 0;
	status_t status = STATUS_OK;

	if (slot == 0 || slot >= table->slots)
		return STATUS_BAD_HANDLE;
	spin_lock(&table->lock);
	if (object_is_dead(&table->object)) {
		status = STATUS_DESTROYED;
	} else if (!(place = slot_make(table, slot))) {
		status = STATUS_NO_MEMORY;
	} else if (!object_capability_take(object)) {
		status = STATUS_DESTROYED;
	} else {
		old = *place;
		__atomic_store_n(place, (uint64_t)object | (rights & RIGHTS_ALL), __ATOMIC_RELEASE);
	}
	spin_unlock(&table->lock);
	if (old)
		object_capability_drop(word_object(old));
	return status;
}

status_t captable_drop(struct captable *table, uint32_t slot)
{
	if (slot == 0 || slot >= table->slots)
		return STATUS_BAD_HANDLE;
	spin_lock(&table->lock);
	uint64_t *place = slot_word(table, slot);
	uint64_t old = place ? __atomic_exchange_n(place, 0, __ATOMIC_ACQ_REL) : 0;
	spin_unlock(&table->lock);
	if (old)
		object_capability_drop(word_object(old));
	return STATUS_OK;
}

struct captable *captable_create(struct pool *pool, uint32_t slots)
{
	struct captable *table = (struct captable *)object_create(pool, OBJECT_CAPTABLE);

	if (!table)
		return NULL;
	spin_lock_init(&table->lock, LOCK_CAPTABLE);
	table->slots = slots;
	if (slot_make(table, 0))
		return table;
	object_unreference(&table->object);
	return NULL;
}

/* Slot by slot as cap_copy does it: what is found stays in memory until this CPU leaves the kernel, and captable_install
 * looks whether it still has a name. A capability that is moved within the source meanwhile may be in the clone twice, or not
 * at all. */
status_t captable_clone(struct pool *pool, struct captable *source, struct captable **clone)
{
	status_t status = STATUS_OK;

	*clone = captable_create(pool, source->slots);
	if (!*clone)
		return STATUS_NO_MEMORY;
	for (uint32_t slot = 1; status != STATUS_NO_MEMORY && slot < source->top; slot++) {
		const uint64_t *place = slot_word(source, slot);
		uint64_t word = place ? __atomic_load_n(place, __ATOMIC_ACQUIRE) : 0;

		if (word)
			status = captable_install(*clone, slot, word_object(word), word & RIGHTS_ALL);
		if (slot % 64 == 0)
			preempt_wanted();
	}
	if (status != STATUS_NO_MEMORY)
		return STATUS_OK;
	object_unreference(&(*clone)->object);
	return STATUS_NO_MEMORY;
}

/* `dead` keeps new capabilities out, and the lock waits for those on their way in. From the top down: `slots` says what is
 * left, so that no slot is looked at twice. */
static status_t captable_destroy(struct object *object)
{
	struct captable *table = (struct captable *)object;

	spin_lock(&table->lock);
	if (table->slots > table->top)
		table->slots = table->top;
	spin_unlock(&table->lock);
	while (table->slots > 1) {
		uint32_t slot = table->slots - 1;
		const uint64_t *place = slot_word(table, slot);

		if (place && *place)
			captable_drop(table, slot);
		table->slots = slot;
		if (slot % 16 == 0 && preempt_wanted())
			return STATUS_RESTART;
	}
	return STATUS_OK;
}

/* Nobody looks anything up here any more: every CPU has left the kernel since the last reference
 * went. */
static bool captable_release_some(struct object *object)
{
	struct captable *table = (struct captable *)object;
	uint32_t last = table->top ? (table->top - 1) / BLOCK_SLOTS : 0;

	if (table->blocks[last])
		pool_free(object->pool, table->blocks[last], BLOCK_BYTES);
	table->top = last * BLOCK_SLOTS;
	return table->top > 0;
}

const struct object_class captable_class = {
	.size = sizeof(struct captable), .destroy = captable_destroy, .release_some = captable_release_some,
};
