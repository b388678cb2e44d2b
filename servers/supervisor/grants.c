/* A service's captable: what every service has, and what its manifest asks for. Filled once; the incarnations
 * share it. */
#include "supervisor.h"
#include <stdio.h>

#define SLOT_GRANTS 8 /* the first slot for what the manifest names */

static bool lend(const struct service *service, slot_t to, slot_t from, uint32_t rights)
{
	return cap_copy(service->captable, to, SELF_CAPTABLE, from, rights) >= 0;
}

/* Give away what was made in the spare slot, and empty it. */
static bool give(const struct service *service, slot_t to, uint32_t rights)
{
	bool done = lend(service, to, state.spare, rights);
	cap_drop(SELF_CAPTABLE, state.spare);
	return done;
}

static bool grant_gate(const struct service *service, slot_t to, const char *name, uint64_t label)
{
	const struct service *other = service_find(name);
	return other && gate_create(service->grants, other->endpoint, label, state.spare) >= 0 &&
	       give(service, to, RIGHT_WRITE | RIGHT_COPY);
}

static bool grant_irq(const struct service *service, slot_t to, const struct grant *grant)
{
	return irq_create(SLOT_SYSTEM, service->grants, (uint32_t)grant->number, state.spare) >= 0 &&
	       give(service, to, RIGHTS_ALL);
}

static bool grant_ioport(const struct service *service, slot_t to, const struct grant *grant)
{
	return ioport_create(SLOT_SYSTEM, service->grants, (uint32_t)grant->number, (uint32_t)grant->count, state.spare) >= 0 &&
	       give(service, to, RIGHTS_ALL);
}

static bool grant_file(const struct service *service, slot_t to, const struct grant *grant)
{
	struct archive_file file;
	if (!archive_find_system(grant->name, "", &file))
		return false;
	return memory_create(service->grants, file.size, 0, state.spare) >= 0 &&
	       memory_write(state.spare, 0, file.bytes, file.size) == (int64_t)file.size &&
	       give(service, to, RIGHT_READ | RIGHT_EXECUTE | RIGHT_COPY);
}

static bool grant(const struct service *service, slot_t to, const struct grant *grant)
{
	switch (grant->kind) {
	case GRANT_GATE:
		return grant_gate(service, to, grant->name, grant->number);
	case GRANT_IRQ:
		return grant_irq(service, to, grant);
	case GRANT_IOPORT:
		return grant_ioport(service, to, grant);
	case GRANT_SYSTEM:
		return lend(service, to, SLOT_SYSTEM, (uint32_t)grant->number | RIGHT_COPY);
	case GRANT_ARCHIVE:
		return lend(service, to, SLOT_ARCHIVE, RIGHT_READ | RIGHT_COPY);
	case GRANT_ROOT:
		return lend(service, to, SELF_CAPTABLE, RIGHTS_ALL);
	case GRANT_FILE:
		return grant_file(service, to, grant);
	default:
		return false;
	}
}

slot_t service_grant_slot(unsigned index)
{
	return SLOT_GRANTS + index;
}

bool service_grant(struct service *service)
{
	uint64_t label = LABEL_SERVICE_FIRST + (uint64_t)(service - state.services);
	const struct manifest *manifest = &service->manifest;
	bool done = lend(service, SELF_CAPTABLE, service->captable, RIGHTS_ALL) &&
	            lend(service, SELF_ENDPOINT, service->endpoint, RIGHTS_ALL) &&
	            lend(service, SELF_SUPERVISOR, service->gate, RIGHT_WRITE | RIGHT_COPY);
	if (service_find("log") && service_find("log") != service)
		done = done && grant_gate(service, SELF_LOG, "log", label);
	for (unsigned i = 0; i < manifest->grant_count; i++) {
		if (grant(service, service_grant_slot(i), &manifest->grants[i]))
			continue;
		log_line("%s: cannot be given %s", manifest->name, manifest->grants[i].slot);
		done = false;
	}
	return done;
}
