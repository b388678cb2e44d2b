/* Who is to blame that servers die: the call in hand, if it ends one after the other; or damage in the state, which is mended where that is certain. */
#include "server/effects.h"
#include "server/scratch.h"

#define DEATHS_MAX 3 /* of one call, alike: whoever has been ended from outside will rarely have come as far as the one before; */
#define DEATHS_MAX_VERIFIED 6 /* where a call takes several incarnations, and what ends them may come from outside each time */
#define DEATHS_MAX_UNLIKE 12

void death_count(void)
{
	struct scratch *notes = scratch();
	uint64_t id = stash_journal->call;
	if (id == 0)
		return;
	bool again = notes->deadly == id;
	notes->alike = again && notes->reached == stash_journal->list_end ? notes->alike + 1 : 1;
	notes->deaths = again ? notes->deaths + 1 : 1;
	notes->mended = again && notes->mended;
	notes->reached = stash_journal->list_end;
	notes->deadly = id;
	stash_journal->call = 0;
}

static uint32_t deaths_max(void)
{
	return step_verifies ? DEATHS_MAX_VERIFIED : DEATHS_MAX;
}

/* Would it be blamed, with so many more deaths like the last? */
static bool call_is_deadly(uint32_t more)
{
	return scratch()->alike + more >= deaths_max() || scratch()->deaths + more >= DEATHS_MAX_UNLIKE;
}

/* Incarnations that have not come to the end of a step. */
static void stuck_count(void)
{
	struct scratch *notes = scratch();
	if (notes->anew) {
		notes->anew = 0;
		return;
	}
	uint64_t committed = stash_steps(stash_journal->committed);
	notes->stuck = notes->stuck_after == committed ? notes->stuck + 1 : 1;
	notes->stuck_after = committed;
}

/* What ends every incarnation may be damage that was committed. The last attempt forgives: a block whose address is damaged is lost rather than
 * the call. Before that is refused, or the service is given up, what can be told for certain is mended, and the call handled once more. */
void state_mend(void)
{
	struct scratch *notes = scratch();
	stuck_count();
	if (notes->stuck >= deaths_max() - 1) {
		stash_forgive();
		uint64_t lost = effects_cut();
		if (lost)
			log_line("%lu things that the last step had left to be done were damaged, and are lost", lost);
	}
	if ((!call_is_deadly(0) || notes->mended) && notes->stuck < deaths_max())
		return;
	unsigned pointers = stash_mend_pointers(stash_journal->fault);
	if (pointers == 0)
		return;
	log_line("%u pointers that were damaged are mended, of which servers died again and again", pointers);
	notes->deaths = notes->alike = deaths_max() - 1;
	notes->mended = true;
}

/* A call that has killed its server each time it came is answered, so that the others are served. */
bool call_is_refused(const struct request *request)
{
	if (!call_is_deadly(0)) {
		if (call_is_deadly(1))
			stash_forgive();
		return false;
	}
	quarantine_tell(request, scratch()->deaths, stash_steps(stash_journal->committed));
	return true;
}
