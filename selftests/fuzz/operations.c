// SPDX-License-Identifier: MIT
/*
 * operations.c - libFuzzer target: bytes become calls of the malloc family.
 *
 * A shadow of every object knows its size, its alignment and its content, and
 * counts what Lane has to count. Oracles: content and alignment at every use,
 * the identities of a snapshot every few operations, and the slow walk, which
 * must agree with the books in a process with one thread.
 */
#include "../api/same_as_walk.h"

#define SLOTS 96
#define CHECKED 2048 /* bytes looked at in each end of a large object */

struct object {
	unsigned char *p;
	size_t asked;
	size_t room;
	size_t align; /* 0 = none asked for */
	bool plain;   /* only plain free() may free it: C23 knows no other for its maker */
	uint64_t seed;
};

static struct object objects[SLOTS];
static struct snap snap, walk, base;
static uint64_t mallocs, frees, next_seed;

struct input {
	const uint8_t *data;
	size_t left;
};

static void must(bool cond, const char *what)
{
	if (cond)
		return;
	fprintf(stderr, "operations: %s\n", what);
	abort();
}

static unsigned int byte(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->data++;
}

/* Two bytes: one of 16 scales, and a place on it; sizes near powers of two are frequent. */
static size_t take_size(struct input *in)
{
	unsigned int a = byte(in), b = byte(in);
	unsigned int scale = a % 22;

	if (a >= 220) {
		int64_t near = ((int64_t)1 << (b % 23)) + a - 237;

		return near < 0 ? 0 : (size_t)near;
	}
	return ((size_t)1 << scale) * (b + 1) / 128 + b % 3;
}

static void fill(struct object *o)
{
	o->room = lane_malloc_usable_size(o->p);
	o->seed = next_seed += 4096;
	must(o->room >= o->asked, "usable size below what was asked for");
	must(((uintptr_t)o->p & ((o->align	 ? o->align
				  : o->asked > 8 ? 16
						 : 8) -
				 1)) == 0,
	     "alignment not kept");
	if (o->room <= 2 * CHECKED) {
		pattern_fill(o->p, o->room, o->seed);
	} else {
		pattern_fill(o->p, CHECKED, o->seed);
		pattern_fill(o->p + o->room - CHECKED, CHECKED, o->seed + 1);
	}
}

static void check(const struct object *o)
{
	if (!o->p)
		return;
	must(lane_malloc_usable_size(o->p) == o->room, "usable size changed");
	if (o->room <= 2 * CHECKED)
		must(pattern_holds(o->p, o->room, o->seed), "content changed");
	else
		must(pattern_holds(o->p, CHECKED, o->seed) &&
			     pattern_holds(o->p + o->room - CHECKED, CHECKED, o->seed + 1),
		     "content changed");
}

static void drop(struct object *o, unsigned int how)
{
	if (!o->p)
		return;
	check(o);
	if (how % 2 == 0 || o->plain)
		lane_free(o->p);
	else if (o->align)
		lane_free_aligned_sized(o->p, o->align, o->asked);
	else
		lane_free_sized(o->p, o->asked);
	frees++;
	memset(o, 0, sizeof(*o));
}

static void hold(struct object *o, void *p, size_t asked, size_t align)
{
	if (!p) {
		must(false, "NULL for a size that must be there");
		return;
	}
	mallocs++;
	*o = (struct object){.p = p, .asked = asked, .align = align};
	fill(o);
}

static void make(struct input *in, struct object *o, unsigned int how)
{
	size_t size = take_size(in);
	size_t align = (size_t)1 << (byte(in) % 23);
	void *p = NULL;

	drop(o, how / 8);
	switch (how % 8) {
	case 0:
	case 1:
	case 2:
		hold(o, lane_malloc(size), size, 0);
		break;
	case 3:
		p = lane_calloc(size / 7 + 1, 7);
		must(!p || all_zero(p, (size / 7 + 1) * 7), "calloc gave dirty memory");
		hold(o, p, (size / 7 + 1) * 7, 0);
		break;
	case 4:
		hold(o, lane_aligned_alloc(align, size), size, align);
		break;
	case 5:
		if (align < sizeof(void *))
			align = sizeof(void *);
		must(lane_posix_memalign(&p, align, size) == 0, "posix_memalign failed");
		hold(o, p, size, align);
		o->plain = true;
		break;
	case 6:
		hold(o, lane_memalign(align, size), size, align);
		o->plain = true;
		break;
	default:
		hold(o, how & 64 ? lane_valloc(size) : lane_pvalloc(size), size, 4096);
		o->plain = true;
		break;
	}
}

