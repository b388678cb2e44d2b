/* The walk through the plan. Links with a relative target go on here; one with an absolute target, a
 * `..` out of the root, and an absolute path leave for the caller's root (REDIRECT_ROOT).
 */
#include "procfs.h"

#include <errno.h>
#include <string.h>

#define LINKS_MAX 40
#define EXPANSION_MAX 8192

static NOT_STATE char expansions[2][EXPANSION_MAX];

static int leave(struct path_walk *walk, const char *rest, size_t length)
{
	if (length >= PATH_MAX_BYTES)
		return -ENAMETOOLONG;
	walk->redirect = REDIRECT_ROOT;
	walk->rest = rest;
	walk->rest_length = length;
	return 0;
}

/* Joins a prefix and what remains in the buffer that does not hold it. Its length; 0: too long. */
static size_t join(char **buffer, const char *at, const char *prefix, size_t length, const char *rest,
                   size_t rest_length)
{
	*buffer = at >= expansions[0] && at < expansions[1] ? expansions[1] : expansions[0];
	if (length + 1 + rest_length > EXPANSION_MAX)
		return 0;
	memcpy(*buffer, prefix, length);
	(*buffer)[length] = '/';
	memcpy(*buffer + length + 1, rest, rest_length);
	return length + 1 + rest_length;
}

static int go_up(struct path_walk *walk, const char *at, const char *end)
{
	char *buffer;
	if (walk->spot.place != &root_place) {
		walk->spot = spot_parent(&walk->spot);
		return 0;
	}
	size_t above = (size_t)(strrchr(mount_path, '/') - mount_path);
	size_t length = join(&buffer, at, mount_path, above, at, (size_t)(end - at));
	return length ? leave(walk, buffer, length) : -ENAMETOOLONG;
}

/* Replaces the path in hand by the link's target and what remains. */
static int follow(struct path_walk *walk, const struct spot *link, const char **at, const char **end)
{
	struct text target = { 0 };
	char *buffer = NULL;
	int status = link->place->render(link, &target);
	if (status == 0 && target.failed)
		status = -ENOMEM;
	size_t rest = (size_t)(*end - *at);
	size_t length = status ? 0 : join(&buffer, *at, target.bytes, target.length, *at, rest);
	bool absolute = target.length && target.bytes[0] == '/';
	size_t target_length = target.length;
	text_clear(&target);
	if (status)
		return status;
	if (length == 0)
		return -ENAMETOOLONG;
	if (absolute)
		return leave(walk, buffer, rest ? length : target_length);
	*at = buffer;
	*end = buffer + (rest ? length : target_length);
	return 0;
}

static const char *skip_slashes(const char *at, const char *end)
{
	while (at < end && *at == '/')
		at++;
	return at;
}

static bool is_dots(const char *name, size_t length)
{
	return length <= 2 && name[0] == '.' && name[length - 1] == '.';
}

static int enter(struct path_walk *walk, const char *name, size_t length, const char **at, const char **end)
{
	struct spot child;
	if (length > 255)
		return -ENAMETOOLONG;
	int status = 0;
	if (walk->spot.place->kind == PLACE_DESCRIPTORS)
		status = spot_permit(&walk->spot, walk->caller, 1);
	if (status == 0)
		status = spot_child(&walk->spot, name, length, walk->caller, &child);
	if (status)
		return status;
	if (child.place->kind == PLACE_DESCRIPTOR) {
		walk->spot = child;
		walk->redirect = REDIRECT_DESCRIPTOR;
		walk->rest = skip_slashes(*at, *end);
		walk->rest_length = (size_t)(*end - walk->rest);
		if (walk->rest != *at && walk->rest_length == 0) {
			walk->rest = "."; /* it must be a directory */
			walk->rest_length = 1;
		}
		return 0;
	}
	bool final = *at == *end;
	if (child.place->kind == PLACE_LINK && (!final || walk->follow))
		return follow(walk, &child, at, end);
	walk->spot = child;
	return 0;
}

int path_walk(struct path_walk *walk)
{
	const char *at = walk->path, *end = at + walk->length;
	walk->redirect = REDIRECT_NONE;
	if (walk->length && at[0] == '/')
		return leave(walk, at, walk->length);
	for (unsigned steps = 0;; steps++) {
		const char *name = skip_slashes(at, end);
		bool slash = name != at;
		if (slash && !spot_is_directory(&walk->spot))
			return -ENOTDIR;
		if (name == end)
			return 0;
		if (!spot_is_directory(&walk->spot))
			return -ENOTDIR;
		if (steps > LINKS_MAX + PATH_MAX_BYTES / 2)
			return -ELOOP;
		at = name;
		while (at < end && *at != '/')
			at++;
		size_t length = (size_t)(at - name);
		int status = 0;
		if (!is_dots(name, length))
			status = enter(walk, name, length, &at, &end);
		else if (length == 2)
			status = go_up(walk, at, end);
		if (status || walk->redirect)
			return status;
	}
}
