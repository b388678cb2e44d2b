/* A recoverable server that dies at every store of one request of each kind: a request whose kind is new ends its server just before
 * it would count, comes again, and from then on ends it at its first store, its second, and so on to its last. A kind is an
 * operation, its result, and how many stores it takes (to a factor of two). Steps that are no calls end likewise, one in two,
 * each time one store later; so do the first steps of successors.
 *
 * What is to be remembered lies behind the journal's header, where no step takes anything back. The hooks that count
 * (lib/stash/save.S) call store_told before each store. */
#include "server/step.h"
#include "stash/stash.h"

#define AREA ((STASH_JOURNAL + sizeof(struct stash_header) + 63) & ~63ull)
#define KINDS 300
#define STEPS_BEFORE 2

enum event { EVENT_FIRST, EVENT_OTHER, EVENTS }; /* the first step of an incarnation; one that is no call */

static struct sweep {
	uint64_t call;      /* that is swept; 0: none */
	uint32_t next;      /* the store at which it ends its server next */
	uint32_t operation;
	int32_t status;
	uint32_t kind_count;
	struct {
		uint32_t next, told;
		bool passes; /* the next one */
	} events[EVENTS];
	uint32_t kinds[KINDS];
} *const sweep = (struct sweep *)AREA;
_Static_assert(AREA + sizeof(struct sweep) <= STASH_LIST, "it fits");

/* Of this incarnation. */
static uint64_t call;       /* in hand; 0: another event */
static uint32_t operation, stores;
static enum event event = EVENT_FIRST;
static bool opened; /* what is before is not counted */

void store_told(void);

bool __real_step_open(void);
bool __wrap_step_open(void);
bool __real_step_repeated(struct request *request, int *status);
bool __wrap_step_repeated(struct request *request, int *status);
void __real_step_begin(uint64_t id);
void __wrap_step_begin(uint64_t id);
void __real_step_commit(struct request *request, int status);
void __wrap_step_commit(struct request *request, int status);

/* The supervisor gives up what dies again and again without having finished a step, so a successor finishes two. */
bool __wrap_step_open(void)
{
	bool fresh = __real_step_open();
	for (unsigned i = 0; !fresh && i < STEPS_BEFORE; i++) {
		__real_step_begin(0);
		__real_step_commit(NULL, 0);
	}
	opened = true;
	return fresh;
}

static _Noreturn void end(void)
{
	stash_journal->call = 0; /* which is not to blame */
	__asm__ volatile("int3");
	__builtin_unreachable();
}

static void event_store(void)
{
	if (sweep->events[event].passes || stores != sweep->events[event].next + 1)
		return;
	sweep->events[event].next++;
	sweep->events[event].passes = true;
	end();
}

void store_told(void)
{
	if (!opened || !stash_step_in_hand())
		return;
	stores++;
	if (!call) {
		event_store();
	} else if (call == sweep->call && stores == sweep->next) {
		sweep->next++;
		end();
	}
}

/* --- calls --- */

static void sweep_finish(void)
{
	uint32_t done = sweep->next - 1;
	sweep->call = 0;
	log_line("swept operation %#x result %d stores %u", sweep->operation, sweep->status, done);
}

bool __wrap_step_repeated(struct request *request, int *status)
{
	bool repeated = __real_step_repeated(request, status);
	if (sweep->call && (repeated || request->id != sweep->call))
		sweep_finish();
	operation = request->operation & 0xffff; /* above that some have a number of theirs */
	return repeated;
}

void __wrap_step_begin(uint64_t id)
{
	call = id;
	stores = 0;
	__real_step_begin(id);
}

static bool is_new_kind(int status)
{
	uint32_t size = stores ? 32 - (uint32_t)__builtin_clz(stores) : 0;
	uint32_t kind = operation << 16 | ((uint32_t)-status & 0x7ff) << 5 | size;
	for (uint32_t i = 0; i < sweep->kind_count; i++)
		if (sweep->kinds[i] == kind)
			return false;
	if (sweep->kind_count == KINDS)
		return false;
	sweep->kinds[sweep->kind_count++] = kind;
	return true;
}

static void event_end(void)
{
	sweep->events[event].passes = false;
	if (stores <= sweep->events[event].next && sweep->events[event].told < sweep->events[event].next) {
		sweep->events[event].told = sweep->events[event].next;
		log_line("swept %s stores %u", event == EVENT_FIRST ? "first steps" : "other events", sweep->events[event].next);
	}
	event = EVENT_OTHER;
}

void __wrap_step_commit(struct request *request, int status)
{
	if (request && !sweep->call && is_new_kind(status)) {
		sweep->call = call;
		sweep->next = 1;
		sweep->operation = operation;
		sweep->status = status;
		end();
	}
	__real_step_commit(request, status);
	if (!request)
		event_end();
}
