/* Operations on names: make, remove, link, rename, open. Each checks everything first, and
 * takes what memory it needs; what follows cannot fail.
 */
#define _GNU_SOURCE
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define LINKS_MAX 65000u

/* May this session add or remove names here? */
static int check_change(const struct node *directory, const struct session *session)
{
	if (directory->links == 0)
		return -ENOENT;
	return node_permit(directory, session, 3);
}

/* And take away this very node: in a sticky directory only what is one's own. */
static int check_removal(const struct walk *walk)
{
	const struct session *session = walk->session;
	int status = check_change(walk->parent, session);
	if (status)
		return status;
	bool sticky = walk->parent->mode & S_ISVTX;
	if (sticky && !session_owns(session, walk->parent) && !session_owns(session, walk->node))
		return -EPERM;
	if (node_is(walk->node, S_IFDIR) && walk->node->directory.mount)
		return -EBUSY;
	return 0;
}

static struct node *make_node(const struct walk *walk, const struct node *directory, uint32_t mode)
{
	uint32_t group = walk->session->group;
	if ((mode & S_IFMT) == S_IFDIR)
		mode &= S_IFMT | 01777;
	if (directory->mode & S_ISGID) {
		group = directory->group;
		if ((mode & S_IFMT) == S_IFDIR)
			mode |= S_ISGID;
		else if (mode & S_IXGRP && walk->session->user != 0 &&
		         !session_in_group(walk->session, group))
			mode &= ~(uint32_t)S_ISGID;
	}
	return node_make(mode, walk->session->user, group);
}

static int check_make(const struct walk *walk, uint32_t mode)
{
	if (walk->last != LAST_NAME || walk->node)
		return -EEXIST;
	if (walk->trailing_slash && (mode & S_IFMT) != S_IFDIR)
		return -ENOENT;
	int status = check_change(walk->parent, walk->session);
	if (status)
		return status;
	bool device = (mode & S_IFMT) == S_IFCHR || (mode & S_IFMT) == S_IFBLK;
	if (device && walk->session->user != 0)
		return -EPERM;
	return 0;
}

int tree_make(const struct walk *walk, uint32_t mode, uint64_t device, const char *target,
              size_t target_length, struct node **made)
{
	int status = check_make(walk, mode);
	if (status == 0)
		status = directory_reserve(walk->parent);
	if (status)
		return status;
	struct entry *entry = entry_make(&walk->name);
	if (!entry)
		return -ENOSPC;
	char *copy = target ? heap_allocate(target_length + 1) : NULL;
	struct node *node = target && !copy ? NULL : make_node(walk, walk->parent, mode);
	if (!node) {
		if (copy)
			heap_free(copy, target_length + 1);
		entry_free(entry);
		return -ENOSPC;
	}
	if (copy) {
		memcpy(copy, target, target_length);
		node->target = copy;
		node->size = target_length;
	}
	node->device = device;
	node->links = node_is(node, S_IFDIR) ? 2 : 1;
	directory_insert(walk->parent, entry, node);
	*made = node;
	return 0;
}

int tree_make_unnamed(const struct walk *walk, uint32_t mode, struct node **made)
{
	if (!walk->node || !node_is(walk->node, S_IFDIR))
		return -ENOTDIR;
	int status = check_change(walk->node, walk->session);
	if (status)
		return status;
	*made = make_node(walk, walk->node, mode);
	return *made ? 0 : -ENOSPC;
}

int tree_unlink(const struct walk *walk, bool directory)
{
	struct node *node = walk->node;
	switch (walk->last) {
	case LAST_SELF:
		return directory ? -EBUSY : -EISDIR;
	case LAST_DOT:
		return directory ? -EINVAL : -EISDIR;
	case LAST_DOTDOT:
		return directory ? -ENOTEMPTY : -EISDIR;
	case LAST_NAME:
		break;
	}
	if (!node)
		return -ENOENT;
	if (!directory && walk->trailing_slash)
		return node_is(node, S_IFDIR) ? -EISDIR : -ENOTDIR;
	int status = check_removal(walk);
	if (status)
		return status;
	if (directory && !node_is(node, S_IFDIR))
		return -ENOTDIR;
	if (!directory && node_is(node, S_IFDIR))
		return -EISDIR;
	if (directory && node->directory.live)
		return -ENOTEMPTY;
	directory_remove(walk->entry);
	if (directory)
		node->links = 1; /* its own "." goes too */
	node_unlink(node);
	return 0;
}

/* As Debian sets it up (fs.protected_hardlinks): no link to what one neither owns nor may read and write, nor
 * to a stranger's set-user-ID program. */
