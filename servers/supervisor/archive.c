/* The boot archive: cpio (newc) archives one after the other, mapped read-only. */
#include "supervisor.h"
#include <stdio.h>
#include <string.h>

#define HEADER_SIZE 110
#define MAGIC_SIZE 6
#define FIELD_SIZE 8
#define FIELD_FILE_SIZE 6
#define FIELD_NAME_SIZE 11

#define FILES_MAX 256

static const char *archive;
static uint64_t size;
static struct archive_file files[FILES_MAX];
static unsigned file_count;

static uint64_t field(const char *header, unsigned number)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < FIELD_SIZE; i++) {
		char digit = header[MAGIC_SIZE + number * FIELD_SIZE + i];
		unsigned nibble = digit <= '9' ? (unsigned)(digit - '0') : (unsigned)((digit | 0x20) - 'a') + 10;
		value = value << 4 | (nibble & 15);
	}
	return value;
}

static uint64_t align4(uint64_t position)
{
	return (position + 3) & ~3ull;
}

/* The entry at or after *position (archives are padded with zeros); *position moves past it. */
static bool archive_next(uint64_t *position, struct archive_file *file)
{
	uint64_t at = *position;
	while (at < size && archive[at] == '\0')
		at++;
	if (at + HEADER_SIZE > size || memcmp(archive + at, "07070", 5) != 0)
		return false;
	uint64_t name_size = field(archive + at, FIELD_NAME_SIZE);
	uint64_t data = align4(at + HEADER_SIZE + name_size);
	file->size = field(archive + at, FIELD_FILE_SIZE);
	if (name_size == 0 || data + file->size > size || archive[at + HEADER_SIZE + name_size - 1] != '\0')
		return false;
	file->path = archive + at + HEADER_SIZE;
	file->bytes = archive + data;
	*position = align4(data + file->size);
	return true;
}

/* Only what is ours is remembered: the root tree may have any number of files. */
static void archive_index(void)
{
	uint64_t position = 0;
	struct archive_file file;
	while (file_count < FILES_MAX && archive_next(&position, &file))
		if (strncmp(file.path, "system/", 7) == 0 || strncmp(file.path, "boot/", 5) == 0)
			files[file_count++] = file;
}

bool archive_open(void)
{
	const struct boot_info *boot = (const struct boot_info *)BOOT_INFO_ADDRESS;
	if (strstr(boot->command_line, "fast-path=off"))
		system_switch(SLOT_SYSTEM, SYSTEM_FAST_PATH, 0);
	size = boot->archive_size;
	uint64_t pages = (size + ATOLL_PAGE_SIZE - 1) & ~(ATOLL_PAGE_SIZE - 1);
	int64_t address = space_map(SELF_SPACE, SLOT_ARCHIVE, 0, pages, 0, MAP_READ | MAP_ANYWHERE);
	if (address < 0)
		return false;
	archive = (const char *)address;
	archive_index();
	return true;
}

uint64_t archive_size(void)
{
	return size;
}

bool archive_find(const char *path, struct archive_file *file)
{
	for (unsigned i = file_count; i-- > 0;) {
		if (strcmp(files[i].path, path) == 0) {
			*file = files[i];
			return true;
		}
	}
	return false;
}

bool archive_find_system(const char *name, const char *suffix, struct archive_file *file)
{
	char path[96];
	snprintf(path, sizeof(path), "system/%s%s", name, suffix);
	return archive_find(path, file);
}
