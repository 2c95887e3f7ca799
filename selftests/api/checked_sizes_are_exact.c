// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=check:full,mode:lock QUICK=1
// variant: prof LANE_CONF=check:full,prof_rate:1024 QUICK=1
/*
 * With check:full an object has just the bytes that were asked for last, whichever call asked, and
 * whatever was there before: they are the usable size, a sized free takes them, and a write of the
 * byte behind them is found.
 */
#include "snapshot.h"

#include <sys/resource.h>

static struct snap snap;
static size_t sizes[400], nr_sizes;
static int node;
static const size_t aligns[] = {1, 16, 64, 256, 4096, KIB(8), KIB(16), KIB(64), MIB(2)};

static void add_around(size_t size)
{
	/* A canary of one byte fills the class, too. */
	for (size_t i = 0; i < 4; i++)
		sizes[nr_sizes++] = size - 2 + i;
}

/* Around all classes, and large ones around whole pages, and whole huge ones. */
static void collect_sizes(void)
{
	static const size_t pages[] = {5, 6, 7, 8, 11, 16, 33, 64, 255, 256, 257, 300};

	snap_read(&snap);
	for (unsigned int c = 0; c + 1 < snap.st.nr_classes; c++)
		add_around(snap.classes[c].size);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		add_around(pages[i] * KIB(8));
}

/* Whether @p has @size bytes; it is freed. */
static bool exact(void *p, size_t size)
{
	size_t usable = malloc_usable_size(p);

	if (p && usable == size) {
		memset(p, 0x55, size);
		free_sized(opaque(p), opaque_size(size));
		return true;
	}
	put(p);
	ksft_print_msg("%zu bytes: usable %zu", size, usable);
	return false;
}

static bool is_exact(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	bool good = exact(get(size), size);

	good &= exact(opaque(calloc(1, opaque_size(size))), size);
	good &= exact(opaque(lane_malloc_onnode(opaque_size(size), node)), size);
	good &= exact(opaque(valloc(opaque_size(size))), size);
	good &= exact(opaque(pvalloc(opaque_size(size))), (size + page - 1) / page * page);
	for (size_t i = 0; i < ARRAY_SIZE(aligns); i++) {
		void *p = NULL;

		good &= exact(opaque(aligned_alloc(aligns[i], opaque_size(size))), size);
		good &= exact(opaque(memalign(aligns[i], opaque_size(size))), size);
		if (aligns[i] >= sizeof(p))
			good &= !posix_memalign(&p, aligns[i], opaque_size(size)) &&
				exact(opaque(p), size);
	}
	return good;
}

static bool all_are_exact(void)
{
	bool good = true;

	for (size_t i = 0; i < nr_sizes; i++)
		good &= is_exact(sizes[i]);
	return good;
}

/* @p, made with @from bytes, has @to of them. */
static bool resized_to(char *p, size_t from, size_t to)
{
	size_t kept = from < to ? from : to;
	char *q;

	p[0] = 0x11;
	p[from - 1] = 0x22;
	p[kept - 1] = 0x33;
	q = opaque(realloc(p, opaque_size(to)));
	if (q && (q[0] == 0x11 || kept == 1) && q[kept - 1] == 0x33 && exact(q, to))
		return true;
	ksft_print_msg("from %zu to %zu", from, to);
	return false;
}

static bool resized_are_exact(void)
{
	bool good = true;

	for (size_t i = 0; i < nr_sizes; i++)
		for (size_t j = 0; j < nr_sizes; j++)
			good &= resized_to(get(sizes[i]), sizes[i], sizes[j]);
	return good;
}

static bool aligned_and_resized_are_exact(void)
{
	bool good = true;

	for (size_t a = 0; a < ARRAY_SIZE(aligns); a++)
		for (size_t i = a % 3; i < nr_sizes; i += 3)
			for (size_t j = a % 5; j < nr_sizes; j += 5)
				good &= resized_to(
					opaque(aligned_alloc(aligns[a], opaque_size(sizes[i]))),
					sizes[i], sizes[j]);
	return good;
}

/* One object goes down in steps of which each would stay in place by itself, and up again. */
static bool in_steps(double step)
{
	size_t size = MIB(1);
	char *p = get(size);
	bool good = true;

	while (good && size > 1) {
		size = (size_t)((double)size * step);
		p = opaque(realloc(p, opaque_size(size)));
		good = p && malloc_usable_size(p) == size;
	}
	while (good && size < MIB(1)) {
		size += 1 + size / 7;
		p = opaque(realloc(p, opaque_size(size)));
		good = p && malloc_usable_size(p) == size;
	}
	return exact(p, size) && good;
}

/* What the free of @p says in a child that wrote the byte behind its @size. */
static bool write_behind_is_found(char *p, size_t size)
{
	char want[128], got[128] = "";
	int fd[2], status = 0;
	ssize_t n;
	pid_t pid;

	snprintf(want, sizeof(want), "lane: write behind the %zu bytes at %p, found by free\n",
		 size, (void *)p);
	if (pipe(fd))
		return false;
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		dup2(fd[1], STDERR_FILENO);
		p[size] ^= 1;
		put(p);
		_exit(0);
	}
	close(fd[1]);
	n = read(fd[0], got, sizeof(got) - 1);
	close(fd[0]);
	waitpid(pid, &status, 0);
	put(p);
	if (n > 0 && !strcmp(got, want) && WIFSIGNALED(status))
		return true;
	ksft_print_msg("status %#x, '%s' instead of '%s'", status, got, want);
	return false;
}

static bool all_writes_behind_are_found(void)
{
	bool good = true;

	for (size_t i = 2; i < nr_sizes; i += ksft_quick() ? 39 : 13) {
		size_t from = sizes[i], to[] = {from / 2 + 1, from - from / 4, from + 1};

		good &= write_behind_is_found(get(from), from);
		good &= write_behind_is_found(opaque(aligned_alloc(KIB(64), opaque_size(from))),
					      from);
		for (size_t j = 0; j < ARRAY_SIZE(to); j++) {
			char *p = get(from);

			good &= write_behind_is_found(opaque(realloc(p, opaque_size(to[j]))),
						      to[j]);
			p = opaque(aligned_alloc(KIB(64), opaque_size(from)));
			good &= write_behind_is_found(opaque(realloc(p, opaque_size(to[j]))),
						      to[j]);
		}
	}
	return good;
}

int main(int argc, char **argv)
{
	void *p;

	(void)argc;
	if (!getenv("LANE_CONF")) {
		setenv("LANE_CONF", "check:full", 1);
		execv("/proc/self/exe", argv);
	}
	ksft_print_header();
	ksft_set_plan(5);
	collect_sizes();
	p = get(1);
	node = lane_node_of(p);
	put(p);
	ksft_test_result(all_are_exact(), "of every call, around all classes, with all alignments");
	ksft_test_result(resized_are_exact(), "of a realloc between any two sizes");
	ksft_test_result(aligned_and_resized_are_exact(), "of a realloc of what was aligned");
	ksft_test_result(in_steps(0.51) && in_steps(0.75) && in_steps(0.98),
			 "of one object in many steps, down and up");
	ksft_test_result(all_writes_behind_are_found(),
			 "the byte behind them is found at the free");
	ksft_finished();
}
