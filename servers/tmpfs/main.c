/* tmpfs: the file system in memory that holds the root directory.
 *
 * Gates lead to open files (open_file.c), which lead to nodes (node.h). This file is the
 * administration gate and the start.
 */
#include "service.h"

#include "lock.h"
#include "protocol_filesystem.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define GROUPS_MAX 1024u
#define PROTOCOL_OF(operation) ((operation) & ~0xffu)
enum { PROTOCOL_FILE = 0x200, PROTOCOL_PATH = 0x300, PROTOCOL_FILESYSTEM = 0x400 };

static int serve_make_session(struct request *request, const struct filesystem_make_session_in *in,
                              struct filesystem_make_session_out *out)
{
	struct node *root = tree.root;
	out->reserved = 0;
	if (request->caps[0].kind != MESSAGE_CAP_NONE) {
		const struct open_file *file = request->caps[0].kind == MESSAGE_CAP_LABEL
		                                   ? open_file_find(request->caps[0].label)
		                                   : NULL;
		if (!file || !node_is(file->node, S_IFDIR))
			return -EINVAL;
		root = file->node;
	}
	if (in->group_count > GROUPS_MAX || in->group_count * sizeof(uint32_t) > request->data_length)
		return -EINVAL;
	struct session *session = session_make(root, in->user, in->group, request->data, in->group_count);
	if (!session)
		return -ENOMEM;
	struct open_file *file = open_file_make(root, session, O_DIRECTORY);
	session_release(session); /* the open file has it now */
	return file ? open_file_send(file, request) : -ENOMEM;
}

static struct open_file *own_directory(const struct request *request, unsigned cap)
{
	struct open_file *file =
	    request->caps[cap].kind == MESSAGE_CAP_LABEL ? open_file_find(request->caps[cap].label) : NULL;
	return file && node_is(file->node, S_IFDIR) ? file : NULL;
}

static int serve_renew(struct request *request, const struct filesystem_renew_in *in,
                       struct filesystem_renew_out *out)
{
	const struct open_file *directory = own_directory(request, 0), *session = own_directory(request, 1);
	(void)in, (void)out;
	if (!directory || !session)
		return -EINVAL;
	struct open_file *file = open_file_make(directory->node, session->session, O_DIRECTORY);
	return file ? open_file_send(file, request) : -ENOMEM;
}

static int serve_examine(struct request *request, const struct filesystem_examine_in *in)
{
	static NOT_STATE struct file_attributes attributes; /* read when the answer goes out */
	const struct open_file *file =
		request->caps[0].kind == MESSAGE_CAP_LABEL ? open_file_find(request->caps[0].label) : NULL;
	(void)in;
	if (!file)
		return -EINVAL;
	node_attributes(file->node, &attributes);
	request_reply_data(request, &attributes, sizeof attributes);
	return 0;
}

static int serve_release_owner(struct request *request, const struct filesystem_release_owner_in *in)
{
	(void)request;
	lock_release_process(in->owner);
	return 0;
}

/* The directory at an absolute path, as root. */
static int find_directory(const struct request *request, struct walk *walk)
{
	struct session *session = session_make(tree.root, 0, 0, NULL, 0);
	if (!session)
		return -ENOMEM;
	*walk = (struct walk){
		.session = session,
		.start = tree.root,
		.path = request->data,
		.length = strnlen(request->data, request->data_length),
		.flags = WALK_NAME,
	};
	int status = walk_path(walk);
	session_release(session);
	if (status == 0 && walk->redirect)
		status = -EBUSY;
	if (status == 0 && !walk->node)
		status = -ENOENT;
	return status;
}

static int serve_mount(struct request *request, const struct filesystem_mount_in *in)
{
	struct walk walk;
	(void)in;
	int status = find_directory(request, &walk);
	if (status)
		return status;
	slot_t gate = request_take_cap(request, 0);
	status = gate ? tree_mount(walk.node, gate) : -EINVAL;
	if (status && gate)
		slot_free(gate);
	return status;
}

static int serve_unmount(struct request *request, const struct filesystem_unmount_in *in)
{
	struct walk walk;
	handle_t gate;
	(void)in;
	int status = find_directory(request, &walk);
	if (status == 0)
		status = tree_unmount(walk.node, &gate);
	if (status == 0)
		slot_free(gate);
	return status;
}

