/* Names in directories, taken by words: where eight bytes are left of a path they are looked at together. Nothing outside
 * the bytes that are given is read. */
#ifndef TMPFS_NAME_H
#define TMPFS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct name {
	const char *bytes;
	size_t length;
	uint64_t head; /* the first eight bytes, the rest zeros */
	uint32_t hash;
};

static inline uint64_t name_word(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	return word;
}

/* The next of a path's bytes before its end or a slash: how many, up to eight, and the bytes with zeros after them.
 * What lies before `limit` can be read. */
static inline size_t name_take(const char *at, const char *end, const char *limit, uint64_t *word)
{
	if (limit - at >= 8) {
		uint64_t bytes = name_word(at), other = bytes ^ 0x2f2f2f2f2f2f2f2full;
		uint64_t slash = (other - 0x0101010101010101ull) & ~other & 0x8080808080808080ull;
		size_t taken = slash ? (size_t)__builtin_ctzll(slash) / 8 : 8;
		if ((size_t)(end - at) < taken)
			taken = (size_t)(end - at);
		*word = taken < 8 ? bytes & ((1ull << taken * 8) - 1) : bytes;
		return taken;
	}
	uint64_t bytes = 0;
	size_t taken = 0;
	for (; taken < 8 && at + taken < end && at[taken] != '/'; taken++)
		bytes |= (uint64_t)(uint8_t)at[taken] << 8 * taken;
	*word = bytes;
	return taken;
}

static inline uint64_t name_mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* The name at the beginning of a path. */
static inline void name_cut(struct name *name, const char *at, const char *end, const char *limit)
{
	uint64_t word;
	size_t taken = name_take(at, end, limit, &word), length = taken;
	uint64_t hash = name_mix(0, word);
	name->bytes = at;
	name->head = word;
	while (taken == 8) {
		taken = name_take(at + length, end, limit, &word);
		hash = name_mix(hash, word);
		length += taken;
	}
	name->length = length;
	name->hash = (uint32_t)hash;
}

/* The rest of two names whose first eight bytes are the same. */
static inline bool name_rest_equal(const char *one, const char *other, size_t length)
{
	if (length <= 8)
		return true;
	for (size_t at = 8; at < length - 8; at += 8)
		if (name_word(one + at) != name_word(other + at))
			return false;
	return name_word(one + length - 8) == name_word(other + length - 8);
}

/* Of any length. */
static inline void name_copy(char *to, const char *from, size_t length)
{
	if (length < 8) {
		for (size_t i = 0; i < length; i++)
			to[i] = from[i];
		return;
	}
	for (size_t at = 0; at < length - 8; at += 8)
		memcpy(to + at, from + at, 8);
	memcpy(to + length - 8, from + length - 8, 8);
}

#endif
