/* A link in a chain of servers that recover: what it is told it counts, keeps for a while and tells the next one. It speaks
 * the log's protocol: `write` is told on, in two parts where the level is 0; `size` answers how many there were and what
 * they hash to. It dies of what begins with "deadly", and frees what is no block when it is told "astray". */
#include "protocol_log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 8

struct told {
	struct told *next;
	uint64_t length;
	char text[];
};

static struct {
	struct told *first, **last;
	unsigned kept;
	uint64_t count, hash;
	slot_t next;
} state;

static void hash_text(const char *text, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		state.hash = (state.hash ^ (unsigned char)text[i]) * 0x100000001b3ull;
}

static void keep(struct told *told)
{
	if (!state.first)
		state.last = &state.first;
	*state.last = told;
	state.last = &told->next;
	if (++state.kept <= KEPT_MAX)
		return;
	struct told *oldest = state.first;
	state.first = oldest->next;
	state.kept--;
	free(oldest);
}

static int tell(uint32_t level, const char *text, uint64_t length)
{
	uint64_t half = level == 0 ? length / 2 : 0;
	int status = half ? log_write_once(state.next, 1, text, half) : 0;
	return status < 0 ? status : log_write_once(state.next, 1, text + half, length - half);
}

static void free_astray(void)
{
	void *volatile block = &state; /* or the compiler would tell */
	free(block);
}

static int handle_write(struct request *request, const struct log_write_in *in)
{
	uint64_t length = request->data_length;
	if (length >= 6 && memcmp(request->data, "deadly", 6) == 0)
		__builtin_trap();
	if (length == 6 && memcmp(request->data, "astray", 6) == 0)
		free_astray();
	struct told *told = malloc(sizeof *told + length);
	if (!told)
		return -ENOMEM;
	*told = (struct told){ .length = length };
	memcpy(told->text, request->data, length);
	keep(told);
	state.count++;
	hash_text(told->text, length);
	return state.next ? tell(in->level, told->text, length) : 0;
}

static int handle_size(struct request *request, struct log_size_out *out)
{
	(void)request;
	*out = (struct log_size_out){ .first = state.count, .end = state.hash };
	return 0;
}

static int handle(struct request *request)
{
	static const struct log_operations operations = { .write = handle_write, .size = handle_size };
	return log_dispatch(&operations, request);
}

static void first(void)
{
	state.next = startup_slot("next");
}

int main(void)
{
	static const struct server server = { .name = "link", .handle = handle, .first = first };
	server_run(&server);
}
