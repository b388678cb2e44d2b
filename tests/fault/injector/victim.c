/* One service as the injector sees it: capabilities to its thread, space and stash, through the supervisor. */
#include "injector.h"
#include "protocol_supervisor.h"
#include "stash/stash.h"
#include <stdio.h>
#include <string.h>

#define WORKER_SLOTS 256 /* a server's own threads are in slots it took at its first start */
#define JOURNAL STASH_SIZE /* offset in the memory object */

static void points_find(struct victim *victim)
{
	struct instruction part[256];
	for (uint64_t first = 0; first < victim->text_count; first += 256) {
		int64_t bytes = memory_read(victim->text, first * sizeof *part, part, sizeof part);
		for (int64_t i = 0; i < bytes / (int64_t)sizeof *part; i++)
			if (part[i].marks & ~MARK_BRANCH && victim->point_count < POINTS_MAX)
				victim->points[victim->point_count++] = (struct point){ part[i].address, part[i].marks };
	}
}

bool victim_find(struct victim *victim, const char *name)
{
	int number = startup_service(name);
	char text[32];
	*victim = (struct victim){ .name = name, .number = (uint32_t)number };
	snprintf(text, sizeof text, "text_%s", name);
	victim->text = startup_slot(text);
	struct memory_info info;
	if (victim->text && memory_info(victim->text, &info) == STATUS_OK)
		victim->text_count = info.size / sizeof(struct instruction);
	points_find(victim);
	victim->thread = slot_allocate();
	victim->space = slot_allocate();
	victim->stash = slot_allocate();
	victim->table = slot_allocate();
	return number >= 0;
}

bool victim_look(struct victim *victim)
{
	return supervisor_inspect(SELF_SUPERVISOR, NULL, victim->number, victim->thread, victim->space, victim->stash,
	                          victim->table) == 0;
}

static uint64_t header_word(const struct victim *victim, uint64_t offset)
{
	uint64_t word = 0;
	memory_read(victim->stash, JOURNAL + offset, &word, sizeof word);
	return word;
}

uint64_t victim_steps(const struct victim *victim)
{
	return stash_steps(header_word(victim, offsetof(struct stash_header, committed)));
}

bool victim_in_step(const struct victim *victim)
{
	return stash_steps(header_word(victim, offsetof(struct stash_header, step))) == victim_steps(victim) + 1;
}

bool victim_lives(const struct victim *victim)
{
	struct thread_info info;
	return thread_info(victim->thread, &info) == STATUS_OK && info.state != THREAD_DEAD;
}

bool thread_halt(slot_t thread, struct registers *registers)
{
	struct thread_info info;
	if (thread_stop(thread) != STATUS_OK)
		return false;
	if (thread_info(thread, &info) == STATUS_OK && info.state == THREAD_STOPPED &&
	    thread_get_registers(thread, registers) == STATUS_OK)
		return true;
	thread_start(thread);
	return false;
}

bool victim_stop(const struct victim *victim, struct registers *registers)
{
	return thread_halt(victim->thread, registers);
}

static void workers_find(struct victim *victim)
{
	for (uint32_t slot = SELF_FIRST_FREE; slot < WORKER_SLOTS && victim->worker_count < WORKERS_MAX; slot++) {
		if ((cap_info(victim->table, slot) & 0xff) != OBJECT_THREAD)
			continue;
		victim->worker_slots[victim->worker_count] = slot;
		victim->workers[victim->worker_count++] = slot_allocate();
	}
}

/* Other servers hold threads that are not theirs. */
void victim_look_workers(struct victim *victim)
{
	bool has_own = strcmp(victim->name, "tty") == 0 || strcmp(victim->name, "log") == 0;
	if (has_own && victim->worker_count == 0)
		workers_find(victim);
	for (unsigned i = 0; i < victim->worker_count; i++)
		cap_copy(SELF_CAPTABLE, victim->workers[i], victim->table, victim->worker_slots[i], RIGHTS_ALL);
}

int victim_restart(const struct victim *victim)
{
	return supervisor_control(SELF_SUPERVISOR, NULL, victim->number, CONTROL_RESTART);
}

bool victim_fault(const struct victim *victim)
{
	static const uint64_t nobody = 0;
	struct registers registers;
	if (!victim_stop(victim, &registers))
		return false;
	if (victim->stash)
		memory_write(victim->stash, JOURNAL + offsetof(struct stash_header, call), &nobody, sizeof nobody);
	registers.rip = 0;
	bool done = thread_set_registers(victim->thread, &registers) == STATUS_OK;
	thread_start(victim->thread);
	return done;
}

bool victim_find_root(struct victim *root)
{
	*root = (struct victim){ .name = "supervisor", .thread = slot_allocate() };
	return startup_slot("root") != 0;
}

bool victim_look_root(struct victim *root)
{
	return cap_copy(SELF_CAPTABLE, root->thread, startup_slot("root"), SELF_THREAD, RIGHTS_ALL) == STATUS_OK;
}

/* One of the granules that the step in hand has noted last. */
uint64_t victim_written(const struct victim *victim)
{
	uint64_t end = header_word(victim, offsetof(struct stash_header, list_end)) & ~1ull;
	uint64_t count = end > STASH_LIST ? (end - STASH_LIST) / sizeof(uint64_t) : 0, entry = 0;
	if (count == 0)
		return 0;
	uint64_t number = count - 1 - random_below(count < 8 ? count : 8);
	memory_read(victim->stash, STASH_LIST_OFFSET + number * sizeof entry, &entry, sizeof entry);
	uint64_t granule = stash_granule(entry);
	return granule < STASH_GRANULES ? granule * STASH_GRANULE + random_below(STASH_GRANULE) : 0;
}
