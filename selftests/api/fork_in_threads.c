// SPDX-License-Identifier: MIT
// variant: no-rseq GLIBC_TUNABLES=glibc.pthread.rseq=0 QUICK=1
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cpu LANE_CONF=mode:rseq QUICK=1
// variant: cid LANE_CONF=mode:cid QUICK=1
// variant: background LANE_CONF=background_thread:true QUICK=1
// variant: prof LANE_CONF=prof_rate:1024
// variant: guard LANE_CONF=prof_rate:1024,guard_rate:3
// variant: check LANE_CONF=check:full QUICK=1
/*
 * fork() while other threads allocate: the child may allocate, free what the
 * parent had, read statistics that are exact for it, start threads and fork
 * again.
 */
#include "snapshot.h"

#define THREADS 4

static struct snap snap, walk;
static _Atomic bool stop;
static _Atomic uint64_t turns;

static void *allocate(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	void *p[64] = {0};

	while (!atomic_load(&stop)) {
		size_t i = ksft_random(&rng) % ARRAY_SIZE(p);

		put(p[i]);
		p[i] = get(random_size(&rng) % KIB(300));
		if (i == 0)
			atomic_fetch_add(&turns, 64);
		if (ksft_random(&rng) % 4096 == 0)
			lane_release(KIB(64));
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	return NULL;
}

static void *mine[200];
static size_t mine_size[200];

static void keep_mine(uint64_t *rng)
{
	for (size_t i = 0; i < ARRAY_SIZE(mine); i++) {
		mine_size[i] = random_size(rng);
		mine[i] = get(mine_size[i]);
		pattern_fill(mine[i], mine_size[i], i);
	}
}

static int check_and_free_mine(void)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(mine); i++) {
		bad += !pattern_holds(mine[i], mine_size[i], i);
		put(mine[i]);
		mine[i] = NULL;
	}
	return bad;
}

static void *child_thread(void *arg)
{
	uint64_t rng = (uintptr_t)arg;

	for (int i = 0; i < 200; i++)
		put(get(random_size(&rng) % KIB(64)));
	return NULL;
}

/* Exit status bits say what was wrong. */
enum {
	BAD_CONTENT = 1,
	BAD_BOOKS = 2,
	BAD_TRANSIT = 4,
	BAD_WALK = 8,
	BAD_COUNT = 16,
	BAD_FORK = 32
};

/* Two reads with @n objects more and less between them. */
static int count_in_child(int n)
{
	uint64_t mallocs, frees;
	void *p[128];

	snap_read(&snap);
	mallocs = snap.st.mallocs;
	frees = snap.st.frees;
	for (int i = 0; i < n; i++)
		p[i] = get((size_t)i * 50);
	for (int i = 0; i < n; i++)
		put(p[i]);
	snap_read(&snap);
	return snap.st.mallocs == mallocs + n && snap.st.frees == frees + n ? 0 : BAD_COUNT;
}

static int child(void *arg)
{
	int depth = (int)(intptr_t)arg;
	pthread_t t;
	int bad = 0;

	if (snap_read(&snap) != 0 || !snap_good(&snap))
		bad |= BAD_BOOKS;
	if (snap.st.in_transit != 0)
		bad |= BAD_TRANSIT;
	if (snap_walk(&walk) != 0 || walk.st.live_objects != snap.st.live_objects ||
	    walk.st.in_use != snap.st.in_use || walk.st.cpu_cached != snap.st.cpu_cached ||
	    walk.st.mapped != snap.st.mapped)
		bad |= BAD_WALK;
	bad |= count_in_child(100);
	if (depth > 0) {
		int status = in_child(child, (void *)(intptr_t)(depth - 1), 20);

		bad |= status < 0 ? BAD_FORK : status;
	}
	if (pthread_create(&t, NULL, child_thread, (void *)7) != 0)
		bad |= BAD_FORK;
	else
		pthread_join(t, NULL);
	if (check_and_free_mine())
		bad |= BAD_CONTENT;
	lane_release(SIZE_MAX);
	snap_read(&snap);
	if (!snap_good(&snap))
		bad |= BAD_BOOKS;
	return bad;
}

/* popen and system fork by themselves (vfork-like): the parent must go on. */
static bool helpers_work(void)
{
	char line[32] = "";
	FILE *f = popen("echo hello", "r");
	bool good = f && fgets(line, sizeof(line), f) && strcmp(line, "hello\n") == 0;

	if (f)
		good &= pclose(f) == 0;
	return good && system("exit 3") == 3 << 8;
}

int main(void)
{
	int forks = ksft_quick() ? 30 : 200;
	pthread_t t[THREADS];
	uint64_t rng;
	int worst = 0;

	ksft_print_header();
#ifdef SANITIZER
	ksft_exit_skip("%s's own allocator does not survive fork with threads", SANITIZER);
#endif
	ksft_set_plan(5);
	rng = ksft_seed() | 1;
	keep_mine(&rng);
	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], allocate, (void *)(uintptr_t)(ksft_random(&rng) | 1));
	for (int i = 0; i < forks && worst == 0; i++) {
		int status = in_child(child, (void *)(intptr_t)(i % 3), 30);

		worst |= status < 0 ? 64 : status;
		if (i % 50 == 49)
			ksft_print_msg("%d forks", i + 1);
	}
	if (worst)
		ksft_print_msg(
			"faults %#x: 1 content 2 books 4 in_transit 8 walk 16 counts 32 fork "
			"64 died or hung",
			(unsigned int)worst);
	ksft_test_result((worst & (64 | BAD_FORK)) == 0, "no child dies or hangs");
	ksft_test_result((worst & BAD_CONTENT) == 0, "children find the parent's objects intact");
	ksft_test_result((worst & ~(64 | BAD_FORK | BAD_CONTENT)) == 0,
			 "books are exact in the child and in_transit is 0");
	ksft_test_result(helpers_work(), "popen and system work while threads allocate");
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	snap_read(&snap);
	ksft_test_result(check_and_free_mine() == 0 && snap_good(&snap), "the parent is unharmed");
	ksft_finished();
}
