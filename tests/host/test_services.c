/* On the host: manifests that make sense and those that do not, and the log's ring under a reader that runs
 * beside the writer. */
#define _GNU_SOURCE
#include "check.h"
#include "abi/rights.h"
#include "servers/log/ring.h"
#include "servers/supervisor/manifest.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 300000

static unsigned parse(struct manifest *manifest, const char *text)
{
	return manifest_parse(manifest, "name", text, strlen(text));
}

static void test_manifest(void)
{
	struct manifest manifest;
	CHECK(parse(&manifest, "") == 0);
	CHECK(strcmp(manifest.name, "name") == 0 && strcmp(manifest.program, "name") == 0);
	CHECK(manifest.memory == 0 && manifest.priority == 8);
	CHECK(parse(&manifest, "service tty # a name\n\n# nothing\ngate proc 2 proc\nioport 0x3f8 8 ports\n"
	                       "irq 4 irq\nsystem read a\nsystem control b\nargument 115200\nprogram uart\n"
	                       "memory 16M\nslots 300\npriority driver") == 0);
	CHECK(strcmp(manifest.name, "tty") == 0 && strcmp(manifest.program, "uart") == 0);
	CHECK(manifest.grant_count == 5 && manifest.argument_count == 1 && strcmp(manifest.arguments, "115200") == 0);
	CHECK(manifest.grants[0].number == 2 && strcmp(manifest.grants[0].name, "proc") == 0);
	CHECK(manifest.grants[1].number == 0x3f8 && manifest.grants[1].count == 8);
	CHECK(manifest.grants[3].number == RIGHT_READ && manifest.grants[4].number == (RIGHT_READ | RIGHT_WRITE | RIGHT_CONTROL));
	CHECK(manifest.memory == 16 << 20 && manifest.slots == 300 && manifest.priority == 4);
}

static void test_manifest_limit(void)
{
	struct manifest manifest;
	CHECK(parse(&manifest, "") == 0 && manifest.limit == 30000000000); /* of one that begins with nothing */
	CHECK(parse(&manifest, "stash") == 0 && manifest.limit == 1000000000);
	CHECK(parse(&manifest, "limit 250ms\nstash") == 0 && manifest.limit == 250000000);
	CHECK(parse(&manifest, "limit 2s") == 0 && manifest.limit == 2000000000);
	CHECK(parse(&manifest, "limit none") == 0 && manifest.limit == UINT64_MAX);
	CHECK(parse(&manifest, "limit 0s") == 1 && parse(&manifest, "limit 3") == 1 && parse(&manifest, "limit") == 1);
}

static void test_manifest_refused(void)
{
	static const char *const wrong[] = {
		"bogus", "gate proc 2", "gate proc 2 a b", "irq 4", "ioport 1 2", "system read", "system all a",
		"memory", "memory 16T", "slots 3", "slots 100000", "priority high", "argument", "program",
	};
	struct manifest manifest;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[64];
		snprintf(text, sizeof(text), "service a\n%s\n", wrong[i]);
		CHECK(parse(&manifest, text) == 2);
	}
	char many[2048] = "";
	for (unsigned i = 0; i <= GRANTS_MAX; i++)
		strcat(many, "irq 4 irq\n");
	CHECK(parse(&manifest, many) == GRANTS_MAX + 1);
}

/* An argument is there whole, or not at all. */
static void test_manifest_arguments(void)
{
	struct manifest manifest;
	char text[1024] = "", argument[] = "argument 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\n";
	for (unsigned i = 0; i < 4; i++)
		strcat(text, argument);
	CHECK(parse(&manifest, text) == 0 && manifest.argument_count == 4);
	CHECK(strlen(manifest.arguments) == 100 && strcmp(manifest.arguments + 3 * 101, manifest.arguments) == 0);
	CHECK(parse(&manifest, strcat(strcat(text, argument), "argument 1\n")) == 0 && manifest.argument_count == 6);
	CHECK(parse(&manifest, strcat(text, argument)) == 7);
	memset(text, 'x', 300);
	memcpy(text, "argument ", 9);
	strcpy(text + 300, "\n");
	CHECK(parse(&manifest, text) == 1);
}

static struct ring ring;

static void *append_lines(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < LINES; i++) {
		char line[64];
		ring_append(&ring, line, (uint64_t)snprintf(line, sizeof(line), "line %u\n", i));
	}
	return NULL;
}

/* Whole lines, ascending: what the reader gets may skip, never tear or repeat. */
static void test_ring_beside_writer(void)
{
	static char text[4096 + 64];
	uint64_t position = 0, kept = 0, first_kept = 0;
	long last = -1;
	bool skipped = false;
	pthread_t writer;
	pthread_create(&writer, NULL, append_lines, NULL);
	while (last < LINES - 1) {
		uint64_t before = position;
		uint64_t count = ring_copy(&ring, &position, text + kept, 4096);
		if (position != before) {
			memmove(text, text + kept, count);
			kept = 0;
			skipped = true;
		}
		position += count;
		kept += count;
		char *start = text, *end;
		while ((end = memchr(start, '\n', kept - (uint64_t)(start - text)))) {
			long number = strncmp(start, "line ", 5) == 0 ? strtol(start + 5, NULL, 10) : -2;
			CHECK(skipped ? number > last : number == last + 1);
			skipped = false;
			last = number;
			start = end + 1;
		}
		kept -= (uint64_t)(start - text);
		memmove(text, start, kept);
		if (failures > 10)
			exit(1);
	}
	pthread_join(writer, NULL);
	first_kept = atomic_load(&ring.first);
	CHECK(atomic_load(&ring.end) - first_kept <= RING_SIZE);
	CHECK(ring.bytes[(first_kept - 1) % RING_SIZE] == '\n');
}

int main(void)
{
	test_manifest();
	test_manifest_limit();
	test_manifest_arguments();
	test_manifest_refused();
	test_ring_beside_writer();
	return failures != 0;
}
