// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * What the collected heap refuses, and how: errors in release builds, a line and the end of
 * the process in debug builds and where memory would be damaged.
 */
#include "nodes.h"

static const char *what; /* the case that a child runs */
static int debug;	 /* builds with LANE_DEBUG die of what others refuse */

static void *not_attached(void *arg)
{
	errno = 0;
	*(int *)arg = !lane_gc_alloc_noscan(100) && errno == EPERM;
	return NULL;
}

static int unattached(void *arg)
{
	pthread_t t;
	int right = 0;

	(void)arg;
	start_thread(&t, not_attached, &right);
	pthread_join(t, NULL);
	return right;
}

static int long_bitmap(void *arg)
{
	uint64_t bits = 7;
	struct lane_gc_layout l = {
		.sz = sizeof(l), .name = "long", .size = 16, .bitmap = &bits, .bitmap_bits = 3};
	const struct lane_gc_type *type;

	(void)arg;
	return lane_gc_type_create(&l, &type) == -EINVAL;
}

static int no_size(void *arg)
{
	struct lane_gc_layout l = {.sz = sizeof(l), .name = "empty"};
	const struct lane_gc_type *type;

	(void)arg;
	return lane_gc_type_create(&l, &type) == -EINVAL;
}

static int free_inside(void *arg)
{
	char *p = lane_gc_alloc_conservative(256);

	(void)arg;
	return lane_gc_free(p + 8) == -EINVAL;
}

static int free_inside_large(void *arg)
{
	char *p = lane_gc_alloc_conservative(MIB(2));

	(void)arg;
	return lane_gc_free(p + KIB(64)) == -EINVAL;
}

static int free_of_malloc(void *arg)
{
	void *p = malloc(100);

	(void)arg;
	return lane_gc_free(p) == -EINVAL;
}

static int free_of_stack(void *arg)
{
	char here[16];

	(void)arg;
	return lane_gc_free(here) == -EINVAL;
}

static int free_of_large_twice(void *arg)
{
	void *p = lane_gc_alloc_noscan(MIB(2));

	(void)arg;
	if (lane_gc_free(p))
		return 0;
	return lane_gc_free(p) == -EINVAL;
}

static int write_astray(void *arg)
{
	void **p = malloc(64);
	void *obj = lane_gc_alloc_conservative(64);

	(void)arg;
	lane_gc_write(&p[3], obj);
	return p[3] == obj;
}

/* No root: what it refers to would not be kept. */
static int write_variable(void *arg)
{
	static void *variable;
	void *obj = lane_gc_alloc_conservative(64);

	(void)arg;
	lane_gc_write(&variable, obj);
	return variable == obj;
}

/* A store with release, for which arm64's processors may want alignment: SIGBUS. */
static int write_misaligned(void *arg)
{
	char *p = lane_gc_alloc_conservative(64);
	void *obj = lane_gc_alloc_conservative(64), *found;

	(void)arg;
	lane_gc_write(p + 4, obj);
	memcpy(&found, p + 4, sizeof(found));
	return found == obj;
}

/* It is the program's own damage: stored, as with plain C, and nothing else happens. */
static int write_into_freed(void *arg)
{
	void **p = lane_gc_alloc_conservative(256);
	void *obj = lane_gc_alloc_conservative(64);

	(void)arg;
	if (lane_gc_free(p))
		return 0;
	lane_gc_write(&p[3], obj);
	return p[3] == obj;
}

static int write_into_free_pages(void *arg)
{
	void **p = lane_gc_alloc_conservative(MIB(2));
	void *obj = lane_gc_alloc_conservative(64);

	(void)arg;
	if (lane_gc_free(p))
		return 0;
	lane_gc_write(&p[1000], obj);
	return p[1000] == obj;
}

/* Dies in debug builds, else returns what is right. */
static const struct {
	const char *name;
	int (*fn)(void *);
	const char *line; /* of the debug build, or a part of it */
} refused[] = {
	{"allocation by a thread that is not attached", unattached, "is not attached"},
	{"a bitmap longer than its object", long_bitmap, "bitmap longer than its object"},
	{"a type without size", no_size, "has no size"},
	{"free of the inside of an object", free_inside, "not a live collected object"},
	{"free of the inside of a large one", free_inside_large, "not a live collected object"},
	{"lane_gc_free() of what malloc returned", free_of_malloc, "not a live collected object"},
	{"lane_gc_free() of the stack", free_of_stack, "not a live collected object"},
	{"second free of a large object", free_of_large_twice, "not a live collected object"},
	{"write into malloc's memory", write_astray, "no collected object"},
	{"write into a variable that is no root", write_variable, "no collected object"},
	{"write into a slot that is not aligned", write_misaligned, "is not aligned"},
	{"write into a freed object", write_into_freed, "no collected object"},
	{"write into a free range of pages", write_into_free_pages, "no collected object"},
};

