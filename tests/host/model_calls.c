/* The model of test_calls. Lists are arrays of pointers; every rule of calls is said once, plainly. */
#include "model_calls.h"
#include "machine.h"
#include <string.h>

struct list {
	struct model_call *items[CALLS];
	uint32_t count;
};
static struct model_call calls[CALLS];
static struct {
	struct list queued, delivered, parked, cancels, cancels_told;
	uint64_t bits;
	bool waiting;
	struct model_message message;
} endpoints[ENDPOINTS];
static uint64_t gate_labels[GATES];
static uint64_t tokens;

static void list_put(struct list *list, struct model_call *call)
{
	CHECK(list->count < CALLS);
	list->items[list->count++] = call;
}

static void list_take(struct list *list, struct model_call *call)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->items[i] != call)
			continue;
		memmove(&list->items[i], &list->items[i + 1], (--list->count - i) * sizeof(call));
		return;
	}
}

static void leave(struct model_call *call)
{
	list_take(&endpoints[call->endpoint].queued, call);
	list_take(&endpoints[call->endpoint].delivered, call);
	list_take(&endpoints[call->endpoint].parked, call);
	list_take(&endpoints[call->endpoint].cancels, call);
	list_take(&endpoints[call->endpoint].cancels_told, call);
}

/* A waiting receiver gets: cancel requests, then signals, then calls, oldest first. */
static void serve(uint32_t e)
{
	struct model_message *message = &endpoints[e].message;
	struct model_call *call;

	if (!endpoints[e].waiting)
		return;
	memset(message, 0, sizeof(*message));
	if (endpoints[e].cancels.count) {
		call = endpoints[e].cancels.items[0];
		list_take(&endpoints[e].cancels, call);
		list_put(&endpoints[e].cancels_told, call);
		call->cancel_told = true;
		message->kind = MODEL_CANCEL;
		message->call = call;
		message->id = call->id;
		message->reason = call->cancel_reason;
	} else if (endpoints[e].bits) {
		message->kind = MODEL_SIGNAL;
		message->id = endpoints[e].bits;
		endpoints[e].bits = 0;
	} else if (endpoints[e].queued.count) {
		call = endpoints[e].queued.items[0];
		list_take(&endpoints[e].queued, call);
		list_put(&endpoints[e].delivered, call);
		call->state = MODEL_DELIVERED;
		if (call->cancel_asked && !call->cancel_told)
			list_put(&endpoints[e].cancels, call);
		message->kind = MODEL_CALL;
		message->call = call;
		message->notice = call->notice;
		message->token = call->token;
		message->label = call->label;
		message->header = call->header;
		message->send_length = call->send_length;
		message->receive_length = call->receive_length;
		memcpy(message->words, call->words, sizeof(call->words));
	} else {
		return;
	}
	endpoints[e].waiting = false;
}

static struct model_call *call_make(uint32_t e)
{
	for (uint32_t i = 0; i < CALLS; i++) {
		if (calls[i].state != MODEL_NONE)
			continue;
		memset(&calls[i], 0, sizeof(calls[i]));
		calls[i].state = MODEL_NEW;
		calls[i].token = ++tokens;
		calls[i].endpoint = e;
		return &calls[i];
	}
	CHECK(!"enough calls");
}

struct model_call *model_new_call(uint32_t client, uint32_t gate)
{
	struct model_call *call = call_make(gate % ENDPOINTS);

	call->client = client;
	call->label = gate_labels[gate];
	return call;
}

void model_submit(struct model_call *call)
{
	call->state = MODEL_QUEUED;
	list_put(&endpoints[call->endpoint].queued, call);
	serve(call->endpoint);
}

void model_refuse(struct model_call *call, status_t status, bool alerted)
{
	if (call->interruptible && alerted)
		CHECK(status == STATUS_INTERRUPTED);
	else
		CHECK(status == STATUS_TIMED_OUT && call->deadline && call->deadline <= machine_time);
	model_forget(call);
}

struct model_call *model_call_of(uint32_t client)
{
	for (uint32_t i = 0; i < CALLS; i++)
		if (calls[i].state != MODEL_NONE && calls[i].client == client && !calls[i].abandoned && !calls[i].notice)
			return &calls[i];
	return NULL;
}

void model_forget(struct model_call *call)
{
	call->state = MODEL_NONE;
}

static void end(struct model_call *call, status_t result)
{
	leave(call);
	call->result = result;
	call->state = call->abandoned || call->notice ? MODEL_NONE : MODEL_ANSWERED;
}

void model_receive(uint32_t e)
{
	endpoints[e].waiting = true;
	serve(e);
}

struct model_message model_message_of(uint32_t e)
{
	struct model_message message = endpoints[e].message;

	CHECK(!endpoints[e].waiting && message.kind != MODEL_NOTHING);
	endpoints[e].message.kind = MODEL_NOTHING;
	return message;
}

struct model_call *model_find(uint32_t e, uint64_t token)
{
	for (uint32_t i = 0; i < CALLS; i++)
		if (calls[i].state != MODEL_NONE && calls[i].token == token && calls[i].endpoint == e)
			return &calls[i];
	return NULL;
}

