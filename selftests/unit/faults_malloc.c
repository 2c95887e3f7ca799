// SPDX-License-Identifier: MIT
// variant: check LANE_CONF=check:full
// variant: lock LANE_CONF=mode:lock
/*
 * The malloc family with each of its system calls failing in turn (faults.h): NULL with ENOMEM or
 * an intact object, what was held stays as it was, and free keeps errno and never fails.
 */
#include "faults.h"

#define MOST 6100
#define CHECKED 256 /* bytes of each object that are filled and looked at */

/* What the operation has made. */
static struct {
	void *p;
	size_t size;
} held[MOST];
static int nr_held;

/* Keep what an allocation gave; 0, or what errno says. */
static int keep(void *p, size_t size)
{
	int err = -errno;

	if (!p)
		return err;
	pattern_fill(p, min(size, (size_t)CHECKED), size);
	held[nr_held].p = p;
	held[nr_held++].size = size;
	return 0;
}

static void look(int i)
{
	size_t n = min(held[i].size, (size_t)CHECKED);

	if (!pattern_holds(held[i].p, n, held[i].size))
		fault_wrong("an object of %zu bytes has changed", held[i].size);
	if (lane_malloc_usable_size(held[i].p) < held[i].size)
		fault_wrong("an object of %zu bytes is smaller", held[i].size);
}

/* free() of all, which must not touch errno. */
static void drop(void)
{
	errno = EILSEQ;
	while (nr_held) {
		look(--nr_held);
		lane_free(held[nr_held].p);
	}
	if (errno != EILSEQ)
		fault_wrong("free sets errno");
}

static int many(const size_t *sizes, size_t n, void *(*alloc)(size_t size))
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		int err;

		errno = 0;
		err = keep(alloc(sizes[i]), sizes[i]);
		first = first ? first : err;
	}
	for (int i = 0; i < nr_held; i++)
		look(i);
	return first;
}

/* A class of many objects, one with a bitmap of its own, one of few; and all at once. */
static int run_small(void)
{
	static const size_t sizes[] = {8, 100, 3000, 30000};

	return many(sizes, ARRAY_SIZE(sizes), lane_malloc);
}

/* More than is made writable at a time. */
static int run_many(void)
{
	static size_t sizes[3000];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		sizes[i] = 8 + i % 97 * 320;
	return many(sizes, ARRAY_SIZE(sizes), lane_malloc);
}

/* The same at once, and more than that. */
static int run_large(void)
{
	static const size_t sizes[] = {KIB(40), MIB(3), MIB(70), KIB(300), MIB(200)};

	return many(sizes, ARRAY_SIZE(sizes), lane_malloc);
}

static void *zeroed(size_t size)
{
	char *p = lane_calloc(1, size);

	if (p && !all_zero(p, min(size, KIB(100))))
		fault_wrong("calloc of %zu bytes is not zero", size);
	return p;
}

/* Dirty memory first, as it is not zero of itself. */
static int run_calloc(void)
{
	static const size_t sizes[] = {100, KIB(20), KIB(100), MIB(50)};
	void *p = lane_malloc(KIB(100));

	if (p)
		memset(p, 0xff, KIB(100));
	lane_free(p);
	return many(sizes, ARRAY_SIZE(sizes), zeroed);
}

static int run_reallocarray(void)
{
	errno = 0;
	return keep(lane_reallocarray(NULL, 1000, 4000), 4000000);
}

/* An object of @from bytes becomes one of @to; where that fails it stays as it was. */
static int resize(size_t from, size_t to)
{
	int i = nr_held, err;
	void *p;

	errno = 0;
	err = keep(lane_malloc(from), from);
	if (err)
		return err;
	p = lane_realloc(held[i].p, to);
	if (!p) {
		err = -errno;
		look(i);
		return err;
	}
	if (!pattern_holds(p, min(min(from, to), (size_t)CHECKED) / 8 * 8, from))
		fault_wrong("realloc from %zu to %zu bytes loses content", from, to);
	nr_held = i;
	errno = 0;
	return keep(p, to);
}

static int run_realloc_grow(void)
{
	int err = resize(100, 5000);
	int large = resize(20000, MIB(5));

	return err ? err : large;
}

/* What lies behind is free: the large object stays where it is. */
static int run_realloc_in_place(void)
{
	int err = resize(MIB(4), MIB(5));
	int more = resize(MIB(30), MIB(45));

	return err ? err : more;
}

static int run_realloc_shrink(void)
{
	int err = resize(MIB(9), MIB(1));
	int small = resize(MIB(1), 500);
	int few = resize(5000, 24);

	return err ? err : small ? small : few;
}

/* realloc to 0 frees, and realloc of NULL allocates. */
static int run_realloc_ends(void)
{
	void *p;

	errno = 0;
	p = lane_realloc(NULL, MIB(2));
	if (!p)
		return -errno;
	return lane_realloc(p, 0) ? -EEXIST : 0;
}

static int aligned(size_t align, size_t size, void *(*alloc)(size_t align, size_t size))
{
	void *p;

	errno = 0;
	p = alloc(align, size);
	if ((uintptr_t)p % align)
		fault_wrong("an object is not aligned to %zu", align);
	return keep(p, size);
}

static int run_aligned_alloc(void)
{
	int err = 0;

	for (size_t align = 16; align <= MIB(64); align *= 8) {
		int this = aligned(align, align + 100, lane_aligned_alloc);

		err = err ? err : this;
	}
	return err;
}

static int run_memalign(void)
{
	int small = aligned(64, 1000, lane_memalign), large = aligned(MIB(2), 10, lane_memalign);

	return small ? small : large;
}

