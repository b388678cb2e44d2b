/* The supervisor's own state outlives it: at the end of each step it is copied to a memory object, into the one of two places
 * that does not count, and one store says that this one counts from then on. Its successor, which the kernel starts from the same
 * image with the same captable, begins with that copy; the call that was in hand comes again.
 *
 * A step that is made again finds objects that the broken one has made. All slots it uses are in the state from the start,
 * so what is there is ended or replaced: starting a service is always the same five slots. What must not be done twice is
 * intended first: the state that says so is copied in the middle of the step (step_intend, service_replace in ending.c). */
#include "supervisor.h"
#include "server/step.h"
#include <string.h>

#define SLOTS 4096u /* of the captable: as many as lib/atoll hands out */
#define TRIES_MAX 3u /* of a call whose handling ends the supervisor each time */
#define HOLES 64u   /* fewer empty ones than these lie before one that is not */

struct copy {
	struct kept kept;
	struct session session;
	struct state state;
};

static struct saved {
	uint64_t counts; /* 1, 2: which copy; 0: none yet */
	uint64_t tried, tries; /* the call that was begun last, so many times */
	struct manifest manifests[SERVICES_MAX]; /* they change where the copy that counts has no service */
	struct copy copies[2];
} *saved;

static void state_copy(struct state *to, const struct state *from)
{
	memcpy(to, from, offsetof(struct state, services));
	for (unsigned i = 0; i < from->service_count; i++)
		memcpy(&to->services[i], &from->services[i], offsetof(struct service, manifest));
}

void recover_manifest(const struct service *service)
{
	saved->manifests[service - state.services] = service->manifest;
}

static void manifests_copy(void)
{
	for (unsigned i = 0; i < state.service_count; i++)
		recover_manifest(&state.services[i]);
}

static void commit(const struct kept *loop)
{
	uint64_t next = saved->counts == 1 ? 2 : 1;
	struct copy *copy = &saved->copies[next - 1];
	if (!saved->counts)
		manifests_copy();
	copy->kept = *loop;
	copy->session = session;
	state_copy(&copy->state, &state);
	__atomic_store_n(&saved->counts, next, __ATOMIC_RELEASE);
}

void recover_commit(void)
{
	commit(&kept);
}

void recover_note(void)
{
	commit(saved->counts ? &saved->copies[saved->counts - 1].kept : &kept);
}

bool recover_tries(uint64_t id)
{
	saved->tries = saved->tried == id ? saved->tries + 1 : 1;
	saved->tried = id;
	return saved->tries <= TRIES_MAX;
}

/* At least `last`: those of services that have been unloaded are empty. */
static slot_t slots_last(slot_t last)
{
	for (slot_t slot = SELF_FIRST_FREE; slot < SLOTS && slot < (last ? last : SELF_FIRST_FREE) + HOLES; slot++)
		if (slot > last && cap_info(SELF_CAPTABLE, slot))
			last = slot;
	return last;
}

/* Every slot up to the last one that holds something is taken: those that are empty are so for a reason, as they are
 * handed out from below. */
static void slots_take(slot_t known)
{
	slot_t last = slots_last(known), slot;
	do
		slot = slot_allocate();
	while (slot && slot < last);
}

slot_t slot_kept(void)
{
	slot_t slot = slot_allocate();
	if (slot > state.slots_end)
		state.slots_end = slot;
	return slot;
}

/* Of those that are kept, and those in which the next message's capabilities will be. */
static slot_t slots_known(const struct copy *copy)
{
	slot_t last = copy->state.slots_end;
	for (unsigned i = 0; i < MESSAGE_CAPS_MAX; i++)
		if (copy->kept.receive_slots[i] > last)
			last = copy->kept.receive_slots[i];
	return last;
}

static void slots_clear(void)
{
	for (slot_t slot = slots_last(0); slot >= SELF_FIRST_FREE; slot--)
		slot_destroy(slot);
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
	if (!before)
		return false;
	if (saved->counts == 0) {
		slots_clear();
		return false;
	}
	const struct copy *copy = &saved->copies[saved->counts - 1];
	slots_take(slots_known(copy));
	kept = copy->kept;
	session = copy->session;
	state_copy(&state, &copy->state);
	for (unsigned i = 0; i < state.service_count; i++)
		if (state.services[i].state != SERVICE_ABSENT)
			state.services[i].manifest = saved->manifests[i];
	return true;
}
