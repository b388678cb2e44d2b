/* The kinds of faults. Changed code is the victim's own copy of the page: its successor has the right one. */
#include "injector.h"
#include <stdio.h>
#include <string.h>

#define AHEAD 12 /* instructions from the present one on, of which one is changed */
#define RESTART 60000ull /* nanoseconds, which are instructions: more than a server takes until it is there again, */
#define HANDLING 50000ull /* the supervisor until it has started it, */
#define RECOVERY 450000ull /* and the supervisor until it is there again */
#define STANDBY 1900000ull /* nanoseconds until shortly before it makes the next standby */
#define MEMORY_TIME 3000000ull /* nanoseconds in which allocations may fail */
#define LOOK_ROOT 3000ull /* from look to look whether it does something, */
#define LOOKS_ROOT 3000 /* at most */
#define LOOK_ORDER 1000000ull /* likewise in the mean, where any of its time is as good, */
#define LOOK_STEP 10000ull    /* or the beginning of a step is sought, */
#define WAIT_ORDER 10000000000ull /* at most: more than the workload rests */

const char *const fault_names[FAULT_KINDS] = {
	"kill", "register", "code", "operand", "branch", "skip", "stash", "hang", "sleep",
	"poll", "wake", "memory", "request", "reply", "again", "both", "root", "order",
};

bool fault_ends(enum fault_kind kind)
{
	return kind == FAULT_KILL || kind >= FAULT_AGAIN;
}

bool fault_stays(enum fault_kind kind)
{
	return kind == FAULT_HANG || kind == FAULT_POLL || (kind >= FAULT_CODE && kind <= FAULT_SKIP);
}

bool fault_is_felt(enum fault_kind kind)
{
	return kind >= FAULT_WAKE && kind <= FAULT_REPLY;
}

bool fault_is_message(enum fault_kind kind)
{
	return kind == FAULT_WAKE || kind == FAULT_REQUEST || kind == FAULT_REPLY;
}

bool fault_is_root(enum fault_kind kind)
{
	return kind == FAULT_ORDER;
}

bool fault_hangs(enum fault_kind kind)
{
	return kind >= FAULT_HANG && kind <= FAULT_POLL;
}

