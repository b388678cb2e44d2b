/* A terminal's node in the tree: what fstat says beyond what this server knows (inode, mode, owner), and
 * the nodes of pseudo-terminals. The file server keeps them; it never calls this server. */
#include "tty.h"
#include "protocol_filesystem.h"
#include "protocol_path.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_SIZE 24
#define GROUP_TTY 5u
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

/* As Debian mounts devpts: the owner's, and for the group tty to write. */
void node_make(uint32_t device, uint32_t user)
{
	static NOT_STATE struct path_reply reply;
	struct {
		uint64_t numbers[3]; /* size and times, which stay */
		char name[NAME_SIZE];
	} owned = { 0 };
	char name[NAME_SIZE];
	if (!root())
		return;
	uint64_t length = node_name(device, name);
	memcpy(owned.name, name, length);
	path_make_node(root(), NULL, S_IFDIR | 0755, 0, "/dev/pts", 8, 0, &reply, sizeof reply, NULL, NULL, NULL, 0);
	path_make_node(root(), NULL, S_IFCHR | 0620, device, name, length, 0, &reply, sizeof reply, NULL, NULL, NULL, 0);
	path_set_attributes(root(), NULL, ATTRIBUTE_USER | ATTRIBUTE_GROUP | ATTRIBUTE_MODE, NO_FOLLOW, 0620, user, GROUP_TTY,
	                    &owned, sizeof owned.numbers + length, 0, &reply, sizeof reply, NULL, NULL, NULL, 0);
}

bool node_status(uint32_t device, struct file_attributes *attributes)
{
	static NOT_STATE struct path_reply reply;
	char name[NAME_SIZE];
	uint32_t redirect = 0;
	if (!root() || path_status(root(), NULL, NO_FOLLOW, name, node_name(device, name), 0, &reply, sizeof reply, NULL,
	                           &redirect, NULL, 0) != 0)
		return false;
	*attributes = reply.attributes;
	return redirect == 0 && S_ISCHR(attributes->mode) && attributes->special_device == device;
}
