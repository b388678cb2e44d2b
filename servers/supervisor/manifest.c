/* Manifests: one item a line, words between blanks, # for comments. */
#include "manifest.h"
#include "atoll/atoll.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_DEFAULT 4096
#define WORDS_MAX 8
#define MILLISECOND 1000000ull
#define LIMIT_DEFAULT (1000 * MILLISECOND)
#define LIMIT_FORGETFUL (30000 * MILLISECOND) /* of what begins with nothing when it is ended */

struct words {
	char *word[WORDS_MAX];
	unsigned count;
};

/* What does not fit is not understood. */
static bool word_copy(char *to, size_t size, const char *word)
{
	return (size_t)snprintf(to, size, "%s", word) < size;
}

static struct grant *grant_add(struct manifest *manifest, enum grant_kind kind, const char *slot)
{
	if (manifest->grant_count == GRANTS_MAX)
		return NULL;
	struct grant *grant = &manifest->grants[manifest->grant_count++];
	grant->kind = kind;
	return word_copy(grant->slot, sizeof(grant->slot), slot) ? grant : NULL;
}

static bool parse_name(char *to, const struct words *words)
{
	return words->count == 2 && word_copy(to, NAME_SIZE, words->word[1]);
}

static bool parse_service(struct manifest *manifest, const struct words *words)
{
	return parse_name(manifest->name, words);
}

static bool parse_program(struct manifest *manifest, const struct words *words)
{
	return parse_name(manifest->program, words);
}

static bool parse_gate(struct manifest *manifest, const struct words *words)
{
	struct grant *grant = words->count == 4 ? grant_add(manifest, GRANT_GATE, words->word[3]) : NULL;
	if (!grant)
		return false;
	grant->number = strtoull(words->word[2], NULL, 0);
	return word_copy(grant->name, sizeof(grant->name), words->word[1]);
}

static bool parse_irq(struct manifest *manifest, const struct words *words)
{
	struct grant *grant = words->count == 3 ? grant_add(manifest, GRANT_IRQ, words->word[2]) : NULL;
	if (!grant)
		return false;
	grant->number = strtoull(words->word[1], NULL, 0);
	return true;
}

static bool parse_ioport(struct manifest *manifest, const struct words *words)
{
	struct grant *grant = words->count == 4 ? grant_add(manifest, GRANT_IOPORT, words->word[3]) : NULL;
	if (!grant)
		return false;
	grant->number = strtoull(words->word[1], NULL, 0);
	grant->count = strtoull(words->word[2], NULL, 0);
	return true;
}

/* Each right includes the ones before it. */
static bool parse_system(struct manifest *manifest, const struct words *words)
{
	struct grant *grant =
		words->count >= 3 ? grant_add(manifest, GRANT_SYSTEM, words->word[words->count - 1]) : NULL;
	if (!grant)
		return false;
	for (unsigned i = 1; i + 1 < words->count; i++) {
		if (strcmp(words->word[i], "read") == 0)
			grant->number |= RIGHT_READ;
		else if (strcmp(words->word[i], "write") == 0)
			grant->number |= RIGHT_READ | RIGHT_WRITE;
		else if (strcmp(words->word[i], "control") == 0)
			grant->number |= RIGHT_READ | RIGHT_WRITE | RIGHT_CONTROL;
		else
			return false;
	}
	return true;
}

static bool parse_archive(struct manifest *manifest, const struct words *words)
{
	return words->count == 2 && grant_add(manifest, GRANT_ARCHIVE, words->word[1]);
}

static bool parse_root(struct manifest *manifest, const struct words *words)
{
	return words->count == 2 && grant_add(manifest, GRANT_ROOT, words->word[1]);
}

static bool parse_file(struct manifest *manifest, const struct words *words)
{
	struct grant *grant = words->count == 3 ? grant_add(manifest, GRANT_FILE, words->word[2]) : NULL;
	return grant && word_copy(grant->name, sizeof(grant->name), words->word[1]);
}

static bool parse_argument(struct manifest *manifest, const struct words *words)
{
	size_t bytes = words->count == 2 ? strlen(words->word[1]) + 1 : 0;
	if (bytes == 0 || manifest->argument_count == ARGUMENTS_MAX || bytes > ARGUMENTS_SIZE - manifest->argument_bytes)
		return false;
	memcpy(manifest->arguments + manifest->argument_bytes, words->word[1], bytes);
	manifest->argument_bytes += (unsigned)bytes;
	manifest->argument_count++;
	return true;
}

