/* The brief operations of the path protocol: paths and answers in words, which is what costs least; and open files by
 * number. What they cannot say is EOPNOTSUPP before anything has changed, and the long operation (path.c) does it. */
#define _GNU_SOURCE
#include "service.h"

#include "protocol_path.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Bytes before the first NUL of those that are in words, or all. */
static size_t words_length(const uint64_t *words)
{
	for (unsigned i = 0; i < PATH_BRIEF_BYTES / 8; i++) {
		uint64_t zero = (words[i] - 0x0101010101010101ull) & ~words[i] & 0x8080808080808080ull;
		if (zero)
			return i * 8 + (size_t)__builtin_ctzll(zero) / 8;
	}
	return PATH_BRIEF_BYTES;
}

/* A walk for the path in the words, or in the buffer. -EOPNOTSUPP: it leaves this tree, for the long operation to say. */
static int walk_brief(const struct request *request, unsigned flags, struct walk *walk)
{
	const struct open_file *file = this_file(request);
	walk->session = file->session;
	walk->start = file->node;
	walk->flags = flags;
	walk->slack = REQUEST_SLACK;
	walk->path = (const char *)&request->words[1];
	if (request->send_length) {
		walk->path = request->data;
		walk->length = strnlen(walk->path, request->data_length);
	} else {
		walk->length = words_length(&request->words[1]);
	}
	int status = walk_path(walk);
	return status == 0 && walk->redirect ? -EOPNOTSUPP : status;
}

_Static_assert(sizeof(struct path_brief_status_out) == sizeof(struct file_brief), "the same words");

static int serve_brief_status(struct request *request, const struct path_brief_status_in *in,
                              struct path_brief_status_out *out)
{
	struct walk walk;
	struct file_brief brief;
	int status = walk_brief(request, in->flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, &walk);
	if (status == 0)
		status = node_brief(walk.node, &brief);
	if (status == 0)
		memcpy(out, &brief, sizeof brief);
	return status;
}

static int serve_brief_access(struct request *request, const struct path_brief_access_in *in)
{
	struct walk walk;
	int status = walk_brief(request, in->what & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, &walk);
	return status ? status : node_permit(walk.node, walk.session, in->what & 7);
}

static int serve_brief_make_node(struct request *request, const struct path_brief_make_node_in *in)
{
	struct walk walk;
	int status = walk_brief(request, WALK_NAME, &walk);
	return status ? status : make_node(&walk, in->mode, 0);
}

static int serve_brief_unlink(struct request *request, const struct path_brief_unlink_in *in)
{
	struct walk walk;
	if (in->flags & ~(uint32_t)AT_REMOVEDIR)
		return -EINVAL;
	int status = walk_brief(request, WALK_NAME, &walk);
	return status ? status : tree_unlink(&walk, in->flags & AT_REMOVEDIR);
}

/* Two paths, one behind the other, in the words or in the buffer. */
static int walk_two(const struct request *request, uint64_t old_length, unsigned old_flags, struct walk *from,
                    struct walk *to)
{
	const char *paths = request->send_length ? request->data : (const char *)&request->words[1];
	uint64_t length = request->send_length ? request->data_length : PATH_BRIEF_BYTES;
	if (old_length > length)
		return -EINVAL;
	int status = walk_bytes(request, this_file(request), paths, old_length, old_flags, from);
	if (status == 0)
		status = walk_bytes(request, this_file(request), paths + old_length, length - old_length, WALK_NAME, to);
	if (status)
		return status;
	if (to->length == 0 || from->length == 0)
		return -ENOENT;
	return from->redirect || to->redirect ? -EOPNOTSUPP : 0;
}

static int serve_brief_rename(struct request *request, const struct path_brief_rename_in *in)
{
	struct walk from, to;
	int status = rename_check_flags((unsigned)(in->what >> 32));
	if (status == 0)
		status = walk_two(request, (uint32_t)in->what, WALK_NAME, &from, &to);
	return status ? status : tree_rename(&from, &to, (unsigned)(in->what >> 32));
}

