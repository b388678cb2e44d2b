/* What a server's steps cost, by operation, in instructions of its own: between two receives, without the kernel's. Linked into
 * servers in front of the call that ends a step and receives the next message; told to the log at a ping. */
#include "atoll/atoll.h"
#include "protocol_server.h"
#include "server/server.h"

#define OPERATIONS 64

uint64_t handlers_kernel_time; /* of the step in hand: kernel_time.s */

/* Kept from incarnation to incarnation, as one ends where an error is doubted, but not taken back: written without hooks. */
static struct {
	uint32_t operation;
	uint32_t count, told;
	uint64_t total;
} operations[OPERATIONS] __attribute__((section(".sbss.stash"), aligned(64)));

int64_t __real_message_reply_receive(slot_t endpoint, struct message *message, struct message_extra *extra);
int64_t __wrap_message_reply_receive(slot_t endpoint, struct message *message, struct message_extra *extra);

static void step_note(uint32_t operation, uint64_t instructions)
{
	for (unsigned i = 0; i < OPERATIONS; i++) {
		if (operations[i].count && operations[i].operation != operation)
			continue;
		operations[i].operation = operation;
		operations[i].count++;
		operations[i].total += instructions;
		return;
	}
}

static void tell(void)
{
	for (unsigned i = 0; i < OPERATIONS && operations[i].count; i++) {
		if (operations[i].told == operations[i].count)
			continue;
		operations[i].told = operations[i].count;
		log_line("handler %u count %u total %lu", operations[i].operation, operations[i].count, operations[i].total);
	}
}

int64_t __wrap_message_reply_receive(slot_t endpoint, struct message *message, struct message_extra *extra)
{
	static uint32_t operation;
	static uint64_t begin;
	uint64_t end = __builtin_ia32_rdtsc();
	if (begin)
		step_note(operation, end - begin - handlers_kernel_time);
	else
		step_lasting(operations, sizeof(operations));
	if (begin && operation == OPERATION_SERVER_PING)
		tell();
	int64_t status = __real_message_reply_receive(endpoint, message, extra);
	operation = MESSAGE_OPERATION(message->header);
	handlers_kernel_time = 0;
	begin = status == STATUS_OK ? __builtin_ia32_rdtsc() : 0;
	return status;
}
