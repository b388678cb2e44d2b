/* tmpfs on the host: rules of names, permissions, contents and locks one by one, then long
 * random runs against a model that keeps the tree in the simplest way there is. Memory is made to
 * run out on the way: an operation then fails as a whole. */
#define _GNU_SOURCE
#include "check.h"
#include "servers/tmpfs/lock.h"
#include "servers/tmpfs/walk.h"
#include "tmpfs_fake.h"
#include "tmpfs_model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct session *root_session, *user_session;

static int walk_as(struct session *session, const char *path, unsigned flags, struct walk *walk)
{
	*walk = (struct walk){
		.session = session, .start = tree.root, .path = path, .length = strlen(path), .flags = flags
	};
	return walk_path(walk);
}

static int make(struct session *session, const char *path, uint32_t mode)
{
	struct walk walk;
	struct node *made;
	int status = walk_as(session, path, WALK_NAME, &walk);
	return status ? status : tree_make(&walk, mode, 0, NULL, 0, &made);
}

static int make_link(struct session *session, const char *target, const char *path)
{
	struct walk walk;
	struct node *made;
	int status = walk_as(session, path, WALK_NAME, &walk);
	return status ? status : tree_make(&walk, S_IFLNK | 0777, 0, target, strlen(target), &made);
}

static int open_path(struct session *session, const char *path, uint32_t flags, struct node **node)
{
	struct walk walk;
	*node = NULL;
	int status = walk_as(session, path, open_walk_flags(flags), &walk);
	return status ? status : tree_open(&walk, flags, 0644, node);
}

static int try_open(struct session *session, const char *path, uint32_t flags)
{
	struct node *node;
	int status = open_path(session, path, flags, &node);
	if (status == 0)
		node_release(node_reference(node));
	return status;
}

static int lookup(struct session *session, const char *path, unsigned flags)
{
	struct walk walk;
	return walk_as(session, path, flags, &walk);
}

static int unlink_path(struct session *session, const char *path, bool directory)
{
	struct walk walk;
	int status = walk_as(session, path, WALK_NAME, &walk);
	return status ? status : tree_unlink(&walk, directory);
}

static int rename_path(struct session *session, const char *old, const char *new, unsigned flags)
{
	struct walk from, to;
	int status = rename_check_flags(flags);
	if (status == 0)
		status = walk_as(session, old, WALK_NAME, &from);
	if (status == 0)
		status = walk_as(session, new, WALK_NAME, &to);
	return status ? status : tree_rename(&from, &to, flags);
}

static int link_path(const char *old, const char *new)
{
	struct walk from, to;
	int status = walk_as(root_session, old, 0, &from);
	if (status == 0)
		status = walk_as(root_session, new, WALK_NAME, &to);
	return status ? status : tree_link(from.node, &to);
}

static int write_node(struct node *node, uint64_t offset, const void *data, uint64_t length)
{
	int status = content_begin_write(node, offset, length);
	if (status)
		return status;
	memory_object_write(node->content.object, offset, data, length);
	content_end_write(node, offset, length, length);
	return 0;
}

static void start(void)
{
	const uint32_t groups[] = { 50 };
	CHECK(tree_start("") == 0);
	root_session = session_make(tree.root, 0, 0, NULL, 0);
	user_session = session_make(tree.root, 1000, 1000, groups, 1);
}

static void stop(void)
{
	session_release(root_session);
	session_release(user_session);
	tree_stop();
	CHECK(tree.node_count == 0);
	CHECK(fake_heap_blocks == 0);
	CHECK(fake_objects == 0);
}

