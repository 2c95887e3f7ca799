// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * The collected heap with each of its system calls failing in turn (faults.h): what it returns is
 * documented, a start is made good by another one, nothing that is reachable is lost, and the next
 * cycle collects.
 */
#include "faults.h"

#include <lane/lane_gc.h>

#include "fence.h"
#include "gc.h"

#define CHAIN 300 /* objects of a list that must stay */

struct node {
	struct node *next;
	uint64_t mark;
};

static const struct lane_gc_type *node_type;
static struct node *root;
static int finalized;

static int make_type(void)
{
	static const uint64_t bits[] = {1};
	struct lane_gc_layout l = {.sz = sizeof(l),
				   .name = "node",
				   .size = sizeof(struct node),
				   .bitmap = bits,
				   .bitmap_bits = 1};

	return lane_gc_type_create(&l, &node_type);
}

/* The list is whole, and a cycle finds nothing wrong. */
static void look(void)
{
	uint64_t n = 0;
	int err;

	for (struct node *p = root; p; p = p->next)
		n += p->mark == 4711;
	if (root && n != CHAIN)
		fault_wrong("%llu objects of %d are left", (unsigned long long)n, CHAIN);
	err = gc.ready ? lane_gc_verify() : 0;
	if (err)
		fault_wrong("a cycle afterwards finds %d", err);
}

static int grow_list(void)
{
	struct node *list = NULL;

	for (int i = 0; i < CHAIN; i++) {
		struct node *p = lane_gc_alloc(node_type);

		if (!p)
			return -errno;
		p->mark = 4711;
		lane_gc_write(&p->next, list);
		list = p;
	}
	lane_gc_write(&root, list);
	return 0;
}

static int begin(void)
{
	int err = lane_gc_init(NULL);

	if (!err)
		err = lane_gc_attach();
	if (!err)
		err = lane_gc_add_roots(&root, sizeof(root));
	if (!err)
		err = make_type();
	if (!err)
		err = grow_list();
	return err ? err : lane_gc_collect();
}

static int run_init(void)
{
	int err = lane_gc_init(NULL);

	return err == -EALREADY && !READ_ONCE(os_fail_at) ? 0 : err;
}

/* It works as a whole, threads and all. */
static void use(void)
{
	if (lane_gc_attach() || !lane_gc_alloc_conservative(100) || lane_gc_collect())
		fault_wrong("the collected heap cannot be used after its start");
	look();
}

static int run_attach(void)
{
	int err = lane_gc_attach();

	return err ? err : lane_gc_detach();
}

static int only_init(void)
{
	return lane_gc_init(NULL);
}

static void *in_thread(void *arg)
{
	struct node *p = arg;

	if (!gc_self || lane_gc_base(p) != p || p->mark != 42)
		fault_wrong("a thread begins without its argument");
	return NULL;
}

static int run_thread(void)
{
	struct node *p = lane_gc_alloc(node_type);
	pthread_t t;
	int err;

	if (!p)
		return -ENOMEM;
	p->mark = 42;
	err = lane_gc_pthread_create(&t, NULL, in_thread, p);
	if (!err)
		pthread_join(t, NULL);
	return -err;
}

/* Each size up to @most; what comes out is zero. */
static int alloc_all(void *(*alloc)(size_t size), size_t most)
{
	static const size_t sizes[] = {8, 24, 100, 1000, 9000, 30000, KIB(100), MIB(1), MIB(40)};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes) && sizes[i] <= most; i++) {
		void *p;

		errno = 0;
		p = alloc(sizes[i]);
		if (!p)
			err = err ? err : -errno;
		else if (!all_zero(p, min(sizes[i], KIB(100))))
			fault_wrong("an object of %zu bytes is not zero", sizes[i]);
	}
	return err;
}

static void *typed(size_t size)
{
	return lane_gc_alloc_array(node_type, DIV_ROUND_UP(size, sizeof(struct node)));
}

static int run_alloc(void)
{
	struct node *p;

	errno = 0;
	p = lane_gc_alloc(node_type);
	return p ? 0 : -errno;
}

static int run_array(void)
{
	return alloc_all(typed, MIB(1));
}

