// SPDX-License-Identifier: MIT
/*
 * While free pages are being returned to the system nobody allocates from their huge page. Where
 * there is no other memory, an allocation waits until that has ended, and does not fail beside free
 * pages.
 */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "os.h"

#define OBJECT MIB(1)
#define OBJECTS 4096
#define HELD_NS 100000000ULL /* that the system takes to return pages, at least */

static struct os_ops real;
static _Atomic bool full, armed, busy, waited;
static void *held[OBJECTS];

static int refusing_protect(void *addr, size_t len, int prot)
{
	return atomic_load(&full) && prot & PROT_WRITE ? -ENOMEM : real.protect(addr, len, prot);
}

static int slow_advise(void *addr, size_t len, int advice)
{
	if (advice == MADV_DONTNEED && atomic_exchange(&armed, false)) {
		u64 end = real.now_ns() + HELD_NS;

		atomic_store(&busy, true);
		while (real.now_ns() < end)
			usleep(1000);
		atomic_store(&waited, true);
	}
	return real.advise(addr, len, advice);
}

static void *release(void *arg)
{
	(void)arg;
	lane_release(1);
	return NULL;
}

/* All that the heap has, until it may not grow. */
static unsigned int take_all(void)
{
	unsigned int n = 0;

	for (; n < 8; n++)
		held[n] = lane_malloc(OBJECT);
	atomic_store(&full, true);
	while (n < OBJECTS && (held[n] = lane_malloc(OBJECT)) != NULL)
		n++;
	return n;
}

int main(void)
{
	unsigned int n;
	pthread_t t;
	void *p;

	lane_free(lane_malloc(1));
	real = os;
	os.protect = refusing_protect;
	os.advise = slow_advise;
	ksft_print_header();
	ksft_set_plan(3);
	n = take_all();
	ksft_test_result(n >= 8 && n < OBJECTS, "%u objects, and then no memory", n);
	memset(held[n / 2], 1, OBJECT);
	lane_free(held[n / 2]);
	held[n / 2] = NULL;
	atomic_store(&armed, true);
	start_thread(&t, release, NULL);
	while (!atomic_load(&busy))
		usleep(1000);
	p = lane_malloc(OBJECT);
	ksft_test_result(p && atomic_load(&waited),
			 "one more waits for pages that are just going back");
	pthread_join(t, NULL);
	lane_free(p);
	while (n--)
		lane_free(held[n]);
	ksft_test_result(unit_books_right() && !unit_live(), "the books are right");
	ksft_finished();
}
