/* Another build goes on with a server's state (docs/decisions/009-live-update.md).
 *
 * The build that runs is asked to leave by a call on its control gate. When that step counts and nothing is left to be done of
 * it, it ends itself, and the other build starts on the state as it is. One that faults or hangs in its trial is started once
 * more, only to take its broken step back and to revert what it had converted; it leaves in turn, and the build before goes on.
 * What steps have finished stays, whichever build they are of.
 *
 * What is to come is chosen before the incarnation in hand is ended, and done after (service_replace, ending.c): a successor of the supervisor
 * does it again from the same state. */
#include "supervisor.h"
#include "stash/layout.h"
#include "stash/stash.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRIAL_STEPS 32u
#define TRIAL_TIME 1000000000ull  /* nanoseconds */
#define LOOK_AGAIN 100000000ull   /* nanoseconds, at one that was busy when its trial should have ended */
#define LEAVE_TIME 30000000000ull /* nanoseconds; one that hangs is ended long before */
#define REVERTS_MAX 3u

_Static_assert(sizeof(((struct supervisor_note *)0)->text) >= LAYOUT_COMPLAINT, "why an update was refused");
static struct supervisor_note notes[SERVICES_MAX]; /* for people: a successor of the supervisor has none */

const struct supervisor_note *update_note(const struct service *service)
{
	return &notes[service - state.services];
}

static void update_tell(struct service *service, enum supervisor_update how, const char *text)
{
	service->update.state = how;
	snprintf(notes[service - state.services].text, sizeof(notes->text), "%s", text);
	log_line("update of %s: %s", service->manifest.name, text);
}

static bool is_own(const struct service *service, slot_t program)
{
	return program == service->update.own[0] || program == service->update.own[1];
}

/* A build that will not run again. The first one may be other services' too. */
static void program_discard(const struct service *service, slot_t program)
{
	if (is_own(service, program))
		slot_destroy(program);
}

/* One of its two builds is not needed any more. What has become of it counts first: a successor may not find again what led to it. */
static void update_end(struct service *service, enum supervisor_update how, const char *text, slot_t unneeded)
{
	update_tell(service, how, text);
	recover_note();
	program_discard(service, unneeded);
}

/* In a successor: what had ended, but was not gone. */
void update_clear(struct service *service)
{
	for (unsigned i = 0; i < 2; i++) {
		slot_t own = service->update.own[i];
		bool needed = update_goes_on(service) && (own == service->update.program || own == service->update.before);
		if (own != service->program && !needed)
			slot_destroy(own);
	}
}

/* --- two builds, mapped for a while --- */

static uint64_t mapped_size(uint64_t size)
{
	return (size + ATOLL_PAGE_SIZE - 1) & ~(uint64_t)(ATOLL_PAGE_SIZE - 1);
}

static bool program_map(slot_t memory, struct layout_program *program)
{
	struct memory_info info;
	*program = (struct layout_program){ 0 };
	if (memory_info(memory, &info) < 0)
		return false;
	int64_t address = space_map(SELF_SPACE, memory, 0, mapped_size(info.size), 0, MAP_READ | MAP_WRITE | MAP_ANYWHERE);
	if (address < 0)
		return false;
	program->bytes = (unsigned char *)address;
	program->size = info.size;
	return true;
}

static void program_unmap(const struct layout_program *program)
{
	if (program->bytes)
		space_unmap(SELF_SPACE, (uint64_t)program->bytes, mapped_size(program->size));
}

static bool piece_is_there(const struct service *service, const struct layout_piece *piece)
{
	static unsigned char there[ATOLL_PAGE_SIZE];
	for (uint64_t done = 0, part; done < piece->size; done += part) {
		part = piece->size - done < sizeof(there) ? piece->size - done : sizeof(there);
		if (memory_read(service->stash, piece->place - STASH_BASE + done, there, part) != (int64_t)part)
			return false;
		for (uint64_t i = 0; i < part; i++)
			if (there[i] != (piece->bytes ? piece->bytes[done + i] : 0))
				return false;
	}
	return true;
}

static bool piece_write(const struct service *service, const struct layout_piece *piece, uint64_t offset)
{
	static const unsigned char zeros[ATOLL_PAGE_SIZE];
	for (uint64_t done = 0, part; done < piece->size; done += part) {
		part = piece->size - done < sizeof(zeros) ? piece->size - done : sizeof(zeros);
		if (memory_write(service->stash, offset + done, piece->bytes ? piece->bytes + done : zeros, part) != (int64_t)part)
			return false;
	}
	return true;
}

