/* The table of relations: what getppid and its like read, in memory that every process sees and proc alone writes.
 * It says nothing that /proc does not say to everybody, and nothing that the processes themselves do not:
 * it can be written anew at any time. Each word is stored at once, before the call that changed it is answered; a successor makes
 * the table agree with its state. */
#include "proc.h"
#include <errno.h>

#define TABLE_SIZE (ID_END * sizeof(struct process_relation))
#define PAGE_RELATIONS (ATOLL_PAGE_SIZE / sizeof(struct process_relation))
#define PAGES (ID_END / PAGE_RELATIONS)

static struct process_relation *relations;
static slot_t memory;
static uint16_t known[PAGES]; /* processes on each page; one without any is given back */

static int relation_map(void)
{
	int64_t status = space_map(SELF_SPACE, memory, 0, TABLE_SIZE, 0, MAP_READ | MAP_WRITE | MAP_ANYWHERE);
	if (status < 0)
		return status_to_errno(status);
	relations = (struct process_relation *)status;
	return 0;
}

int relation_start(void)
{
	memory = slot_for_new();
	int64_t status = memory ? memory_create(SELF_POOL, TABLE_SIZE, MEMORY_ZERO, memory) : STATUS_NO_MEMORY;
	return status < 0 ? status_to_errno(status) : relation_map();
}

slot_t relation_memory(void)
{
	return memory;
}

static void relation_write(const struct process *process)
{
	volatile struct process_relation *relation = &relations[process->id];
	relation->parent = process->parent ? process->parent->id : 0;
	relation->group = process->group ? process->group->id : 0;
	relation->session = process->group ? process->group->session->id : 0;
}

void relation_tell(struct process *process)
{
	if (!process->told)
		known[process->id / PAGE_RELATIONS]++;
	process->told = true;
	relation_write(process);
}

void relation_forget(const struct process *process)
{
	uint32_t page = process->id / PAGE_RELATIONS;
	if (!process->told)
		return;
	relations[process->id] = (struct process_relation){ 0 };
	if (--known[page] == 0)
		memory_discard(memory, page * ATOLL_PAGE_SIZE, ATOLL_PAGE_SIZE);
}

/* Where there should be nothing, the step that was taken back may have left something. */
static void page_clean(uint32_t page)
{
	for (uint32_t id = page * PAGE_RELATIONS; id < (page + 1) * PAGE_RELATIONS; id++)
		if ((relations[id].parent | relations[id].group | relations[id].session) && !identity_find(id)->process)
			relations[id] = (struct process_relation){ 0 };
}

int relation_again(void)
{
	int status = relation_map();
	if (status < 0)
		return status;
	uint32_t first = 0; /* of the pages without any process */
	for (uint32_t page = 0; page <= PAGES; page++) {
		if (page < PAGES && !known[page])
			continue;
		if (page > first)
			memory_discard(memory, first * ATOLL_PAGE_SIZE, (page - first) * ATOLL_PAGE_SIZE);
		if (page < PAGES)
			page_clean(page);
		first = page + 1;
	}
	for (const struct process *process = state.processes; process; process = process->next)
		if (process->told)
			relation_write(process);
	return 0;
}
