/* Threads, exceptions, pagers, notifications, timers and futexes. */
#include "harness.h"

#define PAGE ATOLL_PAGE_SIZE

static volatile uint32_t word;

static void add_one(void *argument)
{
	(*(volatile uint32_t *)argument)++;
}

static void thread_runs_and_ends(void)
{
	struct thread_info info;
	word = 0;
	thread_spawn(T1, add_one, (void *)&word, 0);
	CHECK(EVENTUALLY(word == 1));
	CHECK(EVENTUALLY(thread_info(T1, &info) == 0 && info.state == THREAD_DEAD));
}

static void spin(void *argument)
{
	for (;;)
		(*(volatile uint32_t *)argument)++;
}

static void stop_holds_a_thread(void)
{
	struct registers registers;
	word = 0;
	thread_spawn(T1, spin, (void *)&word, 0);
	CHECK(EVENTUALLY(word > 0));
	CHECK_STATUS(thread_stop(T1), STATUS_OK);
	CHECK(EVENTUALLY(thread_get_registers(T1, &registers) == STATUS_OK));
	uint32_t held = word;
	thread_sleep(time_now() + 20000000, 0);
	CHECK(word == held);
	CHECK(registers.rip >= (uint64_t)spin && registers.rip < (uint64_t)spin + 256);
	CHECK_STATUS(thread_start(T1), STATUS_OK);
	CHECK(EVENTUALLY(word != held));
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
}

static void sleeper(void *argument)
{
	*(volatile int64_t *)argument = thread_sleep(UINT64_MAX, 1);
}

static volatile int64_t result;

static volatile uint32_t elsewhere;

static void registers_can_be_set(void)
{
	struct registers registers = { 0 }, wrong;
	word = elsewhere = 0;
	thread_spawn(T1, spin, (void *)&word, 0);
	CHECK(EVENTUALLY(word > 0));
	CHECK_STATUS(thread_set_registers(T1, &registers), STATUS_BUSY);
	CHECK_STATUS(thread_stop(T1), STATUS_OK);
	CHECK(EVENTUALLY(thread_get_registers(T1, &registers) == STATUS_OK));
	wrong = registers;
	wrong.rip = USER_ADDRESS_END;
	CHECK_STATUS(thread_set_registers(T1, &wrong), STATUS_BAD_ARGUMENT);
	registers.rip = (uint64_t)spin;
	registers.rdi = (uint64_t)&elsewhere;
	CHECK_STATUS(thread_set_registers(T1, &registers), STATUS_OK);
	CHECK_STATUS(thread_start(T1), STATUS_OK);
	CHECK(EVENTUALLY(elsewhere > 0));
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
}

static void waiting_keeps_its_registers(void)
{
	struct registers registers = { 0 };
	thread_spawn(T1, sleeper, (void *)&result, 0);
	thread_sleep(time_now() + 5000000, 0);
	CHECK_STATUS(thread_stop(T1), STATUS_OK);
	CHECK(EVENTUALLY(thread_get_registers(T1, &registers) == STATUS_OK));
	CHECK_STATUS(thread_set_registers(T1, &registers), STATUS_BUSY);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
}

static void alert_ends_a_sleep(void)
{
	result = 1;
	thread_spawn(T1, sleeper, (void *)&result, 0);
	thread_sleep(time_now() + 5000000, 0);
	CHECK(result == 1);
	CHECK_STATUS(thread_alert(T1), STATUS_OK);
	CHECK(EVENTUALLY(result == STATUS_INTERRUPTED));
	CHECK_STATUS(thread_sleep(time_now() + 1000000, 0), STATUS_TIMED_OUT);
}

static void alert_is_sticky(void)
{
	CHECK_STATUS(thread_alert(SELF_THREAD), STATUS_OK);
	CHECK_STATUS(thread_sleep(UINT64_MAX, 1), STATUS_INTERRUPTED);
	CHECK_STATUS(thread_alert_clear(), 1);
	CHECK_STATUS(thread_alert_clear(), 0);
}

static void touch_nothing(void *argument)
{
	*(volatile uint32_t *)argument = 1;
	word = 42;
}

static void exception_is_a_call(void)
{
	struct message message;
	int64_t at = space_map(SELF_SPACE, 0, 0, PAGE, 0, MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY | MAP_ANYWHERE);
	CHECK_STATUS(space_unmap(SELF_SPACE, at, PAGE), STATUS_OK);
	CHECK_STATUS(endpoint_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, T1, 0xabc, T2), STATUS_OK);
	word = 0;
	thread_spawn(T3, touch_nothing, (void *)at, T2);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK(MESSAGE_OPERATION(message.header) == OPERATION_EXCEPTION && message.label == 0xabc);
	CHECK(message.words[0] == 14 && message.words[2] == (uint64_t)at);
	/* Mend the cause, let it retry. */
	CHECK(space_map(SELF_SPACE, 0, at, PAGE, 0, MAP_READ | MAP_WRITE | MAP_PRIVATE_COPY) == at);
	message.header = 0;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK(EVENTUALLY(word == 42));
	CHECK_STATUS(space_unmap(SELF_SPACE, at, PAGE), STATUS_OK);
}

