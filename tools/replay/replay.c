/* Makes a call again that killed its server elsewhere (./atoll debug --replay): the message is a file of the boot archive, the
 * gate has the label that the call came through. Capabilities that went with it are not there. */
#include "atoll/atoll.h"
#include "protocol_supervisor.h"
#include "tools/replay/replay.h"
#include <stdlib.h>
#include <string.h>

#define BUFFER_MAX (64ull << 20)

static struct replayed_call *message_fetch(void)
{
	struct memory_info info;
	slot_t memory = startup_slot("message");
	if (memory_info(memory, &info) < 0)
		return NULL;
	struct replayed_call *call = malloc(info.size);
	return call && memory_read(memory, 0, call, info.size) == (int64_t)info.size ? call : NULL;
}

static int64_t call_again(const struct replayed_call *call, int *answer)
{
	struct message message = { .header = call->operation };
	struct message_extra extra = { .send_length = call->send_length, .receive_length = call->receive_length };
	if (call->send_length > BUFFER_MAX || call->receive_length > BUFFER_MAX)
		return STATUS_NO_MEMORY;
	char *send = calloc(1, call->send_length + call->data_length + 1), *receive = calloc(1, call->receive_length + 1);
	if (!send || !receive)
		return STATUS_NO_MEMORY;
	memcpy(send, call->data, call->data_length);
	extra.send_address = (uint64_t)send;
	extra.receive_address = (uint64_t)receive;
	memcpy(message.words, call->words, sizeof(message.words));
	int64_t status = message_call(startup_slot("target"), &message, &extra);
	*answer = MESSAGE_STATUS(message.header);
	return status;
}

int main(void)
{
	int answer = 0;
	struct replayed_call *call = message_fetch();
	supervisor_ready(SELF_SUPERVISOR, NULL);
	if (!call) {
		log_line("replay: there is no message");
		return 1;
	}
	log_line("replay: operation %#x is called again", call->operation);
	int64_t status = call_again(call, &answer);
	if (status < 0)
		log_line("replay: it could not be called: %ld", status);
	else
		log_line("replay: it was answered with %d", answer);
	for (;;)
		thread_sleep(UINT64_MAX, 0);
}
