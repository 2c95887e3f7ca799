// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/* How lane_stats_read() and lane_stats_walk() treat what the caller passes. */
#include "snapshot.h"

static struct snap snap;

typedef int (*reader)(struct lane_stats *st);

static bool bad_size(reader fn)
{
	static const size_t bad[] = {0, 1, sizeof(struct lane_stats) - 1,
				     sizeof(struct lane_stats) + 1, SIZE_MAX};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct lane_stats st = {0}, untouched = {0};

		st.sz = bad[i];
		untouched.sz = bad[i];
		/* A larger struct comes from a newer header: refused too, or filled as known. */
		if (bad[i] > sizeof(st) && fn(&st) == 0)
			good &= st.mapped > 0;
		else
			good &= fn(&st) == -EINVAL && memcmp(&st, &untouched, sizeof(st)) == 0;
	}
	return good;
}

static bool no_room(reader fn)
{
	struct lane_stats st = {.sz = sizeof(st)};

	return fn(&st) == 0 && st.nr_classes > 10 && st.nr_cpus >= 1 && st.nr_nodes >= 1 &&
	       st.mapped > 0 && !st.classes && !st.cpus && !st.nodes && st.nr_possible_cpus >= 1;
}

/* Rows beyond the room are counted but not written. */
static bool little_room(reader fn)
{
	struct lane_class_stats classes[4];
	struct lane_cpu_stats cpus[2];
	struct lane_node_stats nodes[2];
	struct lane_stats st = {.sz = sizeof(st),
				.nr_classes = 3,
				.nr_cpus = 1,
				.nr_nodes = 1,
				.classes = classes,
				.cpus = cpus,
				.nodes = nodes};

	memset(classes, 0x77, sizeof(classes));
	memset(cpus, 0x77, sizeof(cpus));
	memset(nodes, 0x77, sizeof(nodes));
	return fn(&st) == 0 && st.nr_classes > 3 && classes[3].size == 0x7777777777777777 &&
	       classes[2].size > classes[1].size && cpus[1].mallocs == 0x7777777777777777 &&
	       nodes[1].mapped == 0x7777777777777777 && nodes[0].mapped != 0x7777777777777777;
}

static bool generation_grows(void)
{
	uint64_t last;
	bool good = true;

	snap_read(&snap);
	last = snap.st.generation;
	/* More often than a cache word has generations. */
	for (int i = 0; i < 70000; i++) {
		struct lane_stats st = {.sz = sizeof(st)};

		if (i % 1000 == 0)
			put(get(100));
		good &= lane_stats_read(&st) == 0 && st.generation == last + 1;
		last = st.generation;
	}
	snap_read(&snap);
	return good && snap_good(&snap);
}

static bool classes_ascend(void)
{
	unsigned int n;
	bool good;

	snap_read(&snap);
	n = snap.st.nr_classes;
	good = n > 10 && snap.classes[n - 1].size == 0;
	for (unsigned int c = 1; c + 1 < n; c++)
		good &= snap.classes[c].size > snap.classes[c - 1].size;
	return good;
}

static bool mode_is_known(void)
{
	snap_read(&snap);
	return snap.st.mode >= LANE_MODE_RSEQ_CPU && snap.st.mode <= LANE_MODE_LOCK &&
	       (long)snap.st.nr_possible_cpus >= sysconf(_SC_NPROCESSORS_CONF);
}

static void *read_often(void *arg)
{
	uint64_t last = 0;
	int *bad = arg;

	for (int i = 0; i < 3000; i++) {
		struct lane_stats st = {.sz = sizeof(st)};

		*bad += lane_stats_read(&st) != 0 || st.generation <= last;
		last = st.generation;
		if (i % 64 == 0)
			*bad += lane_stats_walk(&st) != 0;
	}
	return NULL;
}

static bool readers_take_turns(void)
{
	pthread_t t[4];
	int bad[4] = {0}, sum = 0;

	for (int i = 0; i < 4; i++)
		start_thread(&t[i], read_often, &bad[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		sum += bad[i];
	}
	return sum == 0;
}

static bool reading_changes_nothing(void)
{
	static struct snap again;
	bool good = true;

	for (int i = 0; i < 100; i++) {
		snap_read(&snap);
		snap_walk(&again);
		snap_read(&again);
		again.st.generation = snap.st.generation;
		again.st.classes = snap.st.classes;
		again.st.cpus = snap.st.cpus;
		again.st.nodes = snap.st.nodes;
		good &= memcmp(&snap.st, &again.st, sizeof(snap.st)) == 0;
	}
	return good;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(11);
	ksft_test_result(bad_size(lane_stats_read), "read: a wrong sz gives -EINVAL");
	ksft_test_result(bad_size(lane_stats_walk), "walk: a wrong sz gives -EINVAL");
	ksft_test_result(no_room(lane_stats_read), "read: totals and counts of rows without room");
	ksft_test_result(no_room(lane_stats_walk), "walk: totals and counts of rows without room");
	ksft_test_result(little_room(lane_stats_read), "read: never writes beyond the room");
	ksft_test_result(little_room(lane_stats_walk), "walk: never writes beyond the room");
	ksft_test_result(generation_grows(), "the generation grows by one each, 70,000 times");
	ksft_test_result(classes_ascend(), "classes ascend, large objects come last");
	ksft_test_result(mode_is_known(), "the mode is one of the three");
	ksft_test_result(readers_take_turns(), "several readers at once");
	ksft_test_result(reading_changes_nothing(), "reading changes no figure");
	ksft_finished();
}
