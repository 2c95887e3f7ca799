// SPDX-License-Identifier: MIT
/*
 * The trial that Lane makes on kernels that may not restart preempted sections:
 * it finds that this kernel does, and that nobody does where the thread spins in
 * an area that the kernel does not know. Then, and where the trial cannot be
 * made, malloc works in lock mode and mode_reason says why.
 */
#include "unit.h"

#include "lanes.h"
#include "os.h"
#include "rseq_abi.h"
#include "rseq_ops.h"
#include "rseq_restart.h"
#include "topology.h"

#define TRIALS 20

static const struct {
	const char *release;
	bool suspect;
} releases[] = {
	{"6.1.0-56-cloud-arm64", false},
	{"6.18.44", false},
	{"6.19.0", true},
	{"6.19.0-rc1+", true},
	{"6.20.1", true},
	{"7.0.0", true},
	{"7.0.12-generic", true},
	{"7.1.0", false},
	{"7.10.3", false},
	{"70.0.1", false},
	{"5.19.17", false},
	{"10.0", false},
	{"6", false},
	{"", false},
	{"next", false},
};

static bool suspects(void)
{
	bool right = true;

	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		if (rseq_restart_suspect(releases[i].release) == releases[i].suspect)
			continue;
		ksft_print_msg("wrong about '%s'", releases[i].release);
		right = false;
	}
	return right;
}

/* The number of TRIALS that end with @result. */
static int trials(enum rseq_restart result)
{
	s64 area = rseq_area_find().offset;
	u64 *cs = (u64 *)((char *)__builtin_thread_pointer() + area + RSEQ_OFF_CS);
	int n = 0;

	/* The kernel may not have noticed yet that an earlier trial is over. */
	if (rseq_restart_test.unregistered)
		WRITE_ONCE(*cs, 0);
	for (int i = 0; i < TRIALS; i++)
		n += rseq_restart_try(area) == result;
	return n;
}

static bool leaves_nothing_behind(void)
{
	sigset_t before = {0}, after = {0};
	cpu_set_t cpus = {0}, cpus_after = {0};

	sigprocmask(SIG_SETMASK, NULL, &before);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	errno = 77;
	if (trials(RSEQ_RESTARTS) != TRIALS || errno != 77) {
		ksft_print_msg("errno %d", errno);
		return false;
	}
	sigprocmask(SIG_SETMASK, NULL, &after);
	sched_getaffinity(0, sizeof(cpus_after), &cpus_after);
	return !memcmp(&before, &after, sizeof(before)) && CPU_EQUAL(&cpus, &cpus_after) &&
	       waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD;
}

/* Lane has not started yet: it starts under the hook that the name says. */
static int refuse_beside(int (*fn)(void *), void *arg, void *stack)
{
	(void)fn, (void)arg, (void)stack;
	return -EAGAIN;
}

__attribute__((constructor(101))) static void set_hook(void)
{
	const char *how = getenv("RESTART");

	rseq_restart_test.suspect = how != NULL;
	rseq_restart_test.unregistered = how && !strcmp(how, "not");
	if (how && !strcmp(how, "unseen"))
		os.beside = refuse_beside;
}

/* In a program started anew: malloc works, and the mode is what it should be. */
static int started(void *arg)
{
	setenv("RESTART", arg, 1);
	execl("/proc/self/exe", "rseq_restart", arg, NULL);
	return 99;
}

static int report(const char *how)
{
	static const char not [] =
		"the kernel does not restart preempted sections (arm64, Linux 6.19 to 7.0)";
	static const char unseen[] =
		"it could not be seen whether the kernel restarts preempted sections";
	bool lock = strcmp(how, "yes") != 0;
	void *p[200];

	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = lane_malloc(i * 20);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		lane_free(p[i]);
	ksft_print_msg("%s: mode %u, %s", how, mode, topology.mode_reason);
	if (!unit_books_right() || unit_live() || (mode == LANE_MODE_LOCK) != lock)
		return 1;
	return lock && strcmp(topology.mode_reason, !strcmp(how, "not") ? not : unseen) != 0;
}

static int no_cpus(void *mask, size_t len)
{
	(void)mask, (void)len;
	return -EPERM;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return report(argv[1]);
	ksft_print_header();
	if (getenv("LANE_CONF"))
		ksft_exit_skip("LANE_CONF says the mode");
	lane_free(lane_malloc(1));
	if (lanes_locked())
		ksft_exit_skip("%s", topology.mode_reason);
	ksft_set_plan(8);
	ksft_test_result(suspects(), "releases that may fail");
	ksft_test_result(trials(RSEQ_RESTARTS) == TRIALS,
			 "this kernel restarts, in each of %d trials", TRIALS);
	rseq_restart_test.unregistered = true;
	ksft_test_result(trials(RSEQ_RESTARTS_NOT) == TRIALS, "an unknown area is not restarted");
	rseq_restart_test.unregistered = false;
	ksft_test_result(leaves_nothing_behind(),
			 "CPUs, signals, errno and children are as they were");
	ksft_test_result(in_child(started, "yes", 30) == 0, "restarts: sections are used");
	ksft_test_result(in_child(started, "not", 30) == 0, "does not restart: lock mode, and why");
	ksft_test_result(in_child(started, "unseen", 30) == 0,
			 "cannot be seen: lock mode, and why");
	os.get_cpus = no_cpus;
	ksft_test_result(trials(RSEQ_RESTART_UNSEEN) == TRIALS, "nor where the CPUs are not known");
	ksft_finished();
}
