/* The server loop: receive, dispatch, park, answer.
 *
 * A server is a table of functions over its protocols. It handles steps: one event each (a
 * call, a cancel request, a closed gate, signal bits), never interleaved. A handler that must wait
 * parks its call, records the request's id in the server's own state, and returns; a later
 * step answers it. State that outlives a step is in one place per server (its `state` structure and what
 * hangs from it), never on the stack.
 */
#ifndef SERVER_H
#define SERVER_H

#include "atoll/atoll.h"
#include "stash/not_state.h"

#define REQUEST_PARKED (-5000)   /* a handler's result: the call is parked, answered later */
#define REQUEST_NO_REPLY (-5001) /* a handler's result: the caller is gone (process exit) */
#define REQUEST_FIRST 1          /* of request_once: handle it */
#define LABEL_CONTROL 0xffull    /* of the supervisor's own gate to each server */
#define REQUEST_INLINE_MAX 8192  /* bytes of a caller's send buffer that arrive with the call */
#define REQUEST_SLACK 8          /* so many more can be read after them, and after the words */

/* The call in hand; valid during the step. */
struct NOT_STATE_TYPE request {
	uint64_t id;
	uint64_t label;     /* of the gate it came through */
	void *object;       /* what that stands for, where the server has looked it up; its own to use */
	uint32_t number;    /* likewise: which of several behind the gate */
	uint32_t operation;
	uint64_t words[MESSAGE_WORDS];
	const void *data;      /* head of the caller's send buffer */
	uint64_t data_length;  /* min(send_length, REQUEST_INLINE_MAX) */
	uint64_t send_length, receive_length; /* of the caller's buffers */
	struct {
		uint32_t kind;     /* enum message_cap_kind */
		slot_t slot;       /* SLOT: take it with request_take_cap, else it is dropped after the step */
		uint64_t label;    /* LABEL */
	} caps[MESSAGE_CAPS_MAX];
	unsigned cap_count;    /* up to the last that is there */
	/* The answer under construction */
	uint64_t reply_words[MESSAGE_WORDS];
	const void *reply_data;    /* set by request_reply_data; must stay valid until the reply */
	uint64_t reply_data_length;
	bool reply_data_stays;     /* it was request_reply_lasting */
	slot_t reply_caps[MESSAGE_CAPS_MAX];
	bool reply_caps_drop[MESSAGE_CAPS_MAX];
	unsigned reply_cap_count;
};

/* The caller's buffers. Bytes done (short at the buffer's end), or a negative errno. */
int64_t request_read(const struct request *request, uint64_t offset, void *to, uint64_t length);
int64_t request_write(const struct request *request, uint64_t offset, const void *from, uint64_t length);
int64_t request_read_memory(const struct request *request, uint64_t offset, slot_t memory,
                            uint64_t memory_offset, uint64_t length);
int64_t request_write_memory(const struct request *request, uint64_t offset, slot_t memory,
                             uint64_t memory_offset, uint64_t length);
/* Send these bytes with the reply (placed at the start of the receive buffer, one copy). */
void request_reply_data(struct request *request, const void *data, uint64_t length);
/* The same with bytes that every incarnation of the server has there, until the answer is out: kept constants, mappings that it
 * makes again at their address. They need not be copied to be remembered. */
void request_reply_lasting(struct request *request, const void *data, uint64_t length);
/* Send a capability in the answer; `drop`: empty the slot afterwards. */
void request_send_cap(struct request *request, unsigned index, slot_t slot, bool drop);
/* Keep a received capability: its slot is the server's from now on. 0: there is none. */
slot_t request_take_cap(struct request *request, unsigned index);

/* Mark the call in hand as recorded; the handler then returns REQUEST_PARKED. */
void request_park(struct request *request);
/* Answer a parked call later: status, words (NULL: zeros), data, capability. A call that is gone in the
 * meantime is no error. The buffers of a parked call can be used until then: */
int64_t parked_answer(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data,
                      uint64_t data_length, const slot_t *caps, unsigned cap_count);
int64_t parked_read(uint64_t id, uint64_t offset, void *to, uint64_t length);
int64_t parked_write(uint64_t id, uint64_t offset, const void *from, uint64_t length);

/* A slot in which the step in hand makes an object: if the step is taken back the object is destroyed, whoever else has got
 * it by then. 0: none left. */
slot_t slot_for_new(void);
/* A variable in granules of its own (of 64 bytes, as is its size) that is written without hooks: no step takes it back. To be said in the first
 * step, and in that of each successor. */
void step_lasting(const void *variable, uint64_t size);
/* What a handler learns that is neither state nor message, and may be another when the call is handled again (a time, a usage): in a server
 * whose answers are verified (docs/decisions/014-answers-twice.md) the value is what it was at the same place of the call when that was first handled. */