/* Returns the error, leaves errno and the pointer alone. */
static int run_posix_memalign(void)
{
	void *mark = &nr_held, *p = mark;
	int err;

	errno = EILSEQ;
	err = lane_posix_memalign(&p, KIB(128), MIB(1));
	if (errno != EILSEQ || (err && p != mark))
		fault_wrong("posix_memalign sets errno, or the pointer");
	return err ? -err : keep(p, MIB(1));
}

static int run_valloc(void)
{
	int err;

	errno = 0;
	err = keep(lane_valloc(9000), 9000);
	if (err)
		return err;
	errno = 0;
	return keep(lane_pvalloc(MIB(1) + 1), MIB(1) + 1);
}

static int run_onnode(void)
{
	static int node = -1;

	if (node < 0) {
		void *p = lane_malloc(10);

		node = p ? lane_node_of(p) : 0;
		lane_free(p);
	}
	errno = 0;
	return keep(lane_malloc_onnode(MIB(3), node), MIB(3));
}

/* What is free goes back to the system at once. */
static int release_at_once(void)
{
	static const char conf[] = "release_delay_ms 0\nrelease_slack 0\n";

	return lane_conf_write(conf, sizeof(conf) - 1);
}

static int fill(void)
{
	static const size_t sizes[] = {MIB(9), 100, MIB(2), KIB(700), MIB(1), 8000, 8000, 8000};

	for (int i = 0; i < 2; i++) {
		if (many(sizes, ARRAY_SIZE(sizes), lane_malloc))
			return -ENOMEM;
		for (int k = 0; k < nr_held; k++)
			memset(held[k].p, 0, held[k].size);
		for (int k = 0; k < nr_held; k++)
			pattern_fill(held[k].p, min(held[k].size, (size_t)CHECKED), held[k].size);
	}
	return 0;
}

static int fill_and_release(void)
{
	return release_at_once() ? -EINVAL : fill();
}

static int run_free(void)
{
	drop();
	return 0;
}

static int run_free_sized(void)
{
	errno = EILSEQ;
	while (nr_held > 2) {
		nr_held--;
		lane_free_sized(held[nr_held].p, held[nr_held].size);
	}
	while (nr_held) {
		nr_held--;
		lane_free_aligned_sized(held[nr_held].p, 8, held[nr_held].size);
	}
	if (errno != EILSEQ)
		fault_wrong("free_sized sets errno");
	return 0;
}

static int fill_and_free(void)
{
	int err = fill();

	drop();
	return err;
}

static int run_release(void)
{
	size_t some = lane_release(MIB(1)), all = lane_release(SIZE_MAX);

	if (some > MIB(64) || all > MIB(512))
		fault_wrong("lane_release says that it returned what there never was");
	return 0;
}

static int run_trim(void)
{
	int ret = lane_malloc_trim(0);

	if (ret != 0 && ret != 1)
		fault_wrong("malloc_trim returns %d", ret);
	return 0;
}

/* A thread whose first calls fail; its objects outlive it. */
static void *first_calls(void *arg)
{
	*(int *)arg = run_small();
	return NULL;
}

static int run_thread(void)
{
	pthread_t t;
	int err = 0;

	start_thread(&t, first_calls, &err);
	pthread_join(t, NULL);
	return err;
}

/* The child allocates, and its books are right; its exit status says so. */
static int run_fork(void)
{
	int status = -1;
	pid_t pid;

	errno = 0;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		int err = run_small();

		failures_end();
		drop();
		_exit(err ? -err : unit_books_right() ? 0 : ESTALE);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static const struct fault_op ops[] = {
	{"malloc of small objects", run_small, drop, NULL, 0, {ENOMEM}},
	{"malloc of many objects", run_many, drop, NULL, 0, {ENOMEM}},
	{"malloc of large objects", run_large, drop, NULL, 0, {ENOMEM}},
	{"calloc", run_calloc, drop, NULL, 0, {ENOMEM}},
	{"reallocarray", run_reallocarray, drop, NULL, 0, {ENOMEM}},
	{"realloc that grows", run_realloc_grow, drop, NULL, 0, {ENOMEM}},
	{"realloc in place", run_realloc_in_place, drop, NULL, 0, {ENOMEM}},
	{"realloc that shrinks", run_realloc_shrink, drop, NULL, 0, {ENOMEM}},
	{"realloc of NULL and to 0", run_realloc_ends, drop, NULL, 0, {ENOMEM}},
	{"aligned_alloc", run_aligned_alloc, drop, NULL, 0, {ENOMEM}},
	{"memalign", run_memalign, drop, NULL, 0, {ENOMEM}},
	{"posix_memalign", run_posix_memalign, drop, NULL, 0, {ENOMEM}},
	{"valloc and pvalloc", run_valloc, drop, NULL, 0, {ENOMEM}},
	{"lane_malloc_onnode", run_onnode, drop, NULL, 0, {ENOMEM}},
	{"free that releases", run_free, drop, fill_and_release, 0, {0}},
	{"free_sized that releases", run_free_sized, drop, fill_and_release, 0, {0}},
	{"lane_release", run_release, NULL, fill_and_free, 0, {0}},
	{"malloc_trim", run_trim, NULL, fill_and_free, 0, {0}},
	{"malloc in a new thread", run_thread, drop, NULL, 0, {ENOMEM}},
	{"malloc after fork", run_fork, drop, NULL, 0, {ENOMEM}},
};

int main(void)
{
	ksft_print_header();
	FAULT_TESTS(ops, 0);
}
