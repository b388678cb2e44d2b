/* The table of relations: what getppid and its like read, in memory that every process sees and proc alone writes.
 * It says nothing that /proc does not say to everybody, and nothing that the processes themselves do not:
 * it can be written anew at any time. Each word is stored at once, before the call that changed it is answered. */
#include "proc.h"
#include <errno.h>

#define TABLE_SIZE (ID_END * sizeof(struct process_relation))

#define PAGE_RELATIONS (ATOLL_PAGE_SIZE / sizeof(struct process_relation))

static struct process_relation *relations;
static slot_t memory;
static uint16_t known[ID_END / PAGE_RELATIONS]; /* processes on each page; one without any is given back */

int relation_start(void)
{
	memory = slot_allocate();
	int64_t status = memory ? memory_create(SELF_POOL, TABLE_SIZE, MEMORY_ZERO, memory) : STATUS_NO_MEMORY;
	if (status >= 0)
		status = space_map(SELF_SPACE, memory, 0, TABLE_SIZE, 0, MAP_READ | MAP_WRITE | MAP_ANYWHERE);
	if (status < 0)
		return status_to_errno(status);
	relations = (struct process_relation *)status;
	return 0;
}

slot_t relation_memory(void)
{
	return memory;
}

void relation_tell(const struct process *process)
{
	volatile struct process_relation *relation = &relations[process->id];
	if (process->group && !relation->group)
		known[process->id / PAGE_RELATIONS]++;
	relation->parent = process->parent ? process->parent->id : 0;
	relation->group = process->group ? process->group->id : 0;
	relation->session = process->group ? process->group->session->id : 0;
}

void relation_forget(uint32_t id)
{
	uint32_t page = id / PAGE_RELATIONS;
	bool last = relations[id].group && --known[page] == 0;
	relations[id] = (struct process_relation){ 0 };
	if (last)
		memory_discard(memory, page * ATOLL_PAGE_SIZE, ATOLL_PAGE_SIZE);
}
