/* tmpfs against the building machine's Linux: the same random operations, by the same users, on our tree
 * and on a scratch directory in its tmpfs, comparing every error and attribute. Needs root (for chroot and
 * for other users), and a kernel that orders its checks as ours are (6.6 or later): else it is skipped. */
#define _GNU_SOURCE
#include "servers/tmpfs/walk.h"
#include "tmpfs_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define STEPS 30000
#define SEEDS 3u
#define GROUP_SHARED 50u

static const struct user {
	uint32_t user, group, group_count;
} users[] = { { 0, 0, 0 }, { 1000, 1000, 1 }, { 2000, 2000, 0 } };
static struct session *sessions[3];
static unsigned current;
static unsigned differences;

struct operation {
	char one[128], two[128];
	uint32_t flags, mode;
	uint64_t size;
	uint32_t user, group;
	int ours, theirs;
};

static unsigned chance(unsigned of)
{
	return (unsigned)rand() % of;
}

static int linux_result(int64_t result)
{
	return result < 0 ? -errno : 0;
}

static void become(unsigned number)
{
	const gid_t shared = GROUP_SHARED;
	current = number;
	setfsuid(0);
	setgroups(users[number].group_count, &shared);
	setfsgid(users[number].group);
	setfsuid(users[number].user);
}

static void random_path(char *path)
{
	static const char *const names[] = { "a", "b", "c", "d", "l", "m", "n", ".", ".." };
	path[0] = 0;
	if (chance(3))
		strcat(path, "/");
	for (unsigned i = 0, depth = 1 + chance(4); i < depth; i++) {
		if (i)
			strcat(path, chance(10) ? "/" : "//");
		strcat(path, chance(6) ? names[chance(7)] : names[7 + chance(2)]);
	}
	if (chance(8) == 0)
		strcat(path, "/");
}

static int walk_to(const char *path, unsigned flags, struct walk *walk)
{
	*walk = (struct walk){ .session = sessions[current],
		               .start = tree.root,
		               .path = path,
		               .length = strlen(path),
		               .flags = flags };
	return walk_path(walk);
}

static int make(const char *path, uint32_t mode, const char *target)
{
	struct walk walk;
	struct node *made;
	int status = walk_to(path, WALK_NAME, &walk);
	return status ? status : tree_make(&walk, mode, 0, target, target ? strlen(target) : 0, &made);
}

static uint32_t random_mode(void)
{
	uint32_t mode = chance(010000);
	return chance(2) ? mode | 0700 : mode;
}

/* --- operations: each fills in what it did and both results --- */

static void do_directory(struct operation *operation)
{
	operation->mode = random_mode();
	operation->ours = make(operation->one, S_IFDIR | operation->mode, NULL);
	operation->theirs = linux_result(mkdir(operation->one, operation->mode));
}

static void do_file(struct operation *operation)
{
	operation->mode = random_mode();
	operation->ours = make(operation->one, S_IFREG | operation->mode, NULL);
	operation->theirs = linux_result(mknod(operation->one, S_IFREG | operation->mode, 0));
}

static void do_symlink(struct operation *operation)
{
	operation->ours = make(operation->one, S_IFLNK | 0777, operation->two);
	operation->theirs = linux_result(symlink(operation->two, operation->one));
}

static void do_unlink(struct operation *operation)
{
	struct walk walk;
	operation->flags = chance(2) ? AT_REMOVEDIR : 0;
	operation->ours = walk_to(operation->one, WALK_NAME, &walk);
	if (operation->ours == 0)
		operation->ours = tree_unlink(&walk, operation->flags);
	operation->theirs = linux_result(unlinkat(AT_FDCWD, operation->one, (int)operation->flags));
}

static void do_rename(struct operation *operation)
{
	struct walk from, to;
	operation->flags = chance(4);
	operation->ours = rename_check_flags(operation->flags);
	if (operation->ours == 0)
		operation->ours = walk_to(operation->one, WALK_NAME, &from);
	if (operation->ours == 0)
		operation->ours = walk_to(operation->two, WALK_NAME, &to);
	if (operation->ours == 0)
		operation->ours = tree_rename(&from, &to, operation->flags);
	operation->theirs = linux_result(
	    syscall(SYS_renameat2, AT_FDCWD, operation->one, AT_FDCWD, operation->two, operation->flags));
}

