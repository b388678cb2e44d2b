/* The boot archive: cpio (newc) entries below `root/` become the tree.
 *
 * Nothing is copied: a regular file borrows its bytes from the archive until somebody writes
 * to it or maps it. Hard links carry one inode number, and the bytes come with any one of the names
 * (in practice the last). Later archives of a concatenation replace what earlier ones brought.
 */
#include "walk.h"

#include <errno.h>
#include <string.h>

#define HEADER_SIZE 110
#define LINK_BUCKETS 256

struct cpio_entry {
	uint64_t inode, mode, user, group, links, time, size, device_major, device_minor, name_length;
	const char *name;
	const uint8_t *data;
};

/* Names of one inode seen so far in the archive in hand; only for files with several links. */
struct hard_link {
	struct hard_link *next;
	uint64_t inode;
	struct node *node;
};

struct loader {
	const uint8_t *at, *end;
	struct session *session;
	/* The directory of the entry before: the next one is most often there, too. */
	const char *last_path;
	size_t last_length; /* with the slash at its end; 0: none */
	struct node *last_directory;
	struct hard_link *links[LINK_BUCKETS];
	uint64_t files;
};

/* Field n of the header: eight hexadecimal digits, all at once, a digit in each byte of a word. What is no
 * digit gives some number; the next header's magic is then not where it should be. */
static uint64_t header_field(const uint8_t *header, unsigned number)
{
	uint64_t word;
	memcpy(&word, header + 6 + number * 8, sizeof word);
	word = __builtin_bswap64(word);
	word = (word & 0x0f0f0f0f0f0f0f0f) + (word >> 6 & 0x0101010101010101) * 9; /* letters have bit 6 */
	word = (word | word >> 4) & 0x00ff00ff00ff00ff;
	word = (word | word >> 8) & 0x0000ffff0000ffff;
	return (word | word >> 16) & 0xffffffff;
}

static void read_header(const uint8_t *header, struct cpio_entry *entry)
{
	*entry = (struct cpio_entry){
		.inode = header_field(header, 0),
		.mode = header_field(header, 1),
		.user = header_field(header, 2),
		.group = header_field(header, 3),
		.links = header_field(header, 4),
		.time = header_field(header, 5),
		.size = header_field(header, 6),
		.device_major = header_field(header, 9),
		.device_minor = header_field(header, 10),
		.name_length = header_field(header, 11),
	};
}

/* 1: an entry; 0: the end; -EINVAL: not an archive. */
static int next_entry(struct loader *loader, struct cpio_entry *entry)
{
	while (loader->at < loader->end && *loader->at == 0)
		loader->at++; /* padding between archives */
	const uint8_t *header = loader->at;
	uint64_t left = (uint64_t)(loader->end - header);
	if (left == 0)
		return 0;
	if (left < HEADER_SIZE || (memcmp(header, "070701", 6) && memcmp(header, "070702", 6)))
		return -EINVAL;
	read_header(header, entry);
	uint64_t data = (HEADER_SIZE + entry->name_length + 3) & ~3ull;
	if (entry->name_length == 0 || data > left || entry->size > left - data)
		return -EINVAL;
	entry->name = (const char *)header + HEADER_SIZE;
	entry->name_length = strnlen(entry->name, entry->name_length);
	entry->data = header + data;
	uint64_t whole = (data + entry->size + 3) & ~3ull;
	loader->at = header + (whole < left ? whole : left);
	return 1;
}

static void forget_links(struct loader *loader)
{
	for (unsigned i = 0; i < LINK_BUCKETS; i++) {
		struct hard_link *next;
		for (struct hard_link *link = loader->links[i]; link; link = next) {
			next = link->next;
			node_release(link->node);
			heap_free(link, sizeof *link);
		}
		loader->links[i] = NULL;
	}
}

static struct node *find_link(const struct loader *loader, uint64_t inode)
{
	const struct hard_link *link = loader->links[inode % LINK_BUCKETS];
	while (link && link->inode != inode)
		link = link->next;
	return link ? link->node : NULL;
}

static int remember_link(struct loader *loader, uint64_t inode, struct node *node)
{
	struct hard_link *link = heap_allocate(sizeof *link);
	if (!link)
		return -ENOSPC;
	*link = (struct hard_link){ loader->links[inode % LINK_BUCKETS], inode, node_reference(node) };
	loader->links[inode % LINK_BUCKETS] = link;
	return 0;
}

