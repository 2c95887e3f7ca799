// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: print LANE_CONF=stats_print:true QUICK=1
// variant: background LANE_CONF=background_thread:true QUICK=1
/*
 * exit() while other threads allocate, and allocating in constructors,
 * atexit handlers and destructors: the process ends as it was told to.
 */
#include "snapshot.h"

static struct snap snap;
static char *from_constructor;
static void *from_main[3];

__attribute__((constructor(101))) static void early(void)
{
	from_constructor = get(5000);
	if (from_constructor)
		pattern_fill(from_constructor, 5000, 1);
	put(get(MIB(1)));
}

/* Exit statuses of children: 5 asked for; anything else says what went wrong. */
static bool in_exit_child;

__attribute__((destructor(101))) static void late(void)
{
	if (!in_exit_child)
		return;
	if (!pattern_holds(from_main[0], 3000, 9))
		_exit(20);
	put(from_main[0]);
	put(get(100));
	put(get(KIB(500)));
	if (snap_read(&snap) != 0 || !snap_good(&snap))
		_exit(21);
}

static void at_exit(void)
{
	if (!in_exit_child)
		return;
	from_main[1] = opaque(realloc(from_main[1], opaque_size(MIB(2))));
	if (!from_main[1])
		_exit(22);
	put(from_main[1]);
}

static void *allocate_for_ever(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	void *p[32] = {0};

	for (;;) {
		size_t i = ksft_random(&rng) % ARRAY_SIZE(p);

		put(p[i]);
		p[i] = get(random_size(&rng) % KIB(300));
	}
	return NULL;
}

static int exits(void *arg)
{
	int n = (int)(intptr_t)arg;
	pthread_t t;

	in_exit_child = true;
	from_main[0] = get(3000);
	pattern_fill(from_main[0], 3000, 9);
	from_main[1] = get(10);
	for (int i = 0; i < 3; i++)
		start_thread(&t, allocate_for_ever, (void *)(uintptr_t)(n * 3 + i + 1));
	usleep((useconds_t)(n * 37 % 2000));
	switch (n % 3) {
	case 0:
		_exit(5);
	case 1:
		quick_exit(5);
	default:
		exit(5);
	}
}

static bool constructor_can_allocate(void)
{
	bool good = from_constructor && pattern_holds(from_constructor, 5000, 1);

	put(from_constructor);
	return good;
}

int main(void)
{
	int rounds = ksft_quick() ? 40 : 200;
	int bad = 0;

	ksft_print_header();
#ifdef SANITIZER
	ksft_exit_skip("%s does not survive fork with threads", SANITIZER);
#endif
	ksft_set_plan(2);
	atexit(at_exit);
	ksft_test_result(constructor_can_allocate(), "constructors may allocate");
	for (int i = 0; i < rounds && bad < 5; i++) {
		int status = in_child(exits, (void *)(intptr_t)i, 20);

		if (status != 5) {
			ksft_print_msg("round %d: status %d", i, status);
			bad++;
		}
	}
	ksft_test_result(bad == 0, "exit, quick_exit and _exit end the process as asked");
	ksft_finished();
}