/* To the twin first: it is there when the other is. */
static bool piece_bring(const struct service *service, const struct layout_piece *piece)
{
	uint64_t offset = piece->place - STASH_BASE;
	return piece_write(service, piece, STASH_TWIN_OFFSET + offset) && piece_write(service, piece, offset);
}

/* Up to here the state has variables from now on, whichever build runs. */
static bool image_end_tell(const struct service *service, const struct layout_program *program, const struct layout_program *running)
{
	const uint64_t offset = STASH_SIZE + offsetof(struct stash_header, image_end);
	uint64_t end = layout_end(program) > layout_end(running) ? layout_end(program) : layout_end(running), told = 0;
	memory_read(service->stash, offset, &told, sizeof(told));
	end *= STASH_CODE;
	return (told % STASH_CODE == 0 && told >= end) || memory_write(service->stash, offset, &end, sizeof(end)) == sizeof(end);
}

/* Variables that the running build has not: there is nothing of it where they are. */
static bool variables_bring(const struct service *service, const struct layout_program *program, const struct layout_program *running)
{
	struct layout_piece piece;
	for (uint64_t at = 0; layout_next_variable(program, running, &at, &piece);)
		if (!piece_is_there(service, &piece) && !piece_bring(service, &piece))
			return false;
	return true;
}

/* Of the program that is to run. */
static bool constants_bring(const struct service *service)
{
	char complaint[LAYOUT_COMPLAINT];
	struct layout_program program;
	struct layout_piece piece;
	bool whole = program_map(service->program, &program) && layout_open(&program, complaint);
	for (uint64_t at = 0; whole && layout_next_constant(&program, &at, &piece);)
		whole = piece_bring(service, &piece);
	program_unmap(&program);
	return whole;
}

static bool update_fit(struct service *service, slot_t program, char complaint[LAYOUT_COMPLAINT])
{
	struct layout_program running, next;
	bool converts, fits;
	strcpy(complaint, "there is no memory for it");
	fits = program_map(service->program, &running);
	fits = program_map(program, &next) && fits && layout_open(&running, complaint) && layout_open(&next, complaint) &&
	       layout_fit(&next, &running, &converts, complaint);
	if (fits) {
		service->update.version = running.version;
		service->update.constants = layout_constants_differ(&next, &running);
		strcpy(complaint, "there is no memory for its variables");
		fits = variables_bring(service, &next, &running) && image_end_tell(service, &next, &running);
	}
	program_unmap(&running);
	program_unmap(&next);
	return fits;
}

/* --- what the stash tells --- */

static bool stash_is_left(const struct service *service)
{
	struct stash_header header;
	uint64_t size = offsetof(struct stash_header, scratch);
	return memory_read(service->stash, STASH_SIZE, &header, size) == (int64_t)size && header.left == header.committed &&
	       stash_steps(header.committed) == stash_steps(header.step) && header.left;
}

bool update_left(const struct service *service)
{
	uint32_t how = service->update.state;
	return (how == UPDATE_BEGUN || how == UPDATE_REVERTING) && stash_is_left(service);
}

/* --- the beginning --- */

/* The new build's incarnation stands by in the place of the old one's. */
static bool update_stand_by(struct service *service, slot_t program)
{
	slot_t running = service->program;
	service_standby_drop(service);
	recover_note(); /* or a successor would take what is there by then for the old build's */
	service->program = program;
	service_prepare(service);
	service->program = running;
	service->update.standby = service->standby;
	return service->standby;
}

static int update_take(struct service *service, slot_t slot)
{
	uint64_t size;
	program_discard(service, slot);
	return upload_copy(slot, &size);
}

/* 0, or why not. */
static int update_make(struct service *service, slot_t program, char complaint[LAYOUT_COMPLAINT])
{
	int status = update_take(service, program);
	if (status < 0) {
		strcpy(complaint, status == -ENODATA ? "no program has come" : "there is no memory for it");
		return status;
	}
	if (update_fit(service, program, complaint)) {
		if (update_stand_by(service, program))
			return 0;
		strcpy(complaint, "it cannot be loaded");
	}
	program_discard(service, program);
	return -ENOEXEC;
}