static int serve_attach_device(struct request *request, const struct filesystem_attach_device_in *in)
{
	slot_t gate = request_take_cap(request, 0);
	if (!gate)
		return -EINVAL;
	int status = device_attach(in->type, in->major, in->minor, in->count, gate);
	if (status)
		slot_free(gate);
	return status;
}

static int serve_load_archive(struct request *request, const struct filesystem_load_archive_in *in,
                              struct filesystem_load_archive_out *out)
{
	slot_t memory = request_take_cap(request, 0);
	const uint8_t *bytes;
	if (!memory)
		return -EINVAL;
	int status = archive_keep(memory, in->offset, in->length, &bytes);
	if (status) {
		slot_free(memory);
		return status;
	}
	return archive_load(bytes, in->length, &out->files);
}

static int serve_fetch(struct request *request, const struct filesystem_fetch_in *in, struct filesystem_fetch_out *out)
{
	const struct open_file *table =
		request->caps[0].kind == MESSAGE_CAP_LABEL ? open_file_find(request->caps[0].label) : NULL;
	(void)out;
	if (!table)
		return -EINVAL;
	struct open_file *file = table_find(table, in->number);
	return file ? open_file_send(file, request) : -ENOENT;
}

static int serve_administration(struct request *request)
{
	static const struct filesystem_operations operations = {
		.make_session = serve_make_session,
		.mount = serve_mount,
		.attach_device = serve_attach_device,
		.load_archive = serve_load_archive,
		.unmount = serve_unmount,
		.renew = serve_renew,
		.examine = serve_examine,
		.release_owner = serve_release_owner,
		.fetch = serve_fetch,
	};
	return filesystem_dispatch(&operations, request);
}

/* proc's gate: sessions, and nothing else. */
static int serve_sessions(struct request *request)
{
	static const struct filesystem_operations operations = { .make_session = serve_make_session,
	                                                         .renew = serve_renew,
	                                                         .examine = serve_examine,
	                                                         .release_owner = serve_release_owner,
	                                                         .fetch = serve_fetch };
	return filesystem_dispatch(&operations, request);
}

#define NUMBER_SHIFT 16 /* in the operation, see make_table of the path protocol */

/* What the call is for: what its gate stands for, or one of the files in that table. */
static bool object_find(struct request *request)
{
	struct open_file *file = open_file_find(request->label);
	request->number = request->operation >> NUMBER_SHIFT;
	if (request->number && file) {
		request->operation &= (1u << NUMBER_SHIFT) - 1;
		file = table_find(file, request->number);
		if (file)
			request->label = open_file_label(file);
	}
	request->object = file;
	return file != NULL;
}

static int handle(struct request *request)
{
	if (request->label == LABEL_ADMINISTRATION)
		return serve_administration(request);
	if (request->label == LABEL_SESSIONS)
		return serve_sessions(request);
	if (!object_find(request))
		return -EBADF;
	switch (PROTOCOL_OF(request->operation)) {
	case PROTOCOL_FILE:
		return serve_file(request);
	case PROTOCOL_PATH:
		return serve_path(request);
	default:
		return -ENOSYS;
	}
}

static void cancel(uint64_t id, unsigned reason)
{
	(void)reason;
	if (lock_cancel_call(id))
		parked_answer(id, -EINTR, NULL, NULL, 0, NULL, 0);
}

static void closed(uint64_t label)
{
	struct open_file *file = open_file_find(label);
	if (file)
		open_file_release(file);
}

static void first(void)
{
	const char *mount_path = startup_argument(1);
	if (environment_start(startup_slot("system")) == 0 && tree_start(mount_path ? mount_path : "") == 0)
		return;
	log_line("tmpfs: not enough memory to start");
	__builtin_trap();
}

/* Shared pages are mapped when they are needed, and say what is true already. */
static void again(void)
{
	random_again();
	if (archive_map() < 0)
		__builtin_trap(); /* no memory for a mapping that was there before */
}

int main(void)
{
	static const struct server server = {
		.name = "tmpfs",
		.first = first,
		.again = again,
		.handle = handle,
		.cancel = cancel,
		.closed = closed,
	};
	server_run(&server);
}
