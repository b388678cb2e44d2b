/* What the loop remembers from step to step; recoverable where the server is. */
#include "server/step.h"

struct kept kept = { .taken = true };

void kept_take_slot(unsigned index)
{
	kept.receive_slots[index] = 0;
	kept.taken = true;
}

void kept_refill(void)
{
	for (unsigned i = 0; i < MESSAGE_CAPS_MAX; i++)
		if (kept.receive_slots[i] == 0)
			kept.receive_slots[i] = slot_allocate();
	kept.taken = false;
}

void kept_set_notification(slot_t slot)
{
	kept.notification = slot;
}
