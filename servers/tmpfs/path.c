/* The path protocol: names, from a directory's gate. */
#define _GNU_SOURCE
#include "service.h"

#include "protocol_path.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define MODE_BITS (S_IFMT | 07777)

static NOT_STATE struct path_reply reply;

int walk_bytes(const struct request *request, const struct open_file *from, const char *path, size_t length,
                      unsigned flags, struct walk *walk)
{
	walk->session = this_file(request)->session;
	walk->start = from->node;
	walk->path = path;
	walk->length = strnlen(path, length);
	walk->slack = REQUEST_SLACK;
	walk->flags = flags;
	return walk_path(walk);
}

/* For part of the caller's buffer. */
static int begin_walk(const struct request *request, const struct open_file *from, uint64_t offset,
                      uint64_t length, unsigned flags, struct walk *walk)
{
	if (offset + length > request->data_length)
		return -ENAMETOOLONG;
	return walk_bytes(request, from, (const char *)request->data + offset, length, flags, walk);
}

static int walk_request(const struct request *request, uint64_t offset, unsigned flags, struct walk *walk)
{
	return begin_walk(request, this_file(request), offset, request->send_length - offset, flags, walk);
}

/* The answer of a walk that leaves the tree. */
static int send_redirect(struct request *request, const struct walk *walk, uint32_t *redirect,
                         uint32_t *rest_length)
{
	*redirect = walk->redirect;
	*rest_length = (uint32_t)walk->rest_length;
	memcpy(reply.rest, walk->rest, walk->rest_length);
	reply.rest[walk->rest_length] = 0;
	request_reply_data(request, &reply, offsetof(struct path_reply, rest) + walk->rest_length + 1);
	if (walk->gate)
		request_send_cap(request, 0, walk->gate, false);
	return 0;
}

static void send_attributes(struct request *request, struct node *node)
{
	node_attributes(node, &reply.attributes);
	request_reply_data(request, &reply, sizeof reply.attributes);
}

static int open_device(struct request *request, struct node *node, uint32_t *redirect)
{
	slot_t gate = node_is(node, S_IFIFO) ? fifo_gate(node) : device_find(node);
	if (!gate)
		return -ENXIO;
	*redirect = REDIRECT_DEVICE;
	request_send_cap(request, 0, gate, false);
	send_attributes(request, node);
	return 0;
}

static int open_node(struct request *request, struct session *session, struct node *node, uint32_t flags,
                     uint32_t *redirect)
{
	if (opens_elsewhere(node, flags))
		return open_device(request, node, redirect);
	struct open_file *file = open_here(session, node, flags);
	if (!file)
		return -ENFILE;
	int status = open_file_send(file, request);
	if (status == 0)
		send_attributes(request, node);
	return status;
}

