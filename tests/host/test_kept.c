/* Slots for what arrives with the next call: where there are none for a while, they come as soon as there are. */
#include "server/step.h"
#include <stdio.h>

static unsigned left;
static slot_t next = 100;

slot_t slot_allocate(void)
{
	return left ? left--, next++ : 0;
}

static int missing(void)
{
	int count = 0;
	for (unsigned i = 0; i < MESSAGE_CAPS_MAX; i++)
		count += kept.receive_slots[i] == 0;
	return count;
}

int main(void)
{
	int failures = 0;
	left = MESSAGE_CAPS_MAX;
	kept_refill();
	failures += kept.taken || missing() != 0;
	for (unsigned short_by = 1; short_by <= MESSAGE_CAPS_MAX; short_by++) {
		for (unsigned i = 0; i < short_by; i++)
			kept_take_slot(i);
		left = 0;
		kept_refill();
		failures += !kept.taken || missing() != (int)short_by;
		left = short_by - 1;
		kept_refill();
		failures += !kept.taken || missing() != 1;
		left = 1;
		kept_refill();
		failures += kept.taken || missing() != 0 || left != 0;
	}
	printf("%d failures\n", failures);
	return failures != 0;
}
