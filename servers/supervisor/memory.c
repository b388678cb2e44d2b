/* What each service costs, by kind. Pools say how much is charged altogether, spaces which of it are pages of the
 * program; what is left is the kernel's. */
#include "supervisor.h"
#include "protocol_supervisor.h"
#include "stash/stash.h"

#define IMAGE_END STASH_JOURNAL   /* programs are linked below */
#define SLOTS_LOOKED_AT 512u      /* of a captable, for the pool its server made at its start */

static uint64_t used_of(slot_t pool)
{
	struct pool_info info = { 0 };
	return pool_info(pool, &info) < 0 ? 0 : info.used;
}

static uint64_t resident_of(slot_t memory)
{
	struct memory_info info = { 0 };
	return memory && memory_info(memory, &info) >= 0 ? info.resident : 0;
}

static uint64_t difference(uint64_t whole, uint64_t part)
{
	return whole > part ? whole - part : 0;
}

/* Pages that are the space's own: not those of a memory object, unless copied; but the kernel has loaded the
 * supervisor's program into objects of its own. */
static void add_pages(slot_t space, struct supervisor_memory *memory)
{
	struct region_info region;
	for (uint64_t at = 0; space_query(space, at, &region) >= 0; at = region.address + region.length) {
		bool own = !region.memory || ((region.flags & MAP_PRIVATE_COPY) && (region.flags & MAP_WRITE));
		if (region.address < IMAGE_END && space == SELF_SPACE && !(region.flags & MAP_WRITE))
			memory->code += region.resident;
		else if (region.address < IMAGE_END && (own || space == SELF_SPACE))
			memory->data += region.resident;
		else if (!own)
			continue;
		else if (region.address >= STACK_TOP - STACK_SIZE && region.address < STACK_TOP)
			memory->stack += region.resident;
		else
			memory->heap += region.resident;
	}
}

/* The largest pool in the captable beside the two that every service has: pools that a service makes are below its
 * first one. */
static uint64_t content_of(const struct service *service)
{
	const slot_t spare = state.spare;
	uint64_t most = 0;
	for (uint32_t slot = SELF_FIRST_FREE; slot < SLOTS_LOOKED_AT; slot++) {
		if ((cap_info(service->captable, slot) & 0xff) != OBJECT_POOL ||
		    cap_copy(SELF_CAPTABLE, spare, service->captable, slot, RIGHT_READ) < 0)
			continue;
		uint64_t used = used_of(spare);
		most = used > most ? used : most;
	}
	cap_drop(SELF_CAPTABLE, spare);
	return most;
}

static bool first_with_program(const struct service *service)
{
	const struct service *other = state.services;
	while (other->program != service->program)
		other++;
	return other == service;
}

static uint64_t program_of(const struct service *service)
{
	return first_with_program(service) ? resident_of(service->program) : 0;
}

static uint64_t pages_of(const struct supervisor_memory *memory)
{
	return memory->data + memory->heap + memory->stack;
}

void memory_of_service(const struct service *service, struct supervisor_memory *memory)
{
	*memory = (struct supervisor_memory){ .code = program_of(service), .state = resident_of(service->stash),
	                                      .content = content_of(service) };
	add_pages(service->now.space, memory);
	uint64_t space = used_of(service->now.space_pool);
	memory->tables = difference(space, pages_of(memory));
	memory->objects = difference(used_of(service->pool), space + memory->state + memory->content);
}

/* The supervisor has no pools of its own below the one that pays for all. The kernel has loaded its program. */
void memory_of_supervisor(struct supervisor_memory *memory)
{
	uint64_t others = 0;
	*memory = (struct supervisor_memory){ 0 };
	for (unsigned i = 0; i < state.service_count; i++)
		others += used_of(state.services[i].pool) + program_of(&state.services[i]);
	add_pages(SELF_SPACE, memory);
	memory->objects = difference(used_of(SELF_POOL), others + memory->code + pages_of(memory));
}
