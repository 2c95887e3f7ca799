/* SPDX-License-Identifier: MIT */
/*
 * prof.h - the heap profile as its readers see it: call sites with what was
 * sampled there. Documentation/heap-profile.rst says how the samples come about.
 *
 * Context: any thread, no locks held; not a signal handler.
 */
#ifndef PERCPU_PROF_H
#define PERCPU_PROF_H

#include "compiler.h"

#define PROF_FRAMES 64u	    /* of a stack at most, the innermost ones */
#define PROF_RATE_MIN 1024u /* bytes; a lower rate than this is refused */
#define PROF_RATE_MAX (1ULL << 40)
#define PROF_RATE_STANDARD (512u << 10)

/*
 * One call site, read whole: no sample is in use that was not allocated, and
 * none of these numbers is of another moment than the others.
 *
 * Of the frames those up to the first that lies in no executable mapping are
 * to be shown: a function that keeps other things in the frame pointer may have
 * led the walk astray.
 */
struct prof_site {
	u32 depth;	     /* frames; 0: the one site for all that found no room */
	const uintptr_t *pc; /* return addresses, innermost first; constant for ever */
	/* The samples themselves. */
	u64 raw_alloc_objects, raw_alloc_bytes, raw_inuse_objects, raw_inuse_bytes;
	/* Estimates: each sample stands for 1 / probability. */
	u64 alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};

/*
 * Call @row for every site that was ever sampled; returns how many there were.
 * The one lock that is held (RANK_PROF_READ) is of readers and the collector's flush:
 * @row may allocate, but not fork or read. A site that is new meanwhile may be missing.
 */
u32 prof_read(void (*row)(void *arg, const struct prof_site *site), void *arg);

struct prof_totals {
	u64 rate;     /* mean bytes between two samples; 0 = off */
	u64 one_rate; /* of all samples so far; 0: they are of several rates, or there is none */
	u64 samples;  /* taken so far */
	u64 samples_lost; /* for want of memory; the objects are the program's all the same */
	u64 sites;
	u64 metadata;	 /* bytes that sites and records take */
	u64 inuse_bytes; /* estimate over all sites */
};
void prof_totals(struct prof_totals *t); /* looks at every site; takes no lock */

/*
 * Called, where not NULL, when the estimate of bytes in use has risen above its
 * highest so far by more than prof_peak_step bytes. From a slow path, no locks
 * held, at times in a signal handler: it posts a semaphore and returns.
 */
extern void (*prof_peak_hook)(void);
extern u64 prof_peak_step;

/*
 * 0 = off, else PROF_RATE_MIN..PROF_RATE_MAX mean bytes between two samples;
 * -EINVAL beyond them, -EBUSY inside a slow path, -EPERM where lanes cannot be stopped (fence.h).
 */
int prof_set_rate(u64 bytes);
u64 prof_rate(void);

static inline bool prof_rate_good(u64 bytes)
{
	return !bytes || (bytes >= PROF_RATE_MIN && bytes <= PROF_RATE_MAX);
}

#endif
