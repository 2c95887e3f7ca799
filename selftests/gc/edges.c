// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * The collected heap's functions at the edges of what they take: threads that are not attached,
 * sizes at and beyond the limits, types of large objects, the size of an object, the free of one
 * that shares a slot, objects that a cycle found dead and has not swept yet.
 */
#include "nodes.h"

#include "../api/rerun.h"

static const struct lane_gc_type *type_of(size_t size, const uint64_t *bits, size_t n)
{
	struct lane_gc_layout l = {
		.sz = sizeof(l), .name = "edge", .size = size, .bitmap = bits, .bitmap_bits = n};
	const struct lane_gc_type *type = NULL;

	if (lane_gc_type_create(&l, &type))
		ksft_exit_fail_msg("no type of %zu bytes", size);
	return type;
}

static const struct lane_gc_type *small, *large, *plain;
static void *slot, *object;

static void make_types(void)
{
	static const uint64_t bits = 2;

	small = type_of(32, &bits, 2);
	large = type_of(KIB(200), &bits, 2);
	plain = type_of(24, NULL, 0);
}

/* A debug build ends here. */
static void *unattached(void *arg)
{
	int *right = arg;

	errno = 0;
	*right = !lane_gc_alloc(small) && errno == EPERM;
	errno = 0;
	*right &= !lane_gc_alloc_array(small, 3) && errno == EPERM;
	*right &= lane_gc_free(object) == -EPERM && lane_gc_detach() == -EPERM;
	lane_gc_write(&slot, object);
	*right &= slot == object;
	slot = NULL;
	lane_gc_enter_blocking();
	lane_gc_leave_blocking();
	*right &= !lane_gc_weak_get(NULL);
	return NULL;
}

static void test_unattached(void)
{
	int right = 0;
	pthread_t t;

	object = lane_gc_alloc(small);
	start_thread(&t, unattached, &right);
	pthread_join(t, NULL);
	ksft_test_result(right && lane_gc_free(object) == 0,
			 "a thread that is not attached gets EPERM, and its stores are done");
}

static bool refused(void *p)
{
	bool right = !p && errno == ENOMEM;

	errno = 0;
	return right;
}

static void test_sizes(void)
{
	bool right;
	char *p;

	errno = 0;
	right = refused(lane_gc_alloc_array(small, SIZE_MAX / 8)) &&
		refused(lane_gc_alloc_array(small, SIZE_MAX)) &&
		refused(lane_gc_alloc_array(small, (3ULL << 40) / 32)) &&
		refused(lane_gc_alloc_noscan(opaque_size(SIZE_MAX / 2))) &&
		refused(lane_gc_alloc_conservative(opaque_size(SIZE_MAX / 2)));
	p = lane_gc_alloc(large);
	right &= p && all_zero(p, KIB(200)) && lane_gc_size(p) >= KIB(200);
	lane_gc_write(p + 8, p);
	lane_gc_collect();
	right &= *(char **)(p + 8) == p && lane_gc_free(p) == 0;
	for (size_t n = 1; n < 3000; n = n * 3 / 2 + 1) {
		char *a = lane_gc_alloc_array(plain, n);

		right &= a && all_zero(a, n * 24) && lane_gc_size(a) >= n * 24;
		memset(a, 1, n * 24);
		right &= lane_gc_free(a) == 0;
	}
	ksft_test_result(
		right,
		"large objects of a type, arrays without references: zeroed; beyond: ENOMEM");
}

static void test_size(void)
{
	char *p = lane_gc_alloc(small), *q = lane_gc_alloc_conservative(1000), *r = malloc(100);
	bool right = lane_gc_size(p) >= 32 && lane_gc_size(q) >= 1000;

	right &= !lane_gc_size(p + 8) && !lane_gc_size(NULL) && !lane_gc_size(r) &&
		 !lane_gc_size(&right);
	/* All of it may be used. */
	memset(q, 1, lane_gc_size(q));
	memset(p + 8, 0, lane_gc_size(p) - 8);
	lane_gc_collect();
	right &= lane_gc_size(p) >= 32 && lane_gc_free(q) == 0;
	right &= lane_gc_free(NULL) == 0;
	free(r);
	ksft_test_result(right, "lane_gc_size: what may be used, 0 for what is no object's start");
}

/* Each is what an allocation returned, wherever it lies in its slot. */
static void test_shared(void)
{
	unsigned char *p[64];
	bool right = true, shared = false;

	for (unsigned int i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = lane_gc_alloc_noscan(1 + i % 7);
		*p[i] = (unsigned char)i;
		shared |= (uintptr_t)p[i] % 16 != 0;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(p); i++)
		right &= lane_gc_free(p[i]) == 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(p); i++)
		right &= *p[i] == i;
	ksft_test_result(right && shared, "objects that share a slot may be freed, and are left");
}

static void trace_nothing(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	(void)obj, (void)size, (void)tracer;
}

static void test_arguments(void)
{
	static const uint64_t one = 1;
	struct lane_gc_layout l = {.sz = sizeof(l),
				   .name = "both",
				   .size = 16,
				   .bitmap = &one,
				   .bitmap_bits = 1,
				   .trace = trace_nothing};
	const struct lane_gc_type *type;
	static void *root;
	char here;
	bool right = lane_gc_type_create(&l, &type) == -EINVAL;

	right &= lane_gc_type_create(NULL, &type) == -EINVAL;
	right &= lane_gc_remove_roots(NULL) == -ENOENT && lane_gc_remove_roots(&root) == -ENOENT;
	right &= lane_gc_add_roots(NULL, 8) == -EINVAL && lane_gc_add_roots(&root, 7) == -EINVAL;
	right &= lane_gc_set_finalizer(&here, NULL, NULL) == -EINVAL &&
		 lane_gc_set_finalizer(NULL, NULL, NULL) == -EINVAL;
	/* The collector's signal, from somebody else. */
	raise(SIGRTMIN + 6);
	lane_gc_weak_destroy(NULL);
	lane_gc_handle_destroy(NULL);
	right &= lane_gc_init(NULL) == -EALREADY && lane_gc_attach() == -EALREADY;
	ksft_test_result(right, "arguments that make no sense are refused, NULL is nothing");
}

