/* Futex calls on the kernel's, which keys words by memory object and offset: private and shared are the
 * same to it. The robust list is walked here, by the thread that ends by itself; else by proc. */
#include "futex.h"
#include "time.h"

/* FUTEX_WAIT takes a duration, FUTEX_WAIT_BITSET a time of its clock. */
static int wait_deadline(struct thread *thread, uint32_t operation, uint32_t command, uint64_t timeout,
                         uint64_t *deadline)
{
	struct linux_timespec time;
	*deadline = 0;
	if (!timeout)
		return 0;
	if (user_read(&time, timeout, sizeof(time)) < 0)
		return -EFAULT;
	if (!timespec_valid(&time))
		return -EINVAL;
	if (command == FUTEX_WAIT)
		*deadline = deadline_after(thread, duration_of(&time));
	else
		*deadline = deadline_of_clock(operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &time);
	return 0;
}

static int64_t futex_result(int64_t status)
{
	return status < 0 ? status_to_errno(status) : status;
}

static int64_t wait(struct thread *thread, uint64_t word, uint32_t operation, uint32_t command, uint32_t value,
                    uint64_t timeout)
{
	uint64_t deadline;
	int status = wait_deadline(thread, operation, command, timeout, &deadline);
	if (status < 0)
		return status;
	int64_t result = futex_result(futex_wait((uint32_t *)word, value, deadline, 1));
	/* Without an end there is nothing to resume. */
	return result == -EINTR && !timeout ? -ERESTARTSYS : result;
}

/* FUTEX_WAKE_OP: change the second word, wake the first, and the second if its old value compares. */
static int64_t wake_and_change(uint64_t word, uint32_t count, uint64_t second, uint32_t second_count, uint32_t code)
{
	uint32_t operation = code >> 28 & 7, comparison = code >> 24 & 15;
	int32_t argument = (int32_t)(code << 8) >> 20, compared = (int32_t)(code << 20) >> 20;
	uint32_t old, found, operand = code >> 31 ? 1u << (argument & 31) : (uint32_t)argument;
	if (user_read32(second, &old) < 0)
		return -EFAULT;
	for (;;) {
		uint32_t changed = operation == 0 ? operand : operation == 1 ? old + operand : operation == 2 ? old | operand
		                 : operation == 3 ? old & ~operand : old ^ operand;
		if (user_exchange32(second, old, changed, &found) < 0)
			return -EFAULT;
		if (found == old)
			break;
		old = found;
	}
	int32_t before = (int32_t)old;
	bool wakes = comparison == 0 ? before == compared : comparison == 1 ? before != compared
	           : comparison == 2 ? before < compared : comparison == 3 ? before <= compared
	           : comparison == 4 ? before > compared : before >= compared;
	int64_t woken = futex_result(futex_wake((uint32_t *)word, count));
	if (woken < 0 || !wakes)
		return woken;
	int64_t more = futex_result(futex_wake((uint32_t *)second, second_count));
	return more < 0 ? more : woken + more;
}

int64_t linux_futex(struct thread *thread, uint64_t word, uint32_t operation, uint32_t value, uint64_t timeout,
                    uint64_t second, uint32_t third)
{
	uint32_t command = operation & ~(uint32_t)(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME);
	if (word & 3)
		return -EINVAL;
	if (!user_range(word, 4))
		return -EFAULT;
	switch (command) {
	case FUTEX_WAIT_BITSET:
		if (third == 0)
			return -EINVAL;
		/* fall through */
	case FUTEX_WAIT:
		return wait(thread, word, operation, command, value, timeout);
	case FUTEX_WAKE_BITSET:
		if (third == 0)
			return -EINVAL;
		/* Who waits for which bits is not known: all look again. */
		return futex_result(futex_wake((uint32_t *)word, third == ~0u ? value : INT32_MAX));
	case FUTEX_WAKE:
		return futex_result(futex_wake((uint32_t *)word, value));
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		if ((int32_t)value < 0 || (int32_t)timeout < 0)
			return -EINVAL;
		if (!user_range(second, 4) || second & 3)
			return -EFAULT;
		return futex_result(futex_requeue((uint32_t *)word, command == FUTEX_REQUEUE ? 1ull << 32 : third, value,
		                                  (uint32_t *)second, (uint32_t)timeout));
	case FUTEX_WAKE_OP:
		return user_range(second, 4) && !(second & 3)
		           ? wake_and_change(word, value, second, (uint32_t)timeout, third) : -EFAULT;
	default:
		return -ENOSYS;
	}
}

/* --- robust futexes ----------------------------------------------------------------------------------- */

struct robust_head {
	uint64_t first;
	int64_t word_offset;
	uint64_t pending;
};
#define ROBUST_MAX 2048

static void robust_word_end(struct thread *thread, uint64_t word)
{
	uint32_t value, found;
	if (user_read32(word, &value) < 0)
		return;
	while ((value & FUTEX_TID_MASK) == thread->id) {
		if (user_exchange32(word, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &found) < 0)
			return;
		if (found == value) {
			if (value & FUTEX_WAITERS)
				futex_wake((uint32_t *)word, 1);
			return;
		}
		value = found;
	}
}

void robust_list_walk(struct thread *thread)
{
	struct robust_head head;
	if (!thread->robust_head || user_read(&head, thread->robust_head, sizeof(head)) < 0)
		return;
	uint64_t entry = head.first;
	for (unsigned i = 0; i < ROBUST_MAX && (entry & ~1ull) != thread->robust_head; i++) {
		uint64_t next, at = entry & ~1ull;
		if (user_read(&next, at, sizeof(next)) < 0)
			break;
		if (at != (head.pending & ~1ull))
			robust_word_end(thread, at + (uint64_t)head.word_offset);
		entry = next;
	}
	if (head.pending & ~1ull)
		robust_word_end(thread, (head.pending & ~1ull) + (uint64_t)head.word_offset);
	thread->robust_head = 0; /* proc has nothing left to do */
}

int64_t linux_set_robust_list(struct thread *thread, uint64_t head, uint64_t length)
{
	if (length != sizeof(struct robust_head))
		return -EINVAL;
	thread->robust_head = head;
	return 0;
}

int64_t linux_get_robust_list(struct thread *thread, int32_t process, uint64_t head, uint64_t length)
{
	uint64_t value = thread->robust_head, size = sizeof(struct robust_head);
	struct task *task = thread->task;
	if (process != 0) {
		lock_take(&task->lock);
		struct thread *other = task_find_thread(task, (uint32_t)process);
		value = other ? other->robust_head : 0;
		lock_release(&task->lock);
		if (!other)
			return -EPERM;
	}
	if (user_write(head, &value, sizeof(value)) < 0 || user_write(length, &size, sizeof(size)) < 0)
		return -EFAULT;
	return 0;
}
