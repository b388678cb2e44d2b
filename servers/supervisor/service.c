/* Services: what outlives their incarnations, and the incarnations.
 *
 * A service's pool, captable and endpoint are made once. An incarnation has a pool of its own below, for its
 * space, its threads and whatever it makes; destroying that pool ends all of it, gates that it handed out
 * included, so a successor never meets a label it does not know. */
#include "supervisor.h"
#include "server/server.h"
#include "stash/stash.h"
#include <stdio.h>
#include <string.h>

#define MEMORY_DELAY 20000000ull  /* nanoseconds */
#define READY_TIME 20000000000ull /* nanoseconds */

struct service *service_find(const char *name)
{
	for (unsigned i = 0; i < state.service_count; i++)
		if (strcmp(state.services[i].manifest.name, name) == 0)
			return &state.services[i];
	return NULL;
}

/* Services that run the same program share its memory object. */
static bool service_program(struct service *service)
{
	for (struct service *other = state.services; other < service; other++) {
		if (strcmp(other->manifest.program, service->manifest.program) == 0) {
			service->program = other->program;
			service->program_sum = other->program_sum;
			return service->program != 0;
		}
	}
	struct archive_file file;
	if (!archive_find_system(service->manifest.program, "", &file))
		return false;
	program_note(service, &file);
	service->program = service->program_slot;
	return memory_create(SELF_POOL, file.size, 0, service->program) >= 0 &&
	       program_write(service->program, 0, file.bytes, file.size);
}

static bool service_stash(struct service *service)
{
	if (!service->manifest.stash)
		return true;
	service->stash = service->stash_slot;
	return memory_create(service->pool, STASH_OBJECT_SIZE, 0, service->stash) >= 0 &&
	       program_fill_stash(service) >= 0 &&
	       cap_copy(service->captable, SELF_STASH, SELF_CAPTABLE, service->stash, RIGHT_READ | RIGHT_WRITE) >= 0;
}

#define SLOTS_OF_SERVICE 18

static void slots_of(struct service *service, slot_t *slots[SLOTS_OF_SERVICE])
{
	slot_t *const all[SLOTS_OF_SERVICE] = {
		&service->grants,     &service->pool,           &service->captable,  &service->endpoint,   &service->gate,
		&service->control,    &service->program_slot,   &service->stash_slot, &service->now.pool,  &service->now.space_pool,
		&service->now.space,  &service->now.thread,     &service->next.pool, &service->next.space_pool,
		&service->next.space, &service->next.thread,    &service->update.own[0], &service->update.own[1],
	};
	memcpy(slots, all, sizeof(all));
}

void service_take_slots(struct service *service)
{
	slot_t *slots[SLOTS_OF_SERVICE];
	slots_of(service, slots);
	for (unsigned i = 0; i < SLOTS_OF_SERVICE; i++) {
		if (*slots[i] == 0)
			*slots[i] = slot_kept();
	}
}

bool service_make(struct service *service)
{
	struct pool_info own;
	uint64_t label = LABEL_SERVICE_FIRST + (uint64_t)(service - state.services);
	pool_info(SELF_POOL, &own);
	service->verifies = service->manifest.verify;
	if (service->manifest.memory == 0 || service->manifest.memory > own.limit)
		service->manifest.memory = own.limit;
	return pool_create(SELF_POOL, service->manifest.memory, service->pool) >= 0 &&
	       pool_create(service->pool, service->manifest.memory, service->grants) >= 0 &&
	       captable_create(service->pool, service->manifest.slots, service->captable) >= 0 &&
	       endpoint_create(service->pool, service->endpoint) >= 0 &&
	       gate_create(SELF_POOL, service->endpoint, LABEL_CONTROL, service->control) >= 0 &&
	       gate_create(SELF_POOL, SELF_ENDPOINT, label, service->gate) >= 0 && service_stash(service);
}

static void service_create(const char *name)
{
	struct archive_file file;
	if (state.service_count == SERVICES_MAX) {
		log_line("%s: too many services", name);
		return;
	}
	struct service *service = &state.services[state.service_count];
	if (!archive_find_system(name, ".manifest", &file)) {
		log_line("%s: no manifest", name);
		return;
	}
	unsigned line = manifest_parse(&service->manifest, name, file.bytes, file.size);
	if (line != 0) {
		log_line("%s.manifest:%u: not understood", name, line);
		return;
	}
	state.service_count++;
	service_take_slots(service);
	if (!service_program(service) || !service_make(service)) {
		log_line("%s: no program, or no memory for it", name);
		service->state = SERVICE_FAILED;
	}
}

