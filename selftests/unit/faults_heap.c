// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * What else lane.h and lane_prof.h have, and glibc's extensions, with each system call failing in
 * turn (faults.h): statistics, settings, the profile's rate, sampled and guarded objects, and
 * malloc in a handler that interrupted malloc.
 */
#include "faults.h"

#include <fcntl.h>
#include <lane/lane_prof.h>
#include <lane/lane_serve.h>

#include "guard.h"
#include "slow_path.h"

#define OBJECTS 40

static void *held[OBJECTS];

static void drop(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		lane_free(held[i]);
		held[i] = NULL;
	}
}

/* Objects of @size; 0, or what errno says of the first that there is no memory for. */
static int fill(size_t size)
{
	int err = 0;

	drop();
	for (int i = 0; i < OBJECTS; i++) {
		errno = 0;
		held[i] = lane_malloc(size + (size_t)i * 64);
		if (held[i])
			memset(held[i], i, size);
		else if (!err)
			err = -errno;
	}
	return err;
}

static int some_objects(void)
{
	return fill(500);
}

static int run_stats(void)
{
	static struct snap snap;
	int err = snap_read(&snap);

	if (!err && !snap_good(&snap))
		fault_wrong("the snapshot is wrong");
	return err;
}

static int run_walk(void)
{
	static struct snap walk;
	int err = snap_walk(&walk);

	if (!err && snap_faults(&walk, true))
		fault_wrong("the walk is wrong");
	return err;
}

/* Whole, and ended by a 0 byte; or an error. */
static int whole(ssize_t n, const char *text, size_t room)
{
	if (n >= 0 && (n == 0 || (size_t)n >= room || text[n]))
		fault_wrong("a file of %zd bytes is not whole", n);
	return n < 0 ? (int)n : 0;
}

/* Each of the files; the first error. */
static int run_proc_read(void)
{
	static const char *const names[] = {LANE_SERVE_FILES};
	static char text[1 << 20];
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int this = whole(lane_proc_read(names[i], text, sizeof(text)), text, sizeof(text));

		err = err ? err : this;
	}
	return err;
}

static int run_metrics(void)
{
	static char text[1 << 20];

	return whole(lane_metrics_write(text, sizeof(text)), text, sizeof(text));
}

/* glibc's, which have no way of saying that something failed but malloc_info(). */
static int run_glibc(void)
{
	struct mallinfo2 m = lane_mallinfo2();
	FILE *f = fopen("/dev/null", "w");
	int ret;

	if (!f)
		return -ENOENT;
	if (m.uordblks > MIB(64))
		fault_wrong("mallinfo2 counts what there never was");
	errno = 0;
	ret = lane_malloc_info(0, f);
	fclose(f);
	if (ret)
		return -errno;
	lane_malloc_stats();
	return lane_mallopt(M_ARENA_MAX, 1) == 1 ? 0 : -EINVAL;
}

/* Caches that are larger than they may be now are emptied. */
static int run_conf_write(void)
{
	static const char small[] = "cpu_cache_max 64k\ncpu_cache_total 128k\n";
	static const char large[] = "cpu_cache_max 4m\ncpu_cache_total 512m\n";
	int err = lane_conf_write(small, sizeof(small) - 1);

	return err ? err : lane_conf_write(large, sizeof(large) - 1);
}

static int full_caches(void)
{
	int err = some_objects();

	drop();
	return err;
}

/* On, and off; where it cannot be changed it is as it was. */
static int run_set_rate(void)
{
	size_t before = lane_prof_rate();
	int err = lane_prof_set_rate(4096);

	if (err) {
		if (lane_prof_rate() != before)
			fault_wrong("the rate has changed");
		return err;
	}
	err = lane_prof_set_rate(0);
	if (lane_prof_rate() != (err ? 4096 : 0))
		fault_wrong("the rate is another one");
	return err;
}

static int sample_all(void)
{
	return lane_prof_set_rate(1024);
}

static int run_sampled(void)
{
	int small = fill(3000), large = fill(KIB(90));

	return small ? small : large;
}

static int guard_all(void)
{
	return guard.rate ? 0 : guard_set_rate(1) ? -ENOMEM : lane_prof_set_rate(1024);
}

static int run_guarded(void)
{
	int err = fill(600);

	for (int i = 0; i < OBJECTS; i++) {
		void *p = held[i] ? lane_realloc(held[i], 900) : NULL;

		held[i] = p ? p : held[i];
	}
	return err;
}

/* The pool itself: without it the profile goes on. */
static int run_guard_init(void)
{
	return guard.rate ? 0 : guard_set_rate(1);
}

/* As if a signal had interrupted malloc: mappings of their own, and frees that are put aside. */
static int run_interrupted(void)
{
	int err;

	slow_enter();
	err = fill(700);
	if (err && err != -ENOMEM)
		fault_wrong("errno of a handler's malloc");
	for (int i = 0; i < OBJECTS; i += 2) {
		lane_free(held[i]);
		held[i] = NULL;
	}
	slow_exit();
	return err;
}

static const struct fault_op ops[] = {
	{"lane_stats_read", run_stats, drop, some_objects, 0, {0}},
	{"lane_stats_walk", run_walk, drop, some_objects, 0, {EPERM}},
	{"lane_proc_read", run_proc_read, drop, some_objects, 0, {ENOMEM, EMFILE, ENOENT, EIO}},
	{"lane_metrics_write", run_metrics, drop, some_objects, 0, {ENOMEM}},
	{"mallinfo2, malloc_info and malloc_stats", run_glibc, drop, some_objects, 0, {ENOMEM}},
	{"lane_conf_write", run_conf_write, drop, full_caches, 0, {0}},
	{"lane_prof_set_rate", run_set_rate, drop, some_objects, 0, {EPERM}},
	{"sampled objects", run_sampled, drop, sample_all, 0, {ENOMEM}},
	{"guarded objects", run_guarded, drop, guard_all, 0, {ENOMEM}},
	{"the pool of guarded objects", run_guard_init, NULL, NULL, 0, {ENOMEM}},
	{"malloc in a handler", run_interrupted, drop, NULL, 0, {ENOMEM}},
};

int main(void)
{
	ksft_print_header();
	FAULT_TESTS(ops, 0);
}
