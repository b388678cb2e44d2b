/* The rings of pipes and socket pairs in this address space: found and mapped when an end is first used.
 *
 * A process is a member of each ring it uses: it locks with a number of its own, and keeps a gate whose end tells the
 * pipe server that the process is gone (protocols/ring.h). So nothing of a view is shared or inherited: the
 * mappings are not cloned by fork, exec leaves them behind, and a child drops its copies of the gates.
 *
 * That an end is closed, the server learns by itself, and later than the one who closed it goes on. So whoever closes
 * one, or has waited for a process that may have had one, lets the server catch up: what rings say is then as late as
 * any server's answer would be, and never later. */
#include "files.h"
#include "protocol_pipe.h"
#include "protocol_ring.h"
#include "protocols/ring.h"
#include "trace.h"

#define RING_COUNT ((RING_AREA_END - RING_AREA) / RING_SIZE)
static struct lock views_lock; /* the area, and making views */
static uint64_t area_taken[(RING_COUNT + 63) / 64];
static uint32_t area_count; /* of places taken; any thread may read it */
static uint32_t area_first; /* no free place in any word below */

/* --- places: under the lock -------------------------------------------------------------------------- */

static struct ring *ring_map(slot_t memory)
{
	for (; area_first < RING_COUNT / 64; area_first++) {
		uint64_t *word = &area_taken[area_first];
		if (~*word == 0)
			continue;
		unsigned bit = (unsigned)__builtin_ctzll(~*word);
		uint64_t address = RING_AREA + (area_first * 64ull + bit) * RING_SIZE;
		if (space_map(PROCESS_SPACE, memory, address, RING_SIZE, 0, MAP_READ | MAP_WRITE | MAP_NOT_CLONED) < 0)
			return NULL;
		*word |= 1ull << bit;
		area_count++;
		return (struct ring *)address;
	}
	return NULL;
}

static void ring_unmap(struct ring *ring)
{
	if (!ring)
		return;
	uint32_t place = (uint32_t)(((uint64_t)ring - RING_AREA) / RING_SIZE);
	space_unmap(PROCESS_SPACE, (uint64_t)ring, RING_SIZE);
	area_taken[place / 64] &= ~(1ull << place % 64);
	area_count--;
	area_first = MINIMUM(area_first, place / 64);
}

/* --- views --------------------------------------------------------------------------------------------- */

static void rings_unmap(const struct pipe_view *view)
{
	ring_unmap(view->input);
	if (view->output != view->input)
		ring_unmap(view->output);
}

/* Maps what the server gave; -ENOMEM and nothing is mapped. */
static int rings_map(struct pipe_view *view, uint32_t directions, slot_t input, slot_t output)
{
	if (directions & RING_INPUT)
		view->input = ring_map(input);
	if (directions & RING_SAME)
		view->output = view->input;
	else if (directions & RING_OUTPUT)
		view->output = ring_map(output);
	if (!view->input == !(directions & RING_INPUT) && !view->output == !(directions & RING_OUTPUT))
		return 0;
	rings_unmap(view);
	return -ENOMEM;
}

static int view_fill(struct pipe_view *view, slot_t gate, slot_t input, slot_t output)
{
	uint32_t directions = 0, end = 0;
	if (!view->membership || !input || !output)
		return -ENFILE;
	int status = ring_attach(gate, NULL, &directions, &view->member, &end, view->membership, input, output);
	if (status == 0 && !(directions & (RING_INPUT | RING_OUTPUT)))
		status = -EIO;
	if (status == 0)
		status = rings_map(view, directions, input, output);
	if (status < 0)
		return status;
	struct ring *home = view->input ? view->input : view->output;
	view->flags = &home->flags[end % RING_ENDS];
	view->socket = directions & RING_SOCKET;
	return 0;
}

static struct pipe_view *view_make(struct task *task, struct open_file *file, int *error)
{
	struct pipe_view *view = heap_allocate(sizeof(*view));
	if (!view) {
		*error = -ENOMEM;
		return NULL;
	}
	slot_t input = slot_take(task), output = slot_take(task);
	view->membership = slot_take(task);
	*error = view_fill(view, file->slot, input, output);
	slot_give_back(task, input);
	slot_give_back(task, output);
	if (*error == 0)
		return view;
	slot_give_back(task, view->membership);
	heap_free(view);
	return NULL;
}

struct pipe_view *pipe_view(struct task *task, struct open_file *file, int *error)
{
	struct pipe_view *view = __atomic_load_n(&file->object, __ATOMIC_ACQUIRE);
	if (view)
		return view;
	lock_take(&views_lock);
	view = file->object;
	if (!view) {
		view = view_make(task, file, error);
		__atomic_store_n(&file->object, view, __ATOMIC_RELEASE);
	}
	lock_release(&views_lock);
	return view;
}

void pipe_view_abandon(struct open_file *file)
{
	struct pipe_view *view = file->object;
	if (file->kind != FILE_GATE || !view)
		return;
	lock_take(&views_lock);
	rings_unmap(view);
	lock_release(&views_lock);
	heap_free(view);
	file->object = NULL;
}

void pipe_view_drop(struct task *task, struct open_file *file)
{
	struct pipe_view *view = file->object;
	slot_t membership = view ? view->membership : 0;
	pipe_view_abandon(file);
	slot_give_back(task, membership);
}

/* Without a ring there is nothing that could be late. */
void pipe_views_settle(void)
{
	if (__atomic_load_n(&area_count, __ATOMIC_RELAXED))
		pipe_settle(PROCESS_PIPE, NULL);
}

/* --- children ------------------------------------------------------------------------------------------ */

void pipe_views_lock(void)
{
	lock_take(&views_lock);
}

void pipe_views_unlock(void)
{
	lock_release(&views_lock);
}

static void view_forget(struct task *task, struct open_file *file)
{
	struct pipe_view *view = file && file->kind == FILE_GATE ? file->object : NULL;
	if (!view)
		return;
	slot_give_back(task, view->membership);
	heap_free(view);
	file->object = NULL;
}

void pipe_views_forget(struct task *task)
{
	for (uint32_t i = 0; i < task->files.size; i++)
		view_forget(task, task->files.table[i].file);
	view_forget(task, &trace_file);
	memset(area_taken, 0, sizeof(area_taken));
	area_first = area_count = 0;
}

/* files_copy has left the parent's gates in copy_index. */
void pipe_views_inherit(struct task *task)
{
	struct files *files = &task->files;
	for (uint32_t i = 0; i < files->size; i++) {
		struct open_file *file = files->table[i].file;
		if (!file || file->copy_index == 0)
			continue;
		slot_give_back(task, file->copy_index);
		file->copy_index = 0;
	}
}
