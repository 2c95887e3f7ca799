/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - one consistent cut of all books.
 */
#ifndef PERCPU_SNAPSHOT_H
#define PERCPU_SNAPSHOT_H

#include <lane/lane.h>

#include "compiler.h"
#include "spinlock.h"

/* Before the first allocation: generation 1. */
void snapshot_init(void);

/*
 * One reader at a time (RANK_READER). No allocating thread ever takes this lock,
 * but for one that forks.
 */
extern struct spinlock reader_lock;
void snapshot_lock(void);
void snapshot_unlock(void);

struct stat_book;

/* What @b held at the present cut, into @out[BOOK_ITEMS]; for hooks.snapshot. */
void snapshot_read_book(struct stat_book *b, u64 *out);

/* Fill @st from one cut; reader's lock held. */
void snapshot_read(struct lane_stats *st);

/*
 * Start a new generation where the last is older than a minute, so that every
 * block takes its slow path now and then. @now in ms. From a slow path, no locks
 * held; nothing where a reader is busy.
 */
void snapshot_age(u64 now);

/* What tests may change; zeroes in use. */
struct snapshot_test {
	void (*between_lanes)(void); /* called after each lane has been read */
	bool plain;		     /* read without a generation: the broken twin */
};
extern struct snapshot_test snapshot_test;

#endif
