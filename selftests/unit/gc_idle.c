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
	u64 switches = 0, end = os.now_ns() + LONG;

	idle_but_for_us(&switches);
	while (os.now_ns() < end) {
		u64 until = os.now_ns() + ns;

		while (os.now_ns() < until)
			;
		if (idle_but_for_us(&switches) == what)
			return true;
	}
	return false;
}

int main(void)
{
	pthread_t t;

	ksft_set_plan(2);
	lane_free(lane_malloc(1));
	unit_pin(0);
	ksft_test_result(says(true, 1000),
			 "a CPU that nobody else wants for a microsecond is idle");
	start_thread(&t, spin, NULL);
	ksft_test_result(says(false, 200000), "one that another thread wants is not");
	WRITE_ONCE(over, true);
	pthread_join(t, NULL);
	ksft_finished();
}
