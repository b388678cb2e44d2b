/* See tmpfs_fake.h. Objects are byte arrays: what the tree reads past what it wrote must be zero,
 * so growing clears, and shrinking forgets. */
#include "tmpfs_fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 4096

uint64_t fake_quota = UINT64_MAX;
unsigned fake_fail_after;
uint64_t fake_heap_blocks, fake_objects;
uint64_t fake_answered_call;
int fake_answer;

static struct object {
	uint8_t *bytes;
	uint64_t size;
} objects[OBJECTS_MAX];
static int64_t now = 1000000000;

static bool fails(void)
{
	return fake_fail_after && --fake_fail_after == 0;
}

handle_t memory_object_make(uint64_t size)
{
	if (size > fake_quota || fails())
		return 0;
	for (handle_t i = 1; i < OBJECTS_MAX; i++) {
		if (objects[i].bytes)
			continue;
		objects[i] = (struct object){ calloc(1, size), size };
		fake_quota -= size;
		fake_objects++;
		return i;
	}
	return 0;
}

int memory_object_resize(handle_t handle, uint64_t size)
{
	struct object *object = &objects[handle];
	if (size > object->size && size - object->size > fake_quota)
		return -ENOSPC;
	fake_quota -= size - object->size;
	uint8_t *bytes = calloc(1, size);
	memcpy(bytes, object->bytes, size < object->size ? size : object->size);
	free(object->bytes);
	*object = (struct object){ bytes, size };
	return 0;
}

void memory_object_discard(handle_t handle, uint64_t offset, uint64_t length)
{
	if (offset + length > objects[handle].size)
		abort();
	memset(objects[handle].bytes + offset, 0, length);
}

int memory_object_populate(handle_t handle, uint64_t offset, uint64_t length, bool fresh)
{
	if (offset + length > objects[handle].size)
		abort();
	if (fresh)
		memset(objects[handle].bytes + offset, 0, length);
	return 0;
}

int64_t memory_object_write(handle_t handle, uint64_t offset, const void *data, uint64_t length)
{
	if (offset + length > objects[handle].size)
		abort();
	memcpy(objects[handle].bytes + offset, data, length);
	return (int64_t)length;
}

int64_t memory_object_read(handle_t handle, uint64_t offset, void *to, uint64_t length)
{
	return (int64_t)fake_memory_read(handle, offset, to, length);
}

uint64_t fake_memory_read(handle_t handle, uint64_t offset, void *to, uint64_t length)
{
	if (offset + length > objects[handle].size)
		abort();
	memcpy(to, objects[handle].bytes + offset, length);
	return length;
}

uint64_t fake_memory_size(handle_t handle)
{
	return objects[handle].size;
}

uint64_t memory_object_resident(handle_t handle)
{
	uint64_t pages = 0;
	for (uint64_t page = 0; page < objects[handle].size; page += CONTENT_PAGE) {
		const uint8_t *bytes = objects[handle].bytes + page;
		pages += bytes[0] || memcmp(bytes, bytes + 1, CONTENT_PAGE - 1); /* any but zeros */
	}
	return pages * CONTENT_PAGE;
}

/* A page's number is that of its object. */
uint32_t shared_page_make(void)
{
	return memory_object_make(CONTENT_PAGE);
}

handle_t shared_page_handle(uint32_t page)
{
	return objects[page].bytes ? page : 0;
}

void *shared_page_at(uint32_t page)
{
	return objects[page].bytes;
}

void shared_page_drop(uint32_t page)
{
	handle_drop(page);
}

/* Every step counts here. */
void step_then(void (*run)(uint64_t a, uint64_t b, uint64_t c), uint64_t a, uint64_t b, uint64_t c)
{
	run(a, b, c);
}

bool memory_object_guard(handle_t handle, uint64_t size)
{
	return size <= objects[handle].size && !fails();
}

void memory_object_cut(handle_t handle, uint64_t size)
{
	uint64_t pages = size ? (size + CONTENT_PAGE - 1) / CONTENT_PAGE : 1;
	if (pages * CONTENT_PAGE > objects[handle].size)
		abort();
	memory_object_resize(handle, pages * CONTENT_PAGE);
	memset(objects[handle].bytes + size, 0, pages * CONTENT_PAGE - size);
}

void handle_drop(handle_t handle)
{
	fake_quota += objects[handle].size;
	free(objects[handle].bytes);
	objects[handle] = (struct object){ 0 };
	fake_objects--;
}

void memory_quota(uint64_t *total, uint64_t *left)
{
	*total = UINT64_MAX;
	*left = fake_quota;
}

int64_t clock_now(void)
{
	return now += 1000;
}

void *heap_allocate(size_t size)
{
	if (fails())
		return NULL;
	fake_heap_blocks++;
	return calloc(1, size);
}

void heap_free(void *block, size_t size)
{
	memset(block, 0xdd, size); /* finds a wrong size, and uses after */
	free(block);
	fake_heap_blocks--;
}

void lock_answer(uint64_t call, int status)
{
	fake_answered_call = call;
	fake_answer = status;
}
