/* See verify.h. What an incarnation came to is summed up: its answer, and each word of the state that it has changed, with its place. */
#include "server/verify.h"
#include "stash/stash.h"
#include <string.h>

static uint32_t recall_next; /* of the call in hand */
static uint64_t witnessed;   /* a sum of what it has done to others */

static uint64_t sum_word(uint64_t sum, uint64_t word)
{
	return ((sum << 7 | sum >> 57) ^ word) * 0x9e3779b97f4a7c15ull;
}

static uint64_t sum_bytes(uint64_t sum, const void *bytes, uint64_t length)
{
	for (uint64_t at = 0, word; at < length; at += sizeof word) {
		word = 0;
		memcpy(&word, (const char *)bytes + at, length - at < sizeof word ? length - at : sizeof word);
		sum = sum_word(sum, word);
	}
	return sum;
}

/* Words beside those that it changed may be another incarnation's business. */
static uint64_t sum_granule(uint64_t sum, uint64_t granule, const uint64_t *now)
{
	const uint64_t *before = (const uint64_t *)(STASH_BASE - STASH_SIZE + granule * STASH_GRANULE);
	for (unsigned i = 0; i < STASH_GRANULE / sizeof *now; i++)
		if (now[i] != before[i])
			sum = sum_word(sum_word(sum, (uint64_t)&before[i]), now[i]);
	return sum;
}

static uint64_t sum_of(const struct request *request, int status)
{
	uint64_t sum = sum_word(witnessed, (uint64_t)status);
	sum = sum_bytes(sum, request->reply_words, sizeof request->reply_words);
	sum = sum_bytes(sum, request->reply_data, request->reply_data_length);
	sum = sum_bytes(sum, request->reply_caps, sizeof request->reply_caps);
	const uint64_t *list = (const uint64_t *)STASH_LIST;
	for (uint64_t i = 0; (uint64_t)&list[i] < stash_journal->list_end; i++)
		sum = sum_granule(sum, stash_granule(list[i]), stash_frozen(i));
	return sum;
}

void verify_begin(struct verify *verify, uint64_t id)
{
	recall_next = id ? 0 : VERIFY_RECALLED;
	witnessed = 0; /* at the start others may have done more, or less */
	if (id == 0 || verify->call == id)
		return;
	verify->count = 0;
	verify->recalled_count = 0;
	verify->call = id;
}

bool verify_agrees(struct verify *verify, const struct request *request, int status)
{
	uint64_t sum = sum_of(request, status);
	for (unsigned i = 0; i < VERIFY_SUMS && i < verify->count; i++)
		if (verify->sums[i] == sum)
			return true;
	if (verify->count >= VERIFY_SUMS)
		return true;
	verify->sums[verify->count] = sum;
	__atomic_store_n(&verify->count, verify->count + 1, __ATOMIC_RELEASE);
	return false;
}

void verify_witness(const void *bytes, uint64_t length)
{
	witnessed = sum_bytes(sum_word(witnessed, length), bytes, length);
}

uint64_t verify_recall(struct verify *verify, uint64_t value)
{
	uint32_t number = recall_next++;
	if (number < VERIFY_RECALLED && number < verify->recalled_count)
		return verify->recalled[number];
	if (number < VERIFY_RECALLED) {
		verify->recalled[number] = value;
		__atomic_store_n(&verify->recalled_count, number + 1, __ATOMIC_RELEASE);
	}
	return value;
}