static bool run_child(int (*fn)(void *), char *text, size_t room, int *status)
{
	int fd[2];
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(fd))
		ksft_exit_fail_msg("pipe");
	pid = fork();
	if (pid == 0) {
		dup2(fd[1], 2);
		close(fd[0]);
		close(fd[1]);
		_exit(fn(NULL) ? 0 : 1);
	}
	close(fd[1]);
	while (used + 1 < room && (n = read(fd[0], text + used, room - used - 1)) > 0)
		used += (size_t)n;
	text[used] = 0;
	close(fd[0]);
	return waitpid(pid, status, 0) == pid;
}

static bool is_refused(size_t i)
{
	char text[512];
	int status;

	if (!run_child(refused[i].fn, text, sizeof(text), &status))
		return false;
	if (debug)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
		       strstr(text, refused[i].line);
#ifdef __aarch64__
	if (refused[i].fn == write_misaligned && WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
		return !text[0];
#endif
	if (!WIFEXITED(status) || WEXITSTATUS(status) || text[0]) {
		ksft_print_msg("status %#x, '%s'", status, text);
		return false;
	}
	return true;
}

static int free_twice(void *arg)
{
	void *p = lane_gc_alloc_conservative(256);

	(void)arg;
	fprintf(stderr, "%p\n", p);
	lane_gc_free(p);
	lane_gc_free(p);
	return 0;
}

static bool twice_dies(void)
{
	char text[512], line[128];
	void *p;
	int status;

	if (!run_child(free_twice, text, sizeof(text), &status) || sscanf(text, "%p", &p) != 1)
		return false;
	snprintf(line, sizeof(line), "%p", p);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, "double free") &&
	    strstr(strchr(text, '\n'), line))
		return true;
	ksft_print_msg("status %#x: %s", status, text);
	return false;
}

int main(int argc, char **argv)
{
	struct lane_gc_options bad = {.sz = sizeof(bad) - 1};
	const struct lane_gc_type *type;
	struct lane_gc_layout l = {.sz = 1};
	struct lane_gc_stats st = {.sz = 8};
	char *p;

	(void)argc, (void)argv, (void)what;
	ksft_print_header();
	ksft_set_plan(4 + 5 + (int)ARRAY_SIZE(refused) + 1 + 5);
	ksft_test_result(lane_gc_collect() == -EAGAIN && lane_gc_attach() == -EAGAIN &&
				 lane_gc_verify() == -EAGAIN,
			 "before lane_gc_init(): EAGAIN");
	st.sz = sizeof(st);
	ksft_test_result(lane_gc_stats_read(&st) == -EAGAIN, "and no statistics");
	ksft_test_result(!lane_gc_base(&st) && lane_gc_size(&st) == 0, "and no objects");
	ksft_test_result(lane_gc_detach() < 0, "and nothing to detach");
	ksft_test_result(lane_gc_init(&bad) == -EINVAL, "options of another size");
	bad = (struct lane_gc_options){.sz = sizeof(bad), .percent = -2};
	ksft_test_result(lane_gc_init(&bad) == -EINVAL, "a percentage below -1");
	bad = (struct lane_gc_options){.sz = sizeof(bad), .signal = 1000};
	ksft_test_result(lane_gc_init(&bad) == -EINVAL, "a signal that there is not");
	bad = (struct lane_gc_options){.sz = sizeof(bad), .signal = SIGKILL};
	ksft_test_result(lane_gc_init(&bad) < 0, "a signal that cannot be caught");
	gc_begin(NULL);
	ksft_test_result(lane_gc_init(NULL) == -EALREADY && lane_gc_attach() == -EALREADY,
			 "a second start, and a second attach");
	/* What a build is shows by how it takes a bitmap that is too long. */
	debug = in_child(long_bitmap, NULL, 10) != 1;
	ksft_print_msg("%s build", debug ? "debug" : "release");
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		ksft_test_result(is_refused(i), "%s", refused[i].name);
	ksft_test_result(twice_dies(), "a second free names the object and aborts");
	ksft_test_result(lane_gc_type_create(&l, &type) == -EINVAL, "a layout of another size");
	ksft_test_result(lane_gc_free(NULL) == 0, "free of NULL");
	p = lane_gc_alloc_noscan(8);
	ksft_test_result(lane_gc_free(p) == 0 && lane_gc_free(p) == 0,
			 "a tiny object is left to the collector");
	ksft_test_result(lane_gc_add_roots(p + 1, 8) == -EINVAL &&
				 lane_gc_add_roots(p, 7) == -EINVAL &&
				 lane_gc_remove_roots(p) == -ENOENT,
			 "roots that are not aligned, or not there");
	errno = 0;
	ksft_test_result(!lane_gc_alloc_conservative(opaque_size(SIZE_MAX / 2)) &&
				 errno == ENOMEM &&
				 !lane_gc_alloc_conservative(opaque_size(1UL << 45)) &&
				 !lane_gc_alloc_noscan(opaque_size(SIZE_MAX - 4)),
			 "sizes that cannot be");
	ksft_finished();
}