static void test_paths(void)
{
	char longest[NAME_LENGTH_MAX + 2];
	start();
	CHECK(make(root_session, "/a", S_IFDIR | 0755) == 0);
	CHECK(make(root_session, "/a/b/", S_IFDIR | 0755) == 0);
	CHECK(make(root_session, "/a/f", S_IFREG | 0644) == 0);
	CHECK(make(root_session, "/a/g/", S_IFREG | 0644) == -ENOENT);
	CHECK(make(root_session, "/", S_IFDIR | 0755) == -EEXIST);
	CHECK(make(root_session, "/a/.", S_IFDIR | 0755) == -EEXIST);
	CHECK(make(root_session, "/x/y", S_IFDIR | 0755) == -ENOENT);
	CHECK(lookup(root_session, "//a//b/..///f", WALK_FOLLOW) == 0);
	CHECK(lookup(root_session, "/a/f/", WALK_FOLLOW) == -ENOTDIR);
	CHECK(lookup(root_session, "/a/f/.", WALK_FOLLOW) == -ENOTDIR);
	CHECK(lookup(root_session, "/../../a", WALK_FOLLOW) == 0);
	memset(longest, 'n', sizeof longest);
	longest[NAME_LENGTH_MAX + 1] = 0;
	CHECK(lookup(root_session, longest, 0) == -ENAMETOOLONG);
	longest[NAME_LENGTH_MAX] = 0;
	CHECK(lookup(root_session, longest, 0) == -ENOENT);
	CHECK(make_link(root_session, "a/b", "/l") == 0);
	CHECK(make_link(root_session, "loop", "/loop") == 0);
	CHECK(make_link(root_session, "/a/new", "/dangling") == 0);
	CHECK(lookup(root_session, "/l/../f", WALK_FOLLOW) == 0);
	CHECK(lookup(root_session, "/loop", WALK_FOLLOW) == -ELOOP);
	CHECK(lookup(root_session, "/loop", 0) == 0);
	CHECK(lookup(root_session, "/dangling", WALK_FOLLOW) == -ENOENT);
	CHECK(try_open(root_session, "/l", O_RDONLY | O_NOFOLLOW) == -ELOOP);
	CHECK(try_open(root_session, "/l", O_RDONLY | O_DIRECTORY) == 0);
	CHECK(try_open(root_session, "/a/f", O_RDONLY | O_DIRECTORY) == -ENOTDIR);
	CHECK(try_open(root_session, "/dangling", O_RDWR | O_CREAT | O_EXCL) == -EEXIST);
	CHECK(try_open(root_session, "/dangling", O_RDWR | O_CREAT) == 0);
	CHECK(lookup(root_session, "/a/new", 0) == 0);
	CHECK(try_open(root_session, "/a", O_RDWR) == -EISDIR);
	CHECK(try_open(root_session, "/a", O_RDONLY | O_CREAT) == -EISDIR);
	CHECK(try_open(root_session, "/a/h/", O_RDWR | O_CREAT) == -EISDIR);
	CHECK(unlink_path(root_session, "/a/f/", false) == -ENOTDIR);
	CHECK(unlink_path(root_session, "/a", false) == -EISDIR);
	CHECK(unlink_path(root_session, "/a", true) == -ENOTEMPTY);
	CHECK(unlink_path(root_session, "/a/f", true) == -ENOTDIR);
	CHECK(unlink_path(root_session, "/a/b/.", true) == -EINVAL);
	CHECK(unlink_path(root_session, "/a/b/..", true) == -ENOTEMPTY);
	CHECK(unlink_path(root_session, "/", true) == -EBUSY);
	stop();
}

static void test_rename(void)
{
	start();
	CHECK(make(root_session, "/a", S_IFDIR | 0755) == 0);
	CHECK(make(root_session, "/a/b", S_IFDIR | 0755) == 0);
	CHECK(make(root_session, "/c", S_IFDIR | 0755) == 0);
	CHECK(make(root_session, "/f", S_IFREG | 0644) == 0);
	CHECK(make(root_session, "/g", S_IFREG | 0644) == 0);
	CHECK(rename_path(root_session, "/a", "/a/b/x", 0) == -EINVAL);
	CHECK(rename_path(root_session, "/a/b", "/a", 0) == -ENOTEMPTY);
	CHECK(rename_path(root_session, "/f", "/c", 0) == -EISDIR);
	CHECK(rename_path(root_session, "/c", "/f", 0) == -ENOTDIR);
	CHECK(rename_path(root_session, "/f", "/g/", 0) == -ENOTDIR);
	CHECK(rename_path(root_session, "/f", "/g", RENAME_FLAG_NOREPLACE) == -EEXIST);
	CHECK(rename_path(root_session, "/f", "/h", RENAME_FLAG_EXCHANGE) == -ENOENT);
	CHECK(rename_path(root_session, "/f", "/h", 3) == -EINVAL);
	CHECK(rename_path(root_session, "/a/.", "/h", 0) == -EBUSY);
	CHECK(rename_path(root_session, "/a/b", "/c", 0) == 0);
	CHECK(tree.root->links == 4 && lookup(root_session, "/a/b", 0) == -ENOENT);
	CHECK(rename_path(root_session, "/c", "/f", RENAME_FLAG_EXCHANGE) == 0);
	CHECK(lookup(root_session, "/f/.", 0) == 0 && lookup(root_session, "/c/.", 0) == -ENOTDIR);
	CHECK(rename_path(root_session, "/f", "/a/d", 0) == 0);
	CHECK(lookup(root_session, "/a/d/../../g", 0) == 0);
	CHECK(rename_path(root_session, "/a", "/a/d", RENAME_FLAG_EXCHANGE) == -EINVAL);
	CHECK(rename_path(root_session, "/a/d", "/a", RENAME_FLAG_EXCHANGE) == -EINVAL);
	CHECK(link_path("/g", "/k") == 0);
	CHECK(rename_path(root_session, "/g", "/k", 0) == 0 && lookup(root_session, "/g", 0) == 0);
	CHECK(link_path("/a", "/m") == -EPERM);
	stop();
}