int update_begin(struct service *service)
{
	char complaint[LAYOUT_COMPLAINT];
	slot_t program = service->update.own[service->program == service->update.own[0]];
	update_look(service, time_now());
	if (!service->stash)
		return -ENOTSUP;
	if (update_goes_on(service))
		return -EBUSY;
	int status = update_make(service, program, complaint);
	if (status == 0 || status == -ENOEXEC)
		upload_used();
	if (status < 0) {
		update_tell(service, UPDATE_REFUSED, complaint);
		return status;
	}
	service->update.program = program;
	service->update.until = time_now() + LEAVE_TIME;
	update_tell(service, UPDATE_BEGUN, "the running build is asked to leave");
	watch_leave((unsigned)(service - state.services));
	return 0;
}

bool update_goes_on(const struct service *service)
{
	uint32_t how = service->update.state;
	return how == UPDATE_BEGUN || how == UPDATE_TRIAL || how == UPDATE_REVERTING;
}

/* --- the trial's end --- */

static bool is_idle(const struct service *service)
{
	struct thread_info info;
	return service->state == SERVICE_READY && thread_info(service->now.thread, &info) >= 0 && info.state == THREAD_BLOCKED &&
	       !info.waiting_call;
}

static bool trial_passed(const struct service *service, uint64_t now)
{
	uint64_t steps = service_steps(service) - service->update.steps;
	return steps >= TRIAL_STEPS || (now >= service->update.until && steps > 0 && is_idle(service));
}

void update_look(struct service *service, uint64_t now)
{
	if (service->update.state == UPDATE_TRIAL && trial_passed(service, now)) {
		update_end(service, UPDATE_DONE, "done", service->update.before);
	} else if (service->update.state == UPDATE_TRIAL && now >= service->update.until) {
		service->update.until = now + LOOK_AGAIN;
	} else if (service->update.state == UPDATE_BEGUN && now >= service->update.until) {
		service_standby_drop(service);
		update_end(service, UPDATE_REFUSED, "the running build did not leave for it", service->update.program);
	}
}

/* --- from one incarnation to the next --- */

static enum update_turn turn_after_failure(struct service *service)
{
	if (service->update.state == UPDATE_REVERTING && ++service->update.reverts > REVERTS_MAX) {
		update_end(service, UPDATE_STUCK, "it failed, and failed to go back: it runs on", service->update.before);
		return TURN_NONE;
	}
	if (service->update.state == UPDATE_TRIAL) {
		service->update.reverts = 0;
		service->update.until = UINT64_MAX;
		update_tell(service, UPDATE_REVERTING, service->cause == CAUSE_HUNG ? "the new build hung" : "the new build failed");
	}
	/* Left, it has done nothing that it would have to take back itself. */
	return stash_is_left(service) ? TURN_BACK : TURN_REVERT;
}

void update_choose(struct service *service, bool left)
{
	update_look(service, time_now());
	bool failed = service->cause == CAUSE_FAULT || service->cause == CAUSE_HUNG;
	service->update.turn = TURN_NONE;
	if (left)
		service->update.turn = service->update.state == UPDATE_BEGUN ? TURN_NEW : TURN_BACK;
	else if (service->update.state == UPDATE_REVERTING || (service->update.state == UPDATE_TRIAL && failed && !service->doubting))
		service->update.turn = turn_after_failure(service);
	service->restarts += !left && service->update.turn != TURN_NONE;
}

/* While nobody serves: no more is done, and nothing is told, than has to be. */
static void turn_new(struct service *service)
{
	service->update.before = service->program;
	service->program = service->update.program;
	service->update.steps = service_steps(service);
	service->update.until = time_now() + TRIAL_TIME;
	service->update.state = UPDATE_TRIAL;
}

static void turn_back(struct service *service)
{
	program_discard(service, service->update.program);
	service->program = service->update.before;
	update_tell(service, UPDATE_REVERTED,
	            service->cause == CAUSE_HUNG ? "the new build hung; the old one goes on" : "the new build failed; the old one goes on");
}

bool update_turn(struct service *service)
{
	enum update_turn turn = service->update.turn;
	bool fits = turn == TURN_NEW ? service->update.standby : turn == TURN_NONE && !service->update.standby;
	if (!fits)
		service_standby_drop(service);
	service->update.standby = false;
	service->update.turn = TURN_NONE;
	service->update.give = turn == TURN_REVERT ? service->update.version : 0;
	if (turn == TURN_NEW)
		turn_new(service);
	else if (turn == TURN_BACK)
		turn_back(service);
	if ((turn == TURN_NEW || turn == TURN_BACK) && service->update.constants && !constants_bring(service))
		log_line("%s: its constants could not be written", service->manifest.name);
	return turn != TURN_NONE;
}
