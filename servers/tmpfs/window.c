/* Windows: what those who read and write a file's memory object without calls must know. Each file that somebody reads so has
 * a page of its own, shown read-only: nobody learns anything of a file that he has not opened for reading. The page
 * says only what the node says, and can be written anew from it at any time.
 *
 * A read has one side effect, the access time. Where it is as relatime wants it a read changes nothing, and needs
 * no call; the next change of the file makes the next read a call again.
 *
 * A write inside the size has the modify time, and set-user-ID bits that it takes away. Where there are none of these,
 * and the access time is older already (so that the next read is a call), it needs no call either: who writes says when
 * in a second page, which is believed if it can be true. A process that may write a file may say so at any time. */
#include "node.h"

#include <errno.h>

#define WINDOWS_MAX 1024u /* they cost a page each, and nobody pays but the server */

static unsigned window_count;

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

int window_open(struct node *node)
{
	struct content *content = &node->content;
	if (!content->window && window_count < WINDOWS_MAX) {
		content->window = shared_page_make(&content->window_page);
		window_count += content->window != NULL;
	}
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
	if (!content->written && window_count < WINDOWS_MAX) {
		content->written = shared_page_make(&content->written_page);
		window_count += content->written != NULL;
	}
	if (!content->written)
		return -ENOMEM;
	content->shared = true;
	return window_open(node);
}

void window_fold(struct node *node)
{
	if (!node_is(node, S_IFREG) || !node->content.written)
		return;
	int64_t time = (int64_t)__atomic_load_n(&node->content.written->time, __ATOMIC_ACQUIRE);
	if (time <= node->change_time)
		return;
	int64_t now = clock_now();
	node->modify_time = node->change_time = time < now ? time : now;
}

void window_tell(struct node *node)
{
	struct file_window *window = node_is(node, S_IFREG) ? node->content.window : NULL;
	if (!window)
		return;
	int64_t accessed = node->access_time;
	bool current = accessed > node->modify_time && accessed > node->change_time && accessed >= 0;
	store(&window->accessed_until, current ? (uint64_t)accessed + DAY : 0);
	store(&window->writable, !current && !node->content.calls_only && !(node->mode & (S_ISUID | S_ISGID)));
	store(&window->size, node->size);
}

void window_shrink(struct node *node, uint64_t size)
{
	if (node->content.window)
		store(&node->content.window->size, size);
}

void window_close(struct node *node)
{
	if (node->content.written) {
		shared_page_drop(node->content.written, node->content.written_page);
		node->content.written = NULL;
		window_count--;
	}
	if (!node->content.window)
		return;
	shared_page_drop(node->content.window, node->content.window_page);
	node->content.window = NULL;
	window_count--;
}
