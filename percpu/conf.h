/* SPDX-License-Identifier: MIT */
/*
 * conf.h - LANE_CONF=key:value,... ; Documentation/configuration.rst has
 * every key. An unknown key or a bad value gives one line on stderr and is
 * ignored.
 */
#ifndef PERCPU_CONF_H
#define PERCPU_CONF_H

#include "compiler.h"

enum conf_mode { CONF_MODE_AUTO, CONF_MODE_RSEQ, CONF_MODE_CID, CONF_MODE_LOCK };
enum conf_thp { CONF_THP_AUTO, CONF_THP_ALWAYS, CONF_THP_NEVER };
enum conf_numa { CONF_NUMA_AUTO, CONF_NUMA_OFF };

/* Written at start, before threads exist; read-only then. */
struct conf {
	u32 mode;		/* enum conf_mode */
	u32 thp;		/* enum conf_thp */
	u32 numa;		/* enum conf_numa */
	bool stats_print;	/* heapinfo on stderr at exit */
	bool verbose;		/* say what is ignored or falls back */
	bool background_thread; /* release and statistics files from a thread of our own */
	u64 cpu_cache_max;	/* bytes that one CPU may cache */
	u64 cpu_cache_total;	/* bytes that all CPUs may cache */
	u64 release_delay_ms;	/* free memory unused this long goes back; 0 = at once */
	u64 release_slack;	/* bytes of free memory that may wait for release_delay_ms */
	u64 stats_interval_ms;	/* between two statistics files */
	char stats_file[256];	/* path, "" for none */
};

extern struct conf conf;

/* Apply @text, which may be NULL. Writes to stderr. */
void conf_parse(const char *text);

/*
 * Ask for huge pages for a part of the heap that is being opened: @from bytes
 * from the start of its range. Only where the heap is large enough not to mind
 * the rounding up to 2 MiB (thp). True where the kernel was asked.
 */
bool conf_advise_huge(void *addr, u64 bytes, u64 from);

#endif
