/* Steps of a recoverable server: the state is in the stash, and what others see of a step they see after its commit.
 *
 * The journal has two records of the answer to a call; a call's step fills the one that does not count, and the
 * store that commits switches. When a call comes whose id is in the record that counts, it was handled already.
 *
 * What the step noted elsewhere (effects.h) is carried out between the commit and the next message; a successor that finds it
 * does it again. The answer itself is sent with the next receive. That it has been is known when that returns, or, in a
 * successor, when the next call is another one, because the endpoint brings back first what was not answered.
 *
 * What is noted for a successor while a step is in hand is in the scratch (scratch.h): what undoes the step where the stash does not (undo.c), and
 * how often servers have died of it (blame.c). */
#include "atoll/startup.h"
#include "server/effects.h"
#include "server/scratch.h"
#include "stash/layout.h"
#include <errno.h>
#include <string.h>

#define RECORD_BYTES 0x6000 /* longer answers are sent again from where they are in the stash */

struct record {
	uint64_t id;
	int64_t status;
	uint64_t words[MESSAGE_WORDS];
	const void *data;
	uint64_t data_length;
	unsigned cap_count; /* if there are none, these are not filled in */
	slot_t caps[MESSAGE_CAPS_MAX];
	bool drop[MESSAGE_CAPS_MAX];
	unsigned char bytes[RECORD_BYTES];
};
_Static_assert(sizeof(struct record) <= STASH_RECORD_SIZE, "it fits");

bool step_verifies;
static bool goes_on; /* the step that this incarnation began with is that of its first message too (step_go_on) */
static bool answered = false; /* the answer to the call in the record has been sent; not known by a successor */

/* --- what a step does to others --- */

void step_then(step_action run, uint64_t a, uint64_t b, uint64_t c)
{
	effect_action(run, a, b, c);
}

/* What was carried out is not done again, but for the one that was in hand. */
static void effects_carry_out(void)
{
	struct scratch *notes = scratch();
	uint64_t step = stash_steps(stash_journal->committed);
	if (notes->done_step != step) {
		__atomic_store_n(&notes->done, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&notes->done_step, step, __ATOMIC_RELEASE);
	}
	effects_run(&notes->done, step_verifies); /* they were sealed when they were compared, and are in the twin */
}

/* --- steps --- */

bool step_open(void)
{
	bool fresh;
	step_verifies = startup_number("verify", 0);
	stash_roll_backs = step_verifies ? 2 : 1;
	LAYOUT_AGREE("journal", (STASH_MAGIC * 31 + sizeof(struct scratch) * 127 + sizeof(struct record) * 8191 + offsetof(struct scratch, undo)) % 0x7fffffff);
	if (stash_step_in_hand()) {
		death_count();
		actions_undo();
		notes_undo();
	}
	if (!stash_open(&fresh))
		__builtin_trap();
	if (step_verifies) /* a fault may have led past it: of a gate that is still there a closing would come, when the step has run again */
		notes_undo();
	state_mend();
	/* The predecessor may have died before it parked it. Others may be about to end the wait: signals come before calls. */
	if (((const struct record *)stash_record())->status == REQUEST_PARKED)
		call_park(SELF_ENDPOINT, ((const struct record *)stash_record())->id);
	effects_carry_out();
	return fresh;
}

/* A call with another id than that in the record: that one is done. */
static inline void answer_is_done(uint64_t id)
{
	if (id == 0 || answered)
		return;
	if (effects.answered_count)
		effects_drop_answered();
	answered = true;
}

/* What is left to be done has been noted by the same step. A handler that is led past its step's end leaves nothing that goes out as an answer. */
static bool verified_goes_on(uint64_t id)
{
	reply_none();
	verify_begin(&scratch()->verify, id);
	if (!goes_on)
		return false;
	goes_on = false;
	answer_is_done(id);
	if (effects.answered_count && answered)
		effects_forget_answered();
	return true;
}

bool step_go_on(void)
{
	goes_on = step_verifies && stash_steps(stash_journal->committed) > 0;
	return goes_on;
}

bool step_goes_no_further(void)
{
	bool open = goes_on;
	goes_on = false;
	return open;
}

void step_begin(uint64_t id)
{
	stash_journal->call = id;
	if (step_verifies && verified_goes_on(id))
		return;
	scratch()->note_count = 0;
	scratch()->undo_count = 0;
	answer_is_done(id);
	stash_begin();
	if (effects.count)
		effects_forget();
	if (effects.answered_count && answered)
		effects_forget_answered();
}

