/* Open files: a table by index, in pieces that never move, with a free list. */
#define _GNU_SOURCE
#include "service.h"

#include "lock.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PIECE_FILES 64u /* little is kept of a crowd that is gone */
#define PIECES_FIRST 16u

static struct open_file **pieces;
static uint32_t piece_count, piece_room;
static struct open_file *free_files;

static bool room_grow(void)
{
	uint32_t room = piece_room ? piece_room * 2 : PIECES_FIRST;
	struct open_file **larger = heap_allocate(room * sizeof *larger);
	if (!larger)
		return false;
	if (pieces) {
		memcpy(larger, pieces, piece_count * sizeof *larger);
		heap_free(pieces, piece_room * sizeof *pieces);
	}
	pieces = larger;
	piece_room = room;
	return true;
}

static bool table_grow(void)
{
	bool room = piece_count < piece_room || room_grow();
	struct open_file *piece = room ? heap_allocate(PIECE_FILES * sizeof *piece) : NULL;
	if (!piece)
		return false;
	for (uint32_t i = PIECE_FILES; i-- > 0;) {
		piece[i].index = piece_count * PIECE_FILES + i;
		piece[i].next_free = free_files;
		free_files = &piece[i];
	}
	pieces[piece_count++] = piece;
	return true;
}

struct open_file *open_file_make(struct node *node, struct session *session, uint32_t flags)
{
	if (!free_files && !table_grow())
		return NULL;
	struct open_file *file = free_files;
	free_files = file->next_free;
	node_reference(node);
	session_reference(session);
	*file = (struct open_file){
		.node = node,
		.session = session,
		.flags = flags & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC),
		.generation = file->generation + 1,
		.index = file->index,
	};
	return file;
}

void open_file_drop(struct open_file *file)
{
	struct node *node = file->node;
	if (file->number)
		table_remove(file);
	else if (file->table)
		table_drop(file);
	if (node->locks || node->waiters)
		lock_release_file(node, open_file_label(file));
	file->node = NULL;
	node_release(node);
	session_release(file->session);
	file->next_free = free_files;
	free_files = file;
}

void open_file_release(struct open_file *file)
{
	if (--file->holders == 0)
		open_file_drop(file);
}

struct open_file *open_file_find(uint64_t label)
{
	uint32_t index = (uint32_t)label - OPEN_FILE_LABEL_FIRST;
	if (index / PIECE_FILES >= piece_count)
		return NULL;
	struct open_file *file = &pieces[index / PIECE_FILES][index % PIECE_FILES];
	return file->node && file->generation == label >> 32 ? file : NULL;
}

uint64_t open_file_label(const struct open_file *file)
{
	return (uint64_t)file->generation << 32 | (file->index + OPEN_FILE_LABEL_FIRST);
}

int open_file_send(struct open_file *file, struct request *request)
{
	slot_t gate = server_make_gate(open_file_label(file));
	if (!gate) {
		if (file->holders == 0)
			open_file_drop(file);
		return -ENFILE;
	}
	file->holders++;
	request_send_cap(request, 0, gate, true);
	return 0;
}

bool open_file_is_path(const struct open_file *file)
{
	return file->flags & O_PATH;
}

bool open_file_readable(const struct open_file *file)
{
	return !(file->flags & O_PATH) && (file->flags & O_ACCMODE) != O_WRONLY;
}

bool open_file_writable(const struct open_file *file)
{
	uint32_t mode = file->flags & O_ACCMODE;
	return !(file->flags & O_PATH) && (mode == O_WRONLY || mode == O_RDWR);
}

static bool is_special(const struct node *node)
{
	return node_is(node, S_IFCHR) || node_is(node, S_IFBLK) || node_is(node, S_IFIFO);
}

bool opens_elsewhere(const struct node *node, uint32_t flags)
{
	return is_special(node) && !device_is_own(node) && !(flags & O_PATH);
}

struct open_file *open_here(struct session *session, struct node *node, uint32_t flags)
{
	struct open_file *file = open_file_make(node, session, flags & ~OPEN_EXECUTE);
	if (file && is_special(node) && !(flags & O_PATH))
		file->device = node->device & 0xff;
	return file;
}
