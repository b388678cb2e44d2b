/* Slots of a program that does not recover: emptied as they are freed. (Otherwise: lib/server/step_stash.c.) */
#include "atoll/slots.h"

slot_t slot_allocate(void)
{
	return slot_take();
}

void slot_free(slot_t slot)
{
	if (slot < SELF_FIRST_FREE)
		return;
	cap_drop(SELF_CAPTABLE, slot);
	slot_release(slot);
}