static void record_fill(const struct request *request, int status)
{
	struct record *record = stash_record_next();
	record->id = request->id;
	record->status = status;
	memcpy(record->words, request->reply_words, sizeof record->words);
	record->data = request->reply_data;
	record->data_length = request->reply_data_length;
	record->cap_count = request->reply_cap_count;
	if (record->cap_count) {
		memcpy(record->caps, request->reply_caps, sizeof record->caps);
		memcpy(record->drop, request->reply_caps_drop, sizeof record->drop);
	}
	if (request->reply_data_stays || record->data_length == 0)
		return;
	if (record->data_length <= RECORD_BYTES) {
		memcpy(record->bytes, request->reply_data, record->data_length);
		record->data = record->bytes;
	} else if ((uint64_t)record->data - STASH_BASE >= STASH_SIZE) {
		__builtin_trap(); /* it could not be sent again */
	}
}

static void caps_drop_answered(const struct request *request)
{
	for (unsigned i = 0; i < MESSAGE_CAPS_MAX; i++)
		if (request->reply_caps_drop[i])
			effect_drop_answered(request->reply_caps[i]);
}

/* The step is taken back, and its call comes again to a new incarnation. */
static _Noreturn void step_anew(void)
{
	stash_journal->call = 0; /* which is not to blame */
	scratch()->anew = 1;
	__asm__ volatile("int3");
	__builtin_trap();
}

/* What has been written counts as it was when it was compared. */
static void step_verify(const struct request *request, int status)
{
	stash_freeze();
	effects_check();
	if (request && request->label != LABEL_CONTROL && !verify_agrees(&scratch()->verify, request, status))
		step_anew();
	stash_open_twin();
}

void step_commit(struct request *request, int status)
{
	if (request) {
		record_fill(request, status);
		if (request->reply_cap_count)
			caps_drop_answered(request);
	}
	if (kept.taken)
		kept_refill();
	if (effects.count)
		effects_settle();
	if (step_verifies)
		step_verify(request, status);
	stash_commit(request != NULL);
	if (request) {
		answered = false;
		if (status == REQUEST_PARKED)
			call_park(SELF_ENDPOINT, request->id);
	}
	if (effects.count)
		effects_carry_out();
}

void step_awake(uint64_t time)
{
	stash_journal->awake = time;
}

bool step_repeated(struct request *request, int *status)
{
	const struct record *record = stash_record();
	if (request->id != record->id) {
		*status = -EIO;
		return request->id == scratch()->deadly && call_is_refused(request);
	}
	*status = (int)record->status;
	memcpy(request->reply_words, record->words, sizeof record->words);
	if (record->cap_count) {
		memcpy(request->reply_caps, record->caps, sizeof record->caps);
		memcpy(request->reply_caps_drop, record->drop, sizeof record->drop);
		request->reply_cap_count = MESSAGE_CAPS_MAX;
	}
	request->reply_data = record->data;
	request->reply_data_length = record->data_length;
	if (*status == REQUEST_PARKED)
		call_park(SELF_ENDPOINT, request->id);
	return true;
}

/* --- answers that are not believed --- */

void step_doubt(const struct request *request, int status)
{
	if (doubt_is_due(&scratch()->doubts, request, status))
		step_anew();
}

uint64_t step_recall(uint64_t value)
{
	return step_verifies ? verify_recall(&scratch()->verify, value) : value;
}

void step_witness(const void *bytes, uint64_t length)
{
	verify_witness(bytes, length);
}

void step_answered(const struct request *request)
{
	(void)request;
	effects_drop_answered();
	answered = true;
}

int64_t step_answer(uint64_t id, int status, const uint64_t words[MESSAGE_WORDS], const void *data,
                    uint64_t data_length, const slot_t *caps, unsigned cap_count)
{
	int noted = effect_answer(id, status, words, data, data_length, caps, cap_count);
	return noted == 0 ? 0 : answer_send(id, status, words, data, data_length, caps, cap_count);
}

int step_call(slot_t gate, uint32_t operation, const uint64_t words[MESSAGE_WORDS], const void *send, uint64_t length)
{
	return effect_call(gate, operation, words, send, length);
}

void step_look(void)
{
	endpoint_reset(SELF_ENDPOINT);
}

void step_lasting(const void *variable, uint64_t size)
{
	stash_lasting(variable, size);
}

void step_save(const void *to, uint64_t length)
{
	stash_save_bytes(to, length);
}
