/* The path protocol: looking works, changing names does not. The caller's process gate comes as the
 * optional capability; what `self` is follows from it. */
#define _GNU_SOURCE
#include "procfs.h"

#include "protocol_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define OPEN_EXECUTE (1u << 30)

static NOT_STATE struct path_reply reply;

static int begin_walk(struct request *request, uint64_t offset, uint64_t length, bool follow,
                      struct caller *caller, struct path_walk *walk)
{
	*caller =
	    (struct caller){ .gate = request->caps[0].kind == MESSAGE_CAP_SLOT ? request->caps[0].slot : 0 };
	if (offset + length > request->data_length)
		return -ENAMETOOLONG;
	*walk = (struct path_walk){
		.caller = caller,
		.spot = open_spot_find(request->label)->spot,
		.path = (const char *)request->data + offset,
		.follow = follow,
	};
	walk->length = strnlen(walk->path, length);
	return walk->length < PATH_MAX_BYTES ? path_walk(walk) : -ENAMETOOLONG;
}

static void send_attributes(struct request *request, const struct spot *spot)
{
	spot_attributes(spot, &reply.attributes);
	request_reply_data(request, &reply, sizeof reply.attributes);
}

/* The caller finds its own descriptors itself; what others have open comes along. */
static int send_descriptor(struct request *request, const struct path_walk *walk)
{
	const struct spot *spot = &walk->spot;
	uint32_t kind = FILE_GATE;
	slot_t gate = 0;
	caller_identify(walk->caller);
	if (walk->caller->process != spot->process) {
		int status = source_descriptor(spot->process, spot->descriptor, &kind, &gate);
		if (status)
			return status;
	}
	if (gate)
		request_send_cap(request, 0, gate, true);
	spot_attributes(spot, &reply.attributes);
	reply.attributes.special_device = (uint64_t)spot->process << 32 | spot->descriptor;
	reply.attributes.blocks = kind;
	return 0;
}

static int send_redirect(struct request *request, const struct path_walk *walk, uint32_t *redirect,
                         uint32_t *rest_length)
{
	int status = walk->redirect == REDIRECT_DESCRIPTOR ? send_descriptor(request, walk) : 0;
	if (status)
		return status;
	*redirect = walk->redirect;
	*rest_length = (uint32_t)walk->rest_length;
	memcpy(reply.rest, walk->rest, walk->rest_length);
	reply.rest[walk->rest_length] = 0;
	request_reply_data(request, &reply, offsetof(struct path_reply, rest) + walk->rest_length + 1);
	return 0;
}

static int check_open(const struct spot *spot, struct caller *caller, uint32_t flags)
{
	static const unsigned wanted[4] = { 4, 2, 6, 6 };
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (spot->place->kind == PLACE_LINK && !(flags & O_PATH))
		return -ELOOP;
	if (flags & O_DIRECTORY && !spot_is_directory(spot))
		return -ENOTDIR;
	if (flags & O_PATH)
		return flags & OPEN_EXECUTE ? spot_permit(spot, caller, 1) : 0;
	unsigned access = wanted[flags & O_ACCMODE];
	if (spot_is_directory(spot) && (access & 2 || flags & O_CREAT))
		return -EISDIR;
	if (flags & OPEN_EXECUTE || (access & 2 && !place_is_writable(spot->place)))
		return -EACCES;
	return spot_permit(spot, caller, access);
}

static int send_open(struct request *request, const struct spot *spot, uint32_t flags)
{
	struct open_spot *open = open_spot_make(spot, flags);
	if (!open)
		return -ENFILE;
	int status = open_spot_keeps(open) ? spot->place->keeping->opened(open->label) : 0;
	slot_t gate = status == 0 ? server_make_gate(open->label) : 0;
	if (gate) {
		request_send_cap(request, 0, gate, true);
		return 0;
	}
	open_spot_drop(open->label);
	return status ? status : -ENFILE;
}