static int run_conservative(void)
{
	return alloc_all(lane_gc_alloc_conservative, MIB(1));
}

static int run_noscan(void)
{
	/* What is scanned is not that large: it takes long to verify. */
	return alloc_all(lane_gc_alloc_noscan, MIB(40));
}

static int run_free(void)
{
	void *p = lane_gc_alloc_conservative(KIB(500)), *small = lane_gc_alloc_conservative(50);
	int err = p && small ? 0 : -ENOMEM;

	if ((small && lane_gc_free(small)) || (p && lane_gc_free(p)))
		fault_wrong("lane_gc_free fails");
	return err;
}

static int run_types(void)
{
	int err = 0;

	for (int i = 0; i < 3 && !err; i++)
		err = make_type();
	return err;
}

static struct node *more_roots[20];

static int run_roots(void)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(more_roots) && !err; i++)
		err = lane_gc_add_roots(&more_roots[i], sizeof(void *));
	for (size_t i = 0; i < ARRAY_SIZE(more_roots); i++) {
		if (lane_gc_remove_roots(&more_roots[i]) && !err)
			fault_wrong("a range is lost");
	}
	return err;
}

#define HANDLES 600

static int run_handles(void)
{
	static struct lane_gc_handle *h[HANDLES];
	int err = 0, n = 0;

	for (; n < HANDLES && !err; n += !err) {
		errno = 0;
		h[n] = lane_gc_handle_create(root);
		err = h[n] ? 0 : -errno;
	}
	while (n--) {
		if (lane_gc_handle_get(h[n]) != root)
			fault_wrong("a handle has lost its object");
		lane_gc_handle_destroy(h[n]);
	}
	return err;
}

static int run_weak(void)
{
	static struct lane_gc_weak *w[HANDLES];
	int err = 0, n = 0;

	for (; n < HANDLES && !err; n += !err) {
		errno = 0;
		w[n] = lane_gc_weak_create(root);
		err = w[n] ? 0 : -errno;
	}
	while (n--) {
		if (lane_gc_weak_get(w[n]) != root)
			fault_wrong("a weak reference has lost its object");
		lane_gc_weak_destroy(w[n]);
	}
	return err;
}

static void count_finalized(void *obj, void *arg)
{
	(void)obj, (void)arg;
	__atomic_add_fetch(&finalized, 1, __ATOMIC_SEQ_CST);
}

/* Set and taken back, so often that the table grows. */
static int run_finalizers(void)
{
	static struct lane_gc_handle *keep[1200];
	int err = 0, n = 0;

	for (; n < (int)ARRAY_SIZE(keep) && !err; n += !err) {
		void *p;

		errno = 0;
		p = lane_gc_alloc_noscan(16);
		keep[n] = p ? lane_gc_handle_create(p) : NULL;
		err = !keep[n] ? -errno : lane_gc_set_finalizer(p, count_finalized, NULL);
		if (err)
			lane_gc_handle_destroy(keep[n]);
	}
	while (n--) {
		if (lane_gc_set_finalizer(lane_gc_handle_get(keep[n]), NULL, NULL))
			fault_wrong("a finalizer is lost");
		lane_gc_handle_destroy(keep[n]);
	}
	return err;
}

static int run_collect(void)
{
	return lane_gc_collect();
}

static int run_verify(void)
{
	return lane_gc_verify();
}

/* A stack deeper than the buffer that it is copied to. */
static int deep(int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	return n ? deep(n - 1) + frame[0] * 0 : lane_gc_collect();
}

static int run_deep(void)
{
	return deep(200);
}

static int refuse_all(int cmd)
{
	(void)cmd;
	return -EPERM;
}

/*
 * A filter that was installed since the start: nothing is collected, who asks is told, the program
 * goes on; and where it is allowed again so are cycles.
 */
static int run_refused(void)
{
	int err;

	os.membarrier = refuse_all;
	err = lane_gc_collect();
	if (err != (lanes_locked() ? 0 : -EPERM) || gc.failed != !lanes_locked() || gc.marking)
		fault_wrong("a cycle without membarrier: %d", err);
	for (int i = 0; i < 20000; i++) {
		void **p = lane_gc_alloc_conservative(1000);

		if (p)
			lane_gc_write(p, p);
	}
	os.membarrier = failing_membarrier;
	return lane_gc_collect();
}

