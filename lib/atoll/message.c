/* The four message calls: every register of abi/message.h pinned, and nothing else. Used by native
 * programs and by the personality: no C library, general registers only. */
#include "atoll/atoll.h"

/* One system call that carries a message both ways. The label and the id come back in rdi and r13;
 * they mean something only after a receive. */
static inline int64_t message_exchange(uint64_t number, slot_t target, struct message *message,
                                       struct message_extra *extra, uint64_t *label, uint64_t *id)
{
	int64_t result = (int64_t)(NATIVE_CALL | number);
	uint64_t rdi = target, rsi = message->header, rdx = message->words[0];
	register uint64_t r10 __asm__("r10") = message->words[1];
	register uint64_t r8 __asm__("r8") = message->words[2];
	register uint64_t r9 __asm__("r9") = message->words[3];
	register uint64_t r14 __asm__("r14") = message->words[4];
	register uint64_t r15 __asm__("r15") = message->words[5];
	register uint64_t r12 __asm__("r12") = (uint64_t)extra;
	register uint64_t r13 __asm__("r13") = *id;
	__asm__ volatile("syscall"
	                 : "+a"(result), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9),
	                   "+r"(r14), "+r"(r15), "+r"(r12), "+r"(r13)
	                 :
	                 : "rcx", "r11", "memory");
	message->header = rsi;
	message->words[0] = rdx;
	message->words[1] = r10;
	message->words[2] = r8;
	message->words[3] = r9;
	message->words[4] = r14;
	message->words[5] = r15;
	*label = rdi;
	*id = r13;
	return result;
}

int64_t message_call(slot_t gate, struct message *message, struct message_extra *extra)
{
	uint64_t label, id = 0;
	message->header |= gate & ~SLOT_MASK;
	return message_exchange(KERNEL_CALL_CALL, gate & SLOT_MASK, message, extra, &label, &id);
}

int64_t message_receive(slot_t endpoint, struct message *message, struct message_extra *extra)
{
	message->id = 0;
	return message_exchange(KERNEL_CALL_RECEIVE, endpoint, message, extra, &message->label, &message->id);
}

int64_t message_reply(slot_t endpoint, struct message *message, struct message_extra *extra)
{
	uint64_t label, id = message->id;
	return message_exchange(KERNEL_CALL_REPLY, endpoint, message, extra, &label, &id);
}

int64_t message_reply_receive(slot_t endpoint, struct message *message, struct message_extra *extra)
{
	return message_exchange(KERNEL_CALL_REPLY_RECEIVE, endpoint, message, extra, &message->label,
	                        &message->id);
}
