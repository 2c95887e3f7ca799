/* SPDX-License-Identifier: MIT */
/*
 * stats_file.h - the statistics as a file (LANE_CONF=stats_file:PATH), written beside its place and
 * renamed, so that no reader sees half of one.
 */
#ifndef PERCPU_STATS_FILE_H
#define PERCPU_STATS_FILE_H

/*
 * Write it. 0 or -errno, and then what was there before stays. Context: Lane's own thread, or who
 * else has no need of the reader's lock.
 */
int stats_file_write(void);

#endif