static void test_permissions(void)
{
	struct walk walk;
	start();
	CHECK(make(root_session, "/private", S_IFDIR | 0700) == 0);
	CHECK(make(root_session, "/private/f", S_IFREG | 0666) == 0);
	CHECK(make(root_session, "/shared", S_IFDIR | 01777) == 0);
	CHECK(make(root_session, "/shared/f", S_IFREG | 0640) == 0);
	CHECK(make(root_session, "/team", S_IFDIR | 0775) == 0);
	CHECK(walk_as(root_session, "/team", 0, &walk) == 0);
	walk.node->group = 50;
	walk.node->mode |= S_ISGID;
	CHECK(make(user_session, "/team/d", S_IFDIR | 0755) == 0);
	CHECK(walk_as(user_session, "/team/d", 0, &walk) == 0);
	CHECK(walk.node->group == 50 && walk.node->mode & S_ISGID && walk.node->user == 1000);
	CHECK(lookup(user_session, "/private/f", 0) == -EACCES);
	CHECK(make(user_session, "/new", S_IFREG | 0644) == -EACCES);
	CHECK(make(user_session, "/shared/mine", S_IFREG | 0600) == 0);
	CHECK(make(user_session, "/shared/null", S_IFCHR | 0600) == -EPERM);
	CHECK(unlink_path(user_session, "/shared/f", false) == -EPERM);
	CHECK(rename_path(user_session, "/shared/mine", "/shared/f", 0) == -EPERM);
	CHECK(try_open(user_session, "/shared/f", O_RDONLY) == -EACCES);
	CHECK(try_open(user_session, "/shared/mine", (int)OPEN_EXECUTE) == -EACCES);
	CHECK(try_open(root_session, "/shared/mine", (int)OPEN_EXECUTE) == -EACCES);
	CHECK(walk_as(root_session, "/shared/mine", 0, &walk) == 0);
	struct file_attributes attributes = { .mode = 06755, .user = 0, .group = 50 };
	CHECK(node_set_attributes(walk.node, user_session, ATTRIBUTE_MODE, &attributes, false) == 0);
	CHECK((walk.node->mode & 07777) == 06755);
	CHECK(node_set_attributes(walk.node, user_session, ATTRIBUTE_USER, &attributes, false) == -EPERM);
	CHECK(node_set_attributes(walk.node, user_session, ATTRIBUTE_GROUP, &attributes, false) == 0);
	CHECK((walk.node->mode & 07777) == 0755 && walk.node->group == 50);
	CHECK(unlink_path(user_session, "/shared/mine", false) == 0);
	stop();
}

