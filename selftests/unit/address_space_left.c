// SPDX-License-Identifier: MIT
/*
 * Where the address space is limited the heap takes three quarters of what is left, but never more
 * than one node's range: an address tells its home by its place. Beside two nodes, for which there
 * may be room for one range only.
 */
#include "two_nodes.h"

#include "space.h"

static u64 left;

static u64 made_up_left(void)
{
	return left;
}

static u64 no_limit(void)
{
	return ~0ULL; /* of what the start sets aside only */
}

__attribute__((constructor(101))) static void make_up(void)
{
	const char *text = getenv("LEFT");

	if (!text)
		return;
	left = strtoull(text, NULL, 0);
	two_nodes_make_up();
	os.address_space_left = made_up_left;
	os.address_space_limit = no_limit;
}

/* In a process of its own: what its heap is like. */
static int look(void)
{
	u64 want = min(ALIGN_DOWN(left / 4 * 3, HUGE_SIZE), HOME_SIZE);
	void *p = lane_malloc(100);
	bool good = p && space.nr_homes == 1 && space.home_bytes == want;

	if (!good)
		ksft_print_msg("%u homes, %#llx bytes, not %#llx", space.nr_homes,
			       (unsigned long long)space.home_bytes, (unsigned long long)want);
	lane_free(p);
	return !good;
}

int main(int argc, char **argv)
{
	static const char *const lefts[] = {"0x30000000000", "0x30000001000", "0x2b000000000",
					    "0x1900001000"};

	(void)argv;
	if (argc > 1)
		return look();
	ksft_print_header();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	ksft_exit_skip("the sanitizer has taken the room");
#endif
	ksft_set_plan(ARRAY_SIZE(lefts));
	for (unsigned int i = 0; i < ARRAY_SIZE(lefts); i++) {
		int status = -1;
		pid_t pid = fork();

		if (!pid) {
			setenv("LEFT", lefts[i], 1);
			execl("/proc/self/exe", "address_space_left", "look", NULL);
			_exit(99);
		}
		waitpid(pid, &status, 0);
		ksft_test_result(status == 0, "%s bytes are left: the heap is what fits", lefts[i]);
	}
	ksft_finished();
}
