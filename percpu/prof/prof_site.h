/* SPDX-License-Identifier: MIT */
/*
 * prof_site.h - the books of the heap profile: per call site (a stack) what was
 * sampled there.
 *
 * Sites are found without a lock through a hash of their frames. A new one is made
 * under site_lock and published at the head of its chain and of the list of all;
 * none is ever freed or moved, and its frames never change. The number of sites is
 * limited; what finds no room is counted at one site without frames.
 *
 * What a site counts is written under site.lock (RANK_SITE) with site.seq odd;
 * a reader takes no lock, and reads again what changed meanwhile. So it sees all
 * counts of one moment. Allocation is counted before the program gets the object,
 * the free after it was given back: in no moment has a site more frees than
 * allocations.
 *
 * Objects of malloc are counted in active at once. Collected ones go through
 * future first (prof_cycle.h).
 *
 * Context: inside a slow path; reading also outside.
 */
#ifndef PERCPU_PROF_SITE_H
#define PERCPU_PROF_SITE_H

#include "compiler.h"
#include "prof_draw.h"
#include "prof_stack.h"
#include "spinlock.h"

/* Running totals of samples. */
struct prof_sum {
	u64 raw_objects;
	u64 raw_bytes;
	u64 objects;  /* estimate */
	u64 fraction; /* of it, in units of 2^-PROF_WEIGHT_SHIFT objects, below 1 */
	u64 bytes;    /* estimate */
};

struct prof_counts {
	struct prof_sum alloc;
	struct prof_sum freed;
};

#define PROF_CYCLES 3u

struct prof_site_book {
	struct spinlock lock;		 /* RANK_SITE */
	u32 seq;			 /* odd while a writer is inside; lock */
	u32 depth;			 /* frames; constant */
	u32 hash;			 /* of the frames; constant */
	struct prof_site_book *next;	 /* in the chain of its hash; constant */
	struct prof_site_book *next_all; /* in the list of all; constant */
	struct prof_counts active;	 /* lock, seq */
	struct prof_counts *future;	 /* PROF_CYCLES of them, NULL until needed; likewise */
	uintptr_t pc[];			 /* constant */
};

/* One sample; what it stands for was fixed when it was taken. */
struct prof_sample {
	u64 size;   /* bytes of the object */
	u64 weight; /* objects it stands for, units of 2^-PROF_WEIGHT_SHIFT */
};

/* The site of @stack, made where it is new; NULL where there is no memory. */
struct prof_site_book *prof_site_get(const struct prof_stack *stack);

/* Count in active. */
void prof_site_alloc(struct prof_site_book *site, const struct prof_sample *sample);
void prof_site_freed(struct prof_site_book *site, const struct prof_sample *sample);

/* The write side: between these two the caller changes counts. */
void prof_site_begin(struct prof_site_book *site);
void prof_site_end(struct prof_site_book *site);

void prof_sum_add(struct prof_sum *sum, const struct prof_sample *sample);
/* Move all of @from into @to. */
void prof_sum_move(struct prof_sum *to, struct prof_sum *from);

/* Head of the list of all sites. */
struct prof_site_book *prof_site_first(void);
u32 prof_site_number(void);
/* Bytes that sites take. */
u64 prof_site_memory(void);
void prof_site_count_memory(u64 bytes);

/* Bytes that @sample stands for. */
static inline u64 prof_sample_bytes(const struct prof_sample *s)
{
	return (u64)((unsigned __int128)s->weight * s->size >> PROF_WEIGHT_SHIFT);
}

#endif
