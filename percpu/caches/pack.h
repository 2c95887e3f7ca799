/* SPDX-License-Identifier: MIT */
/*
 * pack.h - sparse spans of a class fill or empty.
 *
 * A cache hands out what came last. So while a class neither grows nor shrinks,
 * an object that is replaced by another gives it its slot, and where a burst
 * has left the live ones one by one in many spans, there they stay. Only what
 * passes the central list gets to the fullest spans. So a class whose spans are
 * mostly free is packed, for as long as that brings something (pack_pace.h):
 *
 *	the transfer cache	is emptied, and passed by
 *	the CPUs' blocks	are passed by, too, on one lane at a time (the
 *				packer), for a tick each: malloc takes the
 *				fullest span's object, free gives it back there.
 *				At most so often that it costs 4% of the lane's time
 *
 * One lane, so that a class that all CPUs use does not have them all wait for
 * the lock of one central list. Bypassing is capacity 0 (lane_prepare()). To get
 * there: lane.direct is set; then the capacity is cut to 1, so that a thread on
 * the CPU soon has to take the slow path, which sees direct, flushes the block
 * and takes the rest of its capacity. When direct is cleared, the next slow path
 * makes the block as that of a new CPU.
 *
 * Who packs: release.c at its ticks, under its lock. It alone writes
 * node_heap.packed. lane.direct and lane.direct_left it sets, and threads on the
 * CPU count down and clear. All are read as hints: what was just on its way into
 * a cache gets there, and a count that is lost costs an operation more.
 */
#ifndef PERCPU_PACK_H
#define PERCPU_PACK_H

#include "compiler.h"
#include "node_heap.h"

/* Look at all classes of @nh at @now (os.now_ms()), and let the next lane be the packer. */
void pack_tick(struct node_heap *nh, u64 now);

#endif
