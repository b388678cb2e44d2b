/* Steps of a recoverable server: the state is in the stash, and what others see of a step they see after its commit.
 *
 * The journal has two records of the answer to a call; a call's step fills the one that does not count, and the
 * store that commits switches. When a call comes whose id is in the record that counts, it was handled already.
 *
 * What the step noted elsewhere (effects.h) is carried out between the commit and the next message; a successor that finds it
 * does it again. The answer itself is sent with the next receive. That it has been is known when that returns, or, in a
 * successor, when the next call is another one, because the endpoint brings back first what was not answered.
 *
 * The scratch is written without hooks and is never taken back: what a step in hand is doing to the captable, so that its
 * successor can undo that, actions that the server gave for the same end (step_undo), and how often a call has killed the server, so that one that does every time can be refused. */
#include "atoll/slots.h"
#include "atoll/startup.h"
#include "server/doubt.h"
#include "server/effects.h"
#include "server/step.h"
#include "server/verify.h"
#include "stash/layout.h"
#include "stash/stash.h"
#include <errno.h>
#include <string.h>

#define RECORD_BYTES 0x6000 /* longer answers are sent again from where they are in the stash */
#define NOTES_MAX 960
#define UNDO_MAX 32
#define NOTE_MADE 0x80000000u /* an object is made in the slot */
#define DEATHS_MAX 3 /* of one call, alike: whoever has been ended from outside will rarely have come as far as the one before; */
#define DEATHS_MAX_VERIFIED 6 /* where a call takes several incarnations, and what ends them may come from outside each time */
#define DEATHS_MAX_UNLIKE 12

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

struct scratch {
	uint64_t deadly;          /* the call that was in hand when a server died, */
	uint64_t reached;         /* with its list of changes ending here, */
	uint32_t alike;           /* so many times one after the other, */
	uint32_t deaths;          /* and so many in all */
	uint32_t note_count;
	uint32_t done;             /* so many effects have been carried out, */
	uint64_t done_step;        /* of this step */
	struct doubts doubts;
	uint64_t stuck_after;      /* the count of the last step that was committed when a server died, */
	uint32_t stuck;            /* so many times one after the other, */
	uint32_t anew;             /* and had not ended itself */
	uint32_t mended;           /* since something else was deadly */
	struct verify verify;
	uint64_t undo_count;
	struct undo {
		step_action run;
		uint64_t arguments[3];
		uint64_t seal;
	} undo[UNDO_MAX];
	uint64_t notes[NOTES_MAX]; /* slots that the step in hand has taken; sealed, as what they say is done to the captable */
};
_Static_assert(sizeof(struct scratch) <= STASH_SCRATCH_SIZE, "it fits");

bool step_verifies;
static bool goes_on; /* the step that this incarnation began with is that of its first message too (step_go_on) */
static bool answered = false; /* the answer to the call in the record has been sent; not known by a successor */

static struct scratch *scratch(void)
{
	return (struct scratch *)stash_journal->scratch;
}

/* What an earlier step has noted, or what is no note at all, has another seal: a loop that is damaged and runs on does nothing with it. Nor is anything
 * done with what a step has noted that was committed. */
static uint64_t sealed(uint64_t what)
{
	return what ^ stash_journal->committed;
}

/* --- slots --- */

static uint64_t note_of(uint32_t slot_and_flag)
{
	return sealed(slot_and_flag) << 32 | slot_and_flag;
}

/* Where answers are verified a slot that is taken by mistake is left as it is: what is there would end when the note of it is undone. */
static slot_t slot_take_empty(void)
{
	slot_t slot = slot_take();
	while (step_verifies && slot && cap_info(SELF_CAPTABLE, slot) != 0)
		slot = slot_take();
	return slot;
}

static slot_t slot_note(uint32_t flag)
{
	struct scratch *notes = scratch();
	slot_t slot = notes->note_count < NOTES_MAX ? slot_take_empty() : 0;
	if (slot == 0)
		return 0;
	notes->notes[notes->note_count] = note_of(slot | flag);
	__atomic_store_n(&notes->note_count, notes->note_count + 1, __ATOMIC_RELEASE);
	return slot;
}

slot_t slot_allocate(void)
{
	return slot_note(0);
}

slot_t slot_for_new(void)
{
	return slot_note(NOTE_MADE);
}

void slot_free(slot_t slot)
{
	if (slot >= SELF_FIRST_FREE)
		effect_drop(slot);
}

/* What was made is destroyed rather than dropped. Of a gate the server would be told that it has ended, when that, after the
 * step has run again, has the same label; and what else was made may be held by itself or by others. */
static void notes_undo(void)
{
	for (uint32_t i = 0; i < NOTES_MAX && i < scratch()->note_count; i++) {
		uint32_t note = (uint32_t)scratch()->notes[i];
		slot_t slot = note & ~NOTE_MADE;
		if (scratch()->notes[i] != note_of(note))
			continue;
		if (note & NOTE_MADE)
			object_destroy(slot);
		cap_drop(SELF_CAPTABLE, slot);
	}
}

/* --- what a step does to others --- */

void step_then(step_action run, uint64_t a, uint64_t b, uint64_t c)
{
	effect_action(run, a, b, c);
}

