/* Credentials: Linux's rules for changing them and for signalling others.
 *
 * The file-system ids also live in the gates of the root and working directories, at the file
 * server. When they change, those two are made again; a directory of another server keeps the
 * gate it has. */
#include "proc.h"
#include "protocol_filesystem.h"
#include <errno.h>
#include <string.h>

#define MASK_USER(n) (1u << (n))        /* user, effective_user, saved_user, file_user */
#define MASK_GROUP(n) (1u << ((n) + 4)) /* the same of the group */
#define MASK_GROUPS (1u << 8)
#define ID_KINDS 4u

static bool one_of(uint32_t wanted, const uint32_t *ids)
{
	return wanted == ids[0] || wanted == ids[1] || wanted == ids[2] || wanted == ids[3];
}

static int check(const struct process_credentials *now, uint32_t mask, const struct process_credentials *wanted)
{
	if (mask & MASK_GROUPS && wanted->group_count > sizeof wanted->groups / sizeof wanted->groups[0])
		return -EINVAL;
	if (now->effective_user == 0)
		return 0;
	if (mask & MASK_GROUPS)
		return -EPERM;
	for (unsigned i = 0; i < ID_KINDS; i++) {
		if ((mask & MASK_USER(i)) && !one_of((&wanted->user)[i], &now->user))
			return -EPERM;
		if ((mask & MASK_GROUP(i)) && !one_of((&wanted->group)[i], &now->group))
			return -EPERM;
	}
	return 0;
}

/* In ascending order, as Linux tells them. */
static void sort_groups(uint32_t *groups, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		uint32_t group = groups[i], at = i;
		for (; at > 0 && groups[at - 1] > group; at--)
			groups[at] = groups[at - 1];
		groups[at] = group;
	}
}

static void merge(struct process_credentials *now, uint32_t mask, const struct process_credentials *wanted)
{
	for (unsigned i = 0; i < ID_KINDS; i++) {
		if (mask & MASK_USER(i))
			(&now->user)[i] = (&wanted->user)[i];
		if (mask & MASK_GROUP(i))
			(&now->group)[i] = (&wanted->group)[i];
	}
	/* The file-system id follows the effective one unless it is set itself. */
	if ((mask & MASK_USER(1)) && !(mask & MASK_USER(3)))
		now->file_user = now->effective_user;
	if ((mask & MASK_GROUP(1)) && !(mask & MASK_GROUP(3)))
		now->file_group = now->effective_group;
	if (mask & MASK_GROUPS) {
		now->group_count = wanted->group_count;
		memcpy(now->groups, wanted->groups, sizeof now->groups);
		sort_groups(now->groups, now->group_count);
	}
}

/* A session with these credentials and this root, in a new slot; or a negative errno. */
static int root_make(const struct process_credentials *who, slot_t directory)
{
	slot_t root = slot_allocate();
	uint64_t reserved;
	int status = !root ? -ENOMEM
	                   : filesystem_make_session(state.filesystem, NULL, who->file_user, who->file_group, who->group_count,
	                                             who->groups, who->group_count * sizeof who->groups[0], directory,
	                                             &reserved, root);
	if (status < 0 && root)
		slot_free(root);
	return status < 0 ? status : (int)root;
}

static void slot_give_away(slot_t captable, uint32_t slot, slot_t own)
{
	captable_give(captable, slot, own, RIGHTS_ALL);
	slot_free(own);
}

/* The working directory below a root. A directory of another file server keeps its gate: proc never calls a gate that a
 * process gave it. 0: it is such a one, or there is none. */
static slot_t directory_make(slot_t captable, slot_t root)
{
	slot_t old = state.scratch[0], fresh = slot_allocate();
	bool done = fresh && cap_copy(SELF_CAPTABLE, old, captable, PROCESS_DIRECTORY, RIGHTS_ALL) >= 0 &&
	            filesystem_renew(state.filesystem, NULL, 0, old, root, NULL, fresh) == 0;
	cap_drop(SELF_CAPTABLE, old);
	if (!done && fresh)
		slot_free(fresh);
	return done ? fresh : 0;
}