static void set_node(struct node *node, const struct cpio_entry *entry)
{
	node->mode = (node->mode & S_IFMT) | (entry->mode & 07777);
	node->user = (uint32_t)entry->user;
	node->group = (uint32_t)entry->group;
	node->access_time = node->modify_time = node->change_time = (int64_t)entry->time * 1000000000;
	if (node_is(node, S_IFREG) && entry->size) {
		content_free(node);
		node->content.borrowed = entry->data;
		node->size = entry->size;
	}
}

static size_t directory_length(const char *path, size_t length)
{
	while (length && path[length - 1] != '/')
		length--;
	return length;
}

/* Walks to the entry's place, making directories that the archive forgot. */
static int walk_entry(struct loader *loader, struct walk *walk, const char *path, size_t length)
{
	size_t above = directory_length(path, length);
	bool same = above == loader->last_length && above && memcmp(path, loader->last_path, above) == 0;
	*walk = (struct walk){ .session = loader->session, .start = tree.root, .path = path, .length = length,
		.flags = WALK_NAME };
	if (same) {
		walk->start = loader->last_directory;
		walk->path += above;
		walk->length -= above;
	}
	int status = walk_path(walk);
	if (same && status == 0)
		return 0;
	for (size_t at = 1; status == -ENOENT && at < length; at++) {
		if (path[at] != '/')
			continue;
		struct walk above = { .session = loader->session,
			              .start = tree.root,
			              .path = path,
			              .length = at,
			              .flags = WALK_NAME };
		struct node *made;
		if (walk_path(&above) == 0 && !above.node && above.last == LAST_NAME)
			tree_make(&above, S_IFDIR | 0755, 0, NULL, 0, &made);
	}
	return status == -ENOENT ? walk_path(walk) : status;
}

static int load_entry(struct loader *loader, const struct cpio_entry *entry, const char *path, size_t length)
{
	struct walk walk;
	int status = walk_entry(loader, &walk, path, length);
	if (status || walk.redirect)
		return status ? status : -EINVAL;
	if (walk.last == LAST_NAME) {
		loader->last_path = path;
		loader->last_length = directory_length(path, length);
		loader->last_directory = walk.parent;
	}
	bool directory = S_ISDIR(entry->mode);
	if (walk.last != LAST_NAME || (walk.node && directory && node_is(walk.node, S_IFDIR))) {
		if (directory)
			set_node(walk.node, entry);
		return 0;
	}
	bool linked = entry->links > 1 && S_ISREG(entry->mode);
	struct node *first = linked ? find_link(loader, entry->inode) : NULL;
	if (walk.node && walk.node != first) {
		loader->last_length = 0; /* it may have been that */
		status = tree_unlink(&walk, node_is(walk.node, S_IFDIR));
		if (status == -ENOTEMPTY)
			return 0; /* a directory with names in it stays */
		walk.node = NULL;
		walk.entry = NULL;
	}
	if (status)
		return status;
	struct node *node = first;
	if (!first)
		status =
		    tree_make(&walk, (uint32_t)entry->mode, entry->device_major << 8 | entry->device_minor,
		              S_ISLNK(entry->mode) ? (const char *)entry->data : NULL, entry->size, &node);
	else if (!walk.node)
		status = tree_link(first, &walk);
	if (status == 0 && linked && !first)
		status = remember_link(loader, entry->inode, node);
	if (status == 0)
		set_node(node, entry);
	return status;
}

static int load_next(struct loader *loader)
{
	static const char prefix[] = "root";
	struct cpio_entry entry;
	int status = next_entry(loader, &entry);
	if (status <= 0)
		return status;
	const char *name = entry.name;
	size_t length = entry.name_length;
	if (length == 10 && memcmp(name, "TRAILER!!!", 10) == 0) {
		forget_links(loader);
		return 1;
	}
	if (length > 2 && name[0] == '.' && name[1] == '/') {
		name += 2;
		length -= 2;
	}
	if (length < 4 || memcmp(name, prefix, 4) || (length > 4 && name[4] != '/'))
		return 1;
	loader->files++;
	status = load_entry(loader, &entry, length > 4 ? name + 4 : "/", length > 4 ? length - 4 : 1);
	return status ? status : 1;
}

int archive_load(const uint8_t *archive, uint64_t length, uint64_t *files)
{
	struct loader loader = { .at = archive, .end = archive + length };
	loader.session = session_make(tree.root, 0, 0, NULL, 0);
	if (!loader.session)
		return -ENOSPC;
	tree.loading = true;
	int status = 1;
	while (status > 0)
		status = load_next(&loader);
	tree.loading = false;
	forget_links(&loader);
	session_release(loader.session);
	*files = loader.files;
	return status;
}