static void do_link(struct operation *operation)
{
	struct walk from, to;
	operation->flags = chance(2) ? AT_SYMLINK_FOLLOW : 0;
	operation->ours = walk_to(operation->one, operation->flags ? WALK_FOLLOW : 0, &from);
	if (operation->ours == 0)
		operation->ours = walk_to(operation->two, WALK_NAME, &to);
	if (operation->ours == 0)
		operation->ours = tree_link(from.node, &to);
	operation->theirs =
	    linux_result(linkat(AT_FDCWD, operation->one, AT_FDCWD, operation->two, (int)operation->flags));
}

static void do_open(struct operation *operation)
{
	static const uint32_t more[] = {
		O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_APPEND
	};
	struct walk walk;
	struct node *node;
	operation->flags = chance(3);
	for (unsigned i = 0; i < 3; i++)
		operation->flags |= chance(2) ? more[chance(7)] : 0;
	operation->mode = 0600 | chance(01000);
	if (operation->flags & O_PATH) /* all but these are ignored */
		operation->flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
	operation->ours = open_check_flags(operation->flags);
	if (operation->ours == 0)
		operation->ours = walk_to(operation->one, open_walk_flags(operation->flags), &walk);
	if (operation->ours == 0)
		operation->ours = tree_open(&walk, operation->flags, operation->mode, &node);
	int descriptor = open(operation->one, (int)operation->flags, operation->mode);
	operation->theirs = linux_result(descriptor);
	if (descriptor >= 0)
		close(descriptor);
	/* A symbolic link at the end, not followed, in a sticky directory: EACCES may come before ELOOP. */
	if (operation->ours == -ELOOP && operation->theirs == -EACCES)
		operation->ours = -EACCES;
}

static void do_status(struct operation *operation)
{
	struct walk walk;
	struct file_attributes ours;
	struct stat theirs;
	bool follow = chance(2);
	operation->ours = walk_to(operation->one, follow ? WALK_FOLLOW : 0, &walk);
	operation->theirs =
	    linux_result(follow ? stat(operation->one, &theirs) : lstat(operation->one, &theirs));
	if (operation->ours || operation->theirs)
		return;
	node_attributes(walk.node, &ours);
	bool same = ours.mode == theirs.st_mode && ours.links == theirs.st_nlink &&
	            ours.user == theirs.st_uid && ours.group == theirs.st_gid &&
	            (S_ISDIR(ours.mode) || ours.size == (uint64_t)theirs.st_size);
	if (same)
		return;
	differences++;
	printf("%s: mode %o/%o links %u/%u user %u/%u group %u/%u size %llu/%llu\n", operation->one,
	       ours.mode, theirs.st_mode, ours.links, (unsigned)theirs.st_nlink, ours.user, theirs.st_uid,
	       ours.group, theirs.st_gid, (unsigned long long)ours.size, (unsigned long long)theirs.st_size);
}

static int set_attributes(const char *path, uint32_t mask, const struct file_attributes *attributes)
{
	struct walk walk;
	int status = walk_to(path, WALK_FOLLOW, &walk);
	return status ? status : node_set_attributes(walk.node, sessions[current], mask, attributes, false);
}

static void do_truncate(struct operation *operation)
{
	operation->size = chance(20000);
	operation->ours = set_attributes(operation->one, ATTRIBUTE_SIZE,
	                                 &(struct file_attributes){ .size = operation->size });
	operation->theirs = linux_result(truncate(operation->one, (off_t)operation->size));
}

static void do_mode(struct operation *operation)
{
	operation->mode = random_mode();
	operation->ours = set_attributes(operation->one, ATTRIBUTE_MODE,
	                                 &(struct file_attributes){ .mode = operation->mode });
	operation->theirs = linux_result(chmod(operation->one, operation->mode));
}

static void do_owner(struct operation *operation)
{
	static const uint32_t ids[] = { 0, 1000, 2000, GROUP_SHARED };
	uint32_t which = 1 + chance(3);
	operation->user = which & 1 ? ids[chance(4)] : UINT32_MAX;
	operation->group = which & 2 ? ids[chance(4)] : UINT32_MAX;
	uint32_t mask = (which & 1 ? ATTRIBUTE_USER : 0u) | (which & 2 ? ATTRIBUTE_GROUP : 0u);
	operation->ours =
	    set_attributes(operation->one, mask,
	                   &(struct file_attributes){ .user = operation->user, .group = operation->group });
	operation->theirs = linux_result(chown(operation->one, operation->user, operation->group));
}

