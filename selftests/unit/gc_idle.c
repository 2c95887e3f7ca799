// SPDX-License-Identifier: MIT
/* A worker sees whether its CPU would be idle without it, and so whether it may go on. */
#include "unit.h"

#include "idle.h"
#include "os.h"

#define LONG 100000000000ULL /* ns; so long no machine is busy, and no thread kept from its CPU */

static bool over;

static void *spin(void *arg)
{
	(void)arg;
	unit_pin(0);
	while (!READ_ONCE(over))
		;
	return NULL;
}

/* Whether idle_but_for_us() comes to say @what, working for @ns between the questions. */
static bool says(bool what, u64 ns)
{
	u64 end = os.now_ns() + LONG;
	struct idle idle = {0};

	while (os.now_ns() < end) {
		u64 until = os.now_ns() + ns;

		while (os.now_ns() < until)
			;
		if (idle_but_for_us(&idle) == what)
			return true;
	}
	return false;
}

/* Rests until the next question, after @n bad answers in a row. */
static u32 pause_after(u32 n)
{
	struct idle idle = {0};
	u32 rests = 0;

	while (n--)
		idle_answer(&idle, IDLE_LOST_NS);
	for (; idle.left; rests++)
		idle_but_for_us(&idle);
	return rests;
}

static bool asks_again(void)
{
	struct idle idle = {0};

	for (int i = 0; i < 100; i++)
		idle_answer(&idle, IDLE_LOST_NS);
	return idle_answer(&idle, IDLE_LOST_NS - 1) && !idle.left &&
	       !idle_answer(&idle, IDLE_LOST_NS) && idle.left == IDLE_PAUSE;
}

int main(void)
{
	pthread_t t;

	ksft_set_plan(4);
	lane_free(lane_malloc(1));
	ksft_test_result(pause_after(1) == IDLE_PAUSE && pause_after(2) == 2 * IDLE_PAUSE &&
				 pause_after(100) == IDLE_PAUSE_MOST,
			 "where the CPU is wanted it is given away more and more seldom");
	ksft_test_result(asks_again(), "a good answer makes up for all bad ones");
	unit_pin(0);
	ksft_test_result(says(true, 1000),
			 "a CPU that nobody else wants for a microsecond is idle");
	start_thread(&t, spin, NULL);
	ksft_test_result(says(false, 200000), "one that another thread wants is not");
	WRITE_ONCE(over, true);
	pthread_join(t, NULL);
	ksft_finished();
}