static void test_contents(void)
{
	static const uint8_t borrowed[5000] = { [4999] = 9 };
	uint8_t bytes[16] = { 0 };
	struct node *node;
	start();
	CHECK(open_path(root_session, "/f", O_RDWR | O_CREAT, &node) == 0);
	CHECK(write_node(node, 5000, "tail", 4) == 0 && node->size == 5004);
	CHECK(fake_memory_size(node->content.object) == 8192);
	CHECK(content_truncate(node, 5002) == 0 && content_truncate(node, 6000) == 0);
	CHECK(fake_memory_read(node->content.object, 5000, bytes, 4) == 4 && memcmp(bytes, "ta\0\0", 4) == 0);
	CHECK(content_allocate(node, 1, 0, 100000) == 0 && node->size == 6000);
	CHECK(content_allocate(node, 3, 4999, 2) == 0);
	CHECK(fake_memory_read(node->content.object, 4999, bytes, 3) == 3 && memcmp(bytes, "\0\0a", 3) == 0);
	CHECK(content_allocate(node, 0x8, 0, 1) == -EOPNOTSUPP && content_allocate(node, 0, 0, 0) == -EINVAL);
	CHECK(content_begin_write(node, FILE_SIZE_MAX, 1) == -EFBIG);
	CHECK(content_seek(node, 0, true) == 0 && content_seek(node, 0, false) == 4096 &&
	      content_seek(node, 4500, true) == 6000);
	fake_quota = 4096;
	CHECK(write_node(node, 20000, "x", 1) == -ENOSPC && node->size == 6000);
	CHECK(content_allocate(node, 0, 0, 200000) == -ENOSPC);
	fake_quota = UINT64_MAX / 2;
	CHECK(content_truncate(node, 0) == 0 && content_truncate(node, 10) == 0);
	CHECK(fake_memory_read(node->content.object, 0, bytes, 10) == 10 && bytes[0] == 0);
	CHECK(open_path(root_session, "/b", O_RDWR | O_CREAT, &node) == 0);
	node->content.borrowed = borrowed;
	node->size = sizeof borrowed;
	CHECK(write_node(node, 0, "new", 3) == 0 && !node->content.borrowed && node->size == sizeof borrowed);
	CHECK(fake_memory_read(node->content.object, 4999, bytes, 1) == 1 && bytes[0] == 9);
	node_reference(node);
	CHECK(unlink_path(root_session, "/b", false) == 0 && node->links == 0);
	CHECK(write_node(node, 0, "still", 5) == 0);
	node_release(node);
	stop();
}

static void test_listing(void)
{
	char buffer[4096], name[16];
	uint64_t position = 0;
	unsigned seen = 0;
	start();
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "/n%u", i);
		CHECK(make(root_session, name, S_IFREG | 0644) == 0);
	}
	CHECK(directory_read(tree.root, &position, buffer, 8) == -EINVAL && position == 0);
	for (int64_t got; (got = directory_read(tree.root, &position, buffer, 256)) > 0;) {
		for (int64_t at = 0; at < got; at += *(uint16_t *)(buffer + at + 16))
			seen++;
		if (seen %
		    2) /* names come and go meanwhile; none of the others may be missed or seen twice */
			CHECK(unlink_path(root_session, "/n0", false) == 0 &&
			      make(root_session, "/n0", S_IFREG | 0644) == 0);
	}
	CHECK(seen >= 101 && seen <= 160);
	struct walk walk;
	CHECK(make(root_session, "/d", S_IFDIR | 0755) == 0 &&
	      make(root_session, "/d/e", S_IFDIR | 0755) == 0);
	CHECK(walk_as(root_session, "/d/e", 0, &walk) == 0);
	struct node *directory = node_reference(walk.node);
	CHECK(node_path(directory, tree.root, buffer, sizeof buffer) == 4 && memcmp(buffer, "/d/e", 4) == 0);
	CHECK(node_path(directory, tree.root, buffer, 3) == -ENAMETOOLONG);
	CHECK(node_path(tree.root, tree.root, buffer, sizeof buffer) == 1 && buffer[0] == '/');
	struct node *file;
	CHECK(open_path(root_session, "/d/f", O_RDWR | O_CREAT, &file) == 0 &&
	      link_path("/d/f", "/d/g") == 0);
	CHECK(node_path(file, tree.root, buffer, sizeof buffer) == 4 && memcmp(buffer, "/d/g", 4) == 0);
	CHECK(try_open(root_session, "/d/f", O_RDONLY) == 0 &&
	      rename_path(root_session, "/d/f", "/d/e/f", 0) == 0);
	CHECK(node_path(file, tree.root, buffer, sizeof buffer) == 6 && memcmp(buffer, "/d/e/f", 6) == 0);
	CHECK(rename_path(root_session, "/d/e/f", "/n1", RENAME_FLAG_EXCHANGE) == 0);
	CHECK(node_path(file, tree.root, buffer, sizeof buffer) == 3 && memcmp(buffer, "/n1", 3) == 0);
	CHECK(unlink_path(root_session, "/n1", false) == 0 &&
	      node_path(file, tree.root, buffer, sizeof buffer) == -ENOENT);
	CHECK(unlink_path(root_session, "/d/g", false) == 0 &&
	      unlink_path(root_session, "/d/e/f", false) == 0);
	CHECK(unlink_path(root_session, "/d/e", true) == 0 && unlink_path(root_session, "/d", true) == 0);
	CHECK(node_path(directory, tree.root, buffer, sizeof buffer) == -ENOENT);
	position = 0;
	CHECK(directory_read(directory, &position, buffer, sizeof buffer) == -ENOENT);
	struct walk inside = {
		.session = root_session, .start = directory, .path = "x", .length = 1, .flags = WALK_NAME
	};
	struct node *made;
	CHECK(walk_path(&inside) == 0 && tree_make(&inside, S_IFREG | 0644, 0, NULL, 0, &made) == -ENOENT);
	node_release(directory);
	stop();
}

