/* The first program's arguments, environment and directory: boot/parameters as a struct process_handoff.
 *
 * The handoff is laid out while the C library is at hand, but for one thing: where the program is. Its
 * name is looked for along PATH once there is a file system, and the path that exists is put in its place. */
#include "protocols/process.h"
#include "supervisor.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRINGS_SIZE (128 * 1024)
#define ITEMS_MAX 2048
#define FIRST_PROCESS 2
#define UMASK 022
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct handoff_plan handoff_plan;

static struct {
	struct process_handoff head;
	struct process_descriptor descriptors[STREAMS];
	char program[PATH_SIZE];
	char directory[PATH_SIZE];
	char strings[STRINGS_SIZE];
} handoff;

/* Items in the order they were given, as offsets into a text of their own. */
static struct {
	const char *arguments[ITEMS_MAX], *environment[ITEMS_MAX];
	unsigned argument_count, environment_count;
} items;

static unsigned digit_value(char digit)
{
	return isdigit((unsigned char)digit) ? (unsigned)(digit - '0') : (unsigned)((digit | 0x20) - 'a') + 10;
}

/* %XX is a byte; in place. */
static void percent_decode(char *text)
{
	char *to = text;
	for (; *text; text++) {
		if (text[0] == '%' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2])) {
			*to++ = (char)(digit_value(text[1]) << 4 | digit_value(text[2]));
			text += 2;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static bool item_read(char *line)
{
	char *value = strchr(line, ' ');
	if (!value)
		return line[0] == '\0';
	*value++ = '\0';
	percent_decode(value);
	if (strcmp(line, "mode") == 0)
		handoff_plan.terminal = strcmp(value, "run") == 0;
	else if (strcmp(line, "directory") == 0)
		snprintf(handoff.directory, sizeof(handoff.directory), "%s", value);
	else if (strcmp(line, "argument") == 0 && items.argument_count < ITEMS_MAX)
		items.arguments[items.argument_count++] = value;
	else if (strcmp(line, "environment") == 0 && items.environment_count < ITEMS_MAX)
		items.environment[items.environment_count++] = value;
	else
		return false;
	return true;
}

static bool parameters_read(void)
{
	struct archive_file file;
	if (!archive_find("boot/parameters", &file))
		return false;
	char *text = malloc(file.size + 1), *rest; /* kept: the items point into it */
	if (!text)
		return false;
	memcpy(text, file.bytes, file.size);
	text[file.size] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!item_read(line))
			log_line("boot/parameters: %s: not understood", line);
	return items.argument_count > 0;
}

static const char *environment_value(const char *name)
{
	size_t length = strlen(name);
	for (unsigned i = 0; i < items.environment_count; i++)
		if (strncmp(items.environment[i], name, length) == 0 && items.environment[i][length] == '=')
			return items.environment[i] + length + 1;
	return NULL;
}

static void candidate_add(const char *folder, size_t folder_length, const char *name)
{
	if (handoff_plan.candidate_count == CANDIDATES_MAX)
		return;
	char *path = handoff_plan.candidates[handoff_plan.candidate_count++];
	if (name[0] == '/')
		snprintf(path, PATH_SIZE, "%s", name);
	else
		snprintf(path, PATH_SIZE, "%.*s/%s", (int)folder_length, folder, name);
}

static void candidates_plan(const char *name)
{
	const char *path = environment_value("PATH");
	if (strchr(name, '/')) {
		size_t length = strlen(handoff.directory);
		candidate_add(handoff.directory, length > 1 ? length : 0, name);
		return;
	}
	if (!path)
		path = PATH_DEFAULT;
	while (*path) {
		size_t length = strcspn(path, ":");
		if (length > 0)
			candidate_add(path, length, name);
		path += length + (path[length] == ':');
	}
}

static bool strings_add(const char *text)
{
	size_t length = strlen(text) + 1;
	if (handoff.head.strings_length + length > STRINGS_SIZE)
		return false;
	memcpy(handoff.strings + handoff.head.strings_length, text, length);
	handoff.head.strings_length += length;
	return true;
}

static bool handoff_lay_out(void)
{
	uint64_t base = (uint64_t)&handoff;
	struct process_handoff *head = &handoff.head;
	head->version = PROCESS_HANDOFF_VERSION;
	head->process = head->thread = head->session = head->group = FIRST_PROCESS;
	head->umask = UMASK;
	head->argument_count = items.argument_count;
	head->environment_count = items.environment_count;
	head->strings_offset = (uint64_t)handoff.strings - base;
	head->program_path_offset = head->executable_path_offset = (uint32_t)((uint64_t)handoff.program - base);
	head->directory_offset = (uint32_t)((uint64_t)handoff.directory - base);
	head->descriptors_offset = (uint64_t)handoff.descriptors - base;
	head->descriptor_count = STREAMS;
	for (unsigned i = 0; i < STREAMS; i++)
		handoff.descriptors[i] = (struct process_descriptor){ .number = i, .slot = PROCESS_INPUT + i };
	bool fits = true;
	for (unsigned i = 0; i < items.argument_count; i++)
		fits &= strings_add(items.arguments[i]);
	for (unsigned i = 0; i < items.environment_count; i++)
		fits &= strings_add(items.environment[i]);
	head->size = head->strings_offset + head->strings_length;
	return fits;
}

bool handoff_prepare(void)
{
	strcpy(handoff.directory, "/");
	if (!parameters_read() || !handoff_lay_out())
		return false;
	candidates_plan(items.arguments[0]);
	return handoff_plan.candidate_count > 0;
}

uint64_t handoff_size(void)
{
	return handoff.head.size;
}

int64_t handoff_write(slot_t memory, unsigned candidate)
{
	memcpy(handoff.program, handoff_plan.candidates[candidate], PATH_SIZE);
	return memory_write(memory, 0, &handoff, handoff.head.size);
}
