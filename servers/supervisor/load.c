/* Services that come and go while the system runs (docs/decisions/011-load.md).
 *
 * A place in state.services is free where the state says ABSENT, and keeps its slots for the next one. They are in the copied
 * state before the first object is made in them, and the place is ABSENT until all is there: so what a broken step has left is
 * whatever is in the slots of a place that is free. Going works the other way round.
 *
 * Who asks may die before it hears the answer, and asks again with the same id. */
#include "supervisor.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LABELS_END 0xffull /* what a manifest may ask for lies below: the rest tells who a service is, or the supervisor */

static int __attribute__((format(printf, 2, 3))) refuse(int status, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(state.refusal, sizeof(state.refusal), format, arguments);
	va_end(arguments);
	return status;
}

/* --- what is asked for --- */

static bool name_is_good(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	return isalnum((unsigned char)name[0]) && name[strspn(name, letters)] == '\0' && strcmp(name, "supervisor") != 0;
}

static bool ports_overlap(const struct grant *a, const struct grant *b)
{
	return a->number < b->number + b->count && b->number < a->number + a->count;
}

/* The service that has this line or one of these ports. */
static const struct service *owner_of(const struct grant *device)
{
	for (unsigned i = 0; i < state.service_count; i++) {
		const struct manifest *manifest = &state.services[i].manifest;
		for (unsigned j = 0; state.services[i].state != SERVICE_ABSENT && j < manifest->grant_count; j++) {
			const struct grant *other = &manifest->grants[j];
			if (other->kind == device->kind &&
			    (device->kind == GRANT_IRQ ? other->number == device->number : ports_overlap(other, device)))
				return &state.services[i];
		}
	}
	return NULL;
}

/* By proc's first two labels processes are begun and signals sent, each once and numbered: they have one user each. */
static int check_gate(const struct grant *gate)
{
	if (!service_find(gate->name))
		return refuse(-ENOENT, "there is no service %s", gate->name);
	if (gate->number == 0 || gate->number >= LABELS_END || (strcmp(gate->name, "proc") == 0 && gate->number <= 2))
		return refuse(-EPERM, "a loaded service cannot have a gate to %s with label %lu", gate->name, gate->number);
	return 0;
}

static int check_device(const struct grant *device)
{
	const struct service *owner = owner_of(device);
	return owner ? refuse(-EBUSY, "%s has %s", owner->manifest.name, device->slot) : 0;
}

static int check_grant(const struct grant *grant)
{
	struct archive_file file;
	switch (grant->kind) {
	case GRANT_GATE:
		return check_gate(grant);
	case GRANT_IRQ:
	case GRANT_IOPORT:
		return check_device(grant);
	case GRANT_FILE:
		return archive_find_system(grant->name, "", &file) ? 0 : refuse(-ENOENT, "there is no file system/%s", grant->name);
	case GRANT_SYSTEM:
		return grant->number == RIGHT_READ ? 0 : refuse(-EPERM, "a loaded service can only read the system");
	case GRANT_ARCHIVE:
		return 0;
	default:
		return refuse(-EPERM, "a loaded service cannot have the supervisor's captable");
	}
}

static int check_manifest(const struct manifest *manifest, const char *name)
{
	if (strcmp(manifest->name, name) != 0 || strcmp(manifest->program, name) != 0)
		return refuse(-EINVAL, "the manifest is of another service or program");
	if (manifest->supervise)
		return refuse(-EPERM, "a loaded service cannot supervise");
	for (unsigned i = 0; i < manifest->grant_count; i++) {
		int status = check_grant(&manifest->grants[i]);
		if (status < 0)
			return status;
	}
	return 0;
}

/* The first line is the name. */
static int parse(const char *text, uint64_t size, struct manifest *manifest)
{
	char name[NAME_SIZE];
	const char *newline = memchr(text, '\n', size), *end = text + size;
	size_t length = (size_t)((newline ? newline : end) - text);
	if (!state.begun || state.stopping)
		return refuse(-EAGAIN, "the system is just starting, or ending");
	if (length >= sizeof(name))
		return refuse(-EINVAL, "the name is too long");
	snprintf(name, sizeof(name), "%.*s", (int)length, text);
	if (!name_is_good(name))
		return refuse(-EINVAL, "not a name for a service");
	if (service_find(name))
		return refuse(-EEXIST, "there is a service %s", name);
	unsigned line = newline ? manifest_parse(manifest, name, newline + 1, (uint64_t)(end - newline - 1)) :
	                          manifest_parse(manifest, name, end, 0);
	return line ? refuse(-EINVAL, "line %u of the manifest is not understood", line) : check_manifest(manifest, name);
}