static struct lock_request range(uint64_t owner, uint64_t start, uint64_t end, bool exclusive)
{
	return (struct lock_request){
		.exclusive = exclusive, .owner = owner, .file = owner << 32, .start = start, .end = end
	};
}

static void test_locks(void)
{
	struct node *a, *b;
	struct lock_request found, request;
	start();
	CHECK(open_path(root_session, "/a", O_RDWR | O_CREAT, &a) == 0 &&
	      open_path(root_session, "/b", O_RDWR | O_CREAT, &b) == 0);
	request = range(1, 0, 99, true);
	CHECK(lock_set(a, &request, 0) == 0);
	request = range(2, 50, 60, false);
	CHECK(lock_set(a, &request, 0) == -EAGAIN && lock_query(a, &request, &found) && found.owner == 1);
	request = range(1, 40, 70, false); /* the middle becomes shared */
	CHECK(lock_set(a, &request, 0) == 0);
	request = range(2, 50, 60, false);
	CHECK(lock_set(a, &request, 0) == 0);
	request = range(2, 30, 60, false);
	CHECK(lock_set(a, &request, 0) == -EAGAIN);
	request = range(3, 0, UINT64_MAX, true);
	CHECK(lock_set(a, &request, 77) == LOCK_WAITS);
	request = range(3, 0, 0, true);
	CHECK(lock_set(b, &request, 0) == 0);
	request = range(1, 0, 0, true);
	CHECK(lock_set(b, &request, 78) == -EDEADLK);
	request = range(1, 0, UINT64_MAX, false);
	CHECK(lock_clear(a, &request) == 0 && fake_answered_call == 0);
	lock_release_owner(a, 2);
	CHECK(fake_answered_call == 77 && fake_answer == 0);
	request = range(4, 5, 5, false);
	CHECK(lock_set(a, &request, 79) == LOCK_WAITS && lock_cancel_call(79) && !lock_cancel_call(79));
	lock_release_file(a, 3ull << 32);
	CHECK(lock_set(a, &request, 0) == 0);
	struct lock_request whole = {
		.whole = true, .exclusive = true, .owner = 9, .file = 9, .end = UINT64_MAX
	};
	CHECK(lock_set(a, &whole, 0) == 0);
	whole.owner = whole.file = 10;
	CHECK(lock_set(a, &whole, 0) == -EAGAIN && lock_set(a, &whole, 80) == LOCK_WAITS);
	lock_release_file(a, 9);
	CHECK(fake_answered_call == 80);
	lock_release_file(a, 10);
	lock_release_process(3);
	lock_release_process(4);
	request = range(5, 0, 9, true); /* three locks on two nodes, and another owner's beside them */
	CHECK(lock_set(a, &request, 0) == 0 && lock_set(b, &request, 0) == 0);
	request = range(5, 3, 4, false);
	CHECK(lock_clear(a, &request) == 0);
	request = range(6, 20, 29, true);
	CHECK(lock_set(a, &request, 0) == 0);
	request = range(7, 8, 9, true);
	CHECK(lock_set(b, &request, 81) == LOCK_WAITS);
	lock_release_process(5);
	CHECK(fake_answered_call == 81);
	request = range(8, 0, UINT64_MAX, true);
	CHECK(lock_query(a, &request, &found) && found.owner == 6 && lock_query(b, &request, &found) && found.owner == 7);
	lock_release_process(6);
	lock_release_process(7);
	CHECK(!lock_query(a, &request, &found) && !lock_query(b, &request, &found));
	stop();
}

static size_t archive_entry(uint8_t *at, const char *name, unsigned inode, unsigned mode, unsigned links,
                            const void *data, unsigned size)
{
	int head = sprintf((char *)at, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode,
	                   mode, 5u, 6u, links, 7u, size, 0u, 0u, 1u, 3u, (unsigned)strlen(name) + 1, 0u);
	size_t length = (size_t)head + strlen(name) + 1;
	memcpy(at + head, name, strlen(name) + 1);
	while (length % 4)
		at[length++] = 0;
	memcpy(at + length, data, size);
	length += size;
	while (length % 4)
		at[length++] = 0;
	return length;
}