static int serve_open(struct request *request, const struct path_open_in *in, struct path_open_out *out)
{
	struct caller caller;
	struct path_walk walk;
	bool follow = !(in->flags & O_NOFOLLOW) && !(in->flags & O_CREAT && in->flags & O_EXCL);
	if ((in->flags & O_TMPFILE) == O_TMPFILE)
		return -EOPNOTSUPP;
	int status = begin_walk(request, 0, request->send_length, follow, &caller, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	status = check_open(&walk.spot, &caller, in->flags);
	if (status)
		return status;
	if (walk.spot.process && walk.spot.place->kind == PLACE_FILE) {
		caller_identify(&caller);
		walk.spot.own = caller.process == walk.spot.process;
	}
	status = send_open(request, &walk.spot, in->flags & ~OPEN_EXECUTE);
	if (status == 0)
		send_attributes(request, &walk.spot);
	return status;
}

static int serve_status(struct request *request, const struct path_status_in *in, struct path_status_out *out)
{
	struct caller caller;
	struct path_walk walk;
	int status =
	    begin_walk(request, 0, request->send_length, !(in->flags & AT_SYMLINK_NOFOLLOW), &caller, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	send_attributes(request, &walk.spot);
	return 0;
}

static int serve_access(struct request *request, const struct path_access_in *in, struct path_access_out *out)
{
	struct caller caller;
	struct path_walk walk;
	int status =
	    begin_walk(request, 0, request->send_length, !(in->flags & AT_SYMLINK_NOFOLLOW), &caller, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	if (in->mode == 0)
		return 0;
	caller_identify(&caller);
	if (!(in->flags & AT_EACCESS))
		caller.credentials.file_user = caller.credentials.user;
	return spot_permit(&walk.spot, &caller, in->mode);
}

static int serve_read_link(struct request *request, struct path_read_link_out *out)
{
	struct caller caller;
	struct path_walk walk;
	struct text target = { 0 };
	int status = begin_walk(request, 0, request->send_length, false, &caller, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	if (walk.spot.place->kind != PLACE_LINK)
		return -EINVAL;
	status = walk.spot.place->render(&walk.spot, &target);
	if (status == 0 && target.length <= sizeof reply.rest) {
		memcpy(reply.rest, target.bytes, target.length);
		out->length = (uint32_t)target.length;
		request_reply_data(request, &reply, offsetof(struct path_reply, rest) + target.length);
	}
	text_clear(&target);
	return status;
}

/* Any change of names: whatever is not led elsewhere is refused. */
static int refuse(struct request *request, uint64_t offset, uint32_t *redirect, uint32_t *rest_length)
{
	struct caller caller;
	struct path_walk walk;
	if (offset > request->send_length)
		return -EINVAL;
	int status = begin_walk(request, offset, request->send_length - offset, false, &caller, &walk);
	if (status == 0 && walk.redirect)
		return send_redirect(request, &walk, redirect, rest_length);
	return status ? status : -EPERM;
}

static int serve_make_node(struct request *request, const struct path_make_node_in *in,
                           struct path_make_node_out *out)
{
	(void)in;
	int status = refuse(request, 0, &out->redirect, &out->rest_length);
	return status == -EPERM ? -EEXIST : status;
}

static int serve_make_link(struct request *request, const struct path_make_link_in *in,
                           struct path_make_link_out *out)
{
	int status = refuse(request, in->target_length, &out->redirect, &out->rest_length);
	return status == -EPERM ? -EEXIST : status;
}

static int serve_unlink(struct request *request, const struct path_unlink_in *in, struct path_unlink_out *out)
{
	(void)in;
	return refuse(request, 0, &out->redirect, &out->rest_length);
}

static int serve_rename(struct request *request, const struct path_rename_in *in, struct path_rename_out *out)
{
	(void)request;
	(void)in;
	(void)out;
	return -EPERM;
}

static int serve_link(struct request *request, const struct path_link_in *in, struct path_link_out *out)
{
	(void)request;
	(void)in;
	(void)out;
	return -EXDEV;
}

static int serve_set_attributes(struct request *request, const struct path_set_attributes_in *in,
                                struct path_set_attributes_out *out)
{
	struct caller caller;
	struct path_walk walk;
	const uint64_t numbers = 3 * sizeof(uint64_t);
	if (request->send_length < numbers)
		return -EINVAL;
	bool follow = !(in->flags & AT_SYMLINK_NOFOLLOW);
	int status = begin_walk(request, numbers, request->send_length - numbers, follow, &caller, &walk);
	if (status)
		return status;
	if (walk.redirect)
		return send_redirect(request, &walk, &out->redirect, &out->rest_length);
	return in->mask == ATTRIBUTE_SIZE && place_is_writable(walk.spot.place) ? 0 : -EPERM;
}

static int serve_system_status(struct request *request, struct path_system_status_out *out)
{
	struct caller caller;
	struct path_walk walk;
	struct file_system_info info;
	int status = begin_walk(request, 0, request->send_length, true, &caller, &walk);
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
	const struct spot *spot = &open_spot_find(request->label)->spot;
	if (!spot_is_directory(spot))
		return -ENOTDIR;
	size_t length = spot_path(spot, reply.rest, sizeof reply.rest);
	if (length > request->receive_length || length >= sizeof reply.rest)
		return -ENAMETOOLONG;
	request_reply_data(request, reply.rest, length);
	out->length = length;
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
	if (!open_spot_find(request->label))
		return -EBADF;
	return path_dispatch(&operations, request);
}
