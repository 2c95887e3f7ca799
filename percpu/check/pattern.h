/* SPDX-License-Identifier: MIT */
/*
 * pattern.h - the bytes that check:full leaves where a program must not write.
 *
 * One byte, PATTERN_BYTE, everywhere: behind a live object as its canary, and all
 * over a free one as its poison. As a pointer it is no address of x86-64 or arm64.
 *
 * A canary begins where the program's bytes end and is as long as the object has
 * room, but at most CANARY_MAX bytes are written and looked at, and the last word
 * of the object. Poison covers an object of up to POISON_MAX bytes; of a larger one
 * its first and last POISON_MAX / 2.
 *
 * Pure: no state, no calls. Objects are aligned to 16 bytes and a multiple of them.
 */
#ifndef PERCPU_PATTERN_H
#define PERCPU_PATTERN_H

#include <string.h>

#include "compiler.h"

#define PATTERN_BYTE 0xdb
#define PATTERN_WORD 0xdbdbdbdbdbdbdbdbULL
#define CANARY_MAX 64u	/* bytes, a multiple of 8 */
#define POISON_MAX 256u /* bytes, a multiple of 32 */

typedef u64 pattern_vec __attribute__((vector_size(16), may_alias));

static inline u64 pattern_load(const char *p)
{
	u64 word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline void pattern_store(char *p, u64 word)
{
	memcpy(p, &word, sizeof(word));
}

static inline void pattern_write(char *p, u64 bytes)
{
	const pattern_vec v = {PATTERN_WORD, PATTERN_WORD};

	for (u64 i = 0; i < bytes; i += sizeof(v)) {
		*(pattern_vec *)(p + i) = v;
		__asm__ volatile("" : : : "memory"); /* or it becomes a call, or "rep stos" */
	}
}

static inline bool pattern_whole(const char *p, u64 bytes)
{
	const pattern_vec v = {PATTERN_WORD, PATTERN_WORD};
	pattern_vec wrong = {0, 0};

	for (u64 i = 0; i < bytes; i += sizeof(v))
		wrong |= *(const pattern_vec *)(p + i) ^ v;
	return !(wrong[0] | wrong[1]);
}

/* The first byte of [@from, @to) that is another, or @to. */
static inline const char *pattern_end(const char *from, const char *to)
{
	while (from < to && (u8)*from == PATTERN_BYTE)
		from++;
	return from;
}

/* The bits of an object's last word that belong to a canary of @slack bytes, at least 1. */
static inline u64 canary_bits(u64 slack)
{
	return slack >= 8 ? ~0ULL : ~0ULL << (64 - 8 * slack);
}

/* Bytes from the canary's start that are looked at by whole words. */
static inline u64 canary_words(u64 slack)
{
	return min(slack, (u64)CANARY_MAX) & ~7ULL;
}

/* The object of @bytes at @p holds @size bytes of the program, fewer than @bytes. */
static inline void canary_write(char *p, u64 size, u64 bytes)
{
	u64 slack = bytes - size, bits = canary_bits(slack);
	char *last = p + bytes - 8;

	pattern_store(last, (pattern_load(last) & ~bits) | (PATTERN_WORD & bits));
	for (u64 i = 0; i < canary_words(slack); i += 8)
		pattern_store(p + size + i, PATTERN_WORD);
}

static inline bool canary_holds(const char *p, u64 size, u64 bytes)
{
	u64 slack = bytes - size;
	u64 wrong = (pattern_load(p + bytes - 8) ^ PATTERN_WORD) & canary_bits(slack);

	for (u64 i = 0; i < canary_words(slack); i += 8)
		wrong |= pattern_load(p + size + i) ^ PATTERN_WORD;
	return !wrong;
}

static inline void poison_write(char *p, u64 bytes)
{
	if (likely(bytes <= POISON_MAX)) {
		pattern_write(p, bytes);
	} else {
		pattern_write(p, POISON_MAX / 2);
		pattern_write(p + bytes - POISON_MAX / 2, POISON_MAX / 2);
	}
}

static inline bool poison_holds(const char *p, u64 bytes)
{
	if (likely(bytes <= POISON_MAX))
		return pattern_whole(p, bytes);
	return pattern_whole(p, POISON_MAX / 2) &&
	       pattern_whole(p + bytes - POISON_MAX / 2, POISON_MAX / 2);
}

/* The first byte that poison_holds() minds. */
static inline const char *poison_end(const char *p, u64 bytes)
{
	u64 head = bytes <= POISON_MAX ? bytes : POISON_MAX / 2;
	const char *bad = pattern_end(p, p + head);

	return bad < p + head ? bad : pattern_end(p + bytes - POISON_MAX / 2, p + bytes);
}

#endif
