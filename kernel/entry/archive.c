/* cpio in the portable ASCII format ("newc"): a header of 8-digit hexadecimal fields, the name, the
 * content, each padded to 4 bytes. Archives may follow each other, with zeros between them. */
#include "entry/entry.h"
#include "base/string.h"

#define MAGIC "070701"
#define HEADER_SIZE 110u
#define FIELD_FILE_SIZE 54u
#define FIELD_NAME_SIZE 94u

/* What is no number is read as some number, like any other that is wrong. */
static uint64_t field_read(const uint8_t *digits)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < 8; i++)
		value = value << 4 | ((digits[i] + (digits[i] > '9' ? 9 : 0)) & 15);
	return value;
}

static uint64_t padded(uint64_t offset)
{
	return (offset + 3) & ~3ull;
}

/* The name may be followed by further NULs, which align the content. */
static bool name_is(const uint8_t *name, uint64_t size, const char *path)
{
	uint64_t length = strlen(path);
	return size > length && memcmp(name, path, length) == 0 && name[length] == 0;
}

/* Sizes are 32-bit fields, so sums in 64 bits do not wrap; every one is checked against the
 * archive's end before what it speaks of is looked at. The archive is the loader's, and a user's
 * own --root may be part of it. */
bool archive_find(const uint8_t *archive, uint64_t size, const char *path, struct archive_file *file)
{
	uint64_t at = 0;
	while (at + HEADER_SIZE <= size) {
		const uint8_t *header = archive + at;
		if (header[0] == 0) { /* between two archives */
			at += 4;
			continue;
		}
		if (memcmp(header, MAGIC, sizeof(MAGIC) - 1) != 0)
			return false;
		uint64_t name_size = field_read(header + FIELD_NAME_SIZE), file_size = field_read(header + FIELD_FILE_SIZE);
		uint64_t content = padded(at + HEADER_SIZE + name_size);
		if (content > size || file_size > size - content)
			return false;
		if (name_is(header + HEADER_SIZE, name_size, path)) {
			*file = (struct archive_file){ archive + content, file_size };
			return true;
		}
		at = padded(content + file_size);
	}
	return false;
}