bool services_create(void)
{
	struct archive_file list;
	if (!archive_find("system/services", &list))
		return false;
	const char *text = list.bytes, *end = list.bytes + list.size;
	while (text < end) {
		char name[NAME_SIZE];
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((newline ? newline : end) - text);
		snprintf(name, sizeof(name), "%.*s", (int)length, text);
		name[strcspn(name, " \t\r#")] = '\0';
		if (name[0])
			service_create(name);
		text += length + 1;
	}
	for (unsigned i = 0; i < state.service_count; i++)
		if (state.services[i].state != SERVICE_FAILED && !service_grant(&state.services[i]))
			state.services[i].state = SERVICE_FAILED;
	return state.service_count > 0;
}

/* What the incarnation is called by itself. What a server makes that recovers stays when it dies. */
static bool service_introduce(const struct service *service)
{
	slot_t pool = service->stash ? service->pool : service->now.pool;
	return cap_copy(service->captable, SELF_SPACE, SELF_CAPTABLE, service->now.space, RIGHTS_ALL) >= 0 &&
	       cap_copy(service->captable, SELF_THREAD, SELF_CAPTABLE, service->now.thread, RIGHTS_ALL) >= 0 &&
	       cap_copy(service->captable, SELF_INCARNATION, SELF_CAPTABLE, service->now.pool, RIGHTS_ALL) >= 0 &&
	       cap_copy(service->captable, SELF_POOL, SELF_CAPTABLE, pool, RIGHTS_ALL) >= 0;
}

static int64_t incarnation_thread(const struct service *service, const struct incarnation *made, uint64_t entry, uint64_t stack)
{
	struct thread_parameters parameters = {
		.registers = { .rip = entry, .rsp = stack },
		.flags = THREAD_REFLECT,
		.slot = made->thread,
		.priority = service->manifest.priority,
		.weight = WEIGHT_NORMAL,
	};
	return thread_create(made->pool, made->space, service->captable, service->gate, 0, &parameters);
}

/* All but the start. */
static int64_t incarnation_make(const struct service *service, struct incarnation *made)
{
	struct image image;
	uint64_t stack;
	int64_t status = pool_create(service->pool, service->manifest.memory, made->pool);
	if (status >= 0)
		status = pool_create(made->pool, service->manifest.memory, made->space_pool);
	if (status >= 0)
		status = space_create(made->space_pool, made->space);
	if (status >= 0)
		status = program_load(service, made->space, &image);
	if (status >= 0)
		status = program_stack(service, made->space, &image, &stack);
	if (status >= 0)
		status = incarnation_thread(service, made, image.entry, stack);
	made->thread_number = status < 0 ? 0 : (uint64_t)status;
	return status;
}

/* First the thread: one whose space is being taken away would see its kernel calls fail, and might
 * yet answer its caller with that. */
static void incarnation_end(const struct incarnation *ended)
{
	object_destroy(ended->thread);
	object_destroy(ended->pool);
	cap_drop(SELF_CAPTABLE, ended->thread);
	cap_drop(SELF_CAPTABLE, ended->space);
	cap_drop(SELF_CAPTABLE, ended->space_pool);
	cap_drop(SELF_CAPTABLE, ended->pool);
}

int64_t service_make_first(struct service *service)
{
	int64_t status = incarnation_make(service, &service->next);
	service->standby = status >= 0;
	return status;
}

/* What it was granted goes first, destroyed and not dropped: other servers need not know the end of a gate that it was given. Its
 * captable must not be the last to hold one. */
void service_unmake(struct service *service)
{
	slot_t *slots[SLOTS_OF_SERVICE], kept[SLOTS_OF_SERVICE];
	incarnation_end(&service->now);
	incarnation_end(&service->next);
	slots_of(service, slots);
	for (unsigned i = 0; i < SLOTS_OF_SERVICE; i++) {
		kept[i] = *slots[i];
		slot_destroy(kept[i]);
	}
	memset(service, 0, sizeof(*service));
	for (unsigned i = 0; i < SLOTS_OF_SERVICE; i++)
		*slots[i] = kept[i];
	service->state = SERVICE_ABSENT;
}

