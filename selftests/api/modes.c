// SPDX-License-Identifier: MIT
/*
 * The mode is what was asked for where the system can do it, else lock; the
 * statistics say which and why.
 */
#include "rerun.h"

#include <linux/membarrier.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

extern const unsigned int __rseq_size __attribute__((weak));

static struct rerun r;

static bool run_with(const char *conf, const char *tunables)
{
	char env_conf[128], env_tunables[128];
	const char *const list[] = {env_conf, env_tunables, NULL};
	char *const argv[] = {"/proc/self/exe", "report", NULL};

	snprintf(env_conf, sizeof(env_conf), conf ? "LANE_CONF=%s" : "LANE_CONF", conf);
	snprintf(env_tunables, sizeof(env_tunables),
		 tunables ? "GLIBC_TUNABLES=%s" : "GLIBC_TUNABLES", tunables);
	rerun(&r, argv, list);
	ksft_print_msg("%s %s: mode %u, %.100s", conf ? conf : "default", tunables ? tunables : "",
		       reported_mode(&r), reported_reason(&r));
	return rerun_ended(&r) && rerun_was_silent(&r);
}

/* What the system of a child has, by its own account: the surroundings may refuse it. */
static void report_system(void)
{
	long fence = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
	bool rseq = &__rseq_size && __rseq_size > 0 && fence > 0 &&
		    (fence & MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);

	ksft_line("system rseq %d cid %d", rseq, rseq && getauxval(AT_RSEQ_FEATURE_SIZE) >= 28);
}

static bool have_rseq(void)
{
	return strstr(r.out, "\nsystem rseq 1");
}

static bool have_cid(void)
{
	return strstr(r.out, "\nsystem rseq 1 cid 1");
}

static bool lock_is_said(void)
{
	return reported_mode(&r) == LANE_MODE_LOCK && strstr(r.out, "\nmode lock\n");
}

int main(int argc, char **argv)
{
	bool ran;

	if (argc > 1 && strcmp(argv[1], "report") == 0) {
		report_mode();
		report_system();
		return 0;
	}
	ksft_print_header();
	if (built_without_rseq())
		ksft_exit_skip("the library is built without restartable sequences");
	ksft_set_plan(6);
	ran = run_with(NULL, NULL);
	if (have_rseq())
		ksft_test_result(ran && reported_mode(&r) != LANE_MODE_LOCK,
				 "restartable sequences are used where they are there");
	else
		ksft_test_result(ran && lock_is_said() && strstr(reported_reason(&r), "rseq"),
				 "without restartable sequences the mode is lock");

	ran = run_with("mode:rseq", NULL);
	if (have_rseq())
		ksft_test_result(ran && reported_mode(&r) == LANE_MODE_RSEQ_CPU,
				 "mode:rseq gives caches by cpu_id");
	else
		ksft_test_result_skip("no rseq on this system");

	ran = run_with("mode:cid", NULL);
	if (have_cid())
		ksft_test_result(ran && reported_mode(&r) == LANE_MODE_RSEQ_CID,
				 "mode:cid gives caches by mm_cid");
	else
		ksft_test_result(ran && reported_mode(&r) != LANE_MODE_RSEQ_CID &&
					 reported_reason(&r)[0] > ' ',
				 "mode:cid without mm_cid: another mode, and why");

	ran = run_with("mode:lock", NULL);
	ksft_test_result(ran && lock_is_said() && reported_reason(&r)[0] > ' ',
			 "mode:lock gives lock and a reason");

	ran = run_with(NULL, "glibc.pthread.rseq=0");
	ksft_test_result(ran && lock_is_said() && strstr(reported_reason(&r), "rseq"),
			 "rseq switched off in glibc: lock, and the reason names rseq");
	ran = run_with("mode:rseq", "glibc.pthread.rseq=0");
	ksft_test_result(ran && lock_is_said() && strstr(reported_reason(&r), "rseq"),
			 "mode:rseq with rseq switched off: lock, and the reason names rseq");
	ksft_finished();
}