void model_answer(struct model_call *call, uint64_t header, const uint64_t words[MESSAGE_WORDS])
{
	call->answer = header;
	memcpy(call->answer_words, words, sizeof(call->answer_words));
	end(call, STATUS_OK);
}

bool model_park(uint32_t e, uint64_t token)
{
	struct model_call *call = model_find(e, token);

	if (!call || call->state == MODEL_ANSWERED || (call->state == MODEL_QUEUED && !call->delivered_before))
		return false;
	if (call->state != MODEL_PARKED) {
		if (call->state == MODEL_QUEUED && call->cancel_asked)
			list_put(&endpoints[e].cancels, call);
		list_take(call->state == MODEL_QUEUED ? &endpoints[e].queued : &endpoints[e].delivered, call);
		list_put(&endpoints[e].parked, call);
		call->state = MODEL_PARKED;
		serve(e);
	}
	return true;
}

void model_gate(uint32_t gate, uint64_t label)
{
	gate_labels[gate] = label;
}

void model_gate_closed(uint32_t gate)
{
	struct model_call *call = call_make(gate % ENDPOINTS);

	call->notice = true;
	call->label = gate_labels[gate];
	call->header = OPERATION_GATE_CLOSED;
	model_submit(call);
}

void model_endpoint_new(uint32_t e)
{
	endpoints[e].bits = 0;
}

void model_endpoint_end(uint32_t e)
{
	for (uint32_t i = 0; i < CALLS; i++)
		if (calls[i].endpoint == e && calls[i].state >= MODEL_QUEUED && calls[i].state <= MODEL_PARKED)
			end(&calls[i], STATUS_DESTROYED);
	if (endpoints[e].waiting) {
		endpoints[e].waiting = false;
		endpoints[e].message = (struct model_message){.kind = MODEL_FAILED, .status = STATUS_DESTROYED};
	}
}

uint32_t model_reset(uint32_t e)
{
	struct list *delivered = &endpoints[e].delivered, *queued = &endpoints[e].queued;
	uint32_t count = delivered->count;

	memmove(&queued->items[count], queued->items, queued->count * sizeof(queued->items[0]));
	memcpy(queued->items, delivered->items, count * sizeof(queued->items[0]));
	queued->count += count;
	delivered->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		queued->items[i]->state = MODEL_QUEUED;
		queued->items[i]->delivered_before = true;
		queued->items[i]->cancel_told = false;
		list_take(&endpoints[e].cancels, queued->items[i]);
		list_take(&endpoints[e].cancels_told, queued->items[i]);
	}
	for (uint32_t i = 0; i < endpoints[e].cancels_told.count; i++) {
		endpoints[e].cancels_told.items[i]->cancel_told = false;
		list_put(&endpoints[e].cancels, endpoints[e].cancels_told.items[i]);
	}
	endpoints[e].cancels_told.count = 0;
	serve(e);
	return count;
}

/* A call that no server has seen leaves; for another the server is asked, once. */
static void cancel(struct model_call *call, uint64_t reason, status_t result)
{
	if (call->state == MODEL_QUEUED && !call->delivered_before) {
		end(call, result);
		return;
	}
	if (call->cancel_asked)
		return;
	call->cancel_asked = true;
	call->cancel_reason = reason;
	if (call->state != MODEL_QUEUED)
		list_put(&endpoints[call->endpoint].cancels, call);
}

static bool in_progress(const struct model_call *call)
{
	return call && call->state >= MODEL_QUEUED && call->state <= MODEL_PARKED;
}

void model_client_gone(uint32_t client)
{
	struct model_call *call = model_call_of(client);

	if (!call)
		return;
	if (in_progress(call)) {
		bool unseen = call->state == MODEL_QUEUED && !call->delivered_before;

		call->abandoned = true;
		cancel(call, 2, STATUS_DESTROYED);
		if (!unseen)
			serve(call->endpoint);
	} else {
		model_forget(call);
	}
}

void model_cancel(uint32_t client, uint64_t reason)
{
	struct model_call *call = model_call_of(client);

	if (!in_progress(call) || !call->interruptible)
		return;
	cancel(call, reason, STATUS_INTERRUPTED);
	serve(call->endpoint);
}

void model_signal(uint32_t e, uint64_t bits)
{
	endpoints[e].bits |= bits;
	serve(e);
}

/* Deadlines that have passed, the earliest first. */
void model_time(uint64_t now)
{
	for (;;) {
		struct model_call *first = NULL;

		for (uint32_t i = 0; i < CALLS; i++)
			if (in_progress(&calls[i]) && !calls[i].abandoned && calls[i].deadline && calls[i].deadline <= now &&
			    (!first || calls[i].deadline < first->deadline))
				first = &calls[i];
		if (!first)
			return;
		first->deadline = 0;
		cancel(first, 1, STATUS_TIMED_OUT);
		serve(first->endpoint);
	}
}
