/* Recoverable code for test_stash.c: a program whose step does a few random things out of all the ways in which C stores. */
#include "stash_program.h"
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define SLOTS 64
#define WORDS 4096

struct item {
	struct item *next, **back;
	uint64_t key;
	unsigned small : 3, middle : 13, large : 40 - 24;
	char name[40];
	double value;
	struct {
		uint16_t pair[2];
		uint8_t bytes[13];
	} inner;
};

static struct item *items[SLOTS];
static struct item copies[8] = { [3] = { .key = 17, .name = "three" } };
static uint64_t words[WORDS];
static uint32_t halves[WORDS];
static unsigned char *buffers[SLOTS];
static size_t sizes[SLOTS];
static uint64_t counter;
static struct { unsigned a : 5, b : 27; uint64_t wide : 50, rest : 14; } bits;
static _Bool flags[100];
uint64_t program_visible = 5;

static uint64_t seed;
static uint32_t pick(uint32_t limit)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % limit;
}

static void item_add(void)
{
	struct item *item = calloc(1, sizeof *item);
	unsigned slot = pick(SLOTS);
	if (!item)
		return;
	item->key = ++counter;
	item->small = pick(8);
	item->middle = pick(8000);
	item->value = (double)pick(1000) / 3;
	snprintf(item->name, sizeof item->name, "item %u of %llu", slot, (unsigned long long)counter);
	item->next = items[slot];
	item->back = &items[slot];
	if (item->next)
		item->next->back = &item->next;
	items[slot] = item;
}

static void item_remove(void)
{
	struct item *item = items[pick(SLOTS)];
	if (!item)
		return;
	*item->back = item->next;
	if (item->next)
		item->next->back = item->back;
	free(item);
}

__attribute__((noinline)) static struct item item_made(uint64_t key)
{
	struct item item = { .key = key, .small = key & 7 };
	strcpy(item.name, key & 1 ? "odd" : "even, and longer");
	return item;
}

static void copies_change(void)
{
	unsigned i = pick(8), j = pick(8);
	copies[i] = copies[j];
	copies[pick(8)] = item_made(counter + i);
	copies[j].inner.pair[pick(2)]++;
	copies[j].inner.bytes[pick(13)] = (uint8_t)i;
	copies[i].large = counter;
	strncat(copies[j].name, copies[i].name, 3);
	copies[j].name[20] = '\0';
}

static void arrays_change(void)
{
	unsigned from = pick(WORDS / 2), length = pick(200);
	for (unsigned i = 0; i < length; i++) /* becomes vector code, or memset */
		words[from + i] += i * counter;
	for (unsigned i = 0; i < length; i++)
		halves[from + i] = halves[from + 2 * i] ^ (uint32_t)words[i];
	for (unsigned i = pick(90); i < 100; i++)
		flags[i] = pick(2);
	memmove(&halves[pick(WORDS / 2)], &halves[pick(WORDS / 2)], pick(3000));
	memset(&words[pick(WORDS / 2)], (int)pick(256), pick(9000));
	memcpy(&words[7], &halves[pick(100)], 16);
}

static void buffers_change(void)
{
	unsigned slot = pick(SLOTS);
	size_t size = pick(4) ? pick(300) : pick(20000);
	unsigned char *buffer = realloc(buffers[slot], size + 1);
	if (!buffer)
		return;
	if (size > sizes[slot])
		memset(buffer + sizes[slot], (int)slot, size - sizes[slot]);
	buffer[size] = (unsigned char)counter;
	buffers[slot] = buffer;
	sizes[slot] = size;
	if (pick(5) == 0) {
		free(buffers[slot]);
		buffers[slot] = NULL;
		sizes[slot] = 0;
	}
}

static void others_change(void)
{
	static int calls;
	uint64_t expected = words[1];
	calls++;
	program_visible += (uint64_t)calls;
	bits.a = pick(32);
	bits.wide = bits.wide * 5 + counter;
	__atomic_fetch_add(&words[0], 3, __ATOMIC_SEQ_CST);
	__atomic_compare_exchange_n(&words[1], &expected, counter, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	__atomic_store_n(&halves[9], calls, __ATOMIC_RELEASE);
	__sync_fetch_and_or(&halves[pick(WORDS)], 0x10);
	__asm__("incl %0" : "+m"(halves[pick(WORDS)]) : : "cc");
	__builtin_memcpy((char *)words + 1 + pick(50), &expected, sizeof expected); /* not aligned, across granules */
	memset(copies[7].name, 'x', pick(8));
}

void program_step(uint64_t step)
{
	static void (*const changes[])(void) = { item_add, item_add, item_remove, copies_change, arrays_change,
	                                         buffers_change, others_change };
	seed = step * 0x9e3779b97f4a7c15ull + 1;
	for (unsigned count = 1 + pick(6); count > 0; count--)
		changes[pick(sizeof changes / sizeof changes[0])]();
}
