/* The model of test_calls: endpoints with their calls, and what each receive and each call must give. */
#ifndef TESTS_HOST_MODEL_CALLS_H
#define TESTS_HOST_MODEL_CALLS_H

#include "abi/message.h"
#include "obj/object.h"
#include <stdbool.h>
#include <stdint.h>

#define CLIENTS 6u
#define ENDPOINTS 2u
#define GATES 6u /* gate g leads to endpoint g % ENDPOINTS */
#define CALLS 128u

enum model_state { MODEL_NONE, MODEL_NEW, MODEL_QUEUED, MODEL_DELIVERED, MODEL_PARKED, MODEL_ANSWERED };
enum model_kind { MODEL_NOTHING, MODEL_CALL, MODEL_CANCEL, MODEL_SIGNAL, MODEL_FAILED };

struct model_call {
	enum model_state state;
	uint64_t token; /* unique */
	uint32_t client, endpoint;
	bool notice, interruptible, delivered_before, abandoned, cancel_asked, cancel_told;
	uint64_t cancel_reason;
	uint64_t id; /* as the server saw it; 0: not yet */
	uint64_t label, header, words[MESSAGE_WORDS], deadline;
	uint32_t send_length, receive_length, written;
	status_t result; /* of an answered one */
	uint64_t answer, answer_words[MESSAGE_WORDS];
};

/* What a receive has given or will give. */
struct model_message {
	enum model_kind kind;
	struct model_call *call;
	bool notice;
	uint64_t token, label, header, words[MESSAGE_WORDS];
	uint64_t id, reason; /* cancel; signal: the bits */
	uint32_t send_length, receive_length;
	status_t status;
};

struct model_call *model_new_call(uint32_t client, uint32_t gate);
void model_submit(struct model_call *call);
void model_refuse(struct model_call *call, status_t status, bool alerted);
struct model_call *model_call_of(uint32_t client); /* its living call, or NULL */
void model_forget(struct model_call *call);
void model_receive(uint32_t endpoint);
struct model_message model_message_of(uint32_t endpoint);
struct model_call *model_find(uint32_t endpoint, uint64_t token);
void model_answer(struct model_call *call, uint64_t header, const uint64_t words[MESSAGE_WORDS]);
bool model_park(uint32_t endpoint, uint64_t token);
void model_gate(uint32_t gate, uint64_t label);
void model_gate_closed(uint32_t gate);
void model_endpoint_new(uint32_t endpoint);
void model_endpoint_end(uint32_t endpoint);
uint32_t model_reset(uint32_t endpoint);
void model_client_gone(uint32_t client);
void model_cancel(uint32_t client, uint64_t reason);
void model_signal(uint32_t endpoint, uint64_t bits);
void model_time(uint64_t now);

#endif
