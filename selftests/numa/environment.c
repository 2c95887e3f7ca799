// SPDX-License-Identifier: MIT
/*
 * On a machine with several nodes Lane loads a library while the program starts.
 * The program finds its environment, its name and its other libraries' state as
 * if it had not.
 */
#include "numa.h"

static struct numa_map map;

int main(int argc, char **argv)
{
	char *const again[] = {"by another name", "again", NULL};

	(void)argv;
	numa_need(&map, 2);
	if (argc == 1) {
		setenv("LANE_TEST_MARK", "kept", 1);
		execv("/proc/self/exe", again);
		ksft_exit_fail_msg("exec: %s", strerror(errno));
	}
	ksft_print_header();
	ksft_set_plan(4);
	ksft_test_result(getenv("LANE_TEST_MARK") && !strcmp(getenv("LANE_TEST_MARK"), "kept"),
			 "getenv() finds what exec was given");
	ksft_test_result(environ && environ[0], "environ is not empty");
	ksft_test_result(!strcmp(program_invocation_name, again[0]), "the program has its name");
	ksft_test_result(system("test \"$LANE_TEST_MARK\" = kept") == 0,
			 "a child inherits the environment");
	ksft_finished();
}