static int check_link_source(const struct node *node, const struct session *session)
{
	bool set_id = node->mode & S_ISUID || (node->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
	if (session_owns(session, node))
		return 0;
	return !node_is(node, S_IFREG) || set_id || node_permit(node, session, 6) ? -EPERM : 0;
}

int tree_link(struct node *node, const struct walk *to)
{
	if (to->last != LAST_NAME || to->node)
		return -EEXIST;
	if (to->trailing_slash)
		return -ENOENT;
	int status = check_link_source(node, to->session);
	if (status == 0)
		status = check_change(to->parent, to->session);
	if (status == 0 && node_is(node, S_IFDIR))
		status = -EPERM;
	if (status == 0 && node->links >= LINKS_MAX)
		status = -EMLINK;
	if (status == 0)
		status = directory_reserve(to->parent);
	if (status)
		return status;
	struct entry *entry = entry_make(&to->name);
	if (!entry)
		return -ENOSPC;
	node->links++;
	node_touch(node, false);
	directory_insert(to->parent, entry, node);
	return 0;
}

/* Is `directory` the node itself or somewhere below it? */
static bool is_below(const struct node *directory, const struct node *node)
{
	for (;; directory = directory->directory.parent) {
		if (directory == node)
			return true;
		if (directory == directory->directory.parent)
			return false;
	}
}

/* Moving a directory elsewhere rewrites its "..". */
static int check_move(const struct walk *from, const struct walk *to)
{
	if (!node_is(from->node, S_IFDIR) || from->parent == to->parent)
		return 0;
	return node_permit(from->node, from->session, 2);
}

/* May the new name be taken, in the place of what has it now? */
static int check_target(const struct walk *from, const struct walk *to, bool exchange)
{
	if (!to->node)
		return check_change(to->parent, to->session);
	int status = check_removal(to);
	if (status || exchange)
		return status;
	bool old_directory = node_is(from->node, S_IFDIR), new_directory = node_is(to->node, S_IFDIR);
	if (old_directory != new_directory)
		return old_directory ? -ENOTDIR : -EISDIR;
	return 0;
}

static int check_rename(const struct walk *from, const struct walk *to, unsigned flags)
{
	bool exchange = flags & RENAME_FLAG_EXCHANGE;
	if (from->last != LAST_NAME)
		return -EBUSY;
	if (to->last != LAST_NAME)
		return flags & RENAME_FLAG_NOREPLACE ? -EEXIST : -EBUSY;
	if (!from->node || (exchange && !to->node))
		return -ENOENT;
	if (to->node && flags & RENAME_FLAG_NOREPLACE)
		return -EEXIST;
	if (!node_is(from->node, S_IFDIR) && (from->trailing_slash || (!exchange && to->trailing_slash)))
		return -ENOTDIR;
	if (exchange && to->trailing_slash && !node_is(to->node, S_IFDIR))
		return -ENOTDIR;
	if (node_is(from->node, S_IFDIR) && is_below(to->parent, from->node))
		return -EINVAL;
	if (to->node && node_is(to->node, S_IFDIR) && is_below(from->parent, to->node))
		return exchange ? -EINVAL : -ENOTEMPTY;
	if (from->node == to->node)
		return 0;
	int status = check_removal(from);
	if (status == 0)
		status = check_target(from, to, exchange);
	if (status == 0)
		status = check_move(from, to);
	if (status == 0 && exchange)
		status = check_move(to, from);
	if (status || exchange || !to->node || !node_is(to->node, S_IFDIR))
		return status;
	return to->node->directory.live ? -ENOTEMPTY : 0;
}

/* Two names change places: each entry gets the other's node. A directory's link in its parent
 * and its way up go with it. */
static void exchange(const struct walk *from, const struct walk *to)
{
	const struct walk *ends[2] = { from, to };
	for (int i = 0; i < 2; i++) {
		struct node *node = ends[i]->node;
		const struct walk *end = ends[!i];
		end->entry->node = node;
		node->entry = end->entry;
		if (node_is(node, S_IFDIR)) {
			ends[i]->parent->links--;
			end->parent->links++;
			node_reference(end->parent);
			node_release(node->directory.parent);
			node->directory.parent = end->parent;
		}
		node_touch(node, false);
		node_touch(ends[i]->parent, true);
	}
}

int rename_check_flags(unsigned flags)
{
	bool both = (flags & (RENAME_FLAG_NOREPLACE | RENAME_FLAG_EXCHANGE)) ==
	            (RENAME_FLAG_NOREPLACE | RENAME_FLAG_EXCHANGE);
	return both || flags & ~(RENAME_FLAG_NOREPLACE | RENAME_FLAG_EXCHANGE) ? -EINVAL : 0;
}

int tree_rename(const struct walk *from, const struct walk *to, unsigned flags)
{
	int status = check_rename(from, to, flags);
	if (status)
		return status;
	struct node *node = from->node, *replaced = to->node;
	if (node == replaced)
		return 0;
	if (flags & RENAME_FLAG_EXCHANGE) {
		exchange(from, to);
		return 0;
	}
	status = directory_reserve(to->parent);
	if (status)
		return status;
	struct entry *entry = entry_make(&to->name);
	if (!entry)
		return -ENOSPC;
	directory_remove(from->entry);
	if (replaced) {
		directory_remove(to->entry);
		if (node_is(replaced, S_IFDIR))
			replaced->links = 1;
		node_unlink(replaced);
	}
	directory_insert(to->parent, entry, node);
	node_touch(node, false);
	return 0;
}

int open_check_flags(uint32_t flags)
{
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return (flags & O_ACCMODE) == O_RDONLY || flags & O_CREAT ? -EINVAL : 0;
	return flags & O_CREAT && flags & O_DIRECTORY ? -EINVAL : 0;
}

unsigned open_walk_flags(uint32_t flags)
{
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return WALK_FOLLOW;
	if (flags & O_CREAT)
		return WALK_CREATE | (flags & (O_EXCL | O_NOFOLLOW) ? 0 : WALK_FOLLOW);
	return flags & O_NOFOLLOW ? 0 : WALK_FOLLOW;
}

static unsigned access_wanted(uint32_t flags)
{
	static const unsigned of_mode[4] = { 4, 2, 6, 6 };
	unsigned access = of_mode[flags & O_ACCMODE];
	if (flags & O_TRUNC)
		access |= 2;
	return flags & OPEN_EXECUTE ? 1 : access;
}

static int check_open(const struct walk *walk, uint32_t flags)
{
	struct node *node = walk->node;
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (node_is(node, S_IFLNK) && !(flags & O_PATH))
		return flags & O_DIRECTORY ? -ENOTDIR : -ELOOP;
	if (flags & O_DIRECTORY && !node_is(node, S_IFDIR))
		return -ENOTDIR;
	if (flags & O_PATH)
		return flags & OPEN_EXECUTE ? node_permit(node, walk->session, 1) : 0;
	if (node_is(node, S_IFDIR)) {
		if (flags & O_CREAT || access_wanted(flags) & 2)
			return -EISDIR;
		if (flags & OPEN_EXECUTE)
			return -EACCES;
	}
	if (flags & OPEN_EXECUTE && !node_is(node, S_IFREG))
		return -EACCES;
	if (node_is(node, S_IFSOCK))
		return -ENXIO;
	if (flags & O_NOATIME && !session_owns(walk->session, node))
		return -EPERM;
	return node_permit(node, walk->session, access_wanted(flags));
}

int tree_open(const struct walk *walk, uint32_t flags, uint32_t mode, struct node **opened)
{
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return tree_make_unnamed(walk, S_IFREG | (mode & 07777), opened);
	if (!walk->node) /* O_CREAT */
		return tree_make(walk, S_IFREG | (mode & 07777), 0, NULL, 0, opened);
	int status = check_open(walk, flags);
	if (status)
		return status;
	if (flags & O_TRUNC && node_is(walk->node, S_IFREG) && !(flags & O_PATH)) {
		status = content_truncate(walk->node, 0);
		if (status)
			return status;
		node_clear_set_id(walk->node, walk->session);
	}
	if (walk->entry)
		walk->node->entry = walk->entry;
	*opened = walk->node;
	return 0;
}

int tree_mount(struct node *directory, handle_t gate)
{
	if (!node_is(directory, S_IFDIR))
		return -ENOTDIR;
	if (directory->directory.mount || directory == tree.root)
		return -EBUSY;
	for (uint32_t i = 0; i < MOUNTS_MAX; i++) {
		if (tree.mounts[i].node)
			continue;
		tree.mounts[i] = (struct mount){ gate, node_reference(directory) };
		directory->directory.mount = i + 1;
		return 0;
	}
	return -ENOMEM;
}

int tree_unmount(struct node *directory, handle_t *gate)
{
	if (!node_is(directory, S_IFDIR) || !directory->directory.mount)
		return -EINVAL;
	struct mount *mount = &tree.mounts[directory->directory.mount - 1];
	*gate = mount->gate;
	*mount = (struct mount){ 0 };
	directory->directory.mount = 0;
	node_release(directory);
	return 0;
}
