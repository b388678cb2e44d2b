/* The services, and what may be done to them: the supervisor's side of /proc/atoll (docs/decisions/008-svc.md). */
#include "procfs.h"

#include <errno.h>
#include <string.h>

#define MICROSECONDS(nanoseconds) ((unsigned long long)((nanoseconds) / 1000))
#define WORD_SIZE 32u

static const char *name_in(const char *const *names, uint32_t count, uint32_t number)
{
	return number < count ? names[number] : "?";
}

static const char *const updates[] = { "-", "begun", "trial", "done", "refused", "reverting", "reverted", "stuck" };
#define UPDATE_NAMES (sizeof updates / sizeof updates[0])

/* One line a service that has been updated, or was to be: what came of it. */
int render_updates(const struct spot *spot, struct text *text)
{
	struct supervisor_service service;
	struct supervisor_note note;
	(void)spot;
	for (uint32_t i = 0; source_service(i, &service) == 0; i++)
		if (service.update && source_note(i, &note) == 0)
			text_add(text, "%s %s: %s\n", service.name, name_in(updates, UPDATE_NAMES, service.update), note.text);
	return 0;
}

/* One line a service. The pause is from its last end to its first answer; "-": there was none. */
int render_services(const struct spot *spot, struct text *text)
{
	static const char *const states[] = { "waiting", "starting", "ready", "failed" };
	static const char *const causes[] = { "-", "fault", "killed", "hung", "restarted", "updated" };
	struct supervisor_service service;
	(void)spot;
	text_add(text, "%-12s%-10s%9s  %-10s%9s%12s%8s%8s  %s\n", "service", "state", "restarts", "cause", "pause/us", "memory/KiB", "thread", "doubts", "update");
	for (uint32_t i = 0; source_service(i, &service) == 0; i++) {
		if (service.state == SERVICE_ABSENT)
			continue;
		text_add(text, "%-12s%-10s%9u  %-10s", service.name,
		         service.verifies && service.state == SERVICE_READY ? "verified" : name_in(states, 4, service.state), service.restarts,
		         name_in(causes, 6, service.cause));
		if (service.pause)
			text_add(text, "%9llu", MICROSECONDS(service.pause));
		else
			text_add(text, "%9s", "-");
		text_add(text, "%12llu%8u%8u  %s\n", (unsigned long long)(service.memory / 1024), service.thread, service.doubts,
		         name_in(updates, UPDATE_NAMES, service.update));
	}
	return 0;
}

int render_nothing(const struct spot *spot, struct text *text)
{
	(void)spot, (void)text;
	return 0;
}

/* The next word of a line; "" at its end. */
static void word_take(const char **at, const char *end, char word[WORD_SIZE])
{
	size_t length = 0;
	while (*at < end && (**at == ' ' || **at == '\n'))
		(*at)++;
	for (; *at < end && **at != ' ' && **at != '\n'; (*at)++)
		if (length < WORD_SIZE - 1)
			word[length++] = **at;
	word[length] = 0;
}

/* Its number; the supervisor's is that behind the last one. */
static int service_number(const char *name, uint32_t *number)
{
	struct supervisor_service service = { .name = "" };
	for (*number = 0; source_service(*number, &service) == 0; (*number)++)
		if (!strcmp(service.name, name))
			return 0;
	return strcmp(name, "supervisor") ? -ENOENT : 0;
}

static int control(uint32_t what, const char *name)
{
	uint32_t number;
	int status = service_number(name, &number);
	if (status == 0 && !strcmp(name, "supervisor") && what != CONTROL_KILL && what != CONTROL_HANG)
		status = -ENOENT;
	return status ? status : source_control(number, what);
}

static int unload(uint64_t id, const char *name)
{
	uint32_t number;
	service_number(name, &number);
	return source_unload(id, number); /* which refuses the one behind the last */
}

/* A line "WHAT SERVICE"; "load SERVICE", with the manifest in the lines that follow. */
int store_control(uint64_t id, const char *bytes, size_t length)
{
	static const char *const commands[] = { [CONTROL_RESTART] = "restart", [CONTROL_KILL] = "kill", [CONTROL_HANG] = "hang", [CONTROL_UPDATE] = "update",
	                                      [CONTROL_VERIFY] = "verify", [CONTROL_TRUST] = "trust" };
	const uint32_t count = sizeof commands / sizeof commands[0];
	char command[WORD_SIZE], name[WORD_SIZE], more[WORD_SIZE];
	const char *at = bytes, *end = bytes + length, *text;
	uint32_t what = 0;
	word_take(&at, end, command);
	if (!strcmp(command, "load")) {
		text = at < end && *at == ' ' ? at + 1 : end;
		return text < end ? source_load(id, text, (size_t)(end - text)) : -EINVAL;
	}
	word_take(&at, end, name);
	word_take(&at, end, more);
	if (!*name || *more)
		return -EINVAL;
	if (!strcmp(command, "unload"))
		return unload(id, name);
	while (what < count && strcmp(command, commands[what]))
		what++;
	return what == count ? -EINVAL : control(what, name);
}

/* Why the last load or unload was refused. */
int render_control(const struct spot *spot, struct text *text)
{
	(void)spot;
	source_refusal(text);
	return 0;
}
