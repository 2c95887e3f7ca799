/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what fuzz targets share: the input as a stream of bytes that never ends
 * (zeroes follow), and the end of the process where something does not hold.
 */
#ifndef LANE_FUZZ_H
#define LANE_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct input {
	const u8 *at;
	size_t left;
};

static inline u8 byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

/* Of any magnitude. */
static inline u64 number(struct input *in)
{
	u64 v = 0;

	for (int n = byte(in) % 9; n > 0; n--)
		v = v << 8 | byte(in);
	return v;
}

/* The next *@n bytes, or as many as there are. */
static inline const u8 *bytes(struct input *in, size_t *n)
{
	const u8 *at = in->at;

	*n = min(*n, in->left);
	in->at += *n;
	in->left -= *n;
	return at;
}

static inline void must(bool cond, const char *what)
{
	if (cond)
		return;
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

#endif /* LANE_FUZZ_H */
