// SPDX-License-Identifier: MIT
/*
 * Where a seccomp filter refuses membarrier, the mode is lock and the reason
 * names membarrier. With arguments this is the filter's wrapper: it runs the
 * command that they give (the runner's variant refuse-membarrier).
 */
#include "filter.h"
#include "rerun.h"

static struct rerun r;

static int refuse(unsigned int error)
{
	const int nr = SYS_membarrier;

	if (filter_calls(&nr, 1, SECCOMP_RET_ERRNO | error) == 0)
		return 0;
	fprintf(stderr, "membarrier_refused: seccomp: %s\n", strerror(errno));
	return -1;
}

static bool lock_when(const char *how)
{
	char *const argv[] = {"/proc/self/exe", (char *)(uintptr_t)how, "/proc/self/exe", "report",
			      NULL};
	const char *const env[] = {"LANE_CONF", "GLIBC_TUNABLES", NULL};

	rerun(&r, argv, env);
	ksft_print_msg("mode %u, %.100s", reported_mode(&r), reported_reason(&r));
	return rerun_ended(&r) && reported_mode(&r) == LANE_MODE_LOCK &&
	       strstr(r.out, "\nmode lock\n") && strstr(reported_reason(&r), "membarrier") &&
	       r.err[0] == 0;
}

int main(int argc, char **argv)
{
	unsigned int error = EPERM;

	if (argc > 1 && strcmp(argv[1], "report") == 0) {
		report_mode();
		return 0;
	}
	if (argc > 2 && (strcmp(argv[1], "ENOSYS") == 0 || strcmp(argv[1], "EPERM") == 0)) {
		error = argv[1][1] == 'N' ? ENOSYS : EPERM;
		argv++;
	}
	if (argc > 1) {
		if (refuse(error) != 0)
			return 2;
		execvp(argv[1], argv + 1);
		fprintf(stderr, "membarrier_refused: %s: %s\n", argv[1], strerror(errno));
		return 127;
	}
	ksft_print_header();
	if (built_without_rseq())
		ksft_exit_skip("the library is built without restartable sequences");
	ksft_set_plan(2);
	ksft_test_result(lock_when("EPERM"), "membarrier refused (EPERM): mode lock, and why");
	ksft_test_result(lock_when("ENOSYS"), "membarrier unknown (ENOSYS): mode lock, and why");
	ksft_finished();
}
