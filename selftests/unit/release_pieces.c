// SPDX-License-Identifier: MIT
/*
 * Free memory that lies in small runs takes a system call each to be returned. A thread of a busy
 * process that allocates does a few of them each time, and they are all done in the end; one of a
 * quiet process does them at once; and what the system does not take is not asked for again
 * and again.
 */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "conf.h"
#include "lanes.h"
#include "node_heap.h"
#include "os.h"
#include "page_heap.h"
#include "release.h"
#include "size_class.h"
#include "slow_path.h"

#define OBJECT (SMALL_MAX + 1) /* has its own pages */
#define OBJECTS 2000
#define LARGE MIB(1)
#define CALL_NS 10000u /* that a call takes, as Lane sees it */
#define DELAY_MS 2000u

static void *objs[OBJECTS];
static u64 now_ns, calls;
static bool refuse;

static u64 made_up_ns(void)
{
	return now_ns;
}

static u64 made_up_ms(void)
{
	return now_ns / 1000000;
}

static int advise(void *addr, size_t len, int advice)
{
	now_ns += CALL_NS;
	calls++;
	return refuse ? -EINVAL : madvise(addr, len, advice) ? -errno : 0;
}

static u64 backed_free(void)
{
	u64 bytes = 0;

	for (u32 h = 0; h < homes_made(); h++) {
		struct page_heap *ph = &node_heaps[h]->pages;

		spin_lock(&ph->lock);
		bytes += page_heap_backed_free(ph);
		spin_unlock(&ph->lock);
	}
	return bytes;
}

/* Every second object is freed, and so lies between two that stay. */
static void leave_gaps(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		objs[i] = lane_malloc(OBJECT);
		*(char *)objs[i] = 1;
	}
	for (int i = 0; i < OBJECTS; i += 2)
		lane_free(objs[i]);
	slow_enter_always();
	release_caches();
	slow_exit();
}

static void free_others(void)
{
	for (int i = 1; i < OBJECTS; i += 2)
		lane_free(objs[i]);
}

/* One large object, each of which looks at the clock. Returns the calls that it made. */
static u64 one(u64 ms_later)
{
	u64 before;

	now_ns += ms_later * 1000000;
	before = calls;
	lane_free(lane_malloc(LARGE));
	return calls - before;
}

/* Of so many small mallocs in less than a tick, how many look at the clock. */
static u64 led_astray(u64 mallocs)
{
	u64 n = 0;

	for (u64 i = 0; i < mallocs; i++) {
		now_ns += 1000000 * 80 / mallocs;
		n += !READ_ONCE(hot.small_limit);
		lane_free(lane_malloc(64));
	}
	return n;
}

int main(void)
{
	u64 most = 0, led, start, looks = 0, first, gone;

	conf.release_slack = MIB(2000); /* by time alone */
	conf.release_delay_ms = DELAY_MS;
	os.advise = advise;
	os.now_ns = made_up_ns;
	os.now_ms = made_up_ms;
	now_ns = 1000000000000;
	ksft_print_header();
	ksft_set_plan(7);

	leave_gaps();
	one(1000);
	start = backed_free();
	one(100);
	led = led_astray(50000);
	if (lanes_locked())
		ksft_test_result_skip("all mallocs take the slow path in lock mode");
	else
		ksft_test_result(led > 100 && led <= 10000,
				 "%llu mallocs look at the clock for it between two ticks",
				 (unsigned long long)led);
	for (; looks < 20 * DELAY_MS && backed_free() > MIB(2); looks++)
		most = max(most, one(1));
	ksft_print_msg("%llu MiB free before, %llu after %llu ms", (unsigned long long)start >> 20,
		       (unsigned long long)backed_free() >> 20, (unsigned long long)looks);
	/* An eighth of a ms by the malloc, as much by the free, and what is begun in time. */
	ksft_test_result(start > MIB(20) && most > 1 && most <= 2 * (1000000 / 8 / CALL_NS + 2),
			 "a busy process makes no more than %llu calls at a time",
			 (unsigned long long)most);
	ksft_test_result(backed_free() <= MIB(2), "and all goes within 20 delays");
	free_others();

	leave_gaps();
	one(10 * DELAY_MS);
	start = backed_free();
	first = one(10 * DELAY_MS);
	gone = start - min(start, backed_free());
	ksft_print_msg("%llu calls, %llu of %llu MiB", (unsigned long long)first,
		       (unsigned long long)gone >> 20, (unsigned long long)start >> 20);
	ksft_test_result(first > 100 && backed_free() <= MIB(2),
			 "a quiet process makes them all at once");
	free_others();

	leave_gaps();
	one(10 * DELAY_MS);
	refuse = true;
	start = calls;
	for (looks = 0; looks < DELAY_MS; looks++)
		one(1);
	ksft_print_msg("%llu calls that fail in %llu ms", (unsigned long long)(calls - start),
		       (unsigned long long)looks);
	/* A piece of one each tick, and those that would make huge pages of split ones. */
	ksft_test_result(calls - start <= 32 * (DELAY_MS / 100),
			 "what is refused is asked for at ticks only");
	refuse = false;
	for (looks = 0; looks < 20 * DELAY_MS && backed_free() > MIB(2); looks++)
		one(1);
	ksft_test_result(backed_free() <= MIB(2), "and goes when it is not refused any more");
	free_others();
	ksft_test_result(unit_books_right(), "the books are right");
	ksft_finished();
}
