// SPDX-License-Identifier: MIT
/*
 * glibc_api.c - glibc's own functions around malloc, answered from a snapshot.
 */
#include <errno.h>
#include <lane/lane.h>
#include <malloc.h>

#include "bug.h"
#include "conf.h"
#include "interpose.h"
#include "procfs.h"
#include "release.h"
#include "size_class.h"

LANE_API size_t lane_release(size_t bytes)
{
	return release_now(bytes);
}

LANE_API int lane_malloc_trim(size_t pad)
{
	(void)pad;
	return release_now(UINT64_MAX) > 0;
}

LANE_API int lane_mallopt(int param, int value)
{
	static u64 named; /* bit per parameter, those of glibc being -8..1; racy: a line may come
			     twice */
	u64 bit = 1ULL << ((u32)param % 64);

	if (READ_ONCE(conf.verbose) && !(READ_ONCE(named) & bit)) {
		WRITE_ONCE(named, named | bit);
		pr_err("mallopt(%d, %d) has no counterpart here and is ignored", param, value);
	}
	return 1;
}

LANE_API void lane_malloc_stats(void)
{
	procfs_print("heapinfo");
}

#ifdef __GLIBC__
LANE_API struct mallinfo2 lane_mallinfo2(void)
{
	struct lane_stats st = {.sz = sizeof(st)};
	struct mallinfo2 m = {0};
	u64 cached;

	if (lane_stats_read(&st))
		return m;
	cached = st.cpu_cached + st.transfer_cached;
	m.arena = st.mapped - st.metadata - st.released;
	m.fsmblks = cached;
	m.uordblks = st.in_use;
	m.fordblks = cached + st.central_free + st.in_transit + st.span_tail + st.page_heap_free +
		     st.quarantine;
	m.keepcost = st.page_heap_free;
	return m;
}

/* glibc's own would answer with zeroes, of a heap that nobody uses. */
LANE_API struct mallinfo lane_mallinfo(void)
{
	struct mallinfo2 m = lane_mallinfo2();

	return (struct mallinfo){
		.arena = (int)min(m.arena, (size_t)INT32_MAX),
		.fsmblks = (int)min(m.fsmblks, (size_t)INT32_MAX),
		.uordblks = (int)min(m.uordblks, (size_t)INT32_MAX),
		.fordblks = (int)min(m.fordblks, (size_t)INT32_MAX),
		.keepcost = (int)min(m.keepcost, (size_t)INT32_MAX),
	};
}
#endif

static void write_size(FILE *f, const struct lane_class_stats *c)
{
	fprintf(f, "<size from=\"%lu\" to=\"%lu\" total=\"%lu\" count=\"%lu\"/>\n",
		(unsigned long)c->size, (unsigned long)c->size,
		(unsigned long)(c->central_free * c->size), (unsigned long)c->central_free);
}

LANE_API int lane_malloc_info(int options, FILE *f)
{
	struct lane_class_stats classes[NR_CLASSES];
	struct lane_stats st = {
		.sz = sizeof(st), .classes = classes, .nr_classes = ARRAY_SIZE(classes)};

	if (options) {
		errno = EINVAL;
		return -1;
	}
	if (lane_stats_read(&st)) {
		errno = EAGAIN;
		return -1;
	}
	fprintf(f, "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n");
	for (u32 i = 0; i < st.nr_classes; i++) {
		if (classes[i].central_free)
			write_size(f, &classes[i]);
	}
	fprintf(f, "</sizes>\n</heap>\n");
	fprintf(f, "<total type=\"in_use\" count=\"%lu\" size=\"%lu\"/>\n",
		(unsigned long)st.live_objects, (unsigned long)st.in_use);
	fprintf(f, "<total type=\"cached\" size=\"%lu\"/>\n",
		(unsigned long)(st.cpu_cached + st.transfer_cached + st.in_transit));
	fprintf(f, "<total type=\"rest\" size=\"%lu\"/>\n",
		(unsigned long)(st.central_free + st.span_tail + st.page_heap_free +
				st.quarantine));
	fprintf(f, "<system type=\"current\" size=\"%lu\"/>\n",
		(unsigned long)(st.mapped - st.released));
	fprintf(f, "<aspace type=\"total\" size=\"%lu\"/>\n", (unsigned long)st.reserved);
	fprintf(f, "<aspace type=\"mprotect\" size=\"%lu\"/>\n</malloc>\n",
		(unsigned long)st.mapped);
	return ferror(f) ? -1 : 0;
}

#ifdef __GLIBC__
INTERPOSE(mallinfo);
INTERPOSE(mallinfo2);
#endif
INTERPOSE(malloc_info);
INTERPOSE(malloc_stats);
INTERPOSE(malloc_trim);
INTERPOSE(mallopt);
