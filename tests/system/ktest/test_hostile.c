/* What a program may throw at the kernel: it gets an error or dies, and the system goes on. */
#include "harness.h"
#include "abi_kernel_calls.h"

/* A small repeatable generator (xorshift64). The seed is printed. */
static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static int64_t raw_call(uint64_t number, const uint64_t a[6])
{
	int64_t result;
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	register uint64_t r12 __asm__("r12") = 0;
	register uint64_t r13 __asm__("r13") = a[1];
	register uint64_t rdi __asm__("rdi") = a[0];
	register uint64_t rsi __asm__("rsi") = a[1];
	register uint64_t rdx __asm__("rdx") = a[2];
	__asm__ volatile("syscall"
	                 : "=a"(result), "+r"(rdi), "+r"(rsi), "+r"(rdx), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(r12), "+r"(r13)
	                 : "a"(number)
	                 : "rcx", "r11", "r14", "r15", "memory");
	return result;
}

static void unknown_numbers(void)
{
	static const uint64_t zeros[6];
	CHECK_STATUS(raw_call(NATIVE_CALL | 0x7fffffff, zeros), STATUS_BAD_CALL);
	CHECK_STATUS(raw_call(UINT64_MAX, zeros), STATUS_BAD_CALL);
	CHECK_STATUS(raw_call(NATIVE_CALL, zeros), STATUS_BAD_CALL);
}

/* Calls that would stop this test rather than test the kernel. */
static bool call_is_excluded(uint64_t number)
{
	switch (number) {
	case KERNEL_CALL_THREAD_EXIT:
	case KERNEL_CALL_THREAD_SLEEP:
	case KERNEL_CALL_THREAD_SET_BASE:
	case KERNEL_CALL_CALL:
	case KERNEL_CALL_RECEIVE:
	case KERNEL_CALL_REPLY_RECEIVE:
	case KERNEL_CALL_NOTIFICATION_WAIT:
	case KERNEL_CALL_FUTEX_WAIT:
	case KERNEL_CALL_SYSTEM_STOP:
	case KERNEL_CALL_SYSTEM_LOG_WRITE:
		return true;
	}
	return false;
}

