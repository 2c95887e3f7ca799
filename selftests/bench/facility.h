/* SPDX-License-Identifier: MIT */
/*
 * facility.h - how each allocator tells about itself. What is there is found
 * by name at run time, since the allocator comes by preload.
 */
#ifndef LANE_BENCH_FACILITY_H
#define LANE_BENCH_FACILITY_H

#include "bench.h"
#include <dlfcn.h>
#include <malloc.h>
#include <lane/lane.h>

struct facility {
	const char *name;
	void (*read)(void);
};

static int (*lane_read_fn)(struct lane_stats *);
static int (*lane_walk_fn)(struct lane_stats *);
static int (*mallctl_fn)(const char *, void *, size_t *, void *, size_t);
static void (*mi_print_fn)(void (*)(const char *, void *), void *);
static int (*tc_number_fn)(const char *, size_t *);
static void (*tc_stats_fn)(char *, int);
static FILE *null_stream;
static struct lane_stats lane_out;
static volatile size_t facility_sink;

static void lane_room(void)
{
	static struct lane_class_stats classes[512];
	static struct lane_cpu_stats cpus[1024];
	static struct lane_node_stats nodes[64];

	lane_out = (struct lane_stats){.sz = sizeof(lane_out),
				       .nr_classes = 512,
				       .nr_cpus = 1024,
				       .nr_nodes = 64,
				       .classes = classes,
				       .cpus = cpus,
				       .nodes = nodes};
}

static void read_lane(void)
{
	lane_room();
	if (lane_read_fn(&lane_out))
		die("lane_stats_read failed");
	facility_sink = lane_out.in_use;
}

static void walk_lane(void)
{
	lane_room();
	if (lane_walk_fn(&lane_out))
		die("lane_stats_walk failed");
	facility_sink = lane_out.in_use;
}

static void read_jemalloc(void)
{
	static const char *const names[] = {"stats.allocated", "stats.active", "stats.metadata",
					    "stats.resident", "stats.mapped"};
	uint64_t epoch = 1;
	size_t len = sizeof(epoch), value;

	if (mallctl_fn("epoch", &epoch, &len, &epoch, sizeof(epoch)))
		die("mallctl epoch failed");
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++) {
		len = sizeof(value);
		if (mallctl_fn(names[i], &value, &len, NULL, 0))
			die("mallctl stats failed");
		facility_sink = value;
	}
}

static void swallow(const char *text, void *arg)
{
	(void)arg;
	facility_sink = (size_t)(unsigned char)*text;
}

static void read_mimalloc(void)
{
	mi_print_fn(swallow, NULL);
}

static void read_tcmalloc(void)
{
	size_t value;

	if (tc_number_fn("generic.current_allocated_bytes", &value))
		facility_sink = value;
}

static void text_tcmalloc(void)
{
	static char buf[65536];

	tc_stats_fn(buf, sizeof(buf));
}

static void read_mallinfo2(void)
{
	facility_sink = mallinfo2().uordblks;
}

static void read_malloc_info(void)
{
	if (malloc_info(0, null_stream))
		die("malloc_info failed");
	fflush(null_stream);
}

static inline void *found(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

/* The first is the allocator's main one. Returns how many there are. */
static int find_facilities(struct facility *f)
{
	static char stream_buf[65536];
	int n = 0;

	null_stream = fopen("/dev/null", "w");
	if (!null_stream)
		die("cannot open /dev/null");
	setvbuf(null_stream, stream_buf, _IOFBF, sizeof(stream_buf));
	*(void **)&lane_read_fn = found("lane_stats_read");
	*(void **)&lane_walk_fn = found("lane_stats_walk");
	*(void **)&mallctl_fn = found("mallctl");
	*(void **)&mi_print_fn = found("mi_stats_print_out");
	*(void **)&tc_number_fn = found("MallocExtension_GetNumericProperty");
	*(void **)&tc_stats_fn = found("MallocExtension_GetStats");
	if (lane_read_fn)
		f[n++] = (struct facility){"lane_stats_read", read_lane};
	if (lane_walk_fn)
		f[n++] = (struct facility){"lane_stats_walk", walk_lane};
	if (mallctl_fn)
		f[n++] = (struct facility){"mallctl_epoch_stats", read_jemalloc};
	if (mi_print_fn)
		f[n++] = (struct facility){"mi_stats_print_out", read_mimalloc};
	if (tc_number_fn)
		f[n++] = (struct facility){"tc_current_allocated", read_tcmalloc};
	if (tc_stats_fn)
		f[n++] = (struct facility){"tc_GetStats", text_tcmalloc};
	/* Under a foreign allocator these two would describe an empty heap of glibc's. */
	if (!n || lane_read_fn) {
		f[n++] = (struct facility){"mallinfo2", read_mallinfo2};
		f[n++] = (struct facility){"malloc_info", read_malloc_info};
	}
	return n;
}

#endif /* LANE_BENCH_FACILITY_H */
