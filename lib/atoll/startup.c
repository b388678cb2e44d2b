/* The first instructions of a native program, and what it was started with.
 *
 * atoll_start is the entry point: before the C library makes its first system call, the space learns
 * where to reflect them. Everything here reads the stack the supervisor prepared, so that it works before the
 * C library does. */
#include "atoll/startup.h"
#include <elf.h>
#include <string.h>

uint64_t *startup_stack;

void reflect_entry(void); /* start.S */
void start_prepare(uint64_t *stack);
extern const Elf64_Ehdr __ehdr_start; /* of this program, by the linker */

/* The kernel starts the root server with zeros from its stack pointer on (at least 256 bytes of them): what the
 * C library has to know of a program it finds out by itself. */
static void stack_fill(uint64_t *stack)
{
	const uint64_t contents[] = {
		1, (uint64_t)"supervisor", 0, 0, AT_PAGESZ, 4096, AT_PHDR, (uint64_t)&__ehdr_start + __ehdr_start.e_phoff,
		AT_PHENT, sizeof(Elf64_Phdr), AT_PHNUM, __ehdr_start.e_phnum, AT_NULL, 0,
	};
	for (unsigned i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		stack[i] = contents[i];
}

/* The library range is empty: every Linux system call reflects, native ones pass. There is no
 * exception entry either: exceptions go to the supervisor. */
void start_prepare(uint64_t *stack)
{
	if (!stack[0])
		stack_fill(stack);
	startup_stack = stack;
	struct reflect_config config = { .system_call_entry = (uint64_t)reflect_entry };
	space_set_reflect(SELF_SPACE, &config);
}

static bool name_matches(const char *string, const char *prefix, const char *name, const char **rest)
{
	for (; *prefix; prefix++)
		if (*string++ != *prefix)
			return false;
	for (; *name; name++)
		if (*string++ != *name)
			return false;
	*rest = string + 1;
	return *string == '=';
}

static const char *environment_find(const char *prefix, const char *name)
{
	if (!startup_stack)
		return NULL;
	const char **strings = (const char **)(startup_stack + 1 + startup_stack[0] + 1);
	const char *rest;
	for (; *strings; strings++)
		if (name_matches(*strings, prefix, name, &rest))
			return rest;
	return NULL;
}

static uint64_t number_parse(const char *text)
{
	uint64_t number = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	return number;
}

const char *startup_string(const char *name)
{
	return environment_find("", name);
}

uint64_t startup_number(const char *name, uint64_t otherwise)
{
	const char *text = startup_string(name);
	return text ? number_parse(text) : otherwise;
}

slot_t startup_slot(const char *name)
{
	const char *text = environment_find("slot_", name);
	return text ? (slot_t)number_parse(text) : 0;
}

int startup_service(const char *name)
{
	const char *names = startup_string("services");
	size_t length = strlen(name);
	for (int number = 0; names && *names; number++) {
		size_t word = strcspn(names, " ");
		if (word == length && memcmp(names, name, length) == 0)
			return number;
		names += word + (names[word] == ' ');
	}
	return -1;
}

const char *startup_argument(unsigned number)
{
	if (!startup_stack || number >= startup_stack[0])
		return NULL;
	return (const char *)startup_stack[1 + number];
}

const char *startup_name(void)
{
	const char *name = startup_argument(0);
	return name ? name : "?";
}
