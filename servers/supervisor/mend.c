/* Programs that are not as they came.
 *
 * The pages of a program's file are the same for all incarnations of its services, so what memory or a debugger has done to them would end
 * every successor in the same way. The boot archive has those bytes a second time, and what they sum up to was noted when the
 * service was made, so it is known whether the archive is right. Programs that came later (update.c, load.c) are there once, and are
 * not looked at. See docs/decisions/013-from-outside.md. */
#include "supervisor.h"
#include <string.h>

#define PIECE 16384ull /* bytes; looked at in one go where nothing is wrong yet */

static uint64_t word_at(const char *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

static uint64_t sum_of(const struct archive_file *file)
{
	uint64_t sum = 0, at = 0;
	for (; at + sizeof(sum) <= file->size; at += sizeof(sum))
		sum = (sum << 1 | sum >> 63) ^ word_at(file->bytes + at);
	for (; at < file->size; at++)
		sum = (sum << 1 | sum >> 63) ^ (unsigned char)file->bytes[at];
	return sum;
}

void program_note(struct service *service, const struct archive_file *file)
{
	service->program_sum = sum_of(file);
}

static uint64_t bytes_wrong(const char *found, const char *wanted, uint64_t size)
{
	uint64_t wrong = 0, at = 0;
	while (at < size) {
		if (at + sizeof(uint64_t) <= size && word_at(found + at) == word_at(wanted + at)) {
			at += sizeof(uint64_t);
			continue;
		}
		wrong += found[at] != wanted[at];
		at++;
	}
	return wrong;
}

static bool piece_mend(const struct service *service, const struct archive_file *file, uint64_t offset)
{
	static char found[PIECE];
	uint64_t left = file->size - offset, size = left < PIECE ? left : PIECE, wrong;
	const char *wanted = file->bytes + offset;
	if (memory_read(service->program, offset, found, size) != (int64_t)size || (wrong = bytes_wrong(found, wanted, size)) == 0 ||
	    sum_of(file) != service->program_sum)
		return false;
	memory_write(service->program, offset, wanted, size);
	log_line("%s: %lu bytes of its program were damaged, and are mended", service->manifest.name, wrong);
	return true;
}

/* Where its program is a second time. */
static bool archive_has(const struct service *service, struct archive_file *file)
{
	bool came_later = service->loaded || service->program == service->update.own[0] || service->program == service->update.own[1];
	return service->program && !came_later && archive_find_system(service->manifest.program, "", file);
}

bool program_mend(const struct service *service)
{
	struct archive_file file;
	bool mended = false;
	if (archive_has(service, &file))
		for (uint64_t offset = 0; offset < file.size; offset += PIECE)
			mended |= piece_mend(service, &file, offset);
	return mended;
}

void program_mend_next(void)
{
	struct archive_file file;
	const struct service *service = &state.services[state.mend_service];
	if (archive_has(service, &file) && state.mend_offset < file.size) {
		piece_mend(service, &file, state.mend_offset);
		state.mend_offset += PIECE;
		return;
	}
	state.mend_service = (state.mend_service + 1) % state.service_count;
	state.mend_offset = 0;
}
