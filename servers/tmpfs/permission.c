/* Sessions (who asks), what they may do, and changing a node's attributes. */
#include "node.h"

#include <errno.h>
#include <string.h>

struct session *session_make(struct node *root, uint32_t user, uint32_t group, const uint32_t *groups,
                             uint32_t group_count)
{
	struct session *session = heap_allocate(sizeof *session + group_count * sizeof *groups);
	if (!session)
		return NULL;
	session->references = 1;
	session->user = user;
	session->group = group;
	session->group_count = group_count;
	session->root = node_reference(root);
	if (group_count)
		memcpy(session->groups, groups, group_count * sizeof *groups);
	return session;
}

void session_release(struct session *session)
{
	if (--session->references)
		return;
	node_release(session->root);
	heap_free(session, sizeof *session + session->group_count * sizeof session->groups[0]);
}

bool session_in_group(const struct session *session, uint32_t group)
{
	if (session->group == group)
		return true;
	for (uint32_t i = 0; i < session->group_count; i++) {
		if (session->groups[i] == group)
			return true;
	}
	return false;
}

int node_permit(const struct node *node, const struct session *session, unsigned access)
{
	uint32_t mode = node->mode;
	if (session->user == 0) {
		bool allowed = !(access & 1) || node_is(node, S_IFDIR) || mode & 0111;
		return allowed ? 0 : -EACCES;
	}
	if (session->user == node->user)
		mode >>= 6;
	else if (session_in_group(session, node->group))
		mode >>= 3;
	return (mode & access) == access ? 0 : -EACCES;
}

/* A change of contents or owner takes away set-user-ID, and set-group-ID where the group may
 * execute (without that bit it marks mandatory locking) or is not one's own. */
static void clear_set_id(struct node *node, const struct session *session)
{
	bool own_group = session->user == 0 || session_in_group(session, node->group);
	node->mode &= ~(uint32_t)S_ISUID;
	if (node->mode & S_IXGRP || !own_group)
		node->mode &= ~(uint32_t)S_ISGID;
}

void node_clear_set_id(struct node *node, const struct session *session)
{
	if (node->mode & (S_ISUID | S_ISGID) && session->user != 0 && node_is(node, S_IFREG))
		clear_set_id(node, session);
}

static int check_owner(const struct node *node, const struct session *session, uint32_t mask,
                       const struct file_attributes *attributes)
{
	if (session->user == 0)
		return 0;
	if (mask & ATTRIBUTE_USER && (session->user != node->user || attributes->user != node->user))
		return -EPERM;
	if (mask & ATTRIBUTE_GROUP &&
	    (session->user != node->user ||
	     (attributes->group != node->group && !session_in_group(session, attributes->group))))
		return -EPERM;
	return 0;
}

static int check_attributes(const struct node *node, const struct session *session, uint32_t mask,
                            const struct file_attributes *attributes, bool writable)
{
	uint32_t times = mask & (ATTRIBUTE_ACCESS_TIME | ATTRIBUTE_MODIFY_TIME);
	uint32_t now = mask & (ATTRIBUTE_ACCESS_NOW | ATTRIBUTE_MODIFY_NOW);
	bool both_now = now == (ATTRIBUTE_ACCESS_NOW | ATTRIBUTE_MODIFY_NOW) && !times;
	if (mask & ATTRIBUTE_SIZE) {
		if (node_is(node, S_IFDIR))
			return -EISDIR;
		if (!node_is(node, S_IFREG))
			return -EINVAL;
		if (!writable && node_permit(node, session, 2))
			return -EACCES;
	}
	if (mask & ATTRIBUTE_MODE && !session_owns(session, node))
		return -EPERM;
	if ((times || now) && !session_owns(session, node)) {
		if (!both_now)
			return -EPERM;
		if (node_permit(node, session, 2))
			return -EACCES;
	}
	return check_owner(node, session, mask, attributes);
}

int node_set_attributes(struct node *node, const struct session *session, uint32_t mask,
                        const struct file_attributes *attributes, bool writable)
{
	int status = check_attributes(node, session, mask, attributes, writable);
	if (status)
		return status;
	window_fold(node);
	if (mask & ATTRIBUTE_SIZE) {
		status = content_truncate(node, attributes->size);
		if (status)
			return status;
		node_clear_set_id(node, session);
	}
	if (mask & (ATTRIBUTE_USER | ATTRIBUTE_GROUP)) {
		if (!node_is(node, S_IFDIR))
			clear_set_id(node, session);
		if (mask & ATTRIBUTE_USER)
			node->user = attributes->user;
		if (mask & ATTRIBUTE_GROUP)
			node->group = attributes->group;
	}
	if (mask & ATTRIBUTE_MODE) {
		uint32_t mode = attributes->mode & 07777;
		if (session->user != 0 && !session_in_group(session, node->group))
			mode &= ~(uint32_t)S_ISGID;
		node->mode = (node->mode & S_IFMT) | mode;
	}
	int64_t now = clock_now();
	if (mask & ATTRIBUTE_ACCESS_NOW)
		node->access_time = now;
	else if (mask & ATTRIBUTE_ACCESS_TIME)
		node->access_time = attributes->access_time;
	if (mask & ATTRIBUTE_MODIFY_NOW)
		node->modify_time = now;
	else if (mask & ATTRIBUTE_MODIFY_TIME)
		node->modify_time = attributes->modify_time;
	node->change_time = now;
	window_tell(node);
	return 0;
}
