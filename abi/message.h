/* Messages: what a call carries, in registers and beside them.
 *
 * Registers (x86-64), the same for call, reply, receive and reply_receive:
 *
 *   rax   kernel call number in; status out
 *   rdi   gate (call) or endpoint (the others) in; receive: the gate's label out
 *   rsi   header in and out (below)
 *   rdx r10 r8 r9 r14 r15   the six message words, in and out
 *   r12   address of a struct message_extra, or 0: words alone
 *   r13   reply, reply_receive: the call id to answer in; receive: the id of the call out; call: destroyed
 *   rcx r11                 destroyed, as by every system call
 *
 * The header of a call is operation | flags; that of a reply is a 32-bit status (0, or a
 * negative errno value: the meaning is the protocol's, the kernel only carries it) | flags.
 * Both hold the number of capabilities sent in MESSAGE_CAPS.
 */
#pragma once

#include <stdint.h>

#define MESSAGE_WORDS 6
#define MESSAGE_CAPS_MAX 4

/* The header's fields. A call with a bit above 31 that is not named here is refused (BAD_ARGUMENT),
 * so that it can mean something one day. */
#define MESSAGE_OPERATION(header) ((uint32_t)(header))
#define MESSAGE_STATUS(header) ((int32_t)(uint32_t)(header))
#define MESSAGE_CAPS_SHIFT 32 /* bits 32..34: capabilities sent, 0 to 4 */
#define MESSAGE_CAPS(header) ((unsigned)((header) >> MESSAGE_CAPS_SHIFT) & 7)
/* call: an alert (a signal for this thread) ends the wait; see thread_alert. */
#define MESSAGE_INTERRUPTIBLE (1ull << 40)
/* reply_receive: the message_extra is for what will be received alone. Nothing of it is sent, its deadline
 * counts for nothing, and it stays as it is if what comes is words alone. */
#define MESSAGE_EXTRA_RECEIVES (1ull << 41)

/* Operations the kernel itself sends. Protocols use numbers from 0x100 up. */
enum kernel_operation {
	/* Receive only, id 0, no answer: bits of the bound notification; word 0 has them. */
	OPERATION_NOTIFICATION = 1,
	/* The last capability to the gate with this label is gone. Answer it (any status): it is
	 * delivered again after a reset until it is answered. */
	OPERATION_GATE_CLOSED = 2,
	/* The caller of the delivered or parked call in word 0 wants it back: answer that call soon,
	 * normally or with an error that means "nothing happened". Id 0; no answer to this message.
	 * Word 1: 0 alerted, 1 deadline passed, 2 the caller is gone. A call to be cancelled that is
	 * answered in the meantime is no error. */
	OPERATION_CANCEL = 3,
	/* A thread faulted outside a reflect entry. Words: vector, error code, fault address,
	 * instruction pointer, thread number. Answer 0: the thread retries; anything else: it is
	 * stopped for good. The label is that of the thread's exception gate. */
	OPERATION_EXCEPTION = 4,
	/* A page of a paged memory object is missing. Words: offset (bytes, page aligned), access
	 * (rights bits). Supply it with memory_supply, then answer 0: the thread retries. Anything
	 * else: the access fails (exception for a touch, STATUS_BAD_ADDRESS for a call). */
	OPERATION_PAGE = 5,
	OPERATION_PROTOCOL_FIRST = 0x100,
};

/* What became of each capability in a message that was received. A gate of the receiver's own
 * endpoint comes as its label: it is the server's word for one of its own objects, and holding
 * gates to itself would keep it from ever hearing that the last one elsewhere is gone. */
enum message_cap_kind {
	MESSAGE_CAP_NONE = 0,
	MESSAGE_CAP_SLOT = 1,  /* stored in the receive slot, replacing what was there */
	MESSAGE_CAP_LABEL = 2, /* a gate of the very endpoint that receives: its label, no slot used */
};

/* Beside the registers. The kernel reads the first part when the call is made and writes the
 * second part on return; both in the maker's own space. */
struct message_extra {
	uint64_t send_address;    /* buffer to send (call, reply) */
	uint64_t send_length;     /* bytes; 0: none */
	uint64_t receive_address; /* call: where the reply's buffer goes; receive: where the head of
	                             the caller's send buffer is copied at delivery */
	uint64_t receive_length;  /* bytes */
	uint64_t deadline;        /* call, receive: absolute nanoseconds since boot; 0: none */
	uint32_t send_caps[MESSAGE_CAPS_MAX];    /* own slots */
	uint32_t receive_caps[MESSAGE_CAPS_MAX]; /* own slots for what arrives; 0: refuse that one */
	/* Written by the kernel: */
	uint64_t received_length;     /* bytes placed at receive_address */
	uint64_t peer_send_length;    /* receive: size of the caller's send buffer */
	uint64_t peer_receive_length; /* receive: size of the caller's receive buffer */
	uint64_t cap_labels[MESSAGE_CAPS_MAX]; /* label where the kind says so */
	uint32_t cap_kinds[MESSAGE_CAPS_MAX];  /* enum message_cap_kind */
};

/* The two parts, in bytes. */
#define MESSAGE_EXTRA_SENT 72u
#define MESSAGE_EXTRA_RESULTS 72u
_Static_assert(sizeof(struct message_extra) == 144, "message_extra crosses the kernel boundary");