static bool incarnation_runs(struct incarnation *made)
{
	struct thread_info info;
	if (thread_info(made->thread, &info) < 0 || info.state == THREAD_STOPPED)
		return false;
	made->thread_number = info.number;
	return true;
}

void service_prepare(struct service *service)
{
	service->prepare = 0;
	if (!service->stash || service->standby || incarnation_runs(&service->next))
		return;
	incarnation_end(&service->next); /* what a step of a predecessor has made that did not count */
	service->standby = incarnation_make(service, &service->next) >= 0;
	if (!service->standby)
		incarnation_end(&service->next);
}

void service_standby_drop(struct service *service)
{
	if (incarnation_runs(&service->next))
		return;
	incarnation_end(&service->next);
	service->standby = false;
}

static int64_t service_take_next(struct service *service)
{
	struct incarnation empty = service->now;
	int64_t status = STATUS_OK;
	if (!service->standby) {
		incarnation_end(&service->next); /* likewise */
		status = incarnation_make(service, &service->next);
	}
	service->now = service->next;
	service->next = empty;
	service->standby = false;
	return status;
}

static int64_t incarnation_start(struct service *service)
{
	bool runs = incarnation_runs(&service->next);
	service->standby |= runs;
	int64_t status = service_take_next(service);
	if (status < 0 || runs)
		return status;
	return service_introduce(service) ? thread_start(service->now.thread) : STATUS_NO_MEMORY;
}

/* It has run, so it is not its own limit that is too small. */
static void service_wait_for_memory(struct service *service)
{
	if (service->state != SERVICE_WAITING)
		log_line("%s waits for memory", service->manifest.name);
	incarnation_end(&service->now);
	service->state = SERVICE_WAITING;
	service->deadline = time_now() + MEMORY_DELAY;
}

bool service_start(struct service *service)
{
	int64_t status = incarnation_start(service);
	if (status == STATUS_NO_MEMORY && service->was_ready) {
		service_wait_for_memory(service);
		return false;
	}
	if (status < 0) {
		log_line("%s: cannot be started: %ld", service->manifest.name, status);
		incarnation_end(&service->now);
		service->state = SERVICE_FAILED;
		return false;
	}
	service->state = SERVICE_STARTING;
	service->started = time_now();
	service->deadline = service->started + READY_TIME;
	return true;
}

static uint64_t stash_number(const struct service *service, uint64_t offset)
{
	uint64_t number = 0;
	if (service->stash)
		memory_read(service->stash, STASH_SIZE + offset, &number, sizeof(number));
	return number;
}

static void stash_number_set(const struct service *service, uint64_t offset, uint64_t number)
{
	if (service->stash)
		memory_write(service->stash, STASH_SIZE + offset, &number, sizeof(number));
}

uint64_t service_steps(const struct service *service)
{
	return stash_steps(stash_number(service, offsetof(struct stash_header, committed)));
}

bool service_in_step(const struct service *service)
{
	return stash_steps(stash_number(service, offsetof(struct stash_header, step))) != service_steps(service);
}

/* A step that does much writes much: its list grows. */
uint64_t service_written(const struct service *service)
{
	return stash_number(service, offsetof(struct stash_header, list_end));
}

bool service_progresses(const struct service *service)
{
	uint64_t count = stash_number(service, offsetof(struct stash_header, committed));
	uint64_t steps = stash_steps(count) - stash_steps(service->stash_count);
	/* One is its first, that of being there again, unless a call was answered in it. */
	return steps > 1 || (steps == 1 && ((count ^ service->stash_count) & 1));
}

bool service_progressed(struct service *service)
{
	bool progressed = service_progresses(service);
	service->stash_count = stash_number(service, offsetof(struct stash_header, committed));
	return progressed;
}

uint64_t service_pause(const struct service *service)
{
	uint64_t awake = service->stash ? stash_number(service, offsetof(struct stash_header, awake)) : service->ready;
	if (!service->ended)
		return service->pause;
	return awake > service->ended ? awake - service->ended : 0;
}

void service_end(struct service *service, bool deliberate)
{
	bool faulted = !deliberate && service->cause == CAUSE_FAULT;
	incarnation_end(&service->now);
	if (deliberate)
		stash_number_set(service, offsetof(struct stash_header, call), 0);
	stash_number_set(service, offsetof(struct stash_header, fault), faulted ? service->fault : 0);
	endpoint_reset(service->endpoint);
}