/* Addresses that nothing refers to, and that are not seen as references by being here. */
static uintptr_t hidden[2000];

static __attribute__((noinline)) void make_hidden(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		hidden[i] = ~(uintptr_t)(i % 10 ? lane_gc_alloc_noscan(200)
						: lane_gc_alloc_noscan(KIB(100)));
}

/* In a process of its own: what was swept already is free, and freeing it again is the end. */
static int free_dead(void)
{
	int wrong = 0;

	gc_begin_small();
	make_hidden();
	gc_wipe_stack();
	lane_gc_collect();
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		int err = lane_gc_free((void *)~hidden[i]);

		wrong += err && err != -EINVAL;
	}
	return wrong || lane_gc_verify();
}

static void test_dead(void)
{
	static struct rerun r;
	char *const argv[] = {"/proc/self/exe", "free_dead", NULL};
	bool right;

	rerun(&r, argv, NULL);
	right = rerun_ended(&r) ? !*r.err
				: WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGABRT &&
					  !strncmp(r.err, "lane: double free of 0x", 23);
	if (!right)
		ksft_print_msg("status %#x: %s", (unsigned int)r.status, r.err);
	ksft_test_result(right, "what a cycle found dead is refused, or is a double free");
}

/* Little address space: all of it is taken, by what lives. */
static int no_memory(void)
{
	static void *filler[16384], *list;
	size_t n = 0;
	char *p;
	int wrong;

	gc_begin_small();
	make_types();
	if (lane_gc_add_roots(filler, sizeof(filler)) || lane_gc_add_roots(&list, sizeof(list)))
		return 1;
	for (size_t size = KIB(200); size >= KIB(8); size /= 5) {
		while (n < ARRAY_SIZE(filler) && (p = lane_gc_alloc_noscan(size)))
			lane_gc_write(&filler[n++], p);
	}
	errno = 0;
	while ((p = lane_gc_alloc(small))) {
		lane_gc_write(p + 8, list);
		lane_gc_write(&list, p);
	}
	wrong = errno != ENOMEM || n == ARRAY_SIZE(filler);
	wrong |= !refused(lane_gc_alloc_array(small, 2000)) || !refused(lane_gc_alloc(large)) ||
		 !refused(lane_gc_alloc_array(plain, 10000));
	lane_gc_write(&list, NULL);
	for (size_t i = 0; i < n; i++)
		lane_gc_write(&filler[i], NULL);
	wrong |= lane_gc_collect() || !lane_gc_alloc(small) || !lane_gc_alloc(large);
	return wrong || lane_gc_verify();
}

static void test_no_memory(void)
{
	static struct rerun r;
	char path[4096] = "";
	char *const argv[] = {"/bin/sh", "-c", "ulimit -v 400000; exec \"$0\" no_memory", path,
			      NULL};

	if (readlink(own_path(), path, sizeof(path) - 1) < 0)
		snprintf(path, sizeof(path), "%s", own_path());
	rerun(&r, argv, NULL);
	if (!rerun_ended(&r) || *r.err)
		ksft_print_msg("status %#x: %s", (unsigned int)r.status, r.err);
	ksft_test_result(rerun_ended(&r) && !*r.err,
			 "no memory: NULL from each function, until there is some again");
}

/* A child that has no thread of the collected heap's own, nor itself. */
static void *fork_unattached(void *arg)
{
	int *right = arg, status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(60);
		status = lane_gc_attach() || !lane_gc_alloc(small) || lane_gc_collect();
		_exit(status);
	}
	waitpid(pid, &status, 0);
	*right = status == 0;
	return NULL;
}

static void test_fork(void)
{
	int right = 0;
	pthread_t t;

	start_thread(&t, fork_unattached, &right);
	pthread_join(t, NULL);
	ksft_test_result(right, "a child of a thread that is not attached attaches itself");
}

/* It dies of the first of these in any case. */
static bool debug_build(void)
{
	int status = 0, right;
	pid_t pid = fork();

	if (!pid) {
		close(STDERR_FILENO);
		gc_begin_small();
		lane_gc_detach();
		unattached(&right);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status != 0;
}

int main(int argc, char **argv)
{
	pthread_t t;
	bool early;

	if (argc > 1)
		return strcmp(argv[1], "no_memory") ? free_dead() : no_memory();
	gc_conf(argv, "gc_check:true");
	if (debug_build())
		ksft_exit_skip("debug builds die of what is refused here: refuse.c has that");
	ksft_print_header();
	ksft_set_plan(9);
	early = lane_gc_pthread_create(&t, NULL, unattached, NULL) == EAGAIN &&
		lane_gc_attach() == -EAGAIN && lane_gc_collect() == -EAGAIN;
	gc_begin_small();
	make_types();
	ksft_test_result(early, "before lane_gc_init() there is nothing: EAGAIN");
	test_unattached();
	test_sizes();
	test_size();
	test_shared();
	test_arguments();
	test_dead();
	test_fork();
	test_no_memory();
	ksft_finished();
}
