/* Steps of a server whose state ends with it: everything happens at once. */
#include "server/step.h"
#include <errno.h>

bool step_leaves; /* never: it would leave nothing */
bool step_verifies; /* never: there is nothing to take back */

void step_witness(const void *bytes, uint64_t length)
{
	(void)bytes, (void)length;
}

bool step_open(void)
{
	return true;
}

void step_begin(uint64_t id)
{
	(void)id;
}

void step_commit(struct request *request, int status)
{
	if (kept.taken)
		kept_refill();
	if (request && status == REQUEST_PARKED)
		call_park(SELF_ENDPOINT, request->id);
}

void step_awake(uint64_t time)
{
	(void)time;
}

bool step_repeated(struct request *request, int *status)
{
	(void)request, (void)status;
	return false;
}

int step_leaving(void)
{
	return -ENOTSUP;
}

void step_leave(void)
{
	__builtin_trap();
}

void version_take(void)
{
}

void version_give(uint64_t to)
{
	(void)to;
}

void step_doubt(const struct request *request, int status)
{
	(void)request, (void)status;
}

bool step_go_on(void)
{
	return false;
}

bool step_goes_no_further(void)
{
	return false;
}

uint64_t step_recall(uint64_t value)
{
	return value;
}

void step_answered(const struct request *request)
{
	for (unsigned i = 0; i < MESSAGE_CAPS_MAX; i++)
		if (request->reply_caps_drop[i])
			slot_free(request->reply_caps[i]);
}

int64_t step_answer(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data,
                    uint64_t data_length, const slot_t *caps, unsigned cap_count)
{
	return answer_send(id, status, words, data, data_length, caps, cap_count);
}

void step_then(step_action run, uint64_t a, uint64_t b, uint64_t c)
{
	run(a, b, c);
}

bool step_undo(step_action run, uint64_t a, uint64_t b, uint64_t c)
{
	(void)run, (void)a, (void)b, (void)c;
	return true;
}

int step_call(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length)
{
	return call_send(gate, operation, words, send, length);
}

slot_t slot_for_new(void)
{
	return slot_allocate();
}

/* It would not know a call that comes again. */
void step_look(void)
{
}

void step_lasting(const void *variable, uint64_t size)
{
	(void)variable, (void)size;
}

void step_save(const void *to, uint64_t length)
{
	(void)to, (void)length;
}
