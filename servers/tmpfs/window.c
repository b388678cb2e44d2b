/* Windows: what those who read and write a file's memory object without calls must know. Each file that somebody reads so has
 * a page of its own, shown read-only: nobody learns anything of a file that he has not opened for reading. The page
 * says what the node said after the last finished step: it is written when a step counts.
 *
 * A read has one side effect, the access time. Where it is as relatime wants it a read changes nothing, and needs
 * no call; the next change of the file makes the next read a call again.
 *
 * A write inside the size has the modify time, and set-user-ID bits that it takes away. Where there are none of these,
 * and the access time is older already (so that the next read is a call), it needs no call either: who writes says when
 * in a second page, which is believed if it can be true. A process that may write a file may say so at any time. */
#include "node.h"

#include <errno.h>
#include <stddef.h>

int window_open(struct node *node)
{
	struct content *content = &node->content;
	if (!content->window)
		content->window = shared_page_make();
	if (!content->window)
		return -ENOMEM;
	window_tell(node);
	return 0;
}

int window_open_writing(struct node *node)
{
	struct content *content = &node->content;
	if (content->calls_only)
		return -ENODEV;
	if (!content->written)
		content->written = shared_page_make();
	if (!content->written)
		return -ENOMEM;
	content->shared = true;
	return window_open(node);
}

/* Copied rather than looked at: who may write a page can also take it away. */
void window_fold(struct node *node)
{
	uint64_t time;
	if (!node_is(node, S_IFREG) || !node->content.written)
		return;
	if (memory_object_read(shared_page_handle(node->content.written), offsetof(struct file_written, time), &time,
	                       sizeof time) != (int64_t)sizeof time || (int64_t)time <= node->change_time)
		return;
	int64_t now = clock_now();
	node->modify_time = node->change_time = (int64_t)time < now ? (int64_t)time : now;
}

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* An action. A page that the same step has dropped has no readers. */
static void window_write(uint64_t page_and_writable, uint64_t accessed_until, uint64_t size)
{
	uint32_t page = (uint32_t)(page_and_writable >> 1);
	if (!shared_page_handle(page))
		return;
	struct file_window *window = shared_page_at(page);
	store(&window->accessed_until, accessed_until);
	store(&window->writable, page_and_writable & 1);
	store(&window->size, size);
}

void window_tell(struct node *node)
{
	if (!node_is(node, S_IFREG) || !node->content.window)
		return;
	int64_t accessed = node->access_time;
	bool current = accessed > node->modify_time && accessed > node->change_time && accessed >= 0;
	bool writable = !current && !node->content.calls_only && !(node->mode & (S_ISUID | S_ISGID));
	step_then(window_write, (uint64_t)node->content.window << 1 | writable, current ? (uint64_t)accessed + DAY : 0,
	          node->size);
}

void window_close(struct node *node)
{
	if (node->content.written)
		shared_page_drop(node->content.written);
	if (node->content.window)
		shared_page_drop(node->content.window);
	node->content.written = node->content.window = 0;
}
