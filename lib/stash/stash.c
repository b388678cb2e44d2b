/* Steps over the stash: begin, commit, roll back. The only code that writes it without hooks.
 *
 * There are two of everything: what the server works on, and its twin, which is as the last committed step left it. The order of a few
 * stores is the whole argument (a crash keeps a prefix of them, in program order).
 *
 * - begin: step := committed + 1. From then on there is a step.
 * - a hook: a granule's number into the list, list_end, before the store that it is for.
 * - commit: committed := step, and the record that was prepared is the one that counts. Before this store the step will be taken
 *   back: the twin is as it was at its beginning. After it the state is what counts, and the twin is made what the
 *   state is: what the list has of it, or, in a successor, all.
 * - roll back: the state made what the twin is, then step := committed. Interrupted anywhere it is done again, which gives
 *   the same, because nothing else has run. Looked at are the variables, the first part of the heap, and what the list has; all, where the
 *   list is not what sound hooks leave.
 *
 * So hooks are trusted for the rest of a large heap alone: elsewhere what they forgot, or a wild store, is taken back like everything
 * else. And a hook that is damaged, so that it no longer notes what is written, is found by the commit, which ends the server; its
 * successor looks at everything.
 *
 * Single words of the journal may be damaged. The two counts are multiples of STASH_CODE: a bit is mended, and where one is lost
 * altogether the other and the list tell. The list's entries are multiples likewise, and its end is there twice. A commit looks at counts
 * and end first, and ends the server rather than let a step count that is not what they say. */
#include "stash/stash.h"

/* By granule: noted by the step in hand. One more for a store that runs over the end. */
unsigned char stash_tags[STASH_GRANULES + 1];

extern char stash_image_end[];
extern const uint64_t stash_text_begin[], stash_text_end[]; /* the code of this file and of save.S */
/* save.S */
void stash_list_settle(uint64_t end);
uint64_t stash_code_sum(void);

uint64_t stash_code_sum_at_start;
static uint64_t text_sum_at_start;
unsigned stash_roll_backs = 1;

#define LIST_KEPT 0x10000u /* bytes of the list that keep their memory */
#define FROZEN_GRANULES 512u
#define FROZEN (STASH_LIST + FROZEN_GRANULES * 8) /* in that memory */
_Static_assert(FROZEN_GRANULES * (8 + STASH_GRANULE) <= LIST_KEPT, "it is");
#define ONE_STEP (2ull * STASH_CODE)
#define BLOCK 64u
#define PAGE 4096u
#define HEAP_LOOKED_AT 0x10000u /* bytes, whatever the list says */

static uint64_t text_sum(void)
{
	uint64_t sum = 0;
	for (const uint64_t *word = stash_text_begin; word < stash_text_end; word++)
		sum += *word;
	return sum;
}

/* Before the last thing that tells a successor what there is to do: code that is not what it was may not have done it. */
static void text_check(void)
{
	if (text_sum() != text_sum_at_start)
		__builtin_trap();
}

/* Where the state is rolled back more than once the twin is read only but while a step is brought to it. */
static void twin_protect(bool read_only)
{
	static bool is_read_only;
	if (stash_roll_backs == 1 || is_read_only == read_only)
		return;
	stash_protect_twin(read_only);
	is_read_only = read_only;
}

/* The number that a word of the header stands for, one bit of damage mended. False: it stands for none. */
static bool number_mend(uint64_t *word)
{
	for (unsigned bit = 0; bit <= 64; bit++) {
		uint64_t guess = bit ? *word ^ 1ull << (bit - 1) : *word;
		if (guess % STASH_CODE == 0) {
			*word = guess;
			return true;
		}
	}
	return false;
}

/* The step that the list is of has not been committed, if it is of any. */
static bool list_is_open(void)
{
	return stash_journal->list_end != STASH_LIST && (stash_journal->list_end & 1) == 0;
}

/* False: such a step cannot have been committed. */
static bool was_checked(uint64_t step)
{
	return stash_roll_backs == 1 || stash_journal->checked == step;
}

/* What the header's two counts should be. Nothing but damage makes them anything else than the same or one apart. False: they
 * cannot be known. */
