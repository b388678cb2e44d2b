/* Kernel tests that run in the guest, as a native server. Each test starts with nothing and must leave
 * nothing: kernel objects and charged bytes are counted before and after. */
#ifndef KTEST_HARNESS_H
#define KTEST_HARNESS_H

#include "atoll/atoll.h"

struct test {
	const char *name;
	void (*run)(void);
};

extern const struct test object_tests[], memory_tests[], space_tests[], thread_tests[], call_tests[],
	recovery_tests[], wait_tests[], hostile_tests[], stress_tests[], latency_tests[];

/* Record a failure with its place and go on: a later check may say more. */
void check_failed(const char *file, int line, const char *what, int64_t value);
#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, 0))
#define CHECK_STATUS(expression, expected) \
	do { \
		int64_t check_value = (expression); \
		if (check_value != (expected)) \
			check_failed(__FILE__, __LINE__, #expression " == " #expected, check_value); \
	} while (0)

/* Slots that tests use freely; the harness empties them after each test. */
enum test_slot { T1 = 3000, T2, T3, T4, T5, T6, T7, T8, TEST_SLOTS_END = 3064 };

/* A thread of this space and captable that runs function(argument) and ends. Stacks are static: at
 * most 8 at once. The function must not use the C library's thread state. */
void thread_spawn(slot_t slot, void (*function)(void *), void *argument, slot_t exception);
/* Wait (yielding, at most two seconds) until a condition holds; false when it never did. */
#define EVENTUALLY(condition) \
	({ \
		uint64_t end_ = time_now() + 2000000000ull; \
		bool holds_; \
		while (!(holds_ = (condition)) && time_now() < end_) \
			thread_yield(); \
		holds_; \
	})

#endif