uint64_t step_recall(uint64_t value);
/* Answers are verified: the step of a call does not count yet when it is committed first; it is taken back and the call is handled once more,
 * by another incarnation (verify.h). */
extern bool step_verifies;
/* There these bytes belong to what the incarnation has come to: what it does at once to others (witness.h). */
void step_witness(const void *bytes, uint64_t length);
#define WITNESS(...)                                                              \
	do {                                                                      \
		if (step_verifies) {                                              \
			const uint64_t witnessed_[] = { __VA_ARGS__ };            \
			step_witness(witnessed_, sizeof witnessed_);              \
		}                                                                 \
	} while (0)
/* Bytes that it writes, and where to. */
#define WITNESS_BYTES(bytes, length, ...)                                         \
	do {                                                                      \
		WITNESS(__VA_ARGS__);                                             \
		if (step_verifies)                                                \
			step_witness(bytes, length);                              \
	} while (0)
/* What a step does to others and could not take back. An action must be such that doing it twice is doing it once, looks at
 * nothing but its arguments and what they name, and changes nothing of the state. (A server that does not recover: at once,
 * and never.) */
typedef void (*step_action)(uint64_t a, uint64_t b, uint64_t c);
/* When the step in hand counts, before its answer; where there is no memory to note it, at once. */
void step_then(step_action run, uint64_t a, uint64_t b, uint64_t c);
/* If it is taken back: to be said before what the action undoes is done. False: there is no room to note it. */
bool step_undo(step_action run, uint64_t a, uint64_t b, uint64_t c);

/* --- calls on other servers --- */

/* What a protocol declares as `once` (use the generated NAME_once). A server that recovers notes the call with its step and
 * makes it when that has been committed, before the answer to the call in hand: again if it dies on the way, with the same
 * number, in the last word, by which the other server knows it. Any other server makes it at once, without a number.
 * Nobody learns the answer. 0; -ENOMEM: not noted. */
int call_once(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length);
/* The other side, from the generated dispatch. REQUEST_FIRST; or the answer: 0 if a call of this number, or a later
 * one, has come through this gate. Numbers are kept for labels below ONCE_LABELS (-EPERM: it has another), which are
 * the gates that the supervisor gives to servers, each to one alone. */
#define ONCE_LABELS 0x120
int request_once(const struct request *request);

/* A build whose state is not that of the build before it is of the next version, and brings functions that make the one
 * of the other: `convert` in its first step, `revert` where the build is given up again, with what it has done until then. Both see
 * the variables of both: one that is not as before has another name. Other builds are version 1. (lib/stash/layout.h) */
struct server_version {
	uint64_t number;
	void (*convert)(void), (*revert)(void);
};
extern const struct server_version server_version;
#define SERVER_VERSION(number_, convert_, revert_)                                                            \
	const struct server_version server_version = { number_, convert_, revert_ };                          \
	__asm__(".pushsection .stash_layout,\"\",@progbits\n.balign 8\n.quad 0, 0, " #number_ ", 0\n"             \
	        ".long 48, 0\n.quad 0\n.popsection")

struct server {
	const char *name;
	/* One call: dispatch by label and operation to the generated X_dispatch. Returns its result. */
	int (*handle)(struct request *request);
	/* The caller of parked call `id` wants it back: answer it (-EINTR, or normally). NULL: the
	 * server never parks. Reason: 0 alerted, 1 deadline, 2 caller gone. */
	void (*cancel)(uint64_t id, unsigned reason);
	/* The last capability to the gate with this label is gone. May be NULL. */
	void (*closed)(uint64_t label);
	/* The first step of a server that begins with nothing. May be NULL. */
	void (*first)(void);
	/* The first step of a recoverable server that has died: its state is as after its last finished step. What is
	 * not state (mappings, what is shared with others) is to be made to agree with it. May be NULL. */
	void (*again)(void);
	/* After each step, when it counts and what it announced to others is done: to show it to threads of its own. It may
	 * change nothing of the state. May be NULL. */
	void (*committed)(void);
	/* Bits of the notification in slot server_notification(). 0: signals may have been lost, so whatever they come from is to be
	 * looked at. May be NULL. */
	void (*signalled)(uint64_t bits);
};

/* Create the notification bound to the endpoint (once, before server_run): its slot. */
slot_t server_notification(void);
/* A gate into the own endpoint in a new slot; 0 on failure. */
slot_t server_make_gate(uint64_t label);
/* Tell the supervisor we are ready, then serve for ever. */
_Noreturn void server_run(const struct server *server);
/* Serve for ever without telling anyone (the supervisor itself). */
_Noreturn void server_serve(const struct server *server);

#endif
