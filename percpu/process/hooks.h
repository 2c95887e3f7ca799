/* SPDX-License-Identifier: MIT */
/*
 * hooks.h - the only calls up, into the collected heap (gc/). All NULL until
 * lane_gc_init(), which sets them before the first collected object exists.
 */
#ifndef PERCPU_HOOKS_H
#define PERCPU_HOOKS_H

#include "compiler.h"

struct seq_file;
struct tally;

struct hooks {
	/* Take back @n objects of a lane's cache; the lane's lock is held. */
	void (*put)(u32 home, u32 kind, u32 cls, void **objs, u32 n);
	/* Add the books at the present cut; reader's lock held. */
	void (*snapshot)(struct tally *t);
	/* Add what the heap holds; reader's lock held, inside a slow path. */
	void (*walk)(struct tally *t);
	/* The file gcinfo; reader's lock held. */
	void (*show)(struct seq_file *m);
	/* Families for the file metrics; reader's lock held. */
	void (*metrics)(struct seq_file *m);
	/* LANE_CONF was read: a constructor before Lane's had lane_gc_init() called. */
	void (*configure)(void);
	/* The child of a fork, before it may allocate. */
	void (*fork_child)(void);
};

extern struct hooks hooks;

#endif
