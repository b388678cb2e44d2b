/* Which slots of the own captable are free: one bit each, the lowest free one first, so that the
 * captable stays as small as its use. Slots below SELF_FIRST_FREE are the supervisor's to fill. */
#include "atoll/slots.h"
#include "atoll/startup.h"

#define SLOTS_MAX 65536u
#define SLOTS_DEFAULT 4096u
#define BITS 64u

static uint64_t used[SLOTS_MAX / BITS]; /* bit set: taken */
static uint32_t first_word;             /* no free bit in any word before */
static uint32_t limit;                  /* slots in the captable; 0: not asked yet */

static void slots_prepare(void)
{
	limit = (uint32_t)startup_number("captable_slots", SLOTS_DEFAULT);
	if (limit > SLOTS_MAX)
		limit = SLOTS_MAX;
	for (uint32_t slot = 0; slot < SELF_FIRST_FREE; slot++)
		used[slot / BITS] |= 1ull << slot % BITS;
}

slot_t slot_take(void)
{
	if (limit == 0)
		slots_prepare();
	for (; first_word < limit / BITS; first_word++) {
		uint64_t free_bits = ~used[first_word];
		if (free_bits == 0)
			continue;
		unsigned bit = (unsigned)__builtin_ctzll(free_bits);
		used[first_word] |= 1ull << bit;
		return first_word * BITS + bit;
	}
	return 0;
}

void slot_release(slot_t slot)
{
	if (slot < SELF_FIRST_FREE || slot >= SLOTS_MAX)
		return;
	used[slot / BITS] &= ~(1ull << slot % BITS);
	if (slot / BITS < first_word)
		first_word = slot / BITS;
}
