/* The supervisor's own state outlives it: at the end of each step it is copied to a memory object, into the one of two places
 * that does not count, and one store says that this one counts from then on. Its successor, which the kernel starts from the same
 * image with the same captable, begins with that copy; the call that was in hand comes again.
 *
 * A step that is made again finds objects that the broken one has made. All slots it uses are in the state from the start,
 * so what is there is ended or replaced: starting a service is always the same five slots. */
#include "supervisor.h"
#include "server/step.h"
#include <string.h>

#define SLOTS 4096u /* of the captable: as many as lib/atoll hands out */

struct copy {
	struct kept kept;
	struct session session;
	struct state state;
};

static struct saved {
	uint64_t counts; /* 1, 2: which copy; 0: none yet */
	struct copy copies[2];
} *saved;

static uint64_t state_size(const struct state *from)
{
	return offsetof(struct state, services) + from->service_count * sizeof(struct service);
}

void recover_commit(void)
{
	uint64_t next = saved->counts == 1 ? 2 : 1;
	struct copy *copy = &saved->copies[next - 1];
	copy->kept = kept;
	copy->session = session;
	memcpy(&copy->state, &state, state_size(&state));
	__atomic_store_n(&saved->counts, next, __ATOMIC_RELEASE);
}

/* Every slot up to the last one that holds something is taken: those that are empty are so for a reason, as they are
 * handed out from below. */
static void slots_take(void)
{
	slot_t last = 0, slot;
	for (slot = SELF_FIRST_FREE; slot < SLOTS; slot++)
		if (cap_info(SELF_CAPTABLE, slot))
			last = slot;
	do
		slot = slot_allocate();
	while (slot && slot < last);
}

bool recover_open(void)
{
	bool before = (cap_info(SELF_CAPTABLE, SELF_STASH) & 0xff) == OBJECT_MEMORY;
	if (!before)
		memory_create(SELF_POOL, sizeof(struct saved), 0, SELF_STASH);
	int64_t address = space_map(SELF_SPACE, SELF_STASH, 0, (sizeof(struct saved) + ATOLL_PAGE_SIZE - 1) & ~(ATOLL_PAGE_SIZE - 1),
	                            0, MAP_READ | MAP_WRITE | MAP_ANYWHERE);
	if (address < 0)
		__builtin_trap();
	saved = (struct saved *)address;
	if (!before || saved->counts == 0)
		return false;
	const struct copy *copy = &saved->copies[saved->counts - 1];
	slots_take();
	kept = copy->kept;
	session = copy->session;
	memcpy(&state, &copy->state, state_size(&copy->state));
	return true;
}