static int serve_brief_link(struct request *request, const struct path_brief_link_in *in)
{
	struct walk from, to;
	bool follow = in->what >> 32 & AT_SYMLINK_FOLLOW;
	int status = walk_two(request, (uint32_t)in->what, follow ? WALK_FOLLOW : 0, &from, &to);
	return status ? status : tree_link(from.node, &to);
}

static int serve_brief_read_link(struct request *request, const struct path_brief_read_link_in *in,
                                 struct path_brief_read_link_out *out)
{
	struct walk walk;
	(void)in;
	int status = walk_brief(request, 0, &walk);
	if (status)
		return status;
	if (!node_is(walk.node, S_IFLNK))
		return -EINVAL;
	if (walk.node->size > PATH_BRIEF_BYTES)
		return -EOPNOTSUPP;
	out->length = walk.node->size;
	memcpy(&out->target0, walk.node->target, walk.node->size);
	node_accessed(walk.node);
	return 0;
}

/* --- open files by number -------------------------------------------------------------------------------- */

static int serve_make_table(struct request *request, const struct path_make_table_in *in,
                            struct path_make_table_out *out)
{
	struct session *session = this_file(request)->session;
	struct open_file *file = open_file_make(session->root, session, O_DIRECTORY);
	(void)in, (void)out;
	if (!file)
		return -ENFILE;
	int status = table_make(file);
	if (status) {
		open_file_drop(file);
		return status;
	}
	return open_file_send(file, request);
}

static int serve_brief_open(struct request *request, const struct path_brief_open_in *in,
                            struct path_brief_open_out *out)
{
	struct session *session = this_file(request)->session;
	struct file_table *table = this_table(request);
	uint32_t flags = (uint32_t)in->how;
	struct walk walk;
	struct node *node;
	if (!table || flags & OPEN_EXECUTE)
		return -EOPNOTSUPP;
	int status = open_check_flags(flags);
	if (status == 0)
		status = walk_brief(request, open_walk_flags(flags), &walk);
	if (status)
		return status;
	if ((walk.node && opens_elsewhere(walk.node, flags)) || !table_has_room(table))
		return -EOPNOTSUPP;
	status = tree_open(&walk, flags, (uint32_t)(in->how >> 32), &node);
	if (status)
		return status;
	node_reference(node); /* a nameless one has nothing else yet */
	struct open_file *file = open_here(session, node, flags);
	if (file) {
		table_insert(table, file);
		out->number = file->number;
		out->mode = node->mode;
		out->device = node->device;
	}
	node_release(node);
	return file ? 0 : -ENFILE;
}

static int serve_adopt(struct request *request, const struct path_adopt_in *in, struct path_adopt_out *out)
{
	const struct open_file *from =
		request->caps[0].kind == MESSAGE_CAP_LABEL ? open_file_find(request->caps[0].label) : NULL;
	struct file_table *table = this_table(request);
	(void)in;
	if (!from || !node_is(from->node, S_IFDIR))
		return -EINVAL;
	if (!table || !table_has_room(table))
		return -EOPNOTSUPP;
	struct open_file *file = open_file_make(from->node, from->session, O_PATH | O_DIRECTORY);
	if (!file)
		return -ENFILE;
	table_insert(table, file);
	out->number = file->number;
	return 0;
}

int serve_brief(struct request *request)
{
	static const struct path_operations operations = {
		.brief_status = serve_brief_status,
		.brief_access = serve_brief_access,
		.brief_make_node = serve_brief_make_node,
		.brief_unlink = serve_brief_unlink,
		.brief_rename = serve_brief_rename,
		.brief_link = serve_brief_link,
		.brief_read_link = serve_brief_read_link,
		.make_table = serve_make_table,
		.brief_open = serve_brief_open,
		.adopt = serve_adopt,
	};
	return path_dispatch(&operations, request);
}
