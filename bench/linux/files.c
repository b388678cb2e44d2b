/* Files in memory (a tmpfs on both systems): names, attributes, contents. */
#include "bench.h"
#include <dirent.h>

#define FILE_NAME ROW_DIRECTORY "/file"
#define OTHER_NAME ROW_DIRECTORY "/other"

static int file;
static uint8_t buffer[65536];

static bool directory_prepare(void)
{
	if (mkdir(ROW_DIRECTORY, 0755) && errno != EEXIST)
		return call_failed("mkdir");
	return true;
}

static void directory_finish(void)
{
	unlink(FILE_NAME);
	unlink(OTHER_NAME);
	rmdir(ROW_DIRECTORY);
}

/* A file of one block whose bytes are known. */
static bool file_prepare(void)
{
	if (!directory_prepare())
		return false;
	memset(buffer, 0x5a, sizeof(buffer));
	file = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC, 0644);
	CALL("open", file >= 0);
	CALL("write", write_all(file, buffer, sizeof(buffer)));
	return true;
}

static void file_finish(void)
{
	close(file);
	directory_finish();
}

static uint64_t create_run(unsigned operations)
{
	struct stat status;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		int made = open(OTHER_NAME, O_RDWR | O_CREAT | O_EXCL, 0644); /* EXCL: the last one is really gone */
		CALL("open", made >= 0);
		close(made);
		CALL("unlink", !unlink(OTHER_NAME));
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(stat(OTHER_NAME, &status) < 0 && errno == ENOENT);
	return ticks;
}

static uint64_t open_run(unsigned operations)
{
	unsigned right = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		int opened = open(FILE_NAME, O_RDONLY);
		right += opened >= 0 && !close(opened);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	return ticks;
}

static uint64_t stat_run(unsigned operations)
{
	unsigned right = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		struct stat status;
		right += !stat(FILE_NAME, &status) && status.st_size == sizeof(buffer) && status.st_nlink == 1;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	return ticks;
}

static uint64_t pread_run(unsigned operations)
{
	unsigned right = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		buffer[PAGE - 1] = 0;
		right += pread(file, buffer, PAGE, PAGE * (i % 16)) == PAGE && buffer[PAGE - 1] == 0x5a;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	return ticks;
}

static uint64_t pwrite_run(unsigned operations)
{
	static uint8_t value;
	unsigned right = 0;
	memset(buffer, ++value, PAGE);
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++)
		right += pwrite(file, buffer, PAGE, PAGE * (i % 16)) == PAGE;
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	for (unsigned i = 0; i < 16 && i < operations; i++) {
		uint8_t byte = 0;
		RIGHT(pread(file, &byte, 1, PAGE * i + PAGE - 1) == 1 && byte == value);
	}
	return ticks;
}

#define PIECES 128 /* of 64 KiB: 8 MiB */

/* Into an empty file, so that its pages are made as well. */
static uint64_t write_run(unsigned operations)
{
	struct stat status;
	uint64_t ticks = 0;
	for (unsigned i = 0; i < operations; i++) {
		CALL("ftruncate", !ftruncate(file, 0) && lseek(file, 0, SEEK_SET) == 0);
		uint64_t start = ticks_now();
		for (unsigned piece = 0; piece < PIECES; piece++)
			CALL("write", write(file, buffer, sizeof(buffer)) == sizeof(buffer));
		ticks += ticks_now() - start;
		RIGHT(!fstat(file, &status) && status.st_size == PIECES * sizeof(buffer));
	}
	return ticks;
}

static bool large_prepare(void)
{
	if (!file_prepare())
		return false;
	for (unsigned piece = 1; piece < PIECES; piece++)
		CALL("write", write_all(file, buffer, sizeof(buffer)));
	return true;
}

static uint64_t read_run(unsigned operations)
{
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		CALL("lseek", lseek(file, 0, SEEK_SET) == 0);
		for (unsigned piece = 0; piece < PIECES; piece++) {
			buffer[sizeof(buffer) - 1] = 0;
			CALL("read", read(file, buffer, sizeof(buffer)) == sizeof(buffer));
			RIGHT(buffer[sizeof(buffer) - 1] == 0x5a);
		}
	}
	return ticks_now() - start;
}

#define ENTRIES 100

static void entry_name(char *name, unsigned number)
{
	sprintf(name, ROW_DIRECTORY "/entry-%02u", number);
}

static bool entries_prepare(void)
{
	char name[64];
	if (!directory_prepare())
		return false;
	for (unsigned i = 0; i < ENTRIES; i++) {
		entry_name(name, i);
		int made = open(name, O_RDWR | O_CREAT, 0644);
		CALL("open", made >= 0);
		close(made);
	}
	return true;
}

static void entries_finish(void)
{
	char name[64];
	for (unsigned i = 0; i < ENTRIES; i++) {
		entry_name(name, i);
		unlink(name);
	}
	directory_finish();
}

static uint64_t readdir_run(unsigned operations)
{
	unsigned entries = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		DIR *directory = opendir(ROW_DIRECTORY);
		CALL("opendir", directory);
		while (readdir(directory))
			entries++;
		closedir(directory);
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(entries == operations * (ENTRIES + 2)); /* . and .. */
	return ticks;
}

const struct row file_rows[] = {
	{"create-unlink", 60, 0, directory_prepare, create_run, directory_finish},
	{"open-close", 150, 0, file_prepare, open_run, file_finish},
	{"stat", 300, 0, file_prepare, stat_run, file_finish},
	{"pread-4k", 400, 0, file_prepare, pread_run, file_finish},
	{"pwrite-4k", 400, 0, file_prepare, pwrite_run, file_finish},
	{"write-8m", 1, PIECES * sizeof(buffer), file_prepare, write_run, file_finish},
	{"read-8m", 1, PIECES * sizeof(buffer), large_prepare, read_run, file_finish},
	{"readdir-100", 20, 0, entries_prepare, readdir_run, entries_finish},
	{0},
};
