/* Names in directories, taken by words: where eight bytes are left of a path they are looked at together. Nothing outside
 * the bytes that are given is read. */
#ifndef TMPFS_NAME_H
#define TMPFS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t name_word(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	return word;
}

/* Fewer than eight bytes, the rest zeros. */
static inline uint64_t name_part(const char *at, size_t length)
{
	uint64_t word = 0;
	for (size_t i = 0; i < length; i++)
		word |= (uint64_t)(uint8_t)at[i] << 8 * i;
	return word;
}

static inline uint64_t name_mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* Up to the end, or a slash: the bytes there are, and their hash. */
static inline size_t name_cut(const char *name, const char *end, uint32_t *hash)
{
	const char *at = name;
	uint64_t sum = 0;
	while (end - at >= 8) {
		uint64_t word = name_word(at), other = word ^ 0x2f2f2f2f2f2f2f2full;
		uint64_t slash = (other - 0x0101010101010101ull) & ~other & 0x8080808080808080ull;
		if (slash) {
			size_t rest = (size_t)__builtin_ctzll(slash) / 8;
			*hash = (uint32_t)(rest ? name_mix(sum, word & ((1ull << rest * 8) - 1)) : sum);
			return (size_t)(at - name) + rest;
		}
		sum = name_mix(sum, word);
		at += 8;
	}
	size_t rest = 0;
	while (at + rest < end && at[rest] != '/')
		rest++;
	*hash = (uint32_t)(rest ? name_mix(sum, name_part(at, rest)) : sum);
	return (size_t)(at - name) + rest;
}

static inline bool name_equal(const char *one, const char *other, size_t length)
{
	if (length < 8) {
		for (size_t i = 0; i < length; i++)
			if (one[i] != other[i])
				return false;
		return true;
	}
	for (size_t at = 0; at < length - 8; at += 8)
		if (name_word(one + at) != name_word(other + at))
			return false;
	return name_word(one + length - 8) == name_word(other + length - 8);
}

/* The same for any length. */
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
