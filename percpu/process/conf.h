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
enum conf_check { CONF_CHECK_OFF, CONF_CHECK_FULL };
enum conf_background { CONF_BACKGROUND_AUTO, CONF_BACKGROUND_TRUE, CONF_BACKGROUND_FALSE };

/*
 * Written at start, before threads exist. Afterwards conf_write() alone changes
 * what is marked "live", under the reader's lock; others read that by
 * READ_ONCE() without a lock. No value is published by another, so no barrier:
 * whoever reads may see an old one for a while.
 */
struct conf {
	u32 mode;	       /* enum conf_mode */
	u32 thp;	       /* enum conf_thp */
	u32 numa;	       /* enum conf_numa */
	u32 check;	       /* enum conf_check */
	u32 background_thread; /* enum conf_background: release from a thread of our own */
	bool stats_print;      /* heapinfo on stderr at exit; live */
	bool verbose;	       /* say what is ignored or falls back; live */
	bool serve;	       /* show the files to others from start on */
	bool gc_check;	       /* verify every cycle of the collected heap, poison what it frees */
	bool gctrace;	       /* a line on stderr for each of its cycles; live */
	u64 gc_percent;	       /* as lane_gc_set_percent(); 0: the program decides */
	u64 gc_memory_limit;   /* bytes, as lane_gc_set_memory_limit(); likewise */
	u64 cpu_cache_max;     /* bytes that one CPU may cache; live */
	u64 cpu_cache_total;   /* bytes that all CPUs may cache; live */
	u64 release_delay_ms;  /* free memory unused this long goes back; 0 = at once; live */
	u64 release_slack;     /* bytes of free memory that may wait for release_delay_ms; live */
	u64 stats_interval_ms; /* between two statistics files; live */
	u64 prof_rate;	      /* bytes between two samples of the heap profile, at start; 0 = off */
	u64 check_quarantine; /* bytes of freed objects that a thread holds back, for each class */
	u64 guard_rate;	 /* one in so many sampled small objects is guarded, at start; 0 = none */
	u64 prof_signal; /* signal that dumps the heap profile; 0 = none */
	bool prof_final; /* dump it at exit */
	bool prof_peak;	 /* dump it when more is in use than before */
	char stats_file[256]; /* path, "" for none */
	char prof_dump[256];  /* path of those dumps, "" for none */
};

extern struct conf conf;

struct seq_file;

/* Apply @text, which may be NULL. Writes to stderr. */
void conf_parse(const char *text);

/*
 * Apply lines of "key value", keys that are live only: all of them, or none
 * and -EINVAL. Takes the reader's lock, and drains caches that are too large now.
 * What prof_set_rate() or guard_set_rate() return where all but that rate was applied.
 */
int conf_write(const char *text, size_t len);

/* What holds now, the rates too. Reader's lock held. */
void conf_read(struct conf *c);

/* A "key value" line for each key. */
void conf_show(struct seq_file *m, const struct conf *c);

/*
 * Of @bytes of a heap that are being opened, @from bytes from the start of its range, so many at
 * the beginning are to be in small pages. Huge ones are only for what lies in a heap that is large
 * enough not to mind the rounding up to 2 MiB (thp).
 */
u64 conf_small_pages(u64 from, u64 bytes);

/*
 * Tell the kernel so: the first @small bytes in small pages, the others in huge ones. True where it
 * was asked for some of those.
 */
bool conf_advise_huge(void *addr, u64 bytes, u64 small);

#endif
