// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * A signal interrupts a thread in the middle of a slow path, where it may hold
 * any of Lane's locks, and the handler allocates, resizes, frees its own objects
 * and those of others. Nothing deadlocks, what it gets is good memory, and all
 * is counted. The signal is raised from within a system call of the slow path.
 */
#include "unit.h"

#include <sys/mman.h>

#include "os.h"
#include "slow_path.h"

#define MOST 5000 /* signals */
#define KEPT 100  /* objects that a handler makes and others free */

static struct os_ops real_os;
/* raise() is taken for a leaf, so what its handler reads or writes must be atomic. */
static _Atomic bool raising;
static _Atomic uint64_t raised, mallocs, frees, broken;
static void *kept[KEPT];
static _Atomic int nr_kept;

static void *checked(void *p, size_t size)
{
	if (!p) {
		atomic_fetch_add(&broken, 1);
		return NULL;
	}
	atomic_fetch_add(&mallocs, 1);
	pattern_fill(p, size, size);
	return p;
}

static void give_back(void *p, size_t size)
{
	if (!p)
		return;
	if (!pattern_holds(p, size, size))
		atomic_fetch_add(&broken, 1);
	lane_free(p);
	atomic_fetch_add(&frees, 1);
}

static void on_signal(int sig)
{
	int saved_errno = errno;
	void *small = checked(lane_malloc(40), 40),
	     *large = checked(lane_malloc(KIB(100)), KIB(100));
	void *zero = lane_calloc(3, 1000),
	     *aligned = checked(lane_aligned_alloc(KIB(64), 100), 100);

	(void)sig;
	broken += !zero || !all_zero(zero, 3000) || (uintptr_t)aligned % KIB(64) ||
		  lane_malloc_usable_size(small) < 40;
	mallocs++;
	/* Grow it: moved, the old one freed. */
	small = lane_realloc(small, 9000);
	mallocs++;
	frees++;
	broken += !small || !pattern_holds(small, 40, 40);
	lane_free(small);
	lane_free(zero);
	frees += 2;
	give_back(large, KIB(100));
	give_back(aligned, 100);
	if (nr_kept < KEPT)
		kept[nr_kept++] = checked(lane_malloc(500), 500);
	raised++;
	errno = saved_errno;
}

/* Signals at once, before and after the call: the slow path has its locks. */
static void raise_around(void)
{
	if (!raising || raised >= MOST)
		return;
	raising = false;
	raise(SIGUSR1);
	raising = true;
}

static void *raising_map(size_t len, int prot)
{
	raise_around();
	return real_os.map(len, prot);
}

static int raising_protect(void *addr, size_t len, int prot)
{
	int ret = real_os.protect(addr, len, prot);

	raise_around();
	return ret;
}

static int raising_advise(void *addr, size_t len, int advice)
{
	int ret = real_os.advise(addr, len, advice);

	raise_around();
	return ret;
}

static int raising_membarrier(int cmd)
{
	raise_around();
	return real_os.membarrier(cmd);
}

static u64 raising_now_ms(void)
{
	raise_around();
	return real_os.now_ms();
}

static void install(void)
{
	real_os = os;
	os.map = raising_map;
	os.protect = raising_protect;
	os.advise = raising_advise;
	os.membarrier = raising_membarrier;
	os.now_ms = raising_now_ms;
}

/* Everything that leads into slow paths. */
static void work(uint64_t *rng)
{
	static struct {
		void *p;
		size_t size;
	} held[2000];

	for (int i = 0; i < 40000; i++) {
		uint64_t r = ksft_random(rng);
		size_t slot = r % ARRAY_SIZE(held);

		give_back(held[slot].p, held[slot].size);
		held[slot].size = r % 50 ? 1 + (r >> 20) % 3000 : KIB(40) + (r >> 20) % MIB(1);
		held[slot].p = checked(lane_malloc(held[slot].size), held[slot].size);
		if (r % 4000 == 1)
			lane_release(SIZE_MAX);
		if (raised && i % 8 == 0 && nr_kept)
			give_back(kept[--nr_kept], 500);
	}
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		give_back(held[i].p, held[i].size);
	memset(held, 0, sizeof(held));
}

/* In a slow path by hand: many objects at once, and one of each other kind to free. */
static bool by_hand(void)
{
	void *small = checked(lane_malloc(300), 300), *large = checked(lane_malloc(MIB(1)), MIB(1));
	void *many[300];
	int n = 0;

	if (!slow_enter())
		return false;
	while (n < 300 && (many[n] = lane_malloc(100)))
		n++;
	errno = 0;
	broken += n < 100 || n == 300;
	for (int i = 0; i < n; i++)
		lane_free(many[i]);
	mallocs += (u64)n;
	frees += (u64)n;
	give_back(small, 300);
	give_back(large, MIB(1));
	slow_exit();
	return true;
}

int main(void)
{
	static struct snap snap;
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(5);
	rng = ksft_seed() | 1;
	signal(SIGUSR1, on_signal);
	install();
	raising = true;
	work(&rng);
	raising = false;
	while (nr_kept)
		give_back(kept[--nr_kept], 500);
	ksft_print_msg("%llu signals in slow paths", (unsigned long long)raised);
	ksft_test_result(raised > 100, "handlers ran inside slow paths");
	ksft_test_result(broken == 0, "what they got is good memory");
	snap_read(&snap);
	ksft_print_msg("%llu mallocs, %llu frees; counted %llu, %llu", (unsigned long long)mallocs,
		       (unsigned long long)frees, (unsigned long long)snap.st.mallocs,
		       (unsigned long long)snap.st.frees);
	ksft_test_result(snap.st.mallocs == mallocs && snap.st.frees == frees && unit_live() == 0 &&
				 unit_books_right(),
			 "all is counted, nothing is left");
	ksft_test_result(by_hand() && broken == 0, "more than there is room for gives NULL");
	snap_read(&snap);
	ksft_test_result(snap.st.mallocs == mallocs && snap.st.frees == frees && unit_live() == 0 &&
				 unit_books_right(),
			 "all is counted, nothing is left");
	ksft_finished();
}
