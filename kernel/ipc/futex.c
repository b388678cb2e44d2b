/* Futexes: waiting on a 32-bit word of memory.
 *
 * A word is known by its memory object and offset, so that spaces that share memory meet; a private
 * page by its space and address. Waiters stand in one of a fixed number of buckets.
 * No wake is missed: the waiter compares the word under the bucket's lock, with the page held in place
 * by the space's table lock (taken before, a lower level); the waker has changed the word before it takes
 * the bucket's lock. */
#include "arch/arch.h"
#include "base/preempt.h"
#include "ipc/call.h"
#include "kernel_calls.h"

#define BUCKETS 256u
#define STEPS_AT_ONCE 16u /* waiters looked at between two preemption points */

struct bucket {
	struct spin_lock lock; /* LOCK_FUTEX */
	struct list_node waiters; /* struct thread.waiting, oldest first */
};
static struct bucket buckets[BUCKETS];

struct word {
	uint64_t object, offset;
	struct bucket *bucket;
};

void futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_lock_init(&buckets[i].lock, LOCK_FUTEX);
		list_init(&buckets[i].waiters);
	}
}

static status_t find_word(struct space *space, uint64_t address, struct word *word)
{
	if (address & 3)
		return STATUS_BAD_ARGUMENT;
	status_t status = space_futex_key(space, address, &word->object, &word->offset);
	uint64_t hash = (word->object * 0x9e3779b97f4a7c15ull ^ word->offset >> 2) * 0xd6e8feb86659fd93ull;
	word->bucket = &buckets[hash >> 56];
	return status;
}

static bool waits_on(const struct list_node *node, const struct word *word)
{
	const struct futex_waiter *waiter = container_of(node, struct futex_waiter, waiting);
	return waiter->futex_object == word->object && waiter->futex_offset == word->offset;
}

/* The word itself, held in place: space_release lets go. */
static status_t hold_word(struct space *space, uint64_t address, uint32_t **bytes)
{
	struct fault fault;
	uint64_t available;
	enum fault_result result = space_access(space, address, MAP_READ, (void **)bytes, &available, &fault);
	return result == FAULT_RESOLVED ? STATUS_OK : own_fault(result, &fault);
}

status_t handle_futex_wait(uint64_t address, uint32_t expected, uint64_t deadline, uint32_t flags)
{
	struct thread *self = cpu_current();
	struct word word;
	uint32_t *bytes;
	if (flags & ~1u)
		return STATUS_BAD_ARGUMENT;
	status_t status = find_word(self->space, address, &word);
	if (status == STATUS_OK)
		status = hold_word(self->space, address, &bytes);
	if (status != STATUS_OK)
		return status;
	spin_lock(&word.bucket->lock);
	if (__atomic_load_n(bytes, __ATOMIC_SEQ_CST) != expected)
		status = STATUS_AGAIN;
	else
		status = thread_block(WAIT_FUTEX, &word.bucket->lock, deadline, flags & 1);
	if (status == STATUS_BLOCKED) {
		self->futex_object = word.object;
		self->futex_offset = word.offset;
		list_append(&word.bucket->waiters, &self->waiting);
	}
	spin_unlock(&word.bucket->lock);
	space_release(self->space);
	return status;
}

/* Under both buckets' locks. It stands last there; where the two words are one it has not moved. */
static void move(struct thread *thread, const struct word *to)
{
	if (waits_on(&thread->waiting, to))
		return;
	list_remove(&thread->waiting);
	list_append(&to->bucket->waiters, &thread->waiting);
	spin_lock(&thread->lock);
	thread->futex_object = to->object;
	thread->futex_offset = to->offset;
	thread->wait_lock = &to->bucket->lock;
	spin_unlock(&thread->lock);
}

/* Under both buckets' locks: the first `wake` waiters of a word wake, `count` more go over to the word `to`. Returns how many
 * in all. The locks are let go of from time to time: a place in the list then says where to go on, and is a waiter of no
 * word to whoever comes across it. */
static status_t release(const struct word *word, uint32_t wake, uint32_t count, const struct word *to)
{
	struct list_node *list = &word->bucket->waiters, *next = list->next;
	struct futex_waiter place = { .futex_object = 0 };
	uint64_t released = 0, all = (uint64_t)wake + count;
	for (unsigned step = 1; released < all && next != list; step++) {
		struct list_node *node = next;
		next = node->next;
		if (waits_on(node, word)) {
			struct thread *thread = container_of(node, struct thread, waiting);
			if (released++ < wake)
				thread_wake_with(thread, STATUS_OK);
			else
				move(thread, to);
		}
		if (step % STEPS_AT_ONCE)
			continue;
		list_insert_before(next, &place.waiting);
		spin_unlock_pair(&word->bucket->lock, &to->bucket->lock);
		preempt_wanted();
		spin_lock_pair(&word->bucket->lock, &to->bucket->lock);
		next = place.waiting.next;
		list_remove(&place.waiting);
	}
	return (status_t)released;
}

status_t handle_futex_wake_space(struct space *space, uint64_t address, uint32_t count)
{
	struct word word;
	status_t status = find_word(space, address, &word);
	if (status != STATUS_OK)
		return status;
	spin_lock(&word.bucket->lock);
	status = release(&word, count, 0, &word);
	spin_unlock(&word.bucket->lock);
	return status;
}

status_t handle_futex_wake(uint64_t address, uint32_t count)
{
	return handle_futex_wake_space(cpu_current()->space, address, count);
}

status_t handle_futex_requeue(uint64_t address, uint64_t expected, uint32_t wake_count, uint64_t to_address,
                              uint32_t count)
{
	struct space *space = cpu_current()->space;
	struct word from, to;
	uint32_t *bytes;
	bool compare = !(expected >> 32 & 1);
	status_t status = find_word(space, address, &from);
	if (status == STATUS_OK)
		status = find_word(space, to_address, &to);
	if (status == STATUS_OK && compare)
		status = hold_word(space, address, &bytes);
	if (status != STATUS_OK)
		return status;
	spin_lock_pair(&from.bucket->lock, &to.bucket->lock);
	if (compare && __atomic_load_n(bytes, __ATOMIC_SEQ_CST) != (uint32_t)expected)
		status = STATUS_AGAIN;
	if (compare)
		space_release(space);
	if (status == STATUS_OK)
		status = release(&from, wake_count, count, &to);
	spin_unlock_pair(&from.bucket->lock, &to.bucket->lock);
	return status;
}