static void test_archive(void)
{
	static uint8_t archive[8192];
	uint64_t files = 0;
	struct walk walk;
	size_t length = 0;
	length += archive_entry(archive + length, "system/x", 1, S_IFREG | 0755, 1, "no", 2);
	length += archive_entry(archive + length, "root", 2, S_IFDIR | 0711, 2, "", 0);
	length += archive_entry(archive + length, "root/deep/er/f", 3, S_IFREG | 0640, 2, "", 0);
	length += archive_entry(archive + length, "./root/g", 3, S_IFREG | 0640, 2, "hello", 5);
	length += archive_entry(archive + length, "root/null", 4, S_IFCHR | 0666, 1, "", 0);
	length += archive_entry(archive + length, "root/l", 5, S_IFLNK | 0777, 1, "deep/er", 7);
	length += archive_entry(archive + length, "TRAILER!!!", 0, 0, 1, "", 0);
	length += 512 - length % 512;
	length += archive_entry(archive + length, "root/l", 3, S_IFREG | 0600, 2, "again", 5);
	length += archive_entry(archive + length, "TRAILER!!!", 0, 0, 1, "", 0);
	start();
	CHECK(archive_load(archive, length, &files) == 0 && files == 6);
	CHECK((tree.root->mode & 07777) == 0711);
	CHECK(walk_as(root_session, "/deep/er/f", 0, &walk) == 0 && walk.node->links == 2 &&
	      walk.node->size == 5);
	CHECK(memcmp(walk.node->content.borrowed, "hello", 5) == 0 && walk.node->user == 5 &&
	      walk.node->group == 6);
	CHECK(walk.node->modify_time == 7000000000);
	CHECK(walk_as(root_session, "/null", 0, &walk) == 0 && walk.node->device == 0x103);
	CHECK(walk_as(root_session, "/l", 0, &walk) == 0 && node_is(walk.node, S_IFREG) &&
	      walk.node->links == 1);
	archive[3] = 'x';
	CHECK(archive_load(archive, length, &files) == -EINVAL);
	stop();
}

static void test_mounts(void)
{
	struct walk walk;
	handle_t gate;
	start();
	CHECK(make(root_session, "/m", S_IFDIR | 0755) == 0);
	CHECK(make_link(root_session, "m/self/x", "/l") == 0);
	CHECK(walk_as(root_session, "/m", WALK_NAME, &walk) == 0 && tree_mount(walk.node, 7) == 0);
	CHECK(walk_as(root_session, "/m", WALK_FOLLOW, &walk) == 0 && walk.redirect == REDIRECT_PATH &&
	      walk.gate == 7);
	CHECK(walk.rest_length == 1 && walk.rest[0] == '.');
	CHECK(walk_as(root_session, "/l/y//z/", WALK_FOLLOW, &walk) == 0 && walk.redirect == REDIRECT_PATH);
	CHECK(walk.rest_length == 12 && memcmp(walk.rest, "self/x/y//z/", 12) == 0);
	CHECK(unlink_path(root_session, "/m", true) == -EBUSY &&
	      rename_path(root_session, "/m", "/n", 0) == -EBUSY);
	CHECK(walk_as(root_session, "/m", WALK_NAME, &walk) == 0 && tree_unmount(walk.node, &gate) == 0 &&
	      gate == 7);
	CHECK(unlink_path(root_session, "/m", true) == 0);
	strcpy(tree.mount_path, "/dev/shm");
	CHECK(walk_as(root_session, "../x", WALK_FOLLOW, &walk) == 0 && walk.redirect == REDIRECT_ROOT);
	CHECK(walk.rest_length == 7 && memcmp(walk.rest, "/dev//x", 7) == 0);
	stop();
}

/* The random run: the same operation on the tree and on the model. */
static void random_path(char *path)
{
	static const char *const names[] = { "a", "b", "c", "long-name-of-a-file", ".", ".." };
	path[0] = 0;
	for (unsigned depth = 1 + (unsigned)rand() % 3; depth > 0; depth--) {
		strcat(path, "/");
		strcat(path,
		       names[(unsigned)rand() % 16 == 0 ? 4 + (unsigned)rand() % 2 : (unsigned)rand() % 4]);
	}
}

