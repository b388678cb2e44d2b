/* Programs that are not as they came.
 *
 * The pages of a program's file are the same for all incarnations of its services, so what memory or a debugger has done to them would end
 * every successor in the same way. The boot archive has those bytes a second time, and what they sum up to was noted when the
 * service was made, so it is known which of the two is right. Programs that came later (update.c, load.c) are there once, and are
 * not looked at. */
#include "supervisor.h"
#include <string.h>

#define PIECE 16384ull

static uint64_t sum_add(uint64_t sum, const char *bytes, uint64_t size)
{
	for (uint64_t word, part; size > 0; bytes += part, size -= part) {
		word = 0;
		part = size < sizeof(word) ? size : sizeof(word);
		memcpy(&word, bytes, part);
		sum = (sum << 1 | sum >> 63) ^ word;
	}
	return sum;
}

/* Its bytes from `offset` on, at most a piece, in a place that the next call uses again; 0: there are no more. */
static uint64_t piece_read(const struct service *service, const struct archive_file *file, uint64_t offset, const char **bytes)
{
	static char piece[PIECE];
	uint64_t left = file->size - offset;
	int64_t size = memory_read(service->program, offset, piece, left < PIECE ? left : PIECE);
	*bytes = piece;
	return size < 0 ? 0 : (uint64_t)size;
}

static bool is_sound(const struct service *service, const struct archive_file *file)
{
	const char *bytes;
	uint64_t sum = 0, size;
	for (uint64_t offset = 0; offset < file->size; offset += size) {
		if ((size = piece_read(service, file, offset, &bytes)) == 0)
			return true; /* nothing to be known */
		sum = sum_add(sum, bytes, size);
	}
	return sum == service->program_sum;
}

static uint64_t program_restore(const struct service *service, const struct archive_file *file)
{
	const char *bytes;
	uint64_t wrong = 0, size;
	for (uint64_t offset = 0; offset < file->size && (size = piece_read(service, file, offset, &bytes)) > 0; offset += size) {
		uint64_t before = wrong;
		for (uint64_t i = 0; i < size; i++)
			wrong += bytes[i] != file->bytes[offset + i];
		if (wrong != before)
			memory_write(service->program, offset, file->bytes + offset, size);
	}
	return wrong;
}

void program_note(struct service *service, const struct archive_file *file)
{
	service->program_sum = sum_add(0, file->bytes, file->size);
}

void program_mend(const struct service *service)
{
	struct archive_file file;
	bool came_later = service->loaded || service->program == service->update.own[0] || service->program == service->update.own[1];
	if (came_later || !service->program || !archive_find_system(service->manifest.program, "", &file) || is_sound(service, &file))
		return;
	if (sum_add(0, file.bytes, file.size) != service->program_sum)
		log_line("%s: its program is damaged, and so is the boot archive", service->manifest.name);
	else
		log_line("%s: %lu bytes of its program were damaged, and are mended", service->manifest.name, program_restore(service, &file));
}