/* Index of the instruction at this address or the next behind it. */
static uint64_t instruction_find(const struct victim *victim, uint64_t address)
{
	uint64_t low = 0, high = victim->text_count;
	while (low < high) {
		uint64_t middle = (low + high) / 2;
		struct instruction at;
		memory_read(victim->text, middle * sizeof at, &at, sizeof at);
		if (at.address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool instruction_fits(const struct instruction *at, enum fault_kind kind)
{
	return at->length > 0 && (kind != FAULT_BRANCH || at->marks & MARK_BRANCH) && (kind != FAULT_OPERAND || at->operand != 255);
}

/* One that is about to run and suits the fault. */
static bool instruction_choose(const struct victim *victim, uint64_t rip, enum fault_kind kind, struct instruction *chosen)
{
	struct instruction ahead[AHEAD];
	unsigned found = 0;
	uint64_t first = instruction_find(victim, rip);
	int64_t bytes = memory_read(victim->text, first * sizeof *ahead, ahead, sizeof ahead);
	for (unsigned i = 0; bytes > 0 && i < (uint64_t)bytes / sizeof *ahead; i++)
		if (instruction_fits(&ahead[i], kind))
			ahead[found++] = ahead[i];
	if (found == 0)
		return false;
	*chosen = ahead[random_below(found)];
	return true;
}

static void instruction_change(uint8_t bytes[16], const struct instruction *at, enum fault_kind kind)
{
	switch (kind) {
	case FAULT_BRANCH:
		bytes[at->opcode] ^= 1;
		break;
	case FAULT_OPERAND:
		bytes[at->operand] ^= (uint8_t)(1u << random_below(6));
		break;
	case FAULT_SKIP:
		for (unsigned i = 0; i < at->length; i++)
			bytes[i] = 0x90;
		break;
	default:
		bytes[random_below(at->length)] ^= (uint8_t)(1u << random_below(8));
		break;
	}
}

static bool code_change(const struct victim *victim, enum fault_kind kind, uint64_t rip, char *detail, size_t size)
{
	struct instruction at;
	uint8_t bytes[16];
	if (!victim->text || !instruction_choose(victim, rip, kind, &at) ||
	    space_read(victim->space, at.address, bytes, at.length) != STATUS_OK)
		return false;
	instruction_change(bytes, &at, kind);
	snprintf(detail, size, "%#x", at.address);
	return space_write(victim->space, at.address, bytes, at.length) == STATUS_OK;
}

static bool register_change(const struct victim *victim, struct registers *registers, char *detail, size_t size)
{
	uint64_t number = random_below(17), bit = random_below(64); /* the general ones and rip */
	((uint64_t *)registers)[number] ^= 1ull << bit;
	snprintf(detail, size, "%lu/%lu", number, bit);
	return thread_set_registers(victim->thread, registers) == STATUS_OK;
}

static bool stash_change(const struct victim *victim, char *detail, size_t size)
{
	uint64_t offset = victim_written(victim);
	uint8_t byte;
	if (offset == 0 || memory_read(victim->stash, offset, &byte, 1) != 1)
		return false;
	byte ^= (uint8_t)(1u << random_below(8));
	snprintf(detail, size, "%#lx", offset);
	return memory_write(victim->stash, offset, &byte, 1) == 1;
}

static bool loop_for_ever(const struct victim *victim, uint64_t rip)
{
	static const uint8_t jump_here[] = { 0xeb, 0xfe };
	return space_write(victim->space, rip, jump_here, sizeof jump_here) == STATUS_OK;
}

/* The kernel call of a sleep without end, in place of what was to come. */
static bool sleep_for_ever(const struct victim *victim, struct registers *registers)
{
	uint64_t call = 0;
	for (unsigned i = 0; i < victim->point_count; i++)
		if (victim->points[i].marks & MARK_CALL)
			call = victim->points[i].address;
	registers->rax = NATIVE_CALL | KERNEL_CALL_THREAD_SLEEP;
	registers->rdi = UINT64_MAX >> 1;
	registers->rsi = 0;
	registers->rip = call;
	return call && thread_set_registers(victim->thread, registers) == STATUS_OK;
}

/* Short sleeps without end. */
static bool poll_for_ever(const struct victim *victim, struct registers *registers)
{
	static const uint8_t loop[] = {
		0x48, 0x81, 0xc3, 0x80, 0x84, 0x1e, 0x00,                   /* add $2000000, %rbx */
		0x48, 0x89, 0xdf, 0x31, 0xf6,                               /* mov %rbx, %rdi; xor %esi, %esi */
		0x4c, 0x89, 0xf8, 0x0f, 0x05, 0xeb, 0xed,                   /* mov %r15, %rax; syscall; jmp to the first */
	};
	registers->rbx = time_now();
	registers->r15 = NATIVE_CALL | KERNEL_CALL_THREAD_SLEEP;
	return thread_set_registers(victim->thread, registers) == STATUS_OK &&
	       space_write(victim->space, registers->rip, loop, sizeof loop) == STATUS_OK;
}

/* The next allocations, of the heap or in the kernel, find nothing. */
static bool memory_fail(const struct victim *victim, char *detail, size_t size)
{
	struct trap trap;
	struct registers registers;
	slot_t thread;
	uint32_t at;
	unsigned times = 1 + (unsigned)random_below(4), failed = 0;
	if (!trap_set(&trap, victim, MARK_HEAP | MARK_KERNEL, 0, MEMORY_TIME))
		return false;
	while (failed < times && (at = trap_wait(&trap, &thread, &registers)) != 0) {
		if (victim_at(victim, at, MARK_HEAP)) {
			registers.rax = 0;
			space_read(victim->space, registers.rsp, &registers.rip, sizeof registers.rip);
			registers.rsp += 8;
		} else {
			registers.rax = (uint64_t)STATUS_NO_MEMORY;
			registers.rip += SYSCALL_LENGTH;
		}
		if (failed++ == 0)
			snprintf(detail, size, "%ux%#x", times, at);
		thread_set_registers(thread, &registers);
		thread_start(thread);
	}
	trap_clear(&trap);
	return failed > 0;
}

static void wait_for(uint64_t nanoseconds)
{
	thread_sleep(time_now() + nanoseconds, 0);
}

static bool victim_end(const struct victim *victim)
{
	return victim_fault(victim) || victim_restart(victim) == 0;
}

/* Once more while it comes back: in roll-back, in what it does at its start, in its first step. */
static bool end_again(struct victim *victim, char *detail, size_t size)
{
	if (!victim_end(victim))
		return false;
	for (unsigned times = 1 + (unsigned)random_below(2); times > 0; times--) {
		uint64_t after = random_below(RESTART);
		if (!victim_look(victim))
			return true;
		wait_for(after);
		size_t used = strlen(detail);
		snprintf(detail + used, size - used, "%s%lu", victim_fault(victim) ? "+" : "-", after);
	}
	return true;
}

/* Two at one instant. */
static bool end_both(struct victim *victim, struct victim *other, char *detail, size_t size)
{
	bool two = other != victim && !other->lost && victim_look(other);
	if (!victim_fault(victim))
		return false;
	snprintf(detail, size, "%s", two && victim_end(other) ? other->name : "alone");
	return true;
}

/* A kernel that is asked to start it too often gives up. */
static void root_end(struct victim *root, uint64_t after, char *detail, size_t size)
{
	size_t used = strlen(detail);
	wait_for(after);
	bool done = victim_look_root(root) && victim_fault(root);
	snprintf(detail + used, size - used, "%s%lu", done ? "+" : "-", after);
}

static bool root_busy(struct victim *root)
{
	struct thread_info info;
	return victim_look_root(root) && thread_info(root->thread, &info) == STATUS_OK && info.state == THREAD_RUNNABLE;
}

/* The supervisor: while it handles the victim's end, or when it does something afterwards; and perhaps again while it comes
 * back. */
static bool end_root(struct victim *victim, struct victim *root, char *detail, size_t size)
{
	uint64_t after = random_below(HANDLING);
	if (!victim_fault(victim))
		return false;
	if (random_below(4) == 0) {
		wait_for(STANDBY);
		for (unsigned looks = 0; looks < LOOKS_ROOT && !root_busy(root); looks++)
			wait_for(LOOK_ROOT);
	}
	root_end(root, after, detail, size);
	if (random_below(3) == 0)
		root_end(root, random_below(RECOVERY), detail, size);
	return true;
}

/* The supervisor in an order of somebody's, which is most of what it does: at any instant of its time, or near the beginning of
 * a step; and perhaps again while it comes back. */
static bool end_order(struct victim *root, char *detail, size_t size)
{
	bool early = random_below(2) == 0;
	uint64_t apart = early ? LOOK_STEP : LOOK_ORDER, end = time_now() + WAIT_ORDER;
	wait_for(random_below(LOOK_ORDER));
	while (!root_busy(root)) {
		if (time_now() >= end)
			return false;
		wait_for(random_below(2 * apart));
	}
	root_end(root, early ? random_below(HANDLING) : 0, detail, size);
	if (random_below(3) == 0)
		root_end(root, random_below(RECOVERY), detail, size);
	return strchr(detail, '+') != NULL;
}

bool fault_do(struct victim *victim, enum fault_kind kind, struct victim *other, char *detail, size_t size)
{
	struct registers registers;
	if (kind == FAULT_KILL)
		return victim_restart(victim) == 0;
	if (kind == FAULT_AGAIN)
		return end_again(victim, detail, size);
	if (kind == FAULT_BOTH)
		return end_both(victim, other, detail, size);
	if (kind == FAULT_ROOT)
		return end_root(victim, other, detail, size);
	if (kind == FAULT_ORDER)
		return end_order(victim, detail, size);
	if (kind == FAULT_MEMORY)
		return memory_fail(victim, detail, size);
	if (kind == FAULT_WAKE)
		return wake_lose(victim, detail, size);
	if (kind == FAULT_REQUEST || kind == FAULT_REPLY)
		return message_change(victim, kind == FAULT_REPLY, detail, size);
	if (!victim_stop(victim, &registers))
		return false;
	uint64_t rip = registers.rip;
	bool done;
	if (kind == FAULT_REGISTER)
		done = register_change(victim, &registers, detail, size);
	else if (kind == FAULT_STASH)
		done = stash_change(victim, detail, size);
	else if (kind == FAULT_HANG)
		done = loop_for_ever(victim, rip);
	else if (kind == FAULT_SLEEP)
		done = sleep_for_ever(victim, &registers);
	else if (kind == FAULT_POLL)
		done = poll_for_ever(victim, &registers);
	else
		done = code_change(victim, kind, rip, detail, size);
	size_t used = strlen(detail);
	snprintf(detail + used, size - used, "@%#lx", rip);
	thread_start(victim->thread);
	return done;
}