static bool counts_read(uint64_t *committed, uint64_t *step)
{
	*committed = stash_journal->committed;
	*step = stash_journal->step;
	if (*committed % STASH_CODE == 0 && *step == *committed + ONE_STEP) /* as they mostly are: nothing to mend */
		return true;
	bool committed_known = number_mend(committed), step_known = number_mend(step);
	if (committed_known && step_known && stash_steps(*step) == stash_steps(*committed))
		return true;
	if (!committed_known && !step_known)
		return false;
	if (!committed_known)
		*committed = list_is_open() || !was_checked(*step) ? *step - ONE_STEP : *step;
	else if (!step_known || *step != *committed + ONE_STEP)
		*step = list_is_open() ? *committed + ONE_STEP : *committed;
	return true;
}

bool stash_step_in_hand(void)
{
	uint64_t committed, step;
	return counts_read(&committed, &step) && step == committed + ONE_STEP;
}

static void list_empty(void)
{
	__atomic_store_n(&stash_journal->list_end_again, STASH_LIST, __ATOMIC_RELEASE);
	__atomic_store_n(&stash_journal->list_end, STASH_LIST, __ATOMIC_RELEASE);
}

/* --- what has been written, copied before it counts --- */

#define GRANULE_WORDS (STASH_GRANULE / 8)

static uint64_t frozen_count; /* granules; 0: there is none */

static uint64_t *frozen_at(uint64_t number)
{
	return (uint64_t *)FROZEN + number * GRANULE_WORDS;
}

static uint64_t *listed(uint64_t number)
{
	uint64_t granule = stash_granule(((const uint64_t *)STASH_LIST)[number]);
	if (granule >= STASH_GRANULES)
		__builtin_trap();
	return (uint64_t *)(STASH_BASE + granule * STASH_GRANULE);
}

/* The copies are not what they are of: something went wrong while they were made, of which nothing else tells where no other incarnation does the same. */
static bool frozen_differ(uint64_t count)
{
	for (uint64_t i = 0; i < frozen_count; i++)
		for (unsigned word = 0; word < GRANULE_WORDS; word++)
			if (frozen_at(i)[word] != listed(i)[word])
				return true;
	return frozen_count != count && count <= FROZEN_GRANULES;
}

void stash_freeze(void)
{
	uint64_t count = (stash_journal->list_end - STASH_LIST) / 8;
	frozen_count = count <= FROZEN_GRANULES ? count : 0;
	for (uint64_t i = 0; i < frozen_count; i++)
		for (unsigned word = 0; word < GRANULE_WORDS; word++)
			frozen_at(i)[word] = listed(i)[word];
	if (frozen_differ(count))
		__builtin_trap();
}

void stash_open_twin(void)
{
	__atomic_store_n(&stash_journal->checked, stash_journal->step, __ATOMIC_RELEASE);
	twin_protect(false);
	text_check();
}

const uint64_t *stash_frozen(uint64_t number)
{
	return number < frozen_count ? frozen_at(number) : listed(number);
}

/* Something that the list has up to there is not the same in the state and in the twin. */
static bool listed_differ(uint64_t end)
{
	for (uint64_t i = 0; STASH_LIST + i * 8 < end; i++) {
		const uint64_t *there = listed(i), *twin = there - STASH_SIZE / 8;
		for (unsigned word = 0; word < GRANULE_WORDS; word++)
			if (there[word] != twin[word])
				return true;
	}
	return false;
}

/* What stash_list_settle does, with the copies; the state is what they are again. */
static void frozen_settle(uint64_t end)
{
	if (end != STASH_LIST + frozen_count * 8)
		__builtin_trap();
	for (uint64_t i = 0; i < frozen_count; i++) {
		uint64_t *there = listed(i);
		stash_tags[((uint64_t)there - STASH_BASE) / STASH_GRANULE] = 0;
		for (unsigned word = 0; word < GRANULE_WORDS; word++)
			there[word] = *(uint64_t *)((uint64_t)&there[word] - STASH_SIZE) = frozen_at(i)[word];
	}
	if (listed_differ(end))
		__builtin_trap();
	text_check();
	frozen_count = 0;
	twin_protect(true);
}

/* The list's end, once what it has counts. */
static void list_close(uint64_t end)
{
	struct stash_header *header = stash_journal;
	uint64_t length = end - STASH_LIST;
	__atomic_store_n(&header->list_end, end + 1, __ATOMIC_RELEASE);
	if (frozen_count)
		frozen_settle(end);
	else
		stash_list_settle(end);
	list_empty();
	if (length > LIST_KEPT)
		stash_trim(STASH_LIST_OFFSET + LIST_KEPT, length - LIST_KEPT);
}