static int random_write(const char *path, uint64_t offset, const uint8_t *data, uint64_t length)
{
	struct node *node;
	int status = open_path(root_session, path, O_WRONLY, &node);
	if (status == 0 && !node_is(node, S_IFREG))
		status = -EINVAL;
	return status ? status : write_node(node, offset, data, length);
}

static int random_truncate(const char *path, uint64_t size)
{
	struct walk walk;
	struct file_attributes attributes = { .size = size };
	int status = walk_as(root_session, path, WALK_FOLLOW, &walk);
	return status ? status
	              : node_set_attributes(walk.node, root_session, ATTRIBUTE_SIZE, &attributes, false);
}

/* Does the operation on both; results must agree on success unless memory was made to fail. */
static void random_step(void)
{
	static uint8_t data[9000];
	char one[80], two[80];
	int status = 0, expected = 0;
	random_path(one);
	random_path(two);
	unsigned flags = (unsigned)rand() % 3;
	uint64_t offset = (uint64_t)rand() % 10000, length = 1 + (uint64_t)rand() % sizeof data;
	fake_fail_after = rand() % 8 == 0 ? 1 + (unsigned)rand() % 4 : 0;
	bool fault = fake_fail_after != 0;
	struct model_change change = { .kind = (enum model_kind)((unsigned)rand() % MODEL_KINDS),
		                       .one = one,
		                       .two = two,
		                       .flags = flags,
		                       .offset = offset,
		                       .length = length,
		                       .data = data };
	memset(data, rand(), sizeof data);
	switch (change.kind) {
	case MODEL_DIRECTORY: status = make(root_session, one, S_IFDIR | 0755); break;
	case MODEL_FILE: status = make(root_session, one, S_IFREG | 0644); break;
	case MODEL_UNLINK: status = unlink_path(root_session, one, false); break;
	case MODEL_REMOVE: status = unlink_path(root_session, one, true); break;
	case MODEL_RENAME: status = rename_path(root_session, one, two, flags); break;
	case MODEL_LINK: status = link_path(one, two); break;
	case MODEL_WRITE: status = random_write(one, offset, data, length); break;
	case MODEL_TRUNCATE: status = random_truncate(one, offset); break;
	case MODEL_KINDS: break;
	}
	bool failed_by_fault = fault && fake_fail_after == 0;
	fake_fail_after = 0;
	if (failed_by_fault && status)
		return;
	expected = model_apply(&change);
	if ((status == 0) != (expected == 0))
		fprintf(stderr, "kind %d, %s %s flags %u: %d\n", (int)change.kind, one, two, flags, status);
	CHECK((status == 0) == (expected == 0));
}

static void compare_node(const struct node *node, const struct model_node *model);

static void compare_directory(const struct node *node, const struct model_node *model)
{
	unsigned directories = 0;
	CHECK(node->directory.live == model->child_count);
	for (unsigned i = 0; i < model->child_count; i++) {
		const char *name = model->children[i].name;
		struct name cut;
		name_cut(&cut, name, name + strlen(name), name + strlen(name));
		struct entry *entry = directory_find(node, &cut);
		CHECK(entry != NULL);
		if (!entry)
			continue;
		compare_node(entry->node, model->children[i].node);
		if (node_is(entry->node, S_IFDIR)) {
			directories++;
			CHECK(entry->node->directory.parent == node && entry->node->entry == entry);
		}
	}
	CHECK(node->links == 2 + directories);
}

static void compare_node(const struct node *node, const struct model_node *model)
{
	static uint8_t bytes[MODEL_FILE_MAX];
	CHECK(node_is(node, S_IFDIR) == model->directory);
	if (model->directory) {
		compare_directory(node, model);
		return;
	}
	CHECK(node->links == model->links && node->size == model->size);
	if (node->size == 0 || node->size != model->size)
		return;
	fake_memory_read(node->content.object, 0, bytes, node->size);
	CHECK(memcmp(bytes, model->bytes, node->size) == 0);
	for (uint64_t at = node->size; at < node->content.capacity; at++) {
		fake_memory_read(node->content.object, at, bytes, 1);
		CHECK(bytes[0] == 0);
	}
}

static void test_random(unsigned seed, unsigned steps)
{
	srand(seed);
	start();
	model_start();
	for (unsigned i = 0; i < steps && failures == 0; i++) {
		random_step();
		if (i % 64 == 0)
			compare_node(tree.root, model_root);
	}
	compare_node(tree.root, model_root);
	model_stop();
	stop();
}

