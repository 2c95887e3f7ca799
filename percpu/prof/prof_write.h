/* SPDX-License-Identifier: MIT */
/*
 * prof_write.h - the heap profile in the formats that tools read.
 *
 * Both are written from one struct prof_source, which tests fill themselves.
 * Nothing here calls malloc or takes a lock; memory comes from os.map().
 * prof_read() is called once for each text, so that all of it is of one pass.
 */
#ifndef PERCPU_PROF_WRITE_H
#define PERCPU_PROF_WRITE_H

#include "page_buf.h"
#include "prof.h"

struct prof_source {
	u32 (*read)(void (*row)(void *arg, const struct prof_site *site), void *arg);
	struct prof_totals totals;
	const char *why; /* what the profile was written for: a word or two */
};

/* This process' own sites. */
void prof_source_init(struct prof_source *src, const char *why);

/*
 * Append the legacy text: raw samples, which readers scale by their rate (or estimates,
 * where there were several), and the memory map. 0 or -errno.
 */
int prof_text_write(struct page_buf *to, const struct prof_source *src);

/* Append a message of profile.proto: estimates, mappings with build ids. 0 or -errno. */
int prof_pprof_write(struct page_buf *to, const struct prof_source *src);

/* Append that message as a gzip file; @compress as gzip_compress(), else stored. 0 or -errno. */
int prof_pprof_gz_write(struct page_buf *to, const struct prof_source *src, bool compress);

#endif