static uint64_t random_argument(void)
{
	static const uint64_t edges[] = {
		0, 1, 8, 4095, 4096, 0xffffffff, 0x100000000, USER_ADDRESS_END - 1, USER_ADDRESS_END, 0x7fffffffffff,
		0x800000000000, 0xffff800000000000, 0xffffffff80000000, UINT64_MAX, UINT64_MAX - 4095, 1ull << 63,
	};
	switch (random_next() % 4) {
	case 0:
		return edges[random_next() % (sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return T1 + random_next() % 8;
	case 2:
		return random_next() % 64 + 64; /* no handle of the server itself is there for us to break */
	default:
		return random_next() >> random_next() % 64;
	}
}

/* Random slot numbers hit our own capabilities too: copies bring them back. */
static slot_t own_slots[] = {SELF_CAPTABLE, SELF_SPACE, SELF_THREAD, SELF_POOL, SELF_ENDPOINT, SELF_SUPERVISOR,
                             SELF_LOG, 0 /* system */};
#define OWN_SLOTS (sizeof(own_slots) / sizeof(own_slots[0]))
#define SAVED (TEST_SLOTS_END - OWN_SLOTS)

static void own_slots_copy(bool save)
{
	slot_t table = save ? (slot_t)SELF_CAPTABLE : (slot_t)SAVED;
	for (unsigned i = 0; i < OWN_SLOTS; i++)
		cap_copy(table, save ? SAVED + i : own_slots[i], table, save ? own_slots[i] : SAVED + i, RIGHTS_ALL);
}

/* The first argument is never one of the server's own capabilities: those it may break itself. */
static void random_arguments(void)
{
	random_state = 0x9e3779b97f4a7c15 ^ time_now();
	log_line("ktest: hostile seed %#lx", random_state);
	CHECK_STATUS(endpoint_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(notification_create(SELF_POOL, T2), STATUS_OK);
	CHECK_STATUS(memory_create(SELF_POOL, 1 << 16, 0, T3), STATUS_OK);
	CHECK_STATUS(pool_create(SELF_POOL, 1 << 20, T4), STATUS_OK);
	CHECK_STATUS(space_create(T4, T5), STATUS_OK);
	CHECK_STATUS(captable_create(T4, 64, T6), STATUS_OK);
	CHECK_STATUS(gate_create(T4, T1, 3, T7), STATUS_OK);
	slot_t system = startup_slot("system");
	own_slots[OWN_SLOTS - 1] = system;
	own_slots_copy(true);
	for (unsigned round = 0; round < 20000; round++) {
		uint64_t number = random_next() % 136, arguments[6];
		if (call_is_excluded(number))
			continue;
		for (unsigned i = 0; i < 6; i++)
			arguments[i] = random_argument();
		if (arguments[0] < T1 || arguments[0] > T8)
			arguments[0] = T1 + random_next() % 8;
		raw_call(NATIVE_CALL | number, arguments);
		own_slots_copy(false);
	}
	object_destroy(T4);
	for (slot_t slot = SELF_LOG + 1; slot < 65536; slot++)
		if (slot != system && (slot < SAVED || slot >= SAVED + OWN_SLOTS))
			cap_drop(SELF_CAPTABLE, slot);
}

static void privileged(void *argument)
{
	switch ((uintptr_t)argument) {
	case 0:
		__asm__ volatile("hlt");
		break;
	case 1:
		__asm__ volatile("cli");
		break;
	case 2:
		__asm__ volatile("mov %%cr3, %%rax" ::: "rax");
		break;
	case 3:
		__asm__ volatile("outb %%al, $0x80" :: "a"(0));
		break;
	case 4:
		__asm__ volatile("wrmsr" :: "c"(0x1b), "a"(0), "d"(0));
		break;
	case 5:
		*(volatile uint64_t *)0xffffffff80000000 = 0;
		break;
	case 6:
		((void (*)(void))0xffffffff80000000)();
		break;
	case 7:
		__asm__ volatile("int $0x20");
		break;
	}
}

static void privileged_instructions_fault(void)
{
	struct message message;
	CHECK_STATUS(endpoint_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, T1, 1, T2), STATUS_OK);
	for (uintptr_t which = 0; which < 8; which++) {
		thread_spawn(T3, privileged, (void *)which, T2);
		struct message_extra soon = {.deadline = time_now() + 1000000000};
		CHECK_STATUS(message_receive(T1, &message, &soon), STATUS_OK);
		CHECK(MESSAGE_OPERATION(message.header) == OPERATION_EXCEPTION);
		CHECK(message.words[0] == 13 || message.words[0] == 14);
		CHECK_STATUS(object_destroy(T3), STATUS_OK);
		message_receive(T1, &message, &soon); /* the cancel request for the dead caller */
	}
}

static void registers_are_sanitised(void)
{
	struct thread_parameters parameters = {.registers = {.rip = 0xffffffff80000000, .rsp = 16}, .slot = T1};
	int64_t made = thread_create(SELF_POOL, SELF_SPACE, SELF_CAPTABLE, 0, 0, &parameters);
	CHECK(made == STATUS_BAD_ARGUMENT || made > 0);
	parameters.registers.rip = 0x8000000000000000;
	CHECK(thread_create(SELF_POOL, SELF_SPACE, SELF_CAPTABLE, 0, 0, &parameters) < 0);
	parameters.registers.rip = (uint64_t)privileged;
	parameters.registers.gs_base = 0x8000000000000000;
	CHECK(thread_create(SELF_POOL, SELF_SPACE, SELF_CAPTABLE, 0, 0, &parameters) < 0);
	CHECK_STATUS(thread_set_base(0, 0x8000000000000000), STATUS_BAD_ARGUMENT);
}

const struct test hostile_tests[] = {
	{"hostile: unknown numbers", unknown_numbers},
	{"hostile: random arguments", random_arguments},
	{"hostile: privileged instructions fault", privileged_instructions_fault},
	{"hostile: registers are sanitised", registers_are_sanitised},
	{0},
};
