// SPDX-License-Identifier: MIT
/*
 * A linear overflow or underflow of any object meets memory that may not be written
 * before it meets anything of Lane's: no writable page lies beside a range of objects.
 * By /proc/self/maps, in a process as it is, and in one whose small heap is full to
 * the last page. And nothing of Lane's that leads somewhere is in a range of objects.
 */
#include "unit.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "check.h"
#include "guard.h"
#include "hooks.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"
#include "prof_stack.h"
#include "slow_path.h"
#include "space.h"

#define LIMIT (320ULL << 20) /* bytes of address space, of which the heap takes the most */

struct range {
	uintptr_t start, end;
};

static struct range writable[4096], objects[64];
static unsigned int nr_writable, nr_objects;

/* By read(2): stdio would allocate, which moves what is looked at. */
static void read_maps(void)
{
	static char text[1 << 20];
	size_t used = 0;
	ssize_t n;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(fd);
	nr_writable = 0;
	for (char *line = text; *line; line = strchr(line, '\n') + 1) {
		char *rest;
		struct range r = {.start = strtoul(line, &rest, 16)};

		r.end = strtoul(rest + 1, &rest, 16);
		if (rest[2] == 'w' && nr_writable < ARRAY_SIZE(writable))
			writable[nr_writable++] = r;
	}
}

static void add_objects(uintptr_t start, uintptr_t end)
{
	if (nr_objects < ARRAY_SIZE(objects))
		objects[nr_objects++] = (struct range){start, end};
}

/* The open part of each node's heap. */
static void add_heaps(void)
{
	nr_objects = 0;
	for (u32 h = 0; h < nr_homes; h++) {
		uintptr_t start = space.base + ((uintptr_t)h << HOME_SHIFT);

		add_objects(start, start + ((uintptr_t)node_heaps[h]->pages.opened << HUGE_SHIFT));
	}
}

/* Writable pages beside a range of objects. */
static unsigned int neighbours(void)
{
	unsigned int found = 0;

	read_maps();
	for (unsigned int o = 0; o < nr_objects; o++) {
		struct range below = {objects[o].start - os_page_size, objects[o].start};
		struct range above = {objects[o].end, objects[o].end + os_page_size};

		for (unsigned int i = 0; i < nr_writable; i++) {
			struct range w = writable[i];
			bool touches = (w.start < below.end && w.end > below.start) ||
				       (w.start < above.end && w.end > above.start);

			if (!touches)
				continue;
			found++;
			ksft_print_msg("objects %lx-%lx, writable %lx-%lx", objects[o].start,
				       objects[o].end, w.start, w.end);
		}
	}
	return found;
}

static bool heap_is_alone(void)
{
	void *p = lane_malloc(100);
	bool good;

	add_heaps();
	good = neighbours() == 0;
	/* That is, the objects were found, and are writable themselves. */
	for (unsigned int i = 0; good && i < nr_writable; i++) {
		if ((uintptr_t)p >= writable[i].start && (uintptr_t)p < writable[i].end) {
			lane_free(p);
			return writable[i].start >= objects[0].start;
		}
	}
	return false;
}

static bool outside(const char *what, const void *p)
{
	u64 offset = (uintptr_t)p - space.base;

	if (p && offset >= space.nr_homes * space.home_bytes)
		return true;
	ksft_print_msg("%s lies at %p, the heap begins at %lx", what, p, space.base);
	return false;
}

static bool nothing_of_ours_inside(void)
{
	struct lane *l;
	bool good;

	for (int i = 0; i < 1000; i++)
		lane_free(lane_malloc(100));
	lane_release(SIZE_MAX); /* fills a transfer cache, or made one */
	l = this_lane();
	good = outside("the table of system calls", &os) && outside("hooks", &hooks) &&
	       outside("hot", &hot) && outside("lanes", lanes) &&
	       outside("the table of caches", hot.local) && outside("a node heap", node_heaps[0]) &&
	       outside("span descriptors", space.spans) && outside("the pagemap", space.pagemap) &&
	       outside("states of huge pages", space.huge);
	for (u32 i = 0; i < nr_lanes; i++)
		good &= !lanes[i].caches || outside("a CPU's caches", lanes[i].caches);
	for (u32 cls = 1; cls < NR_CLASSES; cls++) {
		void *slot = node_heaps[0]->transfer[cls].slot;

		good &= !slot || outside("a transfer cache", slot);
	}
	return good && (!l || outside("this lane", l));
}

/* An object of a handler that interrupted a slow path: a mapping of its own. */
static bool handlers_object_is_alone(void)
{
	bool good = true;
	void *p[20];

	for (int i = 0; i < 20; i++) {
		slow_enter();
		p[i] = lane_malloc(100 + (size_t)i * 3000);
		slow_exit();
	}
	nr_objects = 0;
	for (int i = 0; i < 20; i++) {
		uintptr_t start = (uintptr_t)p[i];

		good &= p[i] && outside("a handler's object", p[i]);
		add_objects(start, start + lane_malloc_usable_size(p[i]));
	}
	good &= neighbours() == 0;
	for (int i = 0; i < 20; i++)
		lane_free(p[i]);
	return good;
}

/* Guarded samples: every page of the pool lies between two that may not be touched. */
static bool guarded_are_alone(void)
{
	struct prof_stack none = {.depth = 0};
	static void *p[200];
	bool good = !guard_set_rate(1);

	nr_objects = 0;
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		p[i] = guard_malloc(100, 8, &none);
		good &= p[i] != NULL;
		if (p[i]) {
			uintptr_t page = ALIGN_DOWN((uintptr_t)p[i], os_page_size);

			add_objects(page, page + os_page_size);
		}
	}
	return good && neighbours() == 0;
}

/* All of the range is open: its last page is used. */
static bool full_heap_is_alone(void)
{
	u64 whole = space.nr_homes * space.home_bytes;

	if (whole > LIMIT) {
		ksft_print_msg("the heap has %llu bytes", (unsigned long long)whole);
		return false;
	}
	while (lane_malloc(HUGE_SIZE))
		;
	while (lane_malloc(30000))
		;
	add_heaps();
	if (objects[0].end - space.base != whole)
		ksft_print_msg("%lx bytes open", objects[0].end - space.base);
	return objects[0].end - space.base == whole && neighbours() == 0;
}

static void run_small(char **argv)
{
	struct rlimit limit = {LIMIT, LIMIT};

	if (setrlimit(RLIMIT_AS, &limit))
		ksft_exit_fail_msg("setrlimit: %s", strerror(errno));
	execl("/proc/self/exe", argv[0], "small", (char *)NULL);
	ksft_exit_fail_msg("exec: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	int status = 0;
	pid_t pid;

	if (argc > 1)
		return full_heap_is_alone() && nothing_of_ours_inside() ? 0 : 1;
	ksft_print_header();
	ksft_set_plan(5);
	ksft_test_result(heap_is_alone(), "no writable page lies beside the heap");
	ksft_test_result(nothing_of_ours_inside(), "nothing of Lane's lies within it");
	ksft_test_result(handlers_object_is_alone(), "none lies beside a handler's objects");
	ksft_test_result(guarded_are_alone(), "none lies beside a guarded object");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	ksft_test_result_skip("a small address space has no room for what the sanitizer maps");
	(void)run_small, (void)argv, (void)status, (void)pid;
#else
	pid = fork();
	if (pid == 0)
		run_small(argv);
	waitpid(pid, &status, 0);
	ksft_test_result(status == 0, "none lies beside a heap that is full to the last page");
#endif
	ksft_finished();
}
