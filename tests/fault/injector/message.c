/* Messages between servers: what one asks of another, or the answer, is changed, lost, or made twice. A call is held where the
 * client makes it; what the kernel has delivered, and an answer, where the server has it.
 *
 * Only calls of servers are touched: those through the gates that the supervisor gave to them, which have the lowest labels. */
#include "injector.h"
#include "server/server.h"
#include <stdio.h>
#include <string.h>

#define MESSAGE_TIME 10000000ull /* nanoseconds in which one has to come along, */
#define WAKE_TIME 60000000ull    /* or a signal */
#define LOSING_TIME 20000000ull  /* nanoseconds in which all are lost, at most */
#define CALLS_MAX 16             /* in hand at a server, of other servers */
#define LABEL_CLIENTS 0x100ull   /* gates from here on are to what programs have opened */

enum way { CHANGED, TWICE, LOST };

static const char *const ways[] = { "changed", "twice", "lost" };

struct message_fault {
	struct victim *victim;
	struct trap trap;
	slot_t thread;
	struct registers registers; /* of the thread that is held */
	uint64_t calls[CALLS_MAX];  /* ids */
	unsigned call_count;
};

static bool is_call_of_server(const struct registers *registers)
{
	return registers->rax == STATUS_OK && registers->r13 != 0 &&
	       MESSAGE_OPERATION(registers->rsi) >= OPERATION_PROTOCOL_FIRST && registers->rdi < LABEL_CLIENTS &&
	       registers->rdi != LABEL_CONTROL;
}

static bool wait_at(struct message_fault *fault)
{
	return trap_wait(&fault->trap, &fault->thread, &fault->registers) != 0;
}

static void let_go(struct message_fault *fault)
{
	trap_pass(&fault->trap, fault->thread, &fault->registers);
}

static void extra_flip(const struct message_fault *fault, uint64_t offset, uint64_t bits)
{
	uint64_t at = fault->registers.r12 + offset, number;
	if (fault->registers.r12 && space_read(fault->victim->space, at, &number, sizeof number) == STATUS_OK) {
		number ^= 1ull << random_below(bits);
		space_write(fault->victim->space, at, &number, sizeof number);
	}
}

/* One bit of the first words, of a length, or of the answer's status. */
static void change(struct message_fault *fault, bool reply, char *detail, size_t size)
{
	struct registers *registers = &fault->registers;
	uint64_t *const words[] = { &registers->rdx, &registers->r10, &registers->r8 };
	uint64_t what = random_below(reply ? 5 : 4), bit = random_below(64);
	snprintf(detail, size, "changed:%lu/%lu", what, bit);
	if (what < 3)
		*words[what] ^= 1ull << bit;
	else if (what == 4)
		registers->rsi ^= 1ull << bit % 32;
	else if (reply)
		extra_flip(fault, offsetof(struct message_extra, received_length), 16);
	else
		extra_flip(fault, offsetof(struct message_extra, send_length), 16);
}

/* What is held is a kernel call that is made, and then once more as it was. */
static bool make_twice(struct message_fault *fault, uint64_t first_call)
{
	struct registers again = fault->registers;
	slot_t thread = fault->thread;
	fault->registers.rax = first_call;
	let_go(fault);
	while (wait_at(fault)) {
		bool back = fault->thread == thread && fault->registers.rip == again.rip + SYSCALL_LENGTH;
		if (back)
			fault->registers = again;
		let_go(fault);
		if (back)
			return true;
	}
	return false;
}

/* At the client: of a call, or of the answer that has come. */
static bool at_client(struct message_fault *fault, bool reply, enum way way, char *detail, size_t size)
{
	uint32_t before = reply ? 0 : MARK_CALL, after = reply || way == TWICE ? MARK_CALL : 0;
	victim_look_workers(fault->victim);
	if (!trap_set(&fault->trap, fault->victim, before, after, MESSAGE_TIME))
		return false;
	while (wait_at(fault)) {
		if (way == TWICE && victim_at(fault->victim, fault->registers.rip, MARK_CALL))
			return make_twice(fault, fault->registers.rax);
		if (way == CHANGED)
			change(fault, reply, detail, size);
		let_go(fault);
		if (way == CHANGED)
			return true;
	}
	return false;
}

