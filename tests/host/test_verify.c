/* Answers that are compared: what two incarnations came to is the same only if status, answer and each word that they have changed are, and
 * what one was told is told to the next. */
#include "check.h"
#include "server/verify.h"
#include "stash/stash.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define GRANULES 5

static void pages_map(uint64_t address, uint64_t size)
{
	if (mmap((void *)address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		failures++;
}

static uint64_t *state_word(unsigned number)
{
	return (uint64_t *)STASH_BASE + number;
}

/* That of a step that has written too much to be copied (host/stash_damage has the others). */
const uint64_t *stash_frozen(uint64_t number)
{
	return (const uint64_t *)(STASH_BASE + stash_granule(((const uint64_t *)STASH_LIST)[number]) * STASH_GRANULE);
}

/* A step that changes every third word of some granules, and notes these. */
static void step(void)
{
	uint64_t *entry = (uint64_t *)STASH_LIST;
	for (uint64_t granule = 0; granule < GRANULES; granule++)
		*entry++ = granule * STASH_CODE;
	stash_journal->list_end = (uint64_t)entry;
	for (unsigned i = 0; i < GRANULES * STASH_GRANULE / 8; i++) {
		*state_word(i) = i % 3 ? 77 : 1000 + i;
		*(state_word(i) - STASH_SIZE / 8) = 77;
	}
}

static bool agrees(struct verify *verify, const struct request *request, int status)
{
	struct verify copy = *verify;
	return verify_agrees(&copy, request, status);
}

static void answers_compare(void)
{
	struct verify verify = { 0 };
	struct request request = { .reply_words = { 5 }, .reply_data = "bytes", .reply_data_length = 5 }, other;
	verify_begin(&verify, 1);
	step();
	CHECK(!verify_agrees(&verify, &request, 0));
	CHECK(agrees(&verify, &request, 0) && !agrees(&verify, &request, -1));
	for (unsigned bit = 0; bit < 64; bit++)
		for (unsigned i = 0; i < GRANULES * STASH_GRANULE / 8; i++) {
			*state_word(i) ^= 1ull << bit;
			CHECK(!agrees(&verify, &request, 0));
			*state_word(i) ^= 1ull << bit;
		}
	*state_word(1) = *(state_word(1) - STASH_SIZE / 8) = 78; /* beside what was changed */
	CHECK(agrees(&verify, &request, 0));
	other = request;
	other.reply_words[MESSAGE_WORDS - 1] = 1;
	CHECK(!agrees(&verify, &other, 0));
	other = request;
	other.reply_caps[2] = 9;
	CHECK(!agrees(&verify, &other, 0));
	other = request;
	other.reply_data = "bytez";
	CHECK(!agrees(&verify, &other, 0));
	verify_begin(&verify, 3);
	verify_witness("done", 4); /* to others */
	CHECK(!verify_agrees(&verify, &request, 0));
	verify_begin(&verify, 3);
	CHECK(!agrees(&verify, &request, 0));
	verify_witness("gone", 4);
	CHECK(!agrees(&verify, &request, 0));
	verify_begin(&verify, 3);
	verify_witness("done", 4);
	CHECK(agrees(&verify, &request, 0));
	verify_begin(&verify, 1);
	CHECK(!verify_agrees(&verify, &request, 0));
	for (int status = 0; status < VERIFY_SUMS - 1; status++)
		CHECK(!verify_agrees(&verify, &other, status));
	CHECK(verify_agrees(&verify, &other, -1)); /* one more that differs */
	CHECK(agrees(&verify, &request, 0) && agrees(&verify, &other, 0));
	verify_begin(&verify, 2);
	CHECK(!agrees(&verify, &request, 0));
}

static void values_recall(void)
{
	struct verify verify = { 0 };
	verify_begin(&verify, 1);
	for (uint64_t i = 0; i < VERIFY_RECALLED + 3; i++)
		CHECK(verify_recall(&verify, 10 + i) == 10 + i);
	verify_begin(&verify, 0);
	CHECK(verify_recall(&verify, 99) == 99);
	verify_begin(&verify, 1);
	for (uint64_t i = 0; i < VERIFY_RECALLED + 3; i++)
		CHECK(verify_recall(&verify, 50 + i) == (i < VERIFY_RECALLED ? 10 + i : 50 + i));
	verify_begin(&verify, 2);
	CHECK(verify_recall(&verify, 99) == 99);
}

int main(void)
{
	pages_map(STASH_JOURNAL, STASH_LIST - STASH_JOURNAL + 4096);
	pages_map(STASH_BASE, 4096);
	pages_map(STASH_TWIN, 4096);
	if (failures == 0) {
		answers_compare();
		values_recall();
	}
	printf("%u failures\n", failures);
	return failures != 0;
}
