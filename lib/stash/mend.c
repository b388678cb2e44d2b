/* A bit of damage that a step has committed, so that its successors die of it, each in the same way. No copy tells what is wrong, but where
 * it is in a pointer that shows: those of the state point into the stash, to what is used of it, and a word that is one of these but for the
 * very bit that led the last one out of there is nothing else (without such a death it may be a number: tmpfs has words of a hash and an index).
 * It may have been copied before anything followed it: all of them are looked for. */
#include "stash/not_state.h"
#include "stash/stash.h"

#define IMAGE_USED 0x40000ull /* bytes of variables to which pointers are looked for; of the heap all */
#define PAGE 4096
#define UNSAID 0x8000u /* upper halves from here on are no addresses, of which a fault says none (SDM 1, 3.3.7.1) */

static bool is_one_bit(uint64_t word)
{
	return word && (word & (word - 1)) == 0;
}

static bool is_pointer(uint64_t word)
{
	return word - STASH_BASE < IMAGE_USED || (word >= STASH_HEAP && word < stash_heap_end());
}

/* What the word was, or itself. Only bits of the upper half tell enough: without them it may be a number or text. */
static uint64_t pointer_mend(uint64_t word, uint64_t fault)
{
	uint64_t lower = (uint32_t)word, upper = word >> 32;
	bool led_there = fault == UINT64_MAX ? upper >= UNSAID : upper == fault >> 32;
	return is_one_bit(upper) && led_there && is_pointer(lower) && lower % 8 == 0 ? lower : word;
}

/* Pages are read without giving memory to those that have none: variables of the state may be another build's. */
static unsigned page_mend(uint64_t page, uint64_t fault)
{
	static NOT_STATE uint64_t words[PAGE / 8];
	unsigned count = 0;
	stash_peek(page - STASH_BASE, words, sizeof words);
	for (unsigned i = 0; i < PAGE / 8; i++) {
		uint64_t value = pointer_mend(words[i], fault);
		if (value == words[i])
			continue;
		stash_protect_twin(false);
		((uint64_t *)page)[i] = value;
		((uint64_t *)(page - STASH_SIZE))[i] = value;
		count++;
	}
	return count;
}

unsigned stash_mend_pointers(uint64_t fault)
{
	unsigned count = 0;
	for (uint64_t page = STASH_BASE; page < STASH_HEAP || page < stash_heap_end(); page += PAGE)
		count += page_mend(page, fault);
	return count;
}
