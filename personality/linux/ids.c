/* Who the process acts for: user and group ids. proc decides; what it said last is kept for reading. */
#include "files.h"
#include "signals.h"
#include "protocol_process.h"

enum id_mask { ID_USER = 1, ID_EFFECTIVE_USER = 2, ID_SAVED_USER = 4, ID_FILE_USER = 8,
	       ID_GROUP = 16, ID_EFFECTIVE_GROUP = 32, ID_SAVED_GROUP = 64, ID_FILE_GROUP = 128, ID_GROUPS = 256 };
#define ID_KEEP 0xffffffffu
#define GROUPS_MAX 64
#define CAPABILITY_VERSION_1 0x19980330u
#define CAPABILITY_VERSION_2 0x20071026u
#define CAPABILITY_VERSION_3 0x20080522u
#define CAPABILITIES_ALL 0x1ffffffffffull /* CAP_CHOWN to CAP_CHECKPOINT_RESTORE */

/* --- reading ------------------------------------------------------------------------------------------ */

int64_t linux_getuid(struct thread *thread)
{
	return thread->task->credentials.user;
}

int64_t linux_geteuid(struct thread *thread)
{
	return thread->task->credentials.effective_user;
}

int64_t linux_getgid(struct thread *thread)
{
	return thread->task->credentials.group;
}

int64_t linux_getegid(struct thread *thread)
{
	return thread->task->credentials.effective_group;
}

static int64_t three_write(uint64_t real, uint64_t effective, uint64_t saved, uint32_t a, uint32_t b, uint32_t c)
{
	if (user_write32(real, a) < 0 || user_write32(effective, b) < 0 || user_write32(saved, c) < 0)
		return -EFAULT;
	return 0;
}

int64_t linux_getresuid(struct thread *thread, uint64_t real, uint64_t effective, uint64_t saved)
{
	const struct process_credentials *own = &thread->task->credentials;
	return three_write(real, effective, saved, own->user, own->effective_user, own->saved_user);
}

int64_t linux_getresgid(struct thread *thread, uint64_t real, uint64_t effective, uint64_t saved)
{
	const struct process_credentials *own = &thread->task->credentials;
	return three_write(real, effective, saved, own->group, own->effective_group, own->saved_group);
}

int64_t linux_getgroups(struct thread *thread, int32_t count, uint64_t list)
{
	const struct process_credentials *own = &thread->task->credentials;
	if (count < 0 || (count > 0 && (uint32_t)count < own->group_count))
		return -EINVAL;
	if (count > 0 && user_write(list, own->groups, own->group_count * sizeof(uint32_t)) < 0)
		return -EFAULT;
	return own->group_count;
}

/* --- changing ------------------------------------------------------------------------------------------- */

static int64_t credentials_change(struct thread *thread, uint32_t mask, const struct process_credentials *wanted)
{
	struct process_credentials now;
	int status = mask ? table_leave(thread->task) : 0;
	if (status == 0 && mask)
		status = process_set_credentials(PROCESS_GATE, NULL, mask, wanted);
	if (status < 0)
		return status;
	status = process_get_credentials(PROCESS_GATE, NULL, &now, sizeof(now), NULL);
	if (status < 0)
		return status;
	lock_take(&thread->task->lock);
	thread->task->credentials = now;
	lock_release(&thread->task->lock);
	return 0;
}

int64_t linux_setuid(struct thread *thread, uint32_t user)
{
	struct process_credentials wanted = { user, user, user, user, 0, 0, 0, 0, 0, { 0 } };
	uint32_t mask = ID_EFFECTIVE_USER | ID_FILE_USER;
	if (thread->task->credentials.effective_user == 0)
		mask |= ID_USER | ID_SAVED_USER;
	return user == ID_KEEP ? -EINVAL : credentials_change(thread, mask, &wanted);
}

int64_t linux_setgid(struct thread *thread, uint32_t group)
{
	struct process_credentials wanted = { 0, 0, 0, 0, group, group, group, group, 0, { 0 } };
	uint32_t mask = ID_EFFECTIVE_GROUP | ID_FILE_GROUP;
	if (thread->task->credentials.effective_user == 0)
		mask |= ID_GROUP | ID_SAVED_GROUP;
	return group == ID_KEEP ? -EINVAL : credentials_change(thread, mask, &wanted);
}

int64_t linux_setresuid(struct thread *thread, uint32_t real, uint32_t effective, uint32_t saved)
{
	struct process_credentials wanted = { real, effective, saved, effective, 0, 0, 0, 0, 0, { 0 } };
	uint32_t mask = (real != ID_KEEP ? ID_USER : 0) | (effective != ID_KEEP ? ID_EFFECTIVE_USER | ID_FILE_USER : 0) |
	                (saved != ID_KEEP ? ID_SAVED_USER : 0);
	return credentials_change(thread, mask, &wanted);
}

