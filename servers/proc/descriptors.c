/* The descriptors of a process, for /proc/PID/fd: read in its own memory, where the personality keeps them.
 *
 * Nothing read there is trusted: a number is a number, a slot is looked up in the process's own captable. */
#include "proc.h"
#include "protocol_filesystem.h"
#include "protocol_process.h"
#include <errno.h>

#define AT_ONCE 64u
#define NUMBERS_MOST 1024u
#define DESCRIPTORS_MOST 65536u

static bool read_at(const struct process *process, uint64_t address, void *to, uint64_t length)
{
	return process->space && process->descriptors &&
	       space_read(process->space->space, address, to, length) == STATUS_OK;
}

/* Part of the table; how many entries. */
static uint32_t table_read(const struct process *process, uint32_t first, struct process_descriptor_entry *to,
                           uint32_t most)
{
	struct process_descriptors descriptors;
	if (!read_at(process, process->descriptors, &descriptors, sizeof descriptors))
		return 0;
	uint32_t size = descriptors.size < DESCRIPTORS_MOST ? descriptors.size : DESCRIPTORS_MOST;
	uint32_t count = first < size ? size - first : 0;
	count = count < most ? count : most;
	return count && read_at(process, descriptors.table + first * sizeof *to, to, count * sizeof *to) ? count : 0;
}

uint32_t descriptors_list(struct request *request, const struct process *process, uint32_t first)
{
	static NOT_STATE uint32_t numbers[NUMBERS_MOST]; /* read when the answer goes out */
	struct process_descriptor_entry part[AT_ONCE];
	uint64_t most = request->receive_length / sizeof numbers[0];
	most = most < NUMBERS_MOST ? most : NUMBERS_MOST;
	uint32_t count = 0, length;
	for (uint32_t at = first; count < most && (length = table_read(process, at, part, AT_ONCE)); at += length)
		for (uint32_t i = 0; i < length && count < most; i++)
			if (part[i].file)
				numbers[count++] = at + i;
	request_reply_data(request, numbers, count * sizeof numbers[0]);
	return count;
}

int descriptor_give(struct request *request, const struct process *process, uint32_t number, uint32_t *kind)
{
	struct process_descriptor_entry entry;
	struct process_open_file file;
	if (!table_read(process, number, &entry, 1) || !entry.file || !read_at(process, entry.file, &file, sizeof file))
		return -ENOENT;
	*kind = file.kind;
	if (!file.slot)
		return 0;
	slot_t gate = slot_allocate();
	if (!gate)
		return -ENOMEM;
	int64_t status = cap_copy(SELF_CAPTABLE, gate, process->captable, file.slot & SLOT_MASK, RIGHT_WRITE | RIGHT_COPY);
	if (status == 0 && file.slot > SLOT_MASK) /* into the place of its table's */
		status = filesystem_fetch(state.filesystem, NULL, file.slot >> SLOT_NUMBER_SHIFT, gate, NULL, gate);
	if (status < 0) {
		slot_free(gate);
		return -ENOENT;
	}
	request_send_cap(request, 0, gate, true);
	return 0;
}