int directories_renew(slot_t captable, const struct process_credentials *new, bool trusted)
{
	slot_t old = state.scratch[0];
	if (cap_copy(SELF_CAPTABLE, old, captable, PROCESS_ROOT, RIGHTS_ALL) < 0)
		return 0; /* it has none */
	int root = root_make(new, old);
	cap_drop(SELF_CAPTABLE, old);
	if (root < 0)
		return root;
	slot_t directory = directory_make(captable, (slot_t)root);
	if (directory)
		slot_give_away(captable, PROCESS_DIRECTORY, directory);
	else if (trusted) /* whoever it was may answer anything there */
		captable_give(captable, PROCESS_DIRECTORY, (slot_t)root, RIGHTS_ALL);
	slot_give_away(captable, PROCESS_ROOT, (slot_t)root);
	return 0;
}

int root_change(struct process *process, slot_t directory)
{
	if (process->credentials.effective_user != 0 || !state.filesystem)
		return -EPERM;
	int root = root_make(&process->credentials, directory);
	if (root < 0)
		return root;
	slot_give_away(process->captable, PROCESS_ROOT, (slot_t)root);
	return 0;
}

static int session_as_real(const struct process *process, slot_t root)
{
	const struct process_credentials *who = &process->credentials;
	slot_t old = state.scratch[0];
	uint64_t reserved;
	int64_t status = cap_copy(SELF_CAPTABLE, old, process->captable, PROCESS_ROOT, RIGHTS_ALL);
	if (status < 0)
		return status_to_errno(status);
	status = filesystem_make_session(state.filesystem, NULL, who->user, who->group, who->group_count, who->groups,
	                                 who->group_count * sizeof who->groups[0], old, &reserved, root);
	cap_drop(SELF_CAPTABLE, old);
	return (int)status;
}

int directories_as_real(struct request *request, const struct process *process)
{
	if (request->caps[0].kind != MESSAGE_CAP_SLOT)
		return -EINVAL;
	slot_t root = slot_allocate(), same = slot_allocate(), given = request->caps[0].slot;
	int status = root && same ? session_as_real(process, root) : -ENOMEM;
	if (status == 0 && filesystem_renew(state.filesystem, NULL, 0, given, root, NULL, same) < 0)
		status = status_to_errno(cap_copy(SELF_CAPTABLE, same, SELF_CAPTABLE, given, RIGHTS_ALL));
	if (status == 0) {
		request_send_cap(request, 0, root, true);
		request_send_cap(request, 1, same, true);
		return 0;
	}
	if (root)
		slot_free(root);
	if (same)
		slot_free(same);
	return status;
}

static bool same_file_ids(const struct process_credentials *a, const struct process_credentials *b)
{
	return a->file_user == b->file_user && a->file_group == b->file_group && a->group_count == b->group_count &&
	       memcmp(a->groups, b->groups, a->group_count * sizeof a->groups[0]) == 0;
}

int credentials_set(struct process *process, uint32_t mask, const struct process_credentials *wanted)
{
	int status = check(&process->credentials, mask, wanted);
	if (status < 0)
		return status;
	struct process_credentials new = process->credentials;
	merge(&new, mask, wanted);
	struct user *user = user_count(new.user);
	if (!user)
		return -EAGAIN;
	if (state.filesystem && !same_file_ids(&new, &process->credentials)) {
		status = directories_renew(process->captable, &new, false);
		if (status < 0)
			return status == -ENOMEM ? -EAGAIN : -EPERM;
	}
	process->user->threads -= process->thread_count;
	user->threads += process->thread_count;
	process->user = user;
	process->credentials = new;
	return 0;
}

bool credentials_may_signal(const struct process *sender, const struct process *target, uint32_t signal)
{
	const struct process_credentials *from = &sender->credentials, *to = &target->credentials;
	if (sender == target || from->effective_user == 0)
		return true;
	if (signal == SIGNAL_CONT && target->group && sender->group->session == target->group->session)
		return true;
	return from->effective_user == to->user || from->effective_user == to->saved_user ||
	       from->user == to->user || from->user == to->saved_user;
}

bool credentials_may_change(const struct process *caller, const struct process *target)
{
	const struct process_credentials *from = &caller->credentials, *to = &target->credentials;
	return caller == target || from->effective_user == 0 || from->effective_user == to->user ||
	       from->effective_user == to->effective_user;
}

bool credentials_may_inspect(const struct process *caller, const struct process *target)
{
	uint32_t user = caller->credentials.user;
	const struct process_credentials *to = &target->credentials;
	return caller == target || caller->credentials.effective_user == 0 ||
	       (user == to->user && user == to->effective_user && user == to->saved_user);
}
