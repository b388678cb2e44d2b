/* The walk: a whole path, in one go, with the session's permissions.
 *
 * A symbolic link replaces the path in hand by its target and what remains, so the loop knows
 * only one path at a time; what remains is then also ready to be handed out when the walk
 * leaves the tree at a mount point.
 */
#include "walk.h"

#include <errno.h>
#include <string.h>

#define SYMLINKS_MAX 40
#define EXPANSION_MAX 8192

struct cursor {
	const char *at, *end, *limit; /* limit: can be read up to here */
	struct node *directory;
	unsigned links;
	char *buffer; /* the expansion buffer not in use by `at` */
};

#define SLACK 8
static NOT_STATE char expansions[4][EXPANSION_MAX + SLACK];
static NOT_STATE unsigned expansion_pair;

static const char *skip_slashes(const char *at, const char *end)
{
	while (at < end && *at == '/')
		at++;
	return at;
}

static int walk_leave(struct walk *walk, unsigned redirect, handle_t gate, const char *rest, const char *end)
{
	walk->redirect = redirect;
	walk->gate = gate;
	walk->rest = rest < end ? rest : ".";
	walk->rest_length = rest < end ? (size_t)(end - rest) : 1;
	return walk->rest_length < PATH_MAX_BYTES ? 0 : -ENAMETOOLONG;
}

/* Leave for the caller's root: `prefix` and what remains, as one absolute path. */
static int walk_leave_root(struct walk *walk, struct cursor *cursor, const char *prefix, size_t length)
{
	size_t rest = (size_t)(cursor->end - cursor->at);
	if (length + 1 + rest > EXPANSION_MAX)
		return -ENAMETOOLONG;
	char *path = cursor->buffer;
	memcpy(path, prefix, length);
	path[length] = '/';
	memcpy(path + length + 1, cursor->at, rest);
	return walk_leave(walk, REDIRECT_ROOT, 0, path, path + length + 1 + rest);
}

static int walk_dotdot(struct walk *walk, struct cursor *cursor)
{
	struct node *directory = cursor->directory;
	if (directory == tree.root && tree.mount_path[0]) {
		const char *slash = strrchr(tree.mount_path, '/');
		return walk_leave_root(walk, cursor, tree.mount_path, (size_t)(slash - tree.mount_path));
	}
	if (directory != walk->session->root)
		cursor->directory = directory->directory.parent;
	return 0;
}

static int follow_link(struct walk *walk, struct cursor *cursor, const struct node *link)
{
	size_t rest = (size_t)(cursor->end - cursor->at);
	if (++cursor->links > SYMLINKS_MAX)
		return -ELOOP;
	if (link->target[0] == '/') {
		if (tree.mount_path[0])
			return walk_leave_root(walk, cursor, link->target, link->size);
		cursor->directory = walk->session->root;
	}
	if (link->size + rest > EXPANSION_MAX)
		return -ENAMETOOLONG;
	char *path = cursor->buffer;
	memcpy(path, link->target, link->size);
	memcpy(path + link->size, cursor->at, rest);
	size_t which = (size_t)(path - expansions[0]) / sizeof expansions[0];
	cursor->buffer = expansions[which ^ 1];
	cursor->at = path;
	cursor->end = path + link->size + rest;
	cursor->limit = cursor->end + SLACK;
	return 0;
}

/* The last component stood for a directory in hand: ".", ".." or nothing but slashes. */
static int walk_end_at(struct walk *walk, const struct cursor *cursor, enum walk_last last)
{
	struct node *node = cursor->directory;
	walk->last = last;
	walk->node = node;
	if (node_is(node, S_IFDIR) && node->directory.mount && !(walk->flags & WALK_NAME) &&
	    last == LAST_DOTDOT)
		return walk_leave(walk, REDIRECT_PATH, tree.mounts[node->directory.mount - 1].gate, "", "");
	return 0;
}

/* The component's name is in the walk; sets *done when the walk ends with it. */
static int walk_name(struct walk *walk, struct cursor *cursor, bool final, bool *done)
{
	struct node *directory = cursor->directory;
	if (walk->trailing_slash && walk->flags & WALK_CREATE)
		return -EISDIR; /* whatever is there */
	struct entry *entry = directory_find(directory, &walk->name);
	struct node *node = entry ? entry->node : NULL;
	if (node && node_is(node, S_IFLNK)) {
		bool slash_enters = walk->trailing_slash && !(walk->flags & WALK_NAME);
		if (!final || slash_enters || walk->flags & WALK_FOLLOW)
			return follow_link(walk, cursor, node);
	} else if (node && node_is(node, S_IFDIR)) {
		if (node->directory.mount && !(final && walk->flags & WALK_NAME)) {
			*done = true;
			handle_t gate = tree.mounts[node->directory.mount - 1].gate;
			return walk_leave(walk, REDIRECT_PATH, gate, skip_slashes(cursor->at, cursor->end),
			                  cursor->end);
		}
		if (!final) {
			cursor->directory = node;
			return 0;
		}
	}
	if (!final)
		return node ? -ENOTDIR : -ENOENT;
	*done = true;
	walk->last = LAST_NAME;
	walk->parent = directory;
	walk->entry = entry;
	walk->node = node;
	if (!node)
		return walk->flags & (WALK_NAME | WALK_CREATE) ? 0 : -ENOENT;
	if (walk->trailing_slash && !node_is(node, S_IFDIR) && !(walk->flags & WALK_NAME))
		return -ENOTDIR;
	return 0;
}

/* Cuts the next component off the path. */
static int next_component(struct walk *walk, struct cursor *cursor)
{
	name_cut(&walk->name, cursor->at, cursor->end, cursor->limit);
	cursor->at += walk->name.length;
	return walk->name.length > NAME_LENGTH_MAX ? -ENAMETOOLONG : 0;
}

int walk_path(struct walk *walk)
{
	const char *end = walk->path + walk->length;
	struct cursor cursor = { walk->path, end, end + walk->slack, walk->start, 0, NULL };
	walk->redirect = REDIRECT_NONE;
	walk->parent = walk->node = NULL;
	walk->entry = NULL;
	walk->trailing_slash = false;
	expansion_pair ^= 2;
	cursor.buffer = expansions[expansion_pair];
	if (walk->length >= PATH_MAX_BYTES)
		return -ENAMETOOLONG;
	if (walk->length && walk->path[0] == '/')
		cursor.directory = walk->session->root;
	for (bool done = false; !done;) {
		cursor.at = skip_slashes(cursor.at, cursor.end);
		if (cursor.at == cursor.end)
			return walk_end_at(walk, &cursor, LAST_SELF);
		if (!node_is(cursor.directory, S_IFDIR))
			return -ENOTDIR;
		int status = walk->session->user ? node_permit(cursor.directory, walk->session, 1) : 0; /* root may always */
		if (status == 0)
			status = next_component(walk, &cursor);
		if (status)
			return status;
		const char *next = skip_slashes(cursor.at, cursor.end);
		bool final = next == cursor.end;
		walk->trailing_slash = final && next != cursor.at;
		bool up = walk->name.head == ('.' | '.' << 8);
		if (up || walk->name.head == '.') {
			status = up ? walk_dotdot(walk, &cursor) : 0;
			if (status || walk->redirect)
				return status;
			if (final)
				return walk_end_at(walk, &cursor, up ? LAST_DOTDOT : LAST_DOT);
			continue;
		}
		status = walk_name(walk, &cursor, final, &done);
		if (status || walk->redirect)
			return status;
	}
	return 0;
}
