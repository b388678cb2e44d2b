/* What a step does that no roll-back of the state takes back: slots of the captable that it takes, and what it has said how to undo. Noted
 * before it is done, for a successor. */
#include "atoll/slots.h"
#include "server/effects.h"
#include "server/scratch.h"

#define NOTE_MADE 0x80000000u /* an object is made in the slot */

/* What an earlier step has noted, or what is no note at all, has another seal: a loop that is damaged and runs on does nothing with it. Nor is anything
 * done with what a step has noted that was committed. */
static uint64_t sealed(uint64_t what)
{
	return what ^ stash_journal->committed;
}

/* --- slots --- */

static uint64_t note_of(uint32_t slot_and_flag)
{
	return sealed(slot_and_flag) << 32 | slot_and_flag;
}

/* Where answers are verified a slot that is taken by mistake is left as it is: what is there would end when the note of it is undone. */
static slot_t slot_take_empty(void)
{
	slot_t slot = slot_take();
	while (step_verifies && slot && cap_info(SELF_CAPTABLE, slot) != 0)
		slot = slot_take();
	return slot;
}

static slot_t slot_note(uint32_t flag)
{
	struct scratch *notes = scratch();
	slot_t slot = notes->note_count < NOTES_MAX ? slot_take_empty() : 0;
	if (slot == 0)
		return 0;
	notes->notes[notes->note_count] = note_of(slot | flag);
	__atomic_store_n(&notes->note_count, notes->note_count + 1, __ATOMIC_RELEASE);
	return slot;
}

slot_t slot_allocate(void)
{
	return slot_note(0);
}

slot_t slot_for_new(void)
{
	return slot_note(NOTE_MADE);
}

void slot_free(slot_t slot)
{
	if (slot >= SELF_FIRST_FREE)
		effect_drop(slot);
}

/* What was made is destroyed rather than dropped. Of a gate the server would be told that it has ended, when that, after the
 * step has run again, has the same label; and what else was made may be held by itself or by others. */
void notes_undo(void)
{
	for (uint32_t i = 0; i < NOTES_MAX && i < scratch()->note_count; i++) {
		uint32_t note = (uint32_t)scratch()->notes[i];
		slot_t slot = note & ~NOTE_MADE;
		if (scratch()->notes[i] != note_of(note))
			continue;
		if (note & NOTE_MADE)
			object_destroy(slot);
		cap_drop(SELF_CAPTABLE, slot);
	}
}

/* --- actions --- */

static uint64_t undo_seal(const struct undo *undo)
{
	return sealed((uint64_t)undo->run + undo->arguments[0] + 3 * undo->arguments[1] + 5 * undo->arguments[2]);
}

bool step_undo(step_action run, uint64_t a, uint64_t b, uint64_t c)
{
	struct scratch *notes = scratch();
	if (notes->undo_count >= UNDO_MAX)
		return false;
	struct undo *undo = &notes->undo[notes->undo_count];
	*undo = (struct undo){ run, { a, b, c }, 0 };
	undo->seal = undo_seal(undo);
	__atomic_store_n(&notes->undo_count, notes->undo_count + 1, __ATOMIC_RELEASE);
	return true;
}

/* Last things first. What was made in slots is still in them. */
void actions_undo(void)
{
	uint64_t count = scratch()->undo_count;
	for (uint64_t i = count < UNDO_MAX ? count : UNDO_MAX; i-- > 0;) { /* a damaged count is no reason to end each time */
		const struct undo *undo = &scratch()->undo[i];
		if (undo->seal == undo_seal(undo))
			undo->run(undo->arguments[0], undo->arguments[1], undo->arguments[2]);
	}
}