static int serve_open(struct request *request, const struct path_open_in *in, struct path_open_out *out)
{
	struct session *session = this_file(request)->session;
	if (request->caps[0].kind == MESSAGE_CAP_LABEL) {
		struct open_file *other = open_file_find(request->caps[0].label);
		if (!other)
			return -EINVAL;
		session = other->session;
	}
	struct walk walk = {
		.session = session,
		.start = this_file(request)->node,
		.path = request->data,
		.length = strnlen(request->data, request->data_length),
		.flags = open_walk_flags(in->flags),
	};
	int status = open_check_flags(in->flags);
	if (status == 0)
		status = walk_path(&walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	struct node *node;
	status = tree_open(&walk, in->flags, in->mode, &node);
	if (status)
		return status;
	node_reference(node); /* a nameless one has nothing else yet */
	status = open_node(request, session, node, in->flags, &out->redirect);
	node_release(node);
	return status;
}

static int serve_status(struct request *request, const struct path_status_in *in, struct path_status_out *out)
{
	struct walk walk;
	int status = walk_request(request, 0, in->flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	send_attributes(request, walk.node);
	return 0;
}

static int serve_access(struct request *request, const struct path_access_in *in, struct path_access_out *out)
{
	struct walk walk;
	if (in->mode > 7)
		return -EINVAL;
	int status = walk_request(request, 0, in->flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	return node_permit(walk.node, walk.session, in->mode);
}

int make_node(const struct walk *walk, uint32_t mode, uint64_t device)
{
	struct node *made;
	mode &= MODE_BITS;
	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFDIR:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		return -EINVAL;
	}
	bool special = (mode & S_IFMT) == S_IFCHR || (mode & S_IFMT) == S_IFBLK;
	return tree_make(walk, mode, special ? device : 0, NULL, 0, &made);
}

static int serve_make_node(struct request *request, const struct path_make_node_in *in,
                           struct path_make_node_out *out)
{
	struct walk walk;
	int status = walk_request(request, 0, WALK_NAME, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	return make_node(&walk, in->mode, in->device);
}

static int serve_make_link(struct request *request, const struct path_make_link_in *in,
                           struct path_make_link_out *out)
{
	struct walk walk;
	struct node *made;
	if (in->target_length > request->data_length)
		return -EINVAL;
	size_t length = strnlen(request->data, in->target_length);
	if (length == 0)
		return -ENOENT;
	if (length >= PATH_MAX_BYTES)
		return -ENAMETOOLONG;
	int status = walk_request(request, in->target_length, WALK_NAME, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	return tree_make(&walk, S_IFLNK | 0777, 0, request->data, length, &made);
}

static int serve_read_link(struct request *request, struct path_read_link_out *out)
{
	struct walk walk;
	int status = walk_request(request, 0, 0, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	if (!node_is(walk.node, S_IFLNK))
		return -EINVAL;
	out->length = (uint32_t)walk.node->size;
	memcpy(reply.rest, walk.node->target, out->length);
	request_reply_data(request, &reply, offsetof(struct path_reply, rest) + out->length);
	node_accessed(walk.node);
	return 0;
}

static int serve_unlink(struct request *request, const struct path_unlink_in *in, struct path_unlink_out *out)
{
	struct walk walk;
	if (in->flags & ~(uint32_t)AT_REMOVEDIR)
		return -EINVAL;
	int status = walk_request(request, 0, WALK_NAME, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	return tree_unlink(&walk, in->flags & AT_REMOVEDIR);
}

/* The directory gate that the second path of rename and link is relative to. */
static int second_directory(const struct request *request, const struct open_file **to)
{
	*to = this_file(request);
	if (request->caps[0].kind == MESSAGE_CAP_NONE)
		return 0;
	*to = request->caps[0].kind == MESSAGE_CAP_LABEL ? open_file_find(request->caps[0].label) : NULL;
	return *to ? 0 : -EXDEV;
}

static int serve_rename(struct request *request, const struct path_rename_in *in, struct path_rename_out *out)
{
	struct walk from, to;
	(void)out;
	const struct open_file *target;
	int status = second_directory(request, &target);
	if (status == 0 && in->old_length > request->send_length)
		status = -EINVAL;
	if (status == 0)
		status = rename_check_flags(in->flags);
	if (status == 0)
		status = begin_walk(request, this_file(request), 0, in->old_length, WALK_NAME, &from);
	if (status == 0)
		status = begin_walk(request, target, in->old_length, request->send_length - in->old_length,
		                    WALK_NAME, &to);
	if (status)
		return status;
	if (from.length == 0 || to.length == 0)
		return -ENOENT;
	if (from.redirect || to.redirect)
		return -EXDEV; /* one call cannot go on with two paths */
	return tree_rename(&from, &to, in->flags);
}

static int serve_link(struct request *request, const struct path_link_in *in, struct path_link_out *out)
{
	struct walk from, to;
	(void)out;
	const struct open_file *target;
	int status = second_directory(request, &target);
	if (status == 0 && in->old_length > request->send_length)
		status = -EINVAL;
	if (status == 0)
		status = begin_walk(request, this_file(request), 0, in->old_length,
		                    in->flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0, &from);
	if (status == 0)
		status = begin_walk(request, target, in->old_length, request->send_length - in->old_length,
		                    WALK_NAME, &to);
	if (status)
		return status;
	if (to.length == 0)
		return -ENOENT;
	if (from.redirect || to.redirect)
		return -EXDEV; /* one call cannot go on with two paths */
	return tree_link(from.node, &to);
}

static int serve_set_attributes(struct request *request, const struct path_set_attributes_in *in,
                                struct path_set_attributes_out *out)
{
	struct { uint64_t size; int64_t access_time, modify_time; } numbers;
	struct walk walk;
	if (request->data_length < sizeof numbers)
		return -EINVAL;
	memcpy(&numbers, request->data, sizeof numbers);
	int status =
	    walk_request(request, sizeof numbers, in->flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	if (in->mask & ATTRIBUTE_MODE && node_is(walk.node, S_IFLNK))
		return -EOPNOTSUPP;
	const struct file_attributes attributes = {
		.mode = in->mode,
		.user = in->user,
		.group = in->group,
		.size = numbers.size,
		.access_time = numbers.access_time,
		.modify_time = numbers.modify_time,
	};
	return node_set_attributes(walk.node, walk.session, in->mask, &attributes, false);
}

static int serve_system_status(struct request *request, struct path_system_status_out *out)
{
	struct walk walk;
	struct file_system_info info;
	int status = walk_request(request, 0, WALK_FOLLOW, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	fill_system_info(&info);
	memcpy(reply.rest, &info, sizeof info);
	request_reply_data(request, &reply, offsetof(struct path_reply, rest) + sizeof info);
	return 0;
}

static int serve_path_of(struct request *request, struct path_path_of_out *out)
{
	const struct open_file *file = this_file(request);
	int64_t length = node_path(file->node, file->session->root, reply.rest, sizeof reply.rest);
	if (length < 0)
		return (int)length;
	if ((uint64_t)length > request->receive_length)
		return -ENAMETOOLONG;
	request_reply_data(request, reply.rest, (uint64_t)length);
	out->length = (uint64_t)length;
	return 0;
}

int serve_path(struct request *request)
{
	static const struct path_operations operations = {
		.open = serve_open,
		.status = serve_status,
		.access = serve_access,
		.make_node = serve_make_node,
		.make_link = serve_make_link,
		.read_link = serve_read_link,
		.unlink = serve_unlink,
		.rename = serve_rename,
		.link = serve_link,
		.set_attributes = serve_set_attributes,
		.system_status = serve_system_status,
		.path_of = serve_path_of,
	};
	if (request->operation >= OPERATION_PATH_BRIEF_STATUS)
		return serve_brief(request);
	return path_dispatch(&operations, request);
}
