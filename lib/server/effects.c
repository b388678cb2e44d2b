/* See effects.h. Recoverable code. */
#include "server/effects.h"
#include "atoll/slots.h"
#include "server/step.h"
#include "stash/stash.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 4096u

struct effect {
	struct effect *next;
	step_action run;
	uint64_t arguments[3];
	uint64_t seal; /* the sum of the four */
};

struct answer { /* of a parked call */
	struct effect effect;
	int status;
	uint64_t id;
	uint64_t words[MESSAGE_WORDS];
	slot_t caps[MESSAGE_CAPS_MAX];
	uint32_t cap_count;
	uint64_t data_length;
	char data[];
};

struct call { /* that is made once */
	struct effect effect;
	slot_t gate;
	uint32_t operation;
	uint64_t words[MESSAGE_WORDS];
	uint64_t length;
	char data[];
};

struct effects effects;
static uint64_t last_number; /* of such a call */

/* The first of a step are here, one behind the other, so that most steps need no heap for them. */
static struct {
	uint64_t used;
	_Alignas(STASH_GRANULE) unsigned char bytes[ROOM];
} room;

static bool is_in_room(const struct effect *effect)
{
	uint64_t offset = (uint64_t)effect - (uint64_t)room.bytes;
	return offset <= ROOM - sizeof *effect && offset % 16 == 0;
}

static void *effect_allocate(uint64_t size)
{
	if (size > ROOM || room.used > ROOM - size)
		return malloc(size);
	unsigned char *effect = &room.bytes[room.used & ~15ull];
	room.used += (size + 15) & ~15ull;
	return effect;
}

static uint64_t seal_of(const struct effect *effect)
{
	return (uint64_t)effect->run + effect->arguments[0] + effect->arguments[1] + effect->arguments[2];
}

static bool is_sealed(const struct effect *effect)
{
	return effect->seal == seal_of(effect) && (uint64_t)effect->run - STASH_BASE >= STASH_SIZE;
}

static void effect_append(struct effect *effect)
{
	effect->next = NULL;
	effect->seal = seal_of(effect);
	if (effects.count == 0)
		effects.last = &effects.first;
	*effects.last = effect;
	effects.last = &effect->next;
	effects.count++;
}

static bool effect_note(step_action run, uint64_t a, uint64_t b, uint64_t c)
{
	struct effect *effect = effect_allocate(sizeof *effect);
	if (!effect)
		return false;
	effect->run = run;
	effect->arguments[0] = a;
	effect->arguments[1] = b;
	effect->arguments[2] = c;
	effect_append(effect);
	return true;
}

void effect_action(step_action run, uint64_t a, uint64_t b, uint64_t c)
{
	if (!effect_note(run, a, b, c))
		run(a, b, c);
}

static void answer_run(uint64_t at, uint64_t unused, uint64_t unused_too)
{
	const struct answer *answer = (const struct answer *)at;
	(void)unused, (void)unused_too;
	answer_send(answer->id, answer->status, answer->words, answer->data, answer->data_length, answer->caps,
	            answer->cap_count);
}

int effect_answer(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data, uint64_t data_length,
                  const slot_t *caps, unsigned cap_count)
{
	struct answer *answer = effect_allocate(sizeof *answer + data_length);
	if (!answer)
		return -ENOMEM;
	*answer = (struct answer){ .status = status, .id = id, .cap_count = cap_count, .data_length = data_length };
	answer->effect.run = answer_run;
	answer->effect.arguments[0] = (uint64_t)answer;
	if (words)
		memcpy(answer->words, words, sizeof answer->words);
	for (unsigned i = 0; i < cap_count; i++)
		answer->caps[i] = caps[i];
	memcpy(answer->data, data, data_length);
	effect_append(&answer->effect);
	return 0;
}

/* A server whose state was made anew, in the place of one whose calls have numbers, begins above those: time passes faster. */
static uint64_t number_next(void)
{
	last_number = last_number ? last_number + 1 : time_now();
	return last_number;
}

static void call_run(uint64_t at, uint64_t unused, uint64_t unused_too)
{
	const struct call *call = (const struct call *)at;
	(void)unused, (void)unused_too;
	call_send(call->gate, call->operation, call->words, call->data, call->length);
}