int64_t linux_setresgid(struct thread *thread, uint32_t real, uint32_t effective, uint32_t saved)
{
	struct process_credentials wanted = { 0, 0, 0, 0, real, effective, saved, effective, 0, { 0 } };
	uint32_t mask = (real != ID_KEEP ? ID_GROUP : 0) | (effective != ID_KEEP ? ID_EFFECTIVE_GROUP | ID_FILE_GROUP : 0) |
	                (saved != ID_KEEP ? ID_SAVED_GROUP : 0);
	return credentials_change(thread, mask, &wanted);
}

/* The saved id follows the effective one when the real one is set, or the effective one becomes another than it. */
int64_t linux_setreuid(struct thread *thread, uint32_t real, uint32_t effective)
{
	const struct process_credentials *own = &thread->task->credentials;
	uint32_t result = effective != ID_KEEP ? effective : own->effective_user;
	bool follows = real != ID_KEEP || (effective != ID_KEEP && effective != own->user);
	return linux_setresuid(thread, real, effective, follows ? result : ID_KEEP);
}

int64_t linux_setregid(struct thread *thread, uint32_t real, uint32_t effective)
{
	const struct process_credentials *own = &thread->task->credentials;
	uint32_t result = effective != ID_KEEP ? effective : own->effective_group;
	bool follows = real != ID_KEEP || (effective != ID_KEEP && effective != own->group);
	return linux_setresgid(thread, real, effective, follows ? result : ID_KEEP);
}

/* These two always give the former id, and say nothing of failure. */
int64_t linux_setfsuid(struct thread *thread, uint32_t user)
{
	uint32_t former = thread->task->credentials.file_user;
	struct process_credentials wanted = { .file_user = user };
	if (user != ID_KEEP)
		credentials_change(thread, ID_FILE_USER, &wanted);
	return former;
}

int64_t linux_setfsgid(struct thread *thread, uint32_t group)
{
	uint32_t former = thread->task->credentials.file_group;
	struct process_credentials wanted = { .file_group = group };
	if (group != ID_KEEP)
		credentials_change(thread, ID_FILE_GROUP, &wanted);
	return former;
}

/* Linux keeps them in order, and programs show them as it does. */
static void groups_sort(struct process_credentials *credentials)
{
	for (uint32_t i = 1; i < credentials->group_count; i++) {
		uint32_t group = credentials->groups[i], at = i;
		for (; at > 0 && credentials->groups[at - 1] > group; at--)
			credentials->groups[at] = credentials->groups[at - 1];
		credentials->groups[at] = group;
	}
}

int64_t linux_setgroups(struct thread *thread, int32_t count, uint64_t list)
{
	struct process_credentials wanted = { .group_count = (uint32_t)count };
	if (count < 0 || count > GROUPS_MAX)
		return -EINVAL;
	if (user_read(wanted.groups, list, (uint64_t)count * sizeof(uint32_t)) < 0)
		return -EFAULT;
	groups_sort(&wanted);
	return credentials_change(thread, ID_GROUPS, &wanted);
}

/* --- capabilities in Linux's sense: all or none, by the user id ------------------------------------- */

struct capability_header {
	uint32_t version;
	int32_t process;
};
struct capability_data {
	uint32_t effective, permitted, inheritable;
};

/* How many data structures the version has; -EINVAL with the version we prefer for an unknown one. */
static int capability_words(uint64_t header_address)
{
	struct capability_header header;
	if (user_read(&header, header_address, sizeof(header)) < 0)
		return -EFAULT;
	if (header.version == CAPABILITY_VERSION_1)
		return 1;
	if (header.version == CAPABILITY_VERSION_2 || header.version == CAPABILITY_VERSION_3)
		return 2;
	header.version = CAPABILITY_VERSION_3;
	return user_write(header_address, &header, sizeof(header)) < 0 ? -EFAULT : -EINVAL;
}

static void capabilities_own(struct thread *thread, struct capability_data data[2])
{
	uint64_t all = thread->task->credentials.effective_user == 0 ? CAPABILITIES_ALL : 0;
	for (unsigned i = 0; i < 2; i++)
		data[i] = (struct capability_data){ (uint32_t)(all >> 32 * i), (uint32_t)(all >> 32 * i), 0 };
}

int64_t linux_capget(struct thread *thread, uint64_t header, uint64_t data_address)
{
	struct capability_data data[2];
	int words = capability_words(header);
	if (words < 0)
		return words == -EINVAL && !data_address ? 0 : words;
	capabilities_own(thread, data);
	return data_address ? user_write(data_address, data, (uint64_t)words * sizeof(data[0])) : 0;
}

int64_t linux_capset(struct thread *thread, uint64_t header, uint64_t data_address)
{
	struct capability_data data[2] = { 0 }, own[2];
	int words = capability_words(header);
	if (words < 0)
		return words;
	if (user_read(data, data_address, (uint64_t)words * sizeof(data[0])) < 0)
		return -EFAULT;
	capabilities_own(thread, own);
	for (unsigned i = 0; i < 2; i++)
		if (data[i].permitted & ~own[i].permitted || data[i].effective & ~data[i].permitted)
			return -EPERM;
	return 0;
}
