/* On the host: the list of what a step will have done to others. As it was made it is settled; with any one of its bits inverted the
 * server ends instead, before the step counts: its successors would carry out something else, or die of it one after the other. */
#include "check.h"
#include "child.h"
#include "../../lib/server/effects.c"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned damages, released;

void slot_release(slot_t slot)
{
	released += slot == 77;
}

int64_t answer_send(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data, uint64_t data_length,
                    const slot_t *caps, unsigned cap_count)
{
	(void)id, (void)status, (void)words, (void)data, (void)data_length, (void)caps, (void)cap_count;
	return 0;
}

int call_send(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length)
{
	(void)gate, (void)operation, (void)words, (void)send, (void)length;
	return 0;
}

/* Every block that the list had when it was whole. */
static const void *blocks[8];

bool stash_has_block(const void *address, uint64_t size)
{
	for (unsigned i = 0; i < 8; i++)
		if (address && address == blocks[i])
			return size == sizeof(struct effect);
	return false;
}

uint64_t time_now(void)
{
	return 1000;
}

static uint64_t acted;

static void action(uint64_t a, uint64_t b, uint64_t c)
{
	acted += a + b + c;
}

static void list_make(void)
{
	static const uint64_t words[MESSAGE_WORDS] = { 1, 2, 3 };
	CHECK(effect_answer(5, 0, words, "abc", 3, NULL, 0) == 0);
	effect_action(action, 1, 2, 3);
	CHECK(effect_call(9, 8, words, "", 0) == 0);
	effect_drop(77);
}

/* In a child: does it come through? */
static bool passes(void (*look)(void))
{
	pid_t child = fork();
	if (child == 0) {
		child_dies_quietly();
		look();
		_exit(0);
	}
	int status = 1;
	waitpid(child, &status, 0);
	return status == 0;
}

static bool settles(void)
{
	return passes(effects_settle);
}

static void damage_seen(void *at, uint64_t bytes, void (*look)(void))
{
	for (uint64_t bit = 0; bit < bytes * 8; bit++) {
		unsigned char *byte = (unsigned char *)at + bit / 8;
		*byte ^= (unsigned char)(1u << bit % 8);
		CHECK(!passes(look));
		*byte ^= (unsigned char)(1u << bit % 8);
		damages++;
	}
}

static void damage(void *at, uint64_t bytes)
{
	damage_seen(at, bytes, effects_settle);
	damage_seen(at, bytes, effects_check);
}

/* Slots that are emptied when the answer has been sent: none but those, whatever is damaged; in the end they are lost rather than the server. */
static void test_answered(void)
{
	for (slot_t slot = 70; slot < 70 + MESSAGE_CAPS_MAX; slot++) {
		damage_seen(&effects.answered_count, sizeof effects.answered_count, effects_drop_answered);
		effect_drop_answered(slot);
		CHECK(passes(effects_drop_answered) && passes(effects_check));
	}
	damage_seen(effects.answered, sizeof effects.answered, effects_drop_answered);
	damage_seen(&effects.answered_seal, sizeof effects.answered_seal, effects_check);
	effects.answered[1] ^= 0x10000;
	effects_cut();
	CHECK(effects.answered_count == 0 && passes(effects_drop_answered));
}

/* Where the next one goes, damaged: an entry that is written over another ends the server. Else the list does what it should. */
static _Noreturn void room_child(unsigned bit)
{
	uint32_t done = 0;
	child_dies_quietly();
	list_make();
	room.used ^= 1ull << bit;
	effect_action(action, 4, 5, 6);
	effects_settle();
	acted = 0;
	effects_run(&done, true);
	_exit(done == 5 && acted == 1 + 2 + 3 + 4 + 5 + 6 ? 0 : 3);
}

static void damage_room(void)
{
	effects_forget();
	effects_forget_answered();
	for (unsigned bit = 0; bit < 64; bit++) {
		int status = 1;
		pid_t child = fork();
		if (child == 0)
			room_child(bit);
		waitpid(child, &status, 0);
		CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) != 3);
		damages++;
	}
}

/* A list of any length: what there is no room for is in the heap. */
static void test_long(void)
{
	effects_forget();
	effects_forget_answered();
	for (unsigned i = 0; i < 200; i++)
		effect_action(action, 0, 0, 1);
	effects_settle();
	uint32_t done = 0;
	acted = 0;
	effects_run(&done, true);
	CHECK(done == 200 && acted == 200);
	effects_forget();
	effects_forget_answered();
	CHECK(effects.count == 0);
}

/* What is before the damage is kept, and the rest is a list like any other. */
static void test_cut(void)
{
	unsigned count = 0, cut = 0;
	for (struct effect *effect = effects.first; effect; effect = effect->next)
		blocks[count++] = effect;
	CHECK(effects_cut() == 0);
	for (unsigned i = 0; i < count; i++) {
		struct effect *effect = (struct effect *)(uintptr_t)blocks[i], whole = *effect;
		struct effects all = effects;
		for (uint64_t bit = 0; bit < sizeof *effect * 8; bit++) {
			((unsigned char *)effect)[bit / 8] ^= (unsigned char)(1u << bit % 8);
			uint64_t lost = effects_cut();
			CHECK(lost <= count - i && effects.count == count - lost);
			effects_settle();
			*effect = whole;
			effects = all;
			if (i > 0)
				((struct effect *)(uintptr_t)blocks[i - 1])->next = effect;
			cut++;
		}
	}
	CHECK(settles());
	printf("%u lists cut\n", cut);
}

/* An action that was wrong from the start: in the state, where no program is. */
static void test_no_program(void)
{
	effects_forget();
	effects_forget_answered();
	effect_action((step_action)(STASH_BASE + 0x402c20ull), 0, 0, 0);
	CHECK(!settles());
}

int main(void)
{
	list_make();
	CHECK(settles());
	effects_settle();
	CHECK(released == 1);
	damage(&effects.first, sizeof effects.first);
	damage(&effects.last, sizeof effects.last);
	damage(&effects.count, sizeof effects.count);
	for (struct effect *effect = effects.first; effect; effect = effect->next)
		damage(effect, sizeof *effect);
	effects_forget();
	effects_forget_answered();
	CHECK(effects.first == NULL && effects.count == 0);
	list_make();
	CHECK(settles());
	test_cut();
	test_no_program();
	test_long();
	test_answered();
	damage_room();
	printf("%u damages, %u failures\n", damages, failures);
	return failures != 0;
}
