// SPDX-License-Identifier: MIT
/*
 * Two threads release at once: what the other one has given back the system has not refused, and it
 * is no reason to keep more from then on. What it has refused is.
 */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "node_heap.h"
#include "os.h"
#include "page_heap.h"
#include "release.h"

#define LARGE MIB(2)
#define OBJECTS 50

static void *objs[OBJECTS];
static bool beside, refuse;
static u64 released_beside;

static int advise(void *addr, size_t len, int advice)
{
	if (beside && advice == MADV_DONTNEED) {
		beside = false; /* as lane_release() of another thread */
		for (u32 h = 0; h < homes_made(); h++)
			released_beside +=
				page_heap_release(&node_heaps[h]->pages, UINT64_MAX, UINT64_MAX);
	}
	return refuse ? -EINVAL : madvise(addr, len, advice) ? -errno : 0;
}

static u64 regret(void)
{
	u64 bytes = 0;

	for (u32 h = 0; h < homes_made(); h++) {
		struct page_heap *ph = &node_heaps[h]->pages;

		spin_lock(&ph->lock);
		bytes += ph->pace.regret;
		spin_unlock(&ph->lock);
	}
	return bytes;
}

/* All at once, with the last free: the heap's regret afterwards. */
static u64 release_all(void)
{
	conf.release_slack = MIB(2000);
	for (int i = 0; i < OBJECTS; i++) {
		objs[i] = lane_malloc(LARGE);
		memset(objs[i], 1, LARGE);
	}
	for (int i = 0; i < OBJECTS; i++) {
		if (i == OBJECTS - 1)
			conf.release_slack = 0;
		lane_free(objs[i]);
	}
	return regret();
}

int main(int argc, char **argv)
{
	u64 kept;

	(void)argc;
	unit_conf(argv, "release_delay_ms:1000000");
	os.advise = advise;
	ksft_print_header();
	ksft_set_plan(2);
	beside = true;
	kept = release_all();
	ksft_test_result(released_beside > MIB(OBJECTS) && kept < MIB(4),
			 "another thread gave back %llu MiB: no reason to keep %llu",
			 (unsigned long long)released_beside >> 20, (unsigned long long)kept >> 20);
	refuse = true;
	kept = release_all();
	refuse = false;
	ksft_test_result(kept > MIB(OBJECTS), "%llu MiB that the system refused stay",
			 (unsigned long long)kept >> 20);
	ksft_finished();
}
