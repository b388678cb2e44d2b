/* What the loop remembers from step to step; recoverable where the server is. */
#include "server/step.h"
#include <errno.h>

struct kept kept = { .taken = true };

void kept_take_slot(unsigned index)
{
	kept.receive_slots[index] = 0;
	kept.taken = true;
}

/* Where there are no slots it is tried again after each step. */
void kept_refill(void)
{
	kept.taken = false;
	for (unsigned i = 0; i < MESSAGE_CAPS_MAX; i++)
		if (kept.receive_slots[i] == 0 && (kept.receive_slots[i] = slot_allocate()) == 0)
			kept.taken = true;
}

void kept_set_notification(slot_t slot)
{
	kept.notification = slot;
}

/* Numbers of a session only grow, and a call of a
 * number that has been seen can only be a repetition: its maker makes one after the other, and the next when the one
 * before has been answered. */
int request_once(const struct request *request)
{
	uint64_t number = request->words[MESSAGE_WORDS - 1];
	uint64_t arrives = request->send_length < REQUEST_INLINE_MAX ? request->send_length : REQUEST_INLINE_MAX;
	if (number == 0)
		return REQUEST_FIRST;
	if (request->data_length < arrives) /* its maker died while it was being delivered; it comes again, whole */
		return -EFAULT;
	if (request->label >= ONCE_LABELS)
		return -EPERM;
	if (number <= kept.once[request->label])
		return 0;
	kept.once[request->label] = number;
	return REQUEST_FIRST;
}

void kept_forget_session(uint64_t label)
{
	if (label < ONCE_LABELS && kept.once[label])
		kept.once[label] = 0;
}