/* --- coming --- */

/* Its slots are in the state, and nothing is in them. */
static struct service *place_take(void)
{
	unsigned number = 0;
	while (number < state.service_count && state.services[number].state != SERVICE_ABSENT)
		number++;
	if (number == SERVICES_MAX)
		return NULL;
	struct service *service = &state.services[number];
	if (number == state.service_count) {
		service->state = SERVICE_ABSENT;
		state.next = ++state.service_count;
	}
	service_take_slots(service);
	return service;
}

static int fill(struct service *service)
{
	int status = upload_copy(service->program_slot, &service->program_size);
	if (status == -ENODATA)
		return refuse(status, "no program has been written, or the supervisor has begun anew since");
	const char *fault = status < 0 ? NULL : program_fault(service->program_slot, service->program_size, service->manifest.stash);
	if (fault)
		return refuse(-ENOEXEC, "the program cannot be used: %s", fault);
	service->program = service->program_slot;
	if (status < 0 || !service_make(service))
		return refuse(-ENOMEM, "there is no memory for it, or its limit is too small");
	if (!service_grant(service))
		return refuse(-EINVAL, "it cannot be given what it asks for; the log tells what");
	int64_t made = service_make_first(service);
	return made >= 0 ? 0 : refuse(made == STATUS_NO_MEMORY ? -ENOMEM : -ENOEXEC, "its program cannot be laid out: %ld", made);
}

/* It is started when this step counts: by the timer, as one that waits. */
static int load(const char *text, uint64_t size)
{
	static struct manifest manifest;
	int status = parse(text, size, &manifest);
	if (status < 0)
		return status;
	struct service *service = place_take();
	if (!service)
		return refuse(-ENOSPC, "there are %u services, and no room for more", SERVICES_MAX);
	recover_note();
	service->manifest = manifest;
	status = fill(service);
	if (status < 0) {
		service_unmake(service);
		return status;
	}
	recover_manifest(service);
	watch_forget((unsigned)(service - state.services));
	service->loaded = true;
	service->state = SERVICE_WAITING;
	service->deadline = time_now();
	upload_used();
	log_line("%s is loaded", service->manifest.name);
	return 0;
}

static int answer(uint64_t id, int status)
{
	state.asked = id;
	state.asked_status = status;
	return status;
}

int load_ask(uint64_t id, const char *text, uint64_t size)
{
	if (id == state.asked)
		return state.asked_status;
	state.refusal[0] = '\0';
	return answer(id, load(text, size));
}

/* --- going --- */

static const struct service *dependent_on(const struct service *service)
{
	for (unsigned i = 0; i < state.service_count; i++) {
		const struct manifest *manifest = &state.services[i].manifest;
		for (unsigned j = 0; state.services[i].state != SERVICE_ABSENT && j < manifest->grant_count; j++)
			if (manifest->grants[j].kind == GRANT_GATE && strcmp(manifest->grants[j].name, service->manifest.name) == 0)
				return &state.services[i];
	}
	return NULL;
}

static int check_unload(uint32_t index)
{
	const struct service *service = index < state.service_count ? &state.services[index] : NULL;
	if (!service || service->state == SERVICE_ABSENT)
		return refuse(-ENOENT, "there is no such service");
	const struct service *dependent = dependent_on(service);
	if (dependent)
		return refuse(-EBUSY, "%s depends on %s", dependent->manifest.name, service->manifest.name);
	return service->loaded ? 0 : refuse(-EBUSY, "%s is a part of the system", service->manifest.name);
}

/* Its end is intended first: a successor of the supervisor goes on with it (load_clear). */
int unload_ask(uint64_t id, uint32_t index)
{
	if (id == state.asked)
		return state.asked_status;
	state.refusal[0] = '\0';
	int status = check_unload(index);
	if (answer(id, status) < 0)
		return status;
	struct service *service = &state.services[index];
	log_line("%s is unloaded", service->manifest.name);
	service->state = SERVICE_ABSENT;
	step_intend();
	service_unmake(service);
	return 0;
}

void load_clear(void)
{
	for (unsigned i = 0; i < state.service_count; i++)
		if (state.services[i].state == SERVICE_ABSENT)
			service_unmake(&state.services[i]);
}
