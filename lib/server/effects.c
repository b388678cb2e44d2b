/* See effects.h. Recoverable code. */
#include "server/effects.h"
#include "atoll/slots.h"
#include "server/step.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct effect {
	struct effect *next;
	slot_t drop; /* 0: an answer */
	int status;
	uint64_t id;
	uint64_t words[MESSAGE_WORDS];
	slot_t caps[MESSAGE_CAPS_MAX];
	uint32_t cap_count;
	uint64_t data_length;
	char data[];
};

struct effects effects;

static void effect_append(struct effect *effect)
{
	effect->next = NULL;
	if (!effects.first)
		effects.last = &effects.first;
	*effects.last = effect;
	effects.last = &effect->next;
}

int effect_answer(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data, uint64_t data_length,
                  const slot_t *caps, unsigned cap_count)
{
	struct effect *effect = malloc(sizeof *effect + data_length);
	if (!effect)
		return -ENOMEM;
	*effect = (struct effect){ .status = status, .id = id, .cap_count = cap_count, .data_length = data_length };
	if (words)
		memcpy(effect->words, words, sizeof effect->words);
	for (unsigned i = 0; i < cap_count; i++)
		effect->caps[i] = caps[i];
	memcpy(effect->data, data, data_length);
	effect_append(effect);
	return 0;
}

/* Without memory the slot stays as it is, lost until the server ends for good. */
void effect_drop(slot_t slot)
{
	struct effect *effect = malloc(sizeof *effect);
	if (!effect)
		return;
	effect->drop = slot;
	effect_append(effect);
}

void effect_drop_answered(slot_t slot)
{
	effects.answered[effects.answered_count++] = slot;
}

void effects_settle(void)
{
	for (struct effect *effect = effects.first; effect; effect = effect->next)
		if (effect->drop)
			slot_release(effect->drop);
}

void effects_run(void)
{
	for (struct effect *effect = effects.first; effect; effect = effect->next) {
		if (effect->drop)
			cap_drop(SELF_CAPTABLE, effect->drop);
		else
			answer_send(effect->id, effect->status, effect->words, effect->data, effect->data_length,
			            effect->caps, effect->cap_count);
	}
}

void effects_drop_answered(void)
{
	for (unsigned i = 0; i < effects.answered_count; i++)
		cap_drop(SELF_CAPTABLE, effects.answered[i]);
}

void effects_forget(bool answered)
{
	while (effects.first) {
		struct effect *effect = effects.first;
		effects.first = effect->next;
		free(effect);
	}
	if (!answered)
		return;
	for (unsigned i = 0; i < effects.answered_count; i++)
		slot_release(effects.answered[i]);
	effects.answered_count = 0;
}
