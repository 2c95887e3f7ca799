// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/* lane_malloc_onnode, lane_node_of, lane_release, lane_version, and the two sets of names. */
#include "snapshot.h"

static struct snap snap;

static int first_node(void)
{
	snap_read(&snap);
	for (unsigned int i = 0; i < snap.st.nr_nodes; i++)
		if (snap.nodes[i].node >= 0)
			return snap.nodes[i].node;
	return -1;
}

static bool onnode_gives_its_node(void)
{
	static const size_t sizes[] = {0, 1, 100, 5000, KIB(100), MIB(3)};
	bool good = true;

	for (unsigned int i = 0; i < snap.st.nr_nodes; i++) {
		int node = snap.nodes[i].node;

		if (node < 0)
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			char *p = opaque(lane_malloc_onnode(opaque_size(sizes[j]), node));

			good &= p && malloc_usable_size(p) >= sizes[j];
			good &= lane_node_of(p) == node;
			good &= lane_node_of(p + sizes[j] / 2) == node;
			if (p)
				memset(p, 1, sizes[j]);
			put(p);
		}
	}
	return good;
}

static bool onnode_refuses_unknown(void)
{
	static const int bad[] = {-1, -2, 100000, INT32_MAX, INT32_MIN};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		errno = 0;
		good &= !opaque(lane_malloc_onnode(100, bad[i])) && errno == EINVAL;
	}
	errno = 0;
	good &= !opaque(lane_malloc_onnode(opaque_size(SIZE_MAX), first_node())) && errno == ENOMEM;
	return good;
}

static bool node_of_foreign(void)
{
	static int variable;
	int local = 0;

	return lane_node_of(&variable) == -EINVAL && lane_node_of(&local) == -EINVAL &&
	       lane_node_of(NULL) == -EINVAL && lane_node_of((void *)-1) == -EINVAL &&
	       lane_node_of((void *)(uintptr_t)first_node) == -EINVAL;
}

static bool release_counts(void)
{
	void *p = get(MIB(32));
	uint64_t before;
	size_t got;

	memset(p, 1, MIB(32));
	put(p);
	snap_read(&snap);
	before = snap.st.released;
	got = lane_release(MIB(4));
	snap_read(&snap);
	/* "stop after this much": a huge page may be the smallest step. */
	if (snap.st.released != before + got || (before < MIB(28) && got < MIB(4)) ||
	    got > MIB(4) + MIB(2))
		return false;
	lane_release(SIZE_MAX);
	snap_read(&snap);
	ksft_print_msg("after a full release: page_heap_free %llu, cpu_cached %llu",
		       (unsigned long long)snap.st.page_heap_free,
		       (unsigned long long)snap.st.cpu_cached);
	return snap.st.page_heap_free == 0 && snap_good(&snap) && lane_release(0) == 0;
}

static bool names_are_the_same(void)
{
	bool good = true;

	for (size_t size = 0; size < MIB(1); size = size * 3 + 1) {
		void *p = opaque(lane_malloc(opaque_size(size))), *q = get(size);

		p = opaque(realloc(p, opaque_size(size + 100)));
		q = opaque(lane_realloc(q, opaque_size(size + 100)));
		good &= lane_malloc_usable_size(q) == malloc_usable_size(q);
		put(p);
		lane_free(q);
	}
	lane_free(NULL);
	return good;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(6);
	ksft_test_result(first_node() >= 0 && onnode_gives_its_node(),
			 "lane_malloc_onnode gives memory of the node asked for");
	ksft_test_result(onnode_refuses_unknown(), "lane_malloc_onnode refuses unknown nodes");
	ksft_test_result(node_of_foreign(), "lane_node_of knows what is not Lane's");
	ksft_test_result(release_counts(), "lane_release returns what it says");
	ksft_test_result(names_are_the_same(), "lane_ names and plain names are one allocator");
	ksft_test_result(strcmp(lane_version(), LANE_VERSION) == 0, "the version is %s",
			 LANE_VERSION);
	ksft_finished();
}
