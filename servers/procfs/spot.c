/* Spots: finding children and parents, attributes, listings. Nothing is stored: a spot is good as
 * long as its process is there, and everything is asked for again.
 */
#include "procfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NUMBERED_FIRST 0x10000u /* positions of processes and threads in a listing: this + id */
#define THREADS_MAX 1024u

struct directory_record { /* struct linux_dirent64 */
	uint64_t inode;
	int64_t next;
	uint16_t length;
	uint8_t type;
	char name[];
} __attribute__((packed));

struct listing {
	char *at;
	size_t room;
	uint64_t position;
	bool full;
};

bool spot_is_directory(const struct spot *spot)
{
	return spot->place->kind <= PLACE_DESCRIPTORS;
}

uint32_t spot_type(const struct spot *spot)
{
	if (spot_is_directory(spot))
		return S_IFDIR;
	return spot->place->kind == PLACE_FILE ? S_IFREG : S_IFLNK;
}

/* Stable as long as the program is: where the place stands in its table, and whom it is about. */
static uint64_t spot_inode(const struct spot *spot)
{
	uint64_t hash = 14695981039346656037ull;
	const uint64_t parts[4] = { (uint64_t)(uintptr_t)spot->place, spot->process, spot->thread,
		                    spot->descriptor };
	for (unsigned i = 0; i < 4; i++)
		hash = (hash ^ parts[i]) * 1099511628211ull;
	return (hash >> 16 & 0xffffffff) | 1;
}

void spot_attributes(const struct spot *spot, struct file_attributes *attributes)
{
	*attributes = (struct file_attributes){
		.device = 2,
		.inode = spot_inode(spot),
		.mode = spot_type(spot) | spot->place->permissions,
		.links = spot_is_directory(spot) ? 2 : 1,
		.size = spot->place->kind == PLACE_DESCRIPTOR ? 64 : 0, /* as Linux has it */
		.block_size = 1024,
	};
	attributes->access_time = attributes->modify_time = attributes->change_time = (int64_t)step_recall(time_real());
	struct process_info info;
	if (spot->process && source_process(spot->process, 0, &info) == 0) {
		attributes->user = info.effective_user;
		attributes->group = info.effective_group;
	}
}

int spot_permit(const struct spot *spot, struct caller *caller, unsigned access)
{
	uint32_t mode = spot->place->permissions;
	if ((mode & access) == access)
		return 0;
	caller_identify(caller);
	if (!caller->process)
		return -EACCES;
	if (spot->place->kind == PLACE_DESCRIPTORS && caller->process == spot->process)
		return 0;
	uint32_t user = caller->credentials.file_user;
	if (user == 0)
		return !(access & 1) || spot_is_directory(spot) || mode & 0111 ? 0 : -EACCES;
	struct file_attributes attributes;
	spot_attributes(spot, &attributes);
	return user == attributes.user && (mode >> 6 & access) == access ? 0 : -EACCES;
}

/* A decimal number without leading zeros; 0: it is none. */
static uint32_t number_of(const char *name, size_t length)
{
	uint32_t number = 0;
	if (length == 0 || length > 9 || name[0] == '0')
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		number = number * 10 + (uint32_t)(name[i] - '0');
	}
	return number;
}

static int thread_child(const struct spot *spot, uint32_t number, struct spot *child)
{
	uint32_t ids[THREADS_MAX];
	uint32_t count = source_threads(spot->process, ids, THREADS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		if (ids[i] != number)
			continue;
		*child = spot_at(&thread_place, spot->process, number);
		return 0;
	}
	return -ENOENT;
}

static int descriptor_child(const struct spot *spot, const char *name, size_t length, struct spot *child)
{
	uint32_t number = number_of(name, length), found;
	if ((number == 0 && (length != 1 || name[0] != '0')) ||
	    source_descriptors(spot->process, number, &found, 1) != 1 || found != number)
		return -ENOENT;
	*child = spot_at(&descriptor_place, spot->process, spot->thread);
	child->descriptor = number;
	return 0;
}

int spot_child(const struct spot *spot, const char *name, size_t length, struct caller *caller,
               struct spot *child)
{
	for (const struct place *place = spot->place->children; place->name; place++) {
		if (strlen(place->name) != length || memcmp(place->name, name, length))
			continue;
		bool own = place->render == render_self || place->render == render_thread_self;
		if (own)
			caller_identify(caller);
		if (own && !caller->process)
			return -ENOENT;
		*child = spot_at(place, own ? caller->process : spot->process, spot->thread);
		return 0;
	}
	if (spot->place->kind == PLACE_DESCRIPTORS)
		return descriptor_child(spot, name, length, child);
	uint32_t number = number_of(name, length);
	if (!number)
		return -ENOENT;
	if (spot->place->kind == PLACE_THREADS)
		return thread_child(spot, number, child);
	struct process_info info;
	if (spot->place->kind != PLACE_PROCESSES || source_process(number, 0, &info))
		return -ENOENT;
	*child = spot_at(&process_place, number, 0);
	return 0;
}

static bool is_child(const struct place *parent, const struct place *child)
{
	for (const struct place *place = parent->children; place->name; place++) {
		if (place == child)
			return true;
	}
	return false;
}