static void do_times(struct operation *operation)
{
	const bool now[2] = { chance(2), chance(2) };
	const struct timespec times[2] = { { 5, now[0] ? UTIME_NOW : 0 }, { 6, now[1] ? UTIME_NOW : 0 } };
	uint32_t mask = (now[0] ? ATTRIBUTE_ACCESS_NOW : ATTRIBUTE_ACCESS_TIME) |
	                (now[1] ? ATTRIBUTE_MODIFY_NOW : ATTRIBUTE_MODIFY_TIME);
	operation->flags = mask;
	operation->ours = set_attributes(operation->one, mask, &(struct file_attributes){ 0 });
	operation->theirs = linux_result(utimensat(AT_FDCWD, operation->one, times, 0));
}

static const struct {
	const char *name;
	void (*run)(struct operation *operation);
} kinds[] = { { "mkdir", do_directory }, { "mknod", do_file },        { "symlink", do_symlink },
	      { "unlink", do_unlink },   { "rename", do_rename },     { "rename", do_rename },
	      { "link", do_link },       { "open", do_open },         { "open", do_open },
	      { "stat", do_status },     { "truncate", do_truncate }, { "chmod", do_mode },
	      { "chown", do_owner },     { "utimes", do_times } };

/* False: the two trees are no longer the same. */
static bool step(void)
{
	struct operation operation = { 0 };
	unsigned kind = chance(sizeof kinds / sizeof *kinds);
	random_path(operation.one);
	random_path(operation.two);
	become(chance(3) ? 0 : 1 + chance(2));
	kinds[kind].run(&operation);
	if (operation.ours == operation.theirs)
		return true;
	differences++;
	printf("user %u: %s '%s' '%s' flags %o mode %o: %d, on Linux %d\n", users[current].user,
	       kinds[kind].name, operation.one, operation.two, operation.flags, operation.mode,
	       operation.ours, operation.theirs);
	return (operation.ours == 0) == (operation.theirs == 0);
}

static void compare(unsigned seed)
{
	const uint32_t shared = GROUP_SHARED;
	srand(seed);
	tree_start("");
	for (unsigned i = 0; i < 3; i++)
		sessions[i] =
		    session_make(tree.root, users[i].user, users[i].group, &shared, users[i].group_count);
	become(0);
	make("/d", S_IFDIR | 01777, NULL);
	mkdir("/d", 01777);
	for (unsigned i = 0; i < STEPS && differences < 10; i++) {
		if (!step())
			break;
	}
	become(0);
	for (unsigned i = 0; i < 3; i++)
		session_release(sessions[i]);
	tree_stop();
}

static void remove_tree(const char *folder)
{
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	if (system(command))
		fprintf(stderr, "test_tmpfs_linux: %s is left\n", folder);
}

/* In a child: chroot cannot be undone. */
static int compare_in(const char *folder, unsigned seed)
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (chmod(folder, 0755) || chroot(folder) || chdir("/"))
			_exit(1);
		umask(0);
		compare(seed);
		fflush(stdout);
		_exit(differences != 0);
	}
	int status = 1;
	return child < 0 || syscall(SYS_wait4, child, &status, 0, NULL) < 0 || status;
}

static const char *why_not(void)
{
	struct utsname name;
	int major = 0, minor = 0;
	uname(&name);
	if (sscanf(name.release, "%d.%d", &major, &minor) != 2 || major < 6 || (major == 6 && minor < 6))
		return "this kernel is older than 6.6";
	return geteuid() ? "not root" : access("/dev/shm", W_OK) ? "no /dev/shm" : NULL;
}

int main(void)
{
	int failed = 0;
	if (why_not()) {
		printf("test_tmpfs_linux: skipped: %s\n", why_not());
		return 0;
	}
	for (unsigned seed = 1; seed <= SEEDS && !failed; seed++) {
		char folder[] = "/dev/shm/atoll-test-XXXXXX";
		if (!mkdtemp(folder))
			return 1;
		failed = compare_in(folder, seed);
		remove_tree(folder);
	}
	printf("test_tmpfs_linux: %s\n", failed ? "FAILED" : "ok");
	return failed;
}