static int run_settings(void)
{
	int percent = lane_gc_set_percent(50);
	uint64_t limit = lane_gc_set_memory_limit(MIB(64));

	if (lane_gc_set_percent(percent) != 50 || lane_gc_set_memory_limit(limit) != MIB(64))
		fault_wrong("a setting is not what it was set to");
	return 0;
}

static int run_stats(void)
{
	struct lane_gc_stats st = {.sz = sizeof(st)};
	int err = lane_gc_stats_read(&st);

	if (!err && (st.allocated - st.freed != st.live || st.live_objects < CHAIN))
		fault_wrong("the statistics of the collected heap");
	return err;
}

/* The child collects, or says why not, and goes on. */
static int run_fork(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		int err = lane_gc_collect();

		if (err && err != -EAGAIN && err != -EPERM)
			_exit(1);
		for (int i = 0; i < 2000; i++) {
			void **p = lane_gc_alloc_conservative(1000);

			if (p)
				lane_gc_write(p, p);
		}
		failures_end();
		look();
		_exit(fault_report->why[0] ? 2 : lane_gc_collect() ? 3 : 0);
	}
	waitpid(pid, &status, 0);
	return status ? -ECHILD : 0;
}

static const struct fault_op ops[] = {
	{"lane_gc_init", run_init, use, NULL, FAULT_WAITS, {ENOMEM, EAGAIN, EPERM, EINVAL}},
	{"finalizers", run_finalizers, look, begin, FAULT_WAITS, {ENOMEM}},
	/* While no thread can be sent a signal a cycle does not end. */
	{"lane_gc_collect", run_collect, look, begin, FAULT_WAITS | FAULT_ONCE, {EPERM}},
	{"lane_gc_attach", run_attach, NULL, only_init, FAULT_WAITS, {ENOMEM}},
	{"lane_gc_pthread_create", run_thread, look, begin, FAULT_WAITS, {EAGAIN, EPERM, ENOMEM}},
	{"lane_gc_alloc", run_alloc, look, begin, FAULT_WAITS, {ENOMEM}},
	{"lane_gc_alloc_array", run_array, look, begin, FAULT_WAITS, {ENOMEM}},
	{"lane_gc_alloc_conservative", run_conservative, look, begin, FAULT_WAITS, {ENOMEM}},
	{"lane_gc_alloc_noscan", run_noscan, look, begin, FAULT_WAITS, {ENOMEM}},
	{"lane_gc_free", run_free, look, begin, FAULT_WAITS, {ENOMEM}},
	{"lane_gc_type_create", run_types, look, begin, FAULT_WAITS, {ENOMEM}},
	{"root ranges", run_roots, look, begin, FAULT_WAITS, {ENOMEM}},
	{"handles", run_handles, look, begin, FAULT_WAITS, {ENOMEM}},
	{"weak references", run_weak, look, begin, FAULT_WAITS, {ENOMEM}},
	{"lane_gc_collect of a deep stack",
	 run_deep,
	 look,
	 begin,
	 FAULT_WAITS | FAULT_ONCE,
	 {EPERM}},
	{"lane_gc_verify", run_verify, look, begin, FAULT_WAITS | FAULT_ONCE, {EPERM}},
	{"membarrier is refused since the start",
	 run_refused,
	 look,
	 begin,
	 FAULT_WAITS | FAULT_ONCE,
	 {EPERM}},
	{"settings", run_settings, look, begin, FAULT_WAITS, {0}},
	{"lane_gc_stats_read", run_stats, look, begin, FAULT_WAITS, {0}},
	{"fork", run_fork, look, begin, FAULT_WAITS | FAULT_ONCE, {0}},
};

int main(void)
{
	unit_no_background();
	ksft_print_header();
#ifdef __SANITIZE_THREAD__
	/*
	 * It holds signals back from a thread that is in a call which it does not know, and a cycle
	 * waits for each thread's answer.
	 */
	ksft_exit_skip("the sanitizer holds back the signals that a cycle waits for");
#endif
	FAULT_TESTS(ops, 0);
}
