/* A terminal's node in the tree: what fstat says beyond what this server knows (inode, mode, owner), and
 * the nodes of pseudo-terminals. The file server keeps them; it never calls this server. */
#include "tty.h"
#include "protocol_filesystem.h"
#include "protocol_path.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define NAME_SIZE 24
#define NO_FOLLOW 0x100u /* AT_SYMLINK_NOFOLLOW */

/* The root directory, as root; 0: no file server. */
static slot_t root(void)
{
	uint64_t reserved;
	if (state.root || !state.filesystem || !(state.root = slot_allocate()))
		return state.root;
	if (filesystem_make_session(state.filesystem, NULL, 0, 0, 0, NULL, 0, 0, &reserved, state.root) == 0)
		return state.root;
	slot_free(state.root);
	return state.root = 0;
}

static uint64_t node_name(uint32_t device, char name[NAME_SIZE])
{
	uint32_t minor = device & 0xff;
	int length = device >> 8 == MAJOR_PTS ? snprintf(name, NAME_SIZE, "/dev/pts/%u", minor)
	                                       : snprintf(name, NAME_SIZE, "/dev/ttyS%u", minor - 64);
	return (uint64_t)length;
}

void node_make(uint32_t device)
{
	static struct path_reply reply;
	char name[NAME_SIZE];
	if (!root())
		return;
	path_make_node(root(), NULL, S_IFDIR | 0755, 0, "/dev/pts", 8, 0, &reply, sizeof reply, NULL, NULL, NULL, 0);
	path_make_node(root(), NULL, S_IFCHR | 0666, device, name, node_name(device, name), 0, &reply, sizeof reply,
	               NULL, NULL, NULL, 0);
}

bool node_status(uint32_t device, struct file_attributes *attributes)
{
	static struct path_reply reply;
	char name[NAME_SIZE];
	uint32_t redirect = 0;
	if (!root() || path_status(root(), NULL, NO_FOLLOW, name, node_name(device, name), 0, &reply, sizeof reply, NULL,
	                           &redirect, NULL, 0) != 0)
		return false;
	*attributes = reply.attributes;
	return redirect == 0 && S_ISCHR(attributes->mode) && attributes->special_device == device;
}