static uint64_t undo_seal(const struct undo *undo)
{
	return sealed((uint64_t)undo->run + undo->arguments[0] + 3 * undo->arguments[1] + 5 * undo->arguments[2]);
}

bool step_undo(step_action run, uint64_t a, uint64_t b, uint64_t c)
{
	struct scratch *notes = scratch();
	if (notes->undo_count >= UNDO_MAX)
		return false;
	struct undo *undo = &notes->undo[notes->undo_count];
	*undo = (struct undo){ run, { a, b, c }, 0 };
	undo->seal = undo_seal(undo);
	__atomic_store_n(&notes->undo_count, notes->undo_count + 1, __ATOMIC_RELEASE);
	return true;
}

/* Last things first. What was made in slots is still in them. */
static void actions_undo(void)
{
	uint64_t count = scratch()->undo_count;
	for (uint64_t i = count < UNDO_MAX ? count : UNDO_MAX; i-- > 0;) { /* a damaged count is no reason to end each time */
		const struct undo *undo = &scratch()->undo[i];
		if (undo->seal == undo_seal(undo))
			undo->run(undo->arguments[0], undo->arguments[1], undo->arguments[2]);
	}
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

static void death_count(void)
{
	struct scratch *notes = scratch();
	uint64_t id = stash_journal->call;
	if (id == 0)
		return;
	bool again = notes->deadly == id;
	notes->alike = again && notes->reached == stash_journal->list_end ? notes->alike + 1 : 1;
	notes->deaths = again ? notes->deaths + 1 : 1;
	notes->mended = again && notes->mended;
	notes->reached = stash_journal->list_end;
	notes->deadly = id;
	stash_journal->call = 0;
}

static uint32_t deaths_max(void)
{
	return step_verifies ? DEATHS_MAX_VERIFIED : DEATHS_MAX;
}

/* Would it be blamed, with so many more deaths like the last? */
static bool call_is_deadly(uint32_t more)
{
	return scratch()->alike + more >= deaths_max() || scratch()->deaths + more >= DEATHS_MAX_UNLIKE;
}

/* Incarnations that have not come to the end of a step. */
static void stuck_count(void)
{
	struct scratch *notes = scratch();
	if (notes->anew) {
		notes->anew = 0;
		return;
	}
	uint64_t committed = stash_steps(stash_journal->committed);
	notes->stuck = notes->stuck_after == committed ? notes->stuck + 1 : 1;
	notes->stuck_after = committed;
}

/* What ends every server may be damage that was committed. The last attempt forgives: a block whose address is damaged is lost rather than
 * the call. Before that is refused, or the service is given up, what can be told for certain is mended, and the call handled once more. */
static void state_mend(void)
{
	struct scratch *notes = scratch();
	if (notes->stuck >= deaths_max() - 1) {
		stash_forgive();
		uint64_t lost = effects_cut();
		if (lost)
			log_line("%lu things that the last step had left to be done were damaged, and are lost", lost);
	}
	if ((!call_is_deadly(0) || notes->mended) && notes->stuck < deaths_max())
		return;
	unsigned pointers = stash_mend_pointers(stash_journal->fault);
	if (pointers == 0)
		return;
	log_line("%u pointers that were damaged are mended, of which servers died again and again", pointers);
	notes->deaths = notes->alike = deaths_max() - 1;
	notes->mended = true;
}

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
	stuck_count();
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

/* A call that has killed its server each time it came is answered, so that the others are served. */
static bool call_refused(const struct request *request)
{
	const struct scratch *notes = scratch();
	if (request->id != notes->deadly)
		return false;
	if (!call_is_deadly(0)) {
		if (call_is_deadly(1))
			stash_forgive();
		return false;
	}
	quarantine_tell(request, notes->deaths, stash_steps(stash_journal->committed));
	return true;
}

bool step_repeated(struct request *request, int *status)
{
	const struct record *record = stash_record();
	if (request->id != record->id) {
		*status = -EIO;
		return call_refused(request);
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

/* --- memory for the heap, and what the list needs no more --- */

/* These reach the stash through the kernel, whatever is mapped how: they look at what they are asked for, which a program that has gone wrong may. */
void stash_trim(uint64_t offset, uint64_t length)
{
	if (offset >= STASH_LIST_OFFSET && offset + length <= STASH_LIST_OFFSET + STASH_LIST_SIZE)
		memory_discard(SELF_STASH, offset, length);
}

void stash_peek(uint64_t offset, void *to, uint64_t length)
{
	memory_read(SELF_STASH, offset, to, length);
}

void stash_protect_twin(bool read_only)
{
	space_protect(SELF_SPACE, STASH_TWIN, STASH_SIZE, MAP_READ | (read_only ? 0 : MAP_WRITE));
}

static bool zeros_write(uint64_t offset, uint64_t length)
{
	static const char zeros[0x10000];
	for (uint64_t done = 0; done < length; done += sizeof zeros) {
		uint64_t part = length - done < sizeof zeros ? length - done : sizeof zeros;
		if (memory_write(SELF_STASH, offset + done, zeros, part) != (int64_t)part)
			return false;
	}
	return true;
}

bool stash_supply(uint64_t offset, uint64_t length)
{
	if (STASH_BASE + offset < stash_heap_end() || offset + length > STASH_SIZE)
		return false;
	return zeros_write(offset, length) && zeros_write(STASH_TWIN_OFFSET + offset, length);
}