/* What readers without calls are told is what the node says, at every step. */
static void test_windows(void)
{
	struct node *node;
	start();
	CHECK(open_path(root_session, "/w", O_CREAT | O_RDWR, &node) == 0);
	node_reference(node);
	CHECK(content_truncate(node, 5000) == 0);
	CHECK(window_open(node) == 0 && window_open(node) == 0);
	const struct file_window *window = shared_page_at(node->content.window);
	CHECK(window->size == 5000 && window->accessed_until == 0);
	node_accessed(node);
	CHECK(window->accessed_until == (uint64_t)(node->access_time + DAY));
	CHECK(content_begin_write(node, 9000, 10) == 0 && window->size == 5000);
	content_end_write(node, 9000, 10, 10);
	CHECK(window->size == 9010 && window->accessed_until == 0);
	node_accessed(node);
	CHECK(content_truncate(node, 1) == 0 && window->size == 1 && window->accessed_until == 0);
	node_accessed(node);
	struct file_attributes attributes = { .access_time = -5, .modify_time = -10, .mode = 0600 };
	CHECK(node_set_attributes(node, root_session, ATTRIBUTE_MODE, &attributes, false) == 0);
	CHECK(window->accessed_until == 0);
	CHECK(node_set_attributes(node, root_session, ATTRIBUTE_ACCESS_TIME | ATTRIBUTE_MODIFY_TIME, &attributes, false) == 0);
	CHECK(window->accessed_until == 0);
	node_accessed(node);
	CHECK(window->accessed_until != 0);
	uint64_t objects = fake_objects;
	node_release(node);
	struct walk walk;
	CHECK(walk_as(root_session, "/w", WALK_NAME, &walk) == 0 && tree_unlink(&walk, 0) == 0);
	CHECK(fake_objects == objects - 2);
	stop();
}

/* What is written without calls counts as if it had been written then, where that can be. */
static void test_write_windows(void)
{
	struct node *node;
	start();
	CHECK(open_path(root_session, "/w", O_CREAT | O_RDWR, &node) == 0);
	node_reference(node);
	CHECK(content_truncate(node, 5000) == 0);
	CHECK(window_open_writing(node) == 0 && window_open_writing(node) == 0);
	const struct file_window *window = shared_page_at(node->content.window);
	struct file_written *written = shared_page_at(node->content.written);
	struct file_attributes attributes = { .mode = 04755 };
	CHECK(window->writable && window->size == 5000);
	node_accessed(node);
	CHECK(!window->writable);
	node_touch(node, true);
	CHECK(window->writable);
	CHECK(node_set_attributes(node, root_session, ATTRIBUTE_MODE, &attributes, false) == 0 && !window->writable);
	node_clear_set_id(node, &(struct session){ .user = 5, .root = tree.root });
	attributes.mode = 0755;
	CHECK(node_set_attributes(node, root_session, ATTRIBUTE_MODE, &attributes, false) == 0 && window->writable);
	int64_t before = node->change_time;
	written->time = (uint64_t)before + 1;
	node_attributes(node, &attributes);
	CHECK(attributes.modify_time == before + 1 && attributes.change_time == before + 1);
	written->time = (uint64_t)before - 1000; /* before the last change */
	node_attributes(node, &attributes);
	CHECK(attributes.modify_time == before + 1);
	written->time = UINT64_MAX / 2; /* not yet */
	node_attributes(node, &attributes);
	CHECK(attributes.modify_time > before && attributes.modify_time <= clock_now());
	written->time = UINT64_MAX;
	node_attributes(node, &attributes);
	CHECK(attributes.modify_time > before && attributes.modify_time <= clock_now());
	node->content.calls_only = true;
	window_tell(node);
	CHECK(!window->writable && window_open_writing(node) == -ENODEV);
	uint64_t objects = fake_objects;
	node_release(node);
	struct walk walk;
	CHECK(walk_as(root_session, "/w", WALK_NAME, &walk) == 0 && tree_unlink(&walk, 0) == 0);
	CHECK(fake_objects == objects - 3);
	stop();
}

int main(void)
{
	test_windows();
	test_write_windows();
	test_paths();
	test_rename();
	test_permissions();
	test_contents();
	test_listing();
	test_locks();
	test_archive();
	test_mounts();
	for (unsigned seed = 1; seed <= 20 && failures == 0; seed++)
		test_random(seed, 4000);
	printf("test_tmpfs: %s\n", failures ? "FAILED" : "ok");
	return failures != 0;
}