/* Moves are told from resizes in place by the address alone. */
static void resize(struct input *in, struct object *o)
{
	size_t size = take_size(in);
	size_t kept = (size < o->room ? size : o->room) & ~(size_t)7;
	bool had = o->p != NULL;
	unsigned char *p;

	check(o);
	p = byte(in) & 1 ? lane_realloc(o->p, size) : lane_reallocarray(o->p, size, 1);
	if (had && size == 0) {
		must(!p, "realloc to 0 gave an object");
		frees++;
		memset(o, 0, sizeof(*o));
		return;
	}
	must(p != NULL, "realloc failed");
	if (had) {
		if (kept > CHECKED || o->room > 2 * CHECKED)
			kept = kept < CHECKED ? kept : CHECKED;
		must(pattern_holds(p, kept, o->seed), "realloc lost content");
		mallocs += p != o->p;
		frees += p != o->p;
	} else {
		mallocs++;
	}
	*o = (struct object){.p = p, .asked = size};
	fill(o);
}

static void fail(struct input *in, struct object *o)
{
	size_t huge = SIZE_MAX - ((size_t)byte(in) << (byte(in) % 56));
	void *out = &out;

	/* Only what surely cannot be had. */
	if (huge < (size_t)1 << 48)
		return;
	errno = 0;
	must(!lane_malloc(huge) && errno == ENOMEM, "an absurd size was not refused");
	must(!lane_calloc(huge / 2, 3 + byte(in)), "calloc overflow was not refused");
	must(!o->p || !lane_realloc(o->p, huge), "an absurd realloc was not refused");
	must(lane_posix_memalign(&out, 64, huge) == ENOMEM && out == &out, "posix_memalign");
	check(o);
}

static void compare_books(bool deep)
{
	must(snap_read(&snap) == 0, "lane_stats_read failed");
	must(snap_good(&snap), "an identity does not hold");
	must(snap.st.mallocs - base.st.mallocs == mallocs, "mallocs are miscounted");
	must(snap.st.frees - base.st.frees == frees, "frees are miscounted");
	if (!deep)
		return;
	must(snap_walk(&walk) == 0, "lane_stats_walk failed");
	must(snap_faults(&walk, true) == 0, "the walk's identities do not hold");
	must(snap_differences(&snap, &walk) == 0, "the walk differs from the books");
}

/* Many of one class at once: caches overflow into the layers below. */
static void flood(struct input *in, unsigned int how)
{
	static void *p[1024];
	size_t size = take_size(in) % KIB(16);
	unsigned int n = 4 * (byte(in) + 1);

	for (unsigned int i = 0; i < n; i++) {
		p[i] = lane_malloc(size);
		must(p[i] != NULL, "malloc failed in a flood");
		memset(p[i], (int)i, size < 64 ? size : 64);
	}
	mallocs += n;
	if (how & 1)
		compare_books(false);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = how & 2 ? i : how & 4 ? n - 1 - i : (i * 7919u) % n;

		/* 7919 is a prime: each is met once unless it divides n. */
		must(!p[at] || size == 0 || *(unsigned char *)p[at] == (unsigned char)at,
		     "content changed in a flood");
		lane_free(p[at]);
	}
	frees += n;
}

static void step(struct input *in)
{
	unsigned int op = byte(in), how = byte(in);
	struct object *o = &objects[how % SLOTS];

	switch (op % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		drop(o, op / 16);
		break;
	case 5:
	case 6:
		resize(in, o);
		break;
	case 7:
		fail(in, o);
		break;
	case 8:
		if (op & 16)
			lane_release(how & 16 ? SIZE_MAX : take_size(in));
		else if (op & 32)
			lane_malloc_trim(0);
		else
			compare_books(op & 64);
		break;
	case 9:
		flood(in, how);
		break;
	default:
		make(in, o, op / 16 * 8 + op % 16 - 8);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned int steps = 0;

	snap_read(&base);
	mallocs = frees = 0;
	next_seed = 1;
	while (in.left > 0) {
		step(&in);
		if (++steps % 64 == 0)
			compare_books(steps % 512 == 0);
	}
	for (unsigned int i = 0; i < SLOTS; i++)
		drop(&objects[i], i);
	compare_books(true);
	must(snap.st.live_objects == base.st.live_objects, "an object was lost");
	return 0;
}