static void pager_supplies_a_page(void)
{
	struct message message;
	uint32_t value = 4711;
	CHECK_STATUS(endpoint_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(gate_create(SELF_POOL, T1, 5, T2), STATUS_OK);
	CHECK_STATUS(memory_create_paged(SELF_POOL, 4 * PAGE, T2, T3), STATUS_OK);
	CHECK_STATUS(memory_create(SELF_POOL, PAGE, 0, T4), STATUS_OK);
	CHECK_STATUS(memory_write(T4, 0, &value, 4), 4);
	int64_t at = space_map(SELF_SPACE, T3, 0, 4 * PAGE, 0, MAP_READ | MAP_WRITE | MAP_ANYWHERE);
	CHECK(at > 0);
	word = 0;
	thread_spawn(T5, touch_nothing, (void *)(at + PAGE), 0);
	CHECK_STATUS(message_receive(T1, &message, NULL), STATUS_OK);
	CHECK(MESSAGE_OPERATION(message.header) == OPERATION_PAGE && message.words[0] == PAGE);
	CHECK_STATUS(memory_supply(T3, PAGE, T4, 0, PAGE), STATUS_OK);
	message.header = 0;
	CHECK_STATUS(message_reply(T1, &message, NULL), STATUS_OK);
	CHECK(EVENTUALLY(word == 42));
	CHECK(*(volatile uint32_t *)(at + PAGE) == 1);
	CHECK_STATUS(space_unmap(SELF_SPACE, at, 4 * PAGE), STATUS_OK);
}

const struct test thread_tests[] = {
	{"threads: one runs and ends", thread_runs_and_ends},
	{"threads: stop holds one", stop_holds_a_thread},
	{"threads: a stopped one's registers can be set", registers_can_be_set},
	{"threads: a waiting one keeps its registers", waiting_keeps_its_registers},
	{"threads: an alert ends a sleep", alert_ends_a_sleep},
	{"threads: an alert is sticky", alert_is_sticky},
	{"threads: an exception is a call", exception_is_a_call},
	{"threads: a pager supplies a page", pager_supplies_a_page},
	{0},
};

static void notification_collects_bits(void)
{
	CHECK_STATUS(notification_create(SELF_POOL, T1), STATUS_OK);
	CHECK_STATUS(notification_wait(T1, 0, 2), STATUS_AGAIN);
	CHECK_STATUS(notification_signal(T1, 5), STATUS_OK);
	CHECK_STATUS(notification_signal(T1, 8), STATUS_OK);
	CHECK_STATUS(notification_wait(T1, 0, 0), 13);
	CHECK_STATUS(notification_wait(T1, time_now() + 2000000, 0), STATUS_TIMED_OUT);
}

static void timer_signals_once(void)
{
	CHECK_STATUS(notification_create(SELF_POOL, T1), STATUS_OK);
	uint64_t start = time_now();
	CHECK_STATUS(notification_set_timer(T1, start + 3000000, 4), STATUS_OK);
	CHECK_STATUS(notification_wait(T1, 0, 0), 4);
	CHECK(time_now() >= start + 3000000);
	CHECK_STATUS(notification_set_timer(T1, time_now() + 1000000, 4), STATUS_OK);
	CHECK_STATUS(notification_set_timer(T1, 0, 0), STATUS_OK);
	int64_t before = notification_wait(T1, 0, 2); /* only a look: it may have passed before it was cancelled */
	CHECK(before == 4 || before == STATUS_AGAIN);
	CHECK_STATUS(notification_wait(T1, time_now() + 4000000, 0), STATUS_TIMED_OUT);
}

static void futex_waiter(void *argument)
{
	(void)argument;
	result = futex_wait((uint32_t *)&word, 1, 0, 0);
}

static void futex_wakes_and_compares(void)
{
	word = 1;
	result = 99;
	CHECK_STATUS(futex_wait((uint32_t *)&word, 2, 0, 0), STATUS_AGAIN);
	CHECK_STATUS(futex_wait((uint32_t *)&word, 1, time_now() + 1000000, 0), STATUS_TIMED_OUT);
	thread_spawn(T1, futex_waiter, NULL, 0);
	CHECK(EVENTUALLY(futex_wake((uint32_t *)&word, 1) == 1));
	CHECK(EVENTUALLY(result == 0));
	CHECK_STATUS(futex_wake((uint32_t *)8, 1), STATUS_BAD_ADDRESS);
	CHECK(futex_wait((uint32_t *)((char *)&word + 1), 1, 0, 0) < 0);
}

static void futex_requeue_moves(void)
{
	static volatile uint32_t other;
	word = 1;
	result = 99;
	thread_spawn(T1, futex_waiter, NULL, 0);
	CHECK(EVENTUALLY(futex_requeue((uint32_t *)&word, 1, 0, (uint32_t *)&other, 1) == 1));
	CHECK_STATUS(futex_wake((uint32_t *)&word, 1), 0);
	CHECK_STATUS(futex_wake((uint32_t *)&other, 1), 1);
	CHECK(EVENTUALLY(result == 0));
}

static void destroying_a_waiter_unlinks_it(void)
{
	word = 1;
	thread_spawn(T1, futex_waiter, NULL, 0);
	thread_sleep(time_now() + 3000000, 0);
	CHECK_STATUS(object_destroy(T1), STATUS_OK);
	CHECK_STATUS(futex_wake((uint32_t *)&word, 1), 0);
}

const struct test wait_tests[] = {
	{"waits: a notification collects bits", notification_collects_bits},
	{"waits: a timer signals once", timer_signals_once},
	{"waits: a futex wakes and compares", futex_wakes_and_compares},
	{"waits: requeue moves a waiter", futex_requeue_moves},
	{"waits: destroying a waiter unlinks it", destroying_a_waiter_unlinks_it},
	{0},
};
