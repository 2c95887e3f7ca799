/* SPDX-License-Identifier: MIT */
/*
 * prof_record.h - what is known of each sampled object that lives, by its address: of
 * large, guarded and collected ones. Small ones have slots (prof_slot.h).
 *
 * A hash table in stripes, each with a lock (RANK_RECORD), its own array of
 * chains, which doubles as it fills, and its own free records. The memory comes
 * from meta.h; arrays that were outgrown are split into records.
 *
 * A record is put in before the program gets the object, and taken out before the
 * object may be handed out again; so there is one record at most for an address, and
 * of two frees of one object only one finds it.
 *
 * Context: inside a slow path.
 */
#ifndef PERCPU_PROF_RECORD_H
#define PERCPU_PROF_RECORD_H

#include "compiler.h"
#include "prof_site.h"

struct prof_record {
	struct prof_record *next; /* in its chain; the stripe's lock */
	uintptr_t address;	  /* likewise */
	struct prof_site_book *site;
	struct prof_sample sample;
};

/* False where there is no memory. */
bool prof_record_put(const void *object, struct prof_site_book *site,
		     const struct prof_sample *sample);

/* Take the record of @object out into *@record; false where there is none. */
bool prof_record_take(const void *object, struct prof_record *record);

/* Bytes that the tables take. */
u64 prof_record_memory(void);

#endif