/* Searches the plan below a place for the one that has this child. */
static const struct place *find_parent(const struct place *below, const struct place *child)
{
	if (is_child(below, child))
		return below;
	for (const struct place *place = below->children; place->name; place++) {
		const struct place *found = place->kind == PLACE_DIRECTORY ? find_parent(place, child) : NULL;
		if (found)
			return found;
	}
	return NULL;
}

static const struct place *task_place(void)
{
	const struct place *place = process_places;
	while (place->kind != PLACE_THREADS)
		place++;
	return place;
}

struct spot spot_parent(const struct spot *spot)
{
	const struct place *place = spot->place;
	const struct spot root = spot_at(&root_place, 0, 0);
	if (place == &root_place || place == &process_place)
		return root;
	if (place == &thread_place)
		return spot_at(task_place(), spot->process, 0);
	const struct place *top = spot->thread ? &thread_place : spot->process ? &process_place : &root_place;
	const struct place *parent = find_parent(top, place);
	return parent ? spot_at(parent, spot->process, spot->thread)
	              : root; /* self: its process is the caller */
}

size_t spot_path(const struct spot *spot, char *buffer, size_t size)
{
	if (spot->place == &root_place)
		return (size_t)snprintf(buffer, size, "%s", mount_path);
	struct spot parent = spot_parent(spot);
	size_t length = spot_path(&parent, buffer, size);
	if (length >= size)
		return size;
	uint32_t number = spot->place == &process_place  ? spot->process
	                  : spot->place == &thread_place ? spot->thread
	                                                 : 0;
	int more = number ? snprintf(buffer + length, size - length, "/%u", number)
	                  : snprintf(buffer + length, size - length, "/%s", spot->place->name);
	return length + (size_t)more;
}

static void list_one(struct listing *listing, const struct spot *spot, const char *name, uint64_t next)
{
	size_t length = strlen(name);
	size_t size = (sizeof(struct directory_record) + length + 1 + 7) & ~(size_t)7;
	if (size > listing->room) {
		listing->full = true;
		return;
	}
	struct directory_record *record = (struct directory_record *)listing->at;
	memset(listing->at, 0, size);
	record->inode = spot_inode(spot);
	record->next = (int64_t)next;
	record->length = (uint16_t)size;
	record->type = (uint8_t)(spot_type(spot) >> 12);
	memcpy(record->name, name, length);
	listing->at += size;
	listing->room -= size;
	listing->position = next;
}

/* Numbers above `after`; of descriptors, which begin at 0, each plus one. */
static uint32_t numbered(const struct spot *spot, uint32_t after, uint32_t *ids, uint32_t most)
{
	if (spot->place->kind == PLACE_PROCESSES)
		return source_list(after, ids, most);
	if (spot->place->kind == PLACE_DESCRIPTORS) {
		uint32_t found = source_descriptors(spot->process, after, ids, most);
		for (uint32_t i = 0; i < found; i++)
			ids[i]++;
		return found;
	}
	if (spot->place->kind != PLACE_THREADS)
		return 0;
	uint32_t count = source_threads(spot->process, ids, most), kept = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (ids[i] > after)
			ids[kept++] = ids[i];
	}
	return kept;
}

static struct spot numbered_child(const struct spot *spot, uint32_t id)
{
	if (spot->place->kind == PLACE_PROCESSES)
		return spot_at(&process_place, id, 0);
	if (spot->place->kind == PLACE_THREADS)
		return spot_at(&thread_place, spot->process, id);
	struct spot child = spot_at(&descriptor_place, spot->process, spot->thread);
	child.descriptor = id - 1;
	return child;
}

static void list_numbered(struct listing *listing, const struct spot *spot)
{
	static NOT_STATE uint32_t ids[THREADS_MAX];
	bool descriptors = spot->place->kind == PLACE_DESCRIPTORS;
	while (!listing->full) {
		uint32_t after = (uint32_t)(listing->position - NUMBERED_FIRST);
		uint32_t count = numbered(spot, after, ids, THREADS_MAX);
		for (uint32_t i = 0; i < count && !listing->full; i++) {
			char name[12];
			snprintf(name, sizeof name, "%u", ids[i] - descriptors);
			struct spot child = numbered_child(spot, ids[i]);
			list_one(listing, &child, name, (uint64_t)NUMBERED_FIRST + ids[i]);
		}
		if (count == 0)
			break;
	}
}

int64_t spot_list(const struct spot *spot, uint64_t *position, void *buffer, size_t length)
{
	struct listing listing = { buffer, length, *position, false };
	uint64_t index = 2;
	struct spot parent = spot_parent(spot);
	if (listing.position == 0)
		list_one(&listing, spot, ".", 1);
	if (listing.position == 1)
		list_one(&listing, &parent, "..", 2);
	for (const struct place *place = spot->place->children; place->name && !listing.full;
	     place++, index++) {
		struct spot child = spot_at(place, spot->process, spot->thread);
		if (listing.position == index)
			list_one(&listing, &child, place->name, index + 1);
	}
	if (listing.position == index)
		listing.position = NUMBERED_FIRST;
	if (listing.position >= NUMBERED_FIRST && !listing.full)
		list_numbered(&listing, spot);
	size_t done = length - listing.room;
	if (done == 0 && listing.full)
		return -EINVAL;
	*position = listing.position;
	return (int64_t)done;
}
