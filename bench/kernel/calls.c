/* A call and its answer between two spaces, and the cheapest kernel call.
 *
 * Words travel in registers. The stubs here load and keep only what the row carries; lib/atoll's
 * message_call, which always moves six words, adds some twenty instructions on either side. */
#include "bench.h"

#define WORDS 4

/* Nothing but the header. */
static inline int64_t call_empty(slot_t gate, uint64_t *header)
{
	int64_t result = (int64_t)(NATIVE_CALL | KERNEL_CALL_CALL);
	uint64_t rdi = gate;
	register uint64_t r12 __asm__("r12") = 0;
	__asm__ volatile("syscall"
	                 : "+a"(result), "+D"(rdi), "+S"(*header), "+r"(r12)
	                 :
	                 : "rcx", "rdx", "r8", "r9", "r10", "r11", "r13", "r14", "r15", "memory");
	return result;
}

static inline int64_t reply_receive_empty(slot_t endpoint, uint64_t *header, uint64_t *id)
{
	int64_t result = (int64_t)(NATIVE_CALL | KERNEL_CALL_REPLY_RECEIVE);
	uint64_t rdi = endpoint;
	register uint64_t r12 __asm__("r12") = 0;
	register uint64_t r13 __asm__("r13") = *id;
	__asm__ volatile("syscall"
	                 : "+a"(result), "+D"(rdi), "+S"(*header), "+r"(r12), "+r"(r13)
	                 :
	                 : "rcx", "rdx", "r8", "r9", "r10", "r11", "r14", "r15", "memory");
	*id = r13;
	return result;
}

/* The header and four words, or with REPLY_RECEIVE the same and the call's id. */
static inline int64_t words_exchange(uint64_t number, slot_t target, uint64_t *header, uint64_t words[WORDS],
                                     uint64_t *id)
{
	int64_t result = (int64_t)(NATIVE_CALL | number);
	uint64_t rdi = target;
	register uint64_t r10 __asm__("r10") = words[1];
	register uint64_t r8 __asm__("r8") = words[2];
	register uint64_t r9 __asm__("r9") = words[3];
	register uint64_t r12 __asm__("r12") = 0;
	register uint64_t r13 __asm__("r13") = *id;
	__asm__ volatile("syscall"
	                 : "+a"(result), "+D"(rdi), "+S"(*header), "+d"(words[0]), "+r"(r10), "+r"(r8), "+r"(r9),
	                   "+r"(r12), "+r"(r13)
	                 :
	                 : "rcx", "r11", "r14", "r15", "memory");
	words[1] = r10;
	words[2] = r8;
	words[3] = r9;
	*id = r13;
	return result;
}

/* Answers with how many calls there have been. */
static void empty_server(void *argument)
{
	(void)argument;
	uint64_t id = 0;
	for (uint32_t count = 1;; count++) {
		uint64_t header = count - 1;
		if (reply_receive_empty(B_ENDPOINT, &header, &id) != STATUS_OK)
			return;
	}
}

static bool empty_prepare(void) { return server_start_apart(empty_server); }

static uint64_t empty_run(unsigned operations)
{
	static uint64_t calls;
	uint64_t expected = calls, wrong = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		uint64_t header = OPERATION_PROTOCOL_FIRST;
		wrong |= (uint64_t)call_empty(B_GATE, &header);
		wrong |= header ^ ++expected;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(!wrong);
	calls = expected;
	return ticks;
}

static void words_server(void *argument)
{
	(void)argument;
	uint64_t header = 0, id = 0, words[WORDS] = {0};
	while (words_exchange(KERNEL_CALL_REPLY_RECEIVE, B_ENDPOINT, &header, words, &id) == STATUS_OK) {
		header = 0;
		words[0] += words[3];
	}
}

static bool words_prepare(void) { return server_start_apart(words_server); }

static uint64_t words_run(unsigned operations)
{
	unsigned right = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		uint64_t header = OPERATION_PROTOCOL_FIRST, none = 0, words[WORDS] = {i, 2, 3, 4};
		right += words_exchange(KERNEL_CALL_CALL, B_GATE, &header, words, &none) == STATUS_OK &&
		         words[0] == i + 4 && words[1] == 2 && words[2] == 3;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	return ticks;
}

#define BUFFER_WORDS 64

/* Sends back the buffer that it was sent. */
static void buffer_server(void *argument)
{
	(void)argument;
	uint64_t buffer[BUFFER_WORDS];
	struct message message = {0};
	struct message_extra extra = {.receive_address = (uint64_t)buffer, .receive_length = sizeof(buffer)};
	while (message_reply_receive(B_ENDPOINT, &message, &extra) == STATUS_OK) {
		message.header = 0;
		extra.send_address = (uint64_t)buffer;
		extra.send_length = extra.received_length;
	}
}

static bool buffer_prepare(void) { return server_start_apart(buffer_server); }

static uint64_t buffer_run(unsigned operations)
{
	static uint64_t sent[BUFFER_WORDS], received[BUFFER_WORDS];
	struct message message;
	struct message_extra extra = {
		.send_address = (uint64_t)sent, .send_length = sizeof(sent),
		.receive_address = (uint64_t)received, .receive_length = sizeof(received),
	};
	unsigned right = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++) {
		sent[0] = sent[BUFFER_WORDS - 1] = i;
		message.header = OPERATION_PROTOCOL_FIRST;
		right += message_call(B_GATE, &message, &extra) == STATUS_OK && extra.received_length == sizeof(received) &&
		         received[0] == i && received[BUFFER_WORDS - 1] == i;
	}
	uint64_t ticks = ticks_now() - start;
	RIGHT(right == operations);
	return ticks;
}

static bool nothing_prepare(void) { return true; }

/* Clearing an alert that is not there; one that is there is seen to be cleared. */
static uint64_t cheapest_run(unsigned operations)
{
	int64_t seen = 0;
	uint64_t start = ticks_now();
	for (unsigned i = 0; i < operations; i++)
		seen |= thread_alert_clear();
	uint64_t ticks = ticks_now() - start;
	RIGHT(seen == 0);
	OK(thread_alert(SELF_THREAD));
	RIGHT(thread_alert_clear() == 1);
	return ticks;
}

const struct row call_rows[] = {
	{"kernel-call-0", 500, empty_prepare, empty_run},
	{"kernel-call-4", 500, words_prepare, words_run},
	{"kernel-call-64", 200, buffer_prepare, buffer_run},
	{"kernel-cheapest", 2000, nothing_prepare, cheapest_run},
	{0},
};