int effect_call(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length)
{
	struct call *call = effect_allocate(sizeof *call + length);
	if (!call)
		return -ENOMEM;
	*call = (struct call){ .gate = gate, .operation = operation, .length = length };
	call->effect.run = call_run;
	call->effect.arguments[0] = (uint64_t)call;
	memcpy(call->words, words, sizeof call->words);
	call->words[MESSAGE_WORDS - 1] = number_next();
	memcpy(call->data, send, length);
	effect_append(&call->effect);
	return 0;
}

static void drop_run(uint64_t slot, uint64_t unused, uint64_t unused_too)
{
	(void)unused, (void)unused_too;
	cap_drop(SELF_CAPTABLE, (slot_t)slot);
}

/* Without memory the slot stays as it is, lost until the server ends for good. */
void effect_drop(slot_t slot)
{
	effect_note(drop_run, slot, 0, 0);
}

void effect_drop_answered(slot_t slot)
{
	unsigned count = effects.answered_count;
	if (count >= MESSAGE_CAPS_MAX)
		__builtin_trap();
	effects.answered[count] = slot;
	effects.answered_count = count + 1;
	effects.answered_seal += slot + 1;
}

static bool answered_is_whole(void)
{
	unsigned count = effects.answered_count;
	uint64_t seal = count;
	for (unsigned i = 0; i < count && i < MESSAGE_CAPS_MAX; i++)
		seal += effects.answered[i];
	return count <= MESSAGE_CAPS_MAX && seal == effects.answered_seal;
}

static inline void list_walk(bool settles)
{
	uint64_t count = 0;
	struct effect **link = &effects.first;
	for (; *link && count < effects.count; link = &(*link)->next, count++) {
		const struct effect *effect = *link;
		if (!is_sealed(effect))
			__builtin_trap();
		if (settles && effect->run == drop_run)
			slot_release((slot_t)effect->arguments[0]);
	}
	if (*link || count != effects.count || link != effects.last)
		__builtin_trap();
}

void effects_settle(void)
{
	list_walk(true);
}

void effects_check(void)
{
	if (effects.count)
		list_walk(false);
	if ((!effects.count && effects.first) || !answered_is_whole())
		__builtin_trap();
}

static bool is_whole(const struct effect *effect)
{
	return (is_in_room(effect) || stash_has_block(effect, sizeof *effect)) && is_sealed(effect) && effect->run;
}

uint64_t effects_cut(void)
{
	uint64_t count = 0, noted = effects.count;
	if (!answered_is_whole())
		effects.answered_count = effects.answered_seal = 0;
	struct effect **link = &effects.first;
	for (; *link && count < noted && is_whole(*link); link = &(*link)->next)
		count++;
	if (!*link && count == noted)
		return 0;
	*link = NULL;
	count = 0; /* it may have led back to where it had been */
	for (link = &effects.first; *link; link = &(*link)->next)
		count++;
	effects.last = link;
	effects.count = count;
	return noted - count;
}

void effects_run(uint32_t *done, bool look)
{
	uint32_t number = 0;
	for (struct effect *effect = effects.first; effect; effect = effect->next) {
		if (number++ < *done)
			continue;
		if (look && !is_sealed(effect))
			__builtin_trap();
		effect->run(effect->arguments[0], effect->arguments[1], effect->arguments[2]);
		__atomic_store_n(done, number, __ATOMIC_RELEASE);
	}
}

void effects_drop_answered(void)
{
	if (!answered_is_whole())
		__builtin_trap();
	for (unsigned i = 0; i < effects.answered_count; i++)
		cap_drop(SELF_CAPTABLE, effects.answered[i]);
}

void effects_forget(void)
{
	while (effects.first) {
		struct effect *effect = effects.first;
		effects.first = effect->next;
		if (!is_in_room(effect))
			free(effect);
	}
	effects.count = 0;
	room.used = 0;
}

void effects_forget_answered(void)
{
	for (unsigned i = 0; i < effects.answered_count; i++)
		slot_release(effects.answered[i]);
	effects.answered_count = 0;
	effects.answered_seal = 0;
}