void stash_begin(void)
{
	struct stash_header *header = stash_journal;
	if (header->list_end != STASH_LIST) { /* of stores outside of any step */
		twin_protect(false);
		list_close(header->list_end);
		twin_protect(true);
	}
	uint64_t step = header->committed + ONE_STEP;
	if (step - header->step - STASH_CODE > ONE_STEP) /* they were not the same but for the record */
		__builtin_trap();
	__atomic_store_n(&header->step, step, __ATOMIC_RELEASE);
}

/* With the other record, if it is to count: the lowest bit of the count, which is that of the word. */
static uint64_t count_switch(uint64_t count, bool new_record)
{
	uint64_t other = count & 1 ? count - STASH_CODE : count + STASH_CODE;
	return new_record ? other : count;
}

void stash_commit(bool new_record)
{
	struct stash_header *header = stash_journal;
	uint64_t end = header->list_end, step = header->step;
	if (step != header->committed + ONE_STEP || end - STASH_LIST > STASH_LIST_SIZE || end % 8 != 0 || end != header->list_end_again)
		__builtin_trap();
	__atomic_store_n(&header->committed, count_switch(step, new_record), __ATOMIC_RELEASE);
	list_close(end);
}

/* --- the two made the same --- */

/* Where the variables end: this build's, and those of others, which a supervisor that brought them has told. */
static uint64_t image_end(void)
{
	uint64_t number = stash_journal->image_end, own = (uint64_t)stash_image_end;
	uint64_t end = number_mend(&number) ? number / STASH_CODE : 0;
	return end > own && end <= STASH_HEAP ? end : own;
}

/* What is never taken back, as a word: its first block, above 16 bits for how many there are; times STASH_CODE. */
static bool lasting_read(unsigned i, uint64_t *begin, uint64_t *end)
{
	uint64_t number = stash_journal->lasting[i];
	if (!number_mend(&number) || number == 0)
		return false;
	number /= STASH_CODE;
	*begin = STASH_BASE + (number >> 16) * BLOCK;
	*end = *begin + (number & 0xffff) * BLOCK;
	return *end <= STASH_HEAP;
}

void stash_lasting(const void *address, uint64_t size)
{
	uint64_t offset = (uint64_t)address - STASH_BASE, number = ((offset / BLOCK) << 16 | size / BLOCK) * STASH_CODE;
	if (offset % BLOCK != 0 || size % BLOCK != 0 || size / BLOCK > 0xffff || offset + size > STASH_IMAGE_MAX)
		__builtin_trap();
	for (unsigned i = 0; i < STASH_LASTING; i++) {
		uint64_t *there = &stash_journal->lasting[i];
		if (*there == 0 || *there == number) {
			*there = number;
			return;
		}
	}
	__builtin_trap();
}

/* The first that begins here or later. */
static void lasting_next(uint64_t from, uint64_t *begin, uint64_t *end)
{
	uint64_t first, behind;
	for (unsigned i = 0; i < STASH_LASTING; i++)
		if (lasting_read(i, &first, &behind) && first >= from && first < *begin) {
			*begin = first;
			*end = behind;
		}
}

static bool words_differ(uint64_t words, uint64_t others, uint64_t count)
{
	bool differ;
	__asm__("repe cmpsq" : "=@ccne"(differ), "+S"(words), "+D"(others), "+c"(count) : : "memory");
	return differ;
}

/* A part of one of the two to the other; `from` and `to`: how far below the state they are. */
static void part_copy(uint64_t begin, uint64_t end, uint64_t from, uint64_t to)
{
	end = (end + BLOCK - 1) & ~(BLOCK - 1ull);
	for (uint64_t at = begin, length; at < end; at += length) {
		length = PAGE - at % PAGE < end - at ? PAGE - at % PAGE : end - at;
		if (!words_differ(at - from, at - to, length / 8))
			continue;
		for (uint64_t word = at; word < at + length; word += 8)
			if (*(const uint64_t *)(word - from) != *(const uint64_t *)(word - to))
				*(uint64_t *)(word - to) = *(const uint64_t *)(word - from);
	}
}

static void granule_copy(uint64_t granule, uint64_t from, uint64_t to)
{
	uint64_t at = STASH_BASE + granule * STASH_GRANULE;
	for (unsigned i = 0; i < STASH_GRANULE; i += 8)
		*(uint64_t *)(at - to + i) = *(const uint64_t *)(at - from + i);
}