static bool parse_memory(struct manifest *manifest, const struct words *words)
{
	char *unit;
	if (words->count != 2)
		return false;
	manifest->memory = strtoull(words->word[1], &unit, 0);
	switch (*unit) {
	case 'G':
		manifest->memory <<= 10;
		/* fall through */
	case 'M':
		manifest->memory <<= 10;
		/* fall through */
	case 'K':
		manifest->memory <<= 10;
		/* fall through */
	case '\0':
		return true;
	default:
		return false;
	}
}

static bool parse_limit(struct manifest *manifest, const struct words *words)
{
	char *unit;
	if (words->count != 2)
		return false;
	manifest->limit = strtoull(words->word[1], &unit, 0) * MILLISECOND;
	if (strcmp(unit, "s") == 0)
		manifest->limit *= 1000;
	else if (strcmp(words->word[1], "none") == 0)
		manifest->limit = UINT64_MAX;
	else if (strcmp(unit, "ms") != 0)
		return false;
	return manifest->limit > 0;
}

static bool parse_slots(struct manifest *manifest, const struct words *words)
{
	if (words->count != 2)
		return false;
	manifest->slots = (uint32_t)strtoul(words->word[1], NULL, 0);
	return manifest->slots > SELF_FIRST_FREE && manifest->slots <= 65536;
}

static bool parse_stash(struct manifest *manifest, const struct words *words)
{
	manifest->stash = true;
	return words->count == 1;
}

static bool parse_supervise(struct manifest *manifest, const struct words *words)
{
	manifest->supervise = true;
	return words->count == 1;
}

static bool parse_verify(struct manifest *manifest, const struct words *words)
{
	manifest->verify = true;
	return words->count == 1;
}

static bool parse_priority(struct manifest *manifest, const struct words *words)
{
	if (words->count != 2)
		return false;
	if (strcmp(words->word[1], "driver") == 0)
		manifest->priority = PRIORITY_DRIVER;
	else if (strcmp(words->word[1], "server") == 0)
		manifest->priority = PRIORITY_SERVER;
	else if (strcmp(words->word[1], "normal") == 0)
		manifest->priority = PRIORITY_NORMAL;
	else
		return false;
	return true;
}

static bool parse_line(struct manifest *manifest, const struct words *words)
{
	static const struct {
		const char *word;
		bool (*parse)(struct manifest *manifest, const struct words *words);
	} items[] = {
		{ "service", parse_service }, { "program", parse_program },   { "gate", parse_gate },
		{ "irq", parse_irq },         { "ioport", parse_ioport },     { "system", parse_system },
		{ "archive", parse_archive }, { "file", parse_file },         { "argument", parse_argument },
		{ "memory", parse_memory },   { "priority", parse_priority }, { "slots", parse_slots },
		{ "stash", parse_stash },     { "supervise", parse_supervise }, { "limit", parse_limit },
		{ "root", parse_root },       { "verify", parse_verify },
	};
	for (unsigned i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		if (strcmp(words->word[0], items[i].word) == 0)
			return items[i].parse(manifest, words);
	return false;
}

static struct words words_split(char *line)
{
	struct words words = { .count = 0 };
	char *rest;
	line[strcspn(line, "#")] = '\0';
	for (char *word = strtok_r(line, " \t\r", &rest); word && words.count < WORDS_MAX;
	     word = strtok_r(NULL, " \t\r", &rest))
		words.word[words.count++] = word;
	return words;
}

unsigned manifest_parse(struct manifest *manifest, const char *name, const char *text, uint64_t size)
{
	const char *end = text + size;
	memset(manifest, 0, sizeof(*manifest));
	snprintf(manifest->name, NAME_SIZE, "%s", name);
	snprintf(manifest->program, NAME_SIZE, "%s", name);
	manifest->slots = SLOTS_DEFAULT;
	manifest->priority = PRIORITY_SERVER;
	for (unsigned number = 1; text < end; number++) {
		char line[256];
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((newline ? newline : end) - text);
		if (length >= sizeof(line))
			return number;
		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		text += length + 1;
		struct words words = words_split(line);
		if (words.count > 0 && !parse_line(manifest, &words))
			return number;
	}
	if (manifest->limit == 0)
		manifest->limit = manifest->stash ? LIMIT_DEFAULT : LIMIT_FORGETFUL;
	return 0;
}