/* Receive again, and forget what came. */
static void forget(struct registers *registers)
{
	registers->rax = NATIVE_CALL | KERNEL_CALL_RECEIVE;
	registers->rdi = SELF_ENDPOINT;
	registers->rsi = registers->r13 = 0;
	registers->rip -= SYSCALL_LENGTH;
}

static bool request_lose(struct message_fault *fault)
{
	if (!trap_set(&fault->trap, fault->victim, 0, MARK_RECEIVE, MESSAGE_TIME))
		return false;
	while (wait_at(fault)) {
		bool found = is_call_of_server(&fault->registers);
		if (found) {
			forget(&fault->registers);
			thread_set_registers(fault->thread, &fault->registers);
			thread_start(fault->thread);
			return true;
		}
		let_go(fault);
	}
	return false;
}

static bool is_noted(const struct message_fault *fault, uint64_t id)
{
	bool driver = strncmp(fault->victim->name, "serial", 6) == 0; /* nobody else has a gate */
	for (unsigned i = 0; !driver && i < fault->call_count; i++)
		if (fault->calls[i] == id)
			return true;
	return driver;
}

/* The kernel call that answers and receives, without the answer. */
static void answer_lose(struct registers *registers)
{
	if (registers->rax == (NATIVE_CALL | KERNEL_CALL_REPLY)) {
		registers->rax = STATUS_OK;
		registers->rip += SYSCALL_LENGTH;
		return;
	}
	registers->r13 = 0;
	registers->rsi = MESSAGE_EXTRA_RECEIVES;
}

static bool at_server(struct message_fault *fault, enum way way)
{
	if (!trap_set(&fault->trap, fault->victim, MARK_REPLY, MARK_RECEIVE | MARK_REPLY, MESSAGE_TIME))
		return false;
	while (wait_at(fault)) {
		const struct registers *registers = &fault->registers;
		bool answers = victim_at(fault->victim, registers->rip, MARK_REPLY) && registers->r13 != 0;
		if (answers && is_noted(fault, registers->r13)) {
			if (way == TWICE)
				return make_twice(fault, NATIVE_CALL | KERNEL_CALL_REPLY);
			answer_lose(&fault->registers);
			let_go(fault);
			return true;
		}
		if (!answers && is_call_of_server(registers) && fault->call_count < CALLS_MAX)
			fault->calls[fault->call_count++] = registers->r13;
		let_go(fault);
	}
	return false;
}

bool message_change(struct victim *victim, bool reply, char *detail, size_t size)
{
	struct message_fault fault = { .victim = victim };
	enum way way = (enum way)random_below(3);
	bool done;
	snprintf(detail, size, "%s", ways[way]);
	if (way == CHANGED || (way == TWICE && !reply))
		done = at_client(&fault, reply, way, detail, size);
	else if (!reply)
		done = request_lose(&fault);
	else
		done = at_server(&fault, way);
	trap_clear(&fault.trap);
	return done;
}

/* The signals to the victim's loop for a while, as if they had not come: one alone is soon made good by the next. */
bool wake_lose(struct victim *victim, char *detail, size_t size)
{
	struct message_fault fault = { .victim = victim };
	unsigned lost = 0;
	if (!trap_set(&fault.trap, victim, 0, MARK_RECEIVE, WAKE_TIME))
		return false;
	while (wait_at(&fault)) {
		const struct registers *registers = &fault.registers;
		if (registers->rax != STATUS_OK || registers->r13 != 0 || registers->rdx == 0 ||
		    MESSAGE_OPERATION(registers->rsi) != OPERATION_NOTIFICATION) {
			let_go(&fault);
			continue;
		}
		if (lost++ == 0)
			fault.trap.end = time_now() + random_below(LOSING_TIME);
		forget(&fault.registers);
		thread_set_registers(fault.thread, &fault.registers);
		thread_start(fault.thread);
	}
	trap_clear(&fault.trap);
	snprintf(detail, size, "%ux", lost);
	return lost > 0;
}