static void image_copy(uint64_t from, uint64_t to)
{
	uint64_t end = image_end(), next;
	for (uint64_t at = STASH_BASE; at < end; at = next) {
		uint64_t lasting = end;
		next = end;
		lasting_next(at, &lasting, &next);
		part_copy(at, lasting, from, to);
	}
}

/* False: it is not what hooks that are sound leave, or it was being brought to the twin, when they may have been found not to be; or it
 * is too long to be worth it. */
static bool list_copy(uint64_t from, uint64_t to)
{
	uint64_t end = stash_journal->list_end, length = end - STASH_LIST;
	if (length > LIST_KEPT || length % 8 != 0 || end != stash_journal->list_end_again)
		return false;
	for (uint64_t at = STASH_LIST; at < STASH_LIST + length; at += 8) {
		uint64_t granule = stash_granule(*(const uint64_t *)at);
		if (granule >= STASH_GRANULES)
			return false;
		granule_copy(granule, from, to);
	}
	return true;
}

/* What hooks did not announce is found in the variables and in the first part of the heap; in all of it, where the list shows that they are not
 * sound. So a large heap makes no long pause, but where the state is rolled back more than once. Where this code itself is damaged its successor must still have the list, so that ends here. */
static void all_copy(uint64_t heap_end, uint64_t from, uint64_t to)
{
	uint64_t end = stash_journal->list_end;
	bool sound = list_copy(from, to);
	uint64_t most = sound && stash_roll_backs == 1 ? HEAP_LOOKED_AT : STASH_BASE + STASH_SIZE - STASH_HEAP;
	image_copy(from, to);
	if (sound && listed_differ(end))
		__builtin_trap();
	if (heap_end - STASH_HEAP <= STASH_BASE + STASH_SIZE - STASH_HEAP)
		part_copy(STASH_HEAP, heap_end < STASH_HEAP + most ? heap_end : STASH_HEAP + most, from, to);
}

/* The twin of an image that no step has changed: pages without memory get none. */
static void twin_begin(void)
{
	static uint64_t words[PAGE / 8];
	for (uint64_t page = STASH_BASE, end = image_end(); page < end; page += PAGE) {
		stash_peek(page - STASH_BASE, words, sizeof words);
		for (unsigned i = 0; i < PAGE / 8; i++)
			if (words[i])
				((uint64_t *)(page - STASH_SIZE))[i] = words[i];
	}
}

/* What is decided here is decided after the kernel was called, and what is stored at the end is read again: registers may be damaged meanwhile. And before a
 * step is brought to the twin it is looked at once more whether it was committed: of all that could go wrong that alone could not be taken back. */
void stash_roll_back(void)
{
	struct stash_header *header = stash_journal;
	uint64_t committed, step;
	twin_protect(true);
	if (!counts_read(&committed, &step))
		return;
	if (header->committed != committed)
		__atomic_store_n(&header->committed, committed, __ATOMIC_RELEASE);
	if (step == committed + ONE_STEP) {
		for (unsigned i = 0; i < stash_roll_backs; i++)
			all_copy(stash_heap_end_of_twin(), STASH_SIZE, 0);
	} else if (stash_steps(committed) == 0) {
		twin_protect(false);
		twin_begin();
	} else if (header->list_end != STASH_LIST) {
		twin_protect(false);
		text_check();
		if (__atomic_load_n(&header->step, __ATOMIC_ACQUIRE) == __atomic_load_n(&header->committed, __ATOMIC_ACQUIRE) + ONE_STEP)
			__builtin_trap();
		all_copy(stash_heap_end(), 0, STASH_SIZE);
	} else if (stash_roll_backs > 1) {
		all_copy(stash_heap_end_of_twin(), STASH_SIZE, 0);
	}
	text_check();
	twin_protect(true);
	list_empty();
	__atomic_store_n(&header->step, header->committed, __ATOMIC_RELEASE);
}

bool stash_open(bool *fresh)
{
	struct stash_header *header = stash_journal;
	uint64_t committed = header->committed, step = header->step;
	stash_code_sum_at_start = stash_code_sum();
	text_sum_at_start = text_sum();
	bool counts = committed % STASH_CODE == 0 && step % STASH_CODE == 0; /* where all is zero it has not been used */
	if (!counts && __builtin_popcountll(header->magic ^ STASH_MAGIC) > 1)
		return false;
	if (!counts_read(&committed, &step))
		return false;
	__atomic_store_n(&header->magic, STASH_MAGIC, __ATOMIC_RELEASE);
	stash_roll_back();
	*fresh = stash_steps(committed) == 0;
	return true;
}
