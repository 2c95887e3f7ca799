// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: cid LANE_CONF=mode:cid
/*
 * membarrier is refused since the start, so no block of an idle CPU can be rolled. All the same
 * nothing that it counted is missing when the numbers of generations, 14 bits in a block, come
 * round to the one that it has.
 */
#include "unit.h"

#include <errno.h>

#include "cpu_block.h"
#include "fence.h"
#include "hot.h"
#include "os.h"

#define SIZE 500
#define OBJECTS 50
#define PERIOD (1u << WORD_GEN_BITS)

static void *objects[OBJECTS];

static int refused(int cmd)
{
	(void)cmd;
	return -EPERM;
}

/* Snapshots in which a count is wrong, of so many that the numbers come round. */
static unsigned int count_wrong(uint64_t mallocs, uint64_t frees)
{
	static struct snap snap;
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < PERIOD + 10; i++) {
		const struct lane_class_stats *c;

		snap_read(&snap);
		c = &snap.classes[snap_class(&snap, SIZE)];
		if (c->mallocs == mallocs && c->frees == frees && snap_good(&snap))
			continue;
		if (!wrong++)
			ksft_print_msg("snapshot %u: %llu mallocs, %llu frees, live %lld", i,
				       (unsigned long long)c->mallocs, (unsigned long long)c->frees,
				       (long long)snap.st.live_objects);
	}
	return wrong;
}

int main(int argc, char **argv)
{
	static struct snap snap;

	(void)argc;
	unit_conf(argv, "mode:rseq");
	ksft_print_header();
	ksft_set_plan(2);
	unit_pin(0);
	os.membarrier = refused; /* before the first generation begins */
	snap_read(&snap);
	/* All in one generation: its baseline has none of them. */
	for (int i = 0; i < OBJECTS; i++)
		objects[i] = lane_malloc(SIZE);
	ksft_test_result(!count_wrong(OBJECTS, 0),
			 "no malloc is missing when the number comes round");
	for (int i = 0; i < OBJECTS; i++)
		lane_free(objects[i]);
	ksft_test_result(!count_wrong(OBJECTS, OBJECTS) && unit_live() == 0, "nor a free");
	ksft_finished();
}
