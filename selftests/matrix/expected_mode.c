// SPDX-License-Identifier: MIT
/*
 * Lane says which mode it took and why, and it is what this surrounding allows.
 *
 * MATRIX_MODE and MATRIX_REASON are what the row expects: the mode's name and a part of the
 * reason. Without them it is told here, from what the system says of itself; that
 * libnuma is installed where there are several nodes is taken for granted.
 */
#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "../api/snapshot.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

extern const unsigned int __rseq_size __attribute__((weak));

static const char *const names[] = {
	[LANE_MODE_RSEQ_CPU] = "rseq_cpu",
	[LANE_MODE_RSEQ_CID] = "rseq_cid",
	[LANE_MODE_LOCK] = "lock",
};

#define TRIES 50

static char text[65536];
static struct snap snap;

/* The value of @key in heapinfo; "" where it is not there. */
static const char *value_of(const char *key)
{
	static char value[256];
	size_t n = strlen(key);

	value[0] = 0;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0 && line[n] == ' ') {
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + n + 1, "\n"),
				 line + n + 1);
			break;
		}
	}
	return value;
}

static int nodes_with_memory(void)
{
	unsigned long mask[16] = {0};

	if (syscall(SYS_get_mempolicy, NULL, mask, sizeof(mask) * 8, NULL, MPOL_F_MEMS_ALLOWED))
		return 1;
	return __builtin_popcountl(mask[0]);
}

static void expect(const char **mode, const char **reason)
{
	long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	*mode = "lock";
	if (!&__rseq_size)
		*reason = "the C library has no rseq";
	else if (!__rseq_size)
		*reason = "rseq is not registered";
	else if (commands < 0 || !(commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ))
		*reason = "membarrier";
	else if (nodes_with_memory() > 1)
		*mode = "rseq_cpu", *reason = "several nodes";
	else if (getauxval(AT_RSEQ_FEATURE_SIZE) < 28)
		*mode = "rseq_cpu", *reason = "no mm_cid";
	else
		*mode = "rseq_cid", *reason = "mm_cid";
}

/* Mallocs that the books have for the cache of @cpu; -1: no such row. */
static int64_t mallocs_on(int cpu)
{
	snap_read(&snap);
	for (unsigned int i = 0; i < snap.st.nr_cpus; i++)
		if (snap.cpus[i].cpu == cpu)
			return (int64_t)snap.cpus[i].mallocs;
	return -1;
}

/* A thousand mallocs on @cpu, and whether the books say so. */
static bool counts_on(int cpu, bool by_cpu)
{
	int64_t before;

	if (run_on_cpu(cpu) != 0)
		return false;
	put(get(100));
	before = mallocs_on(cpu);
	for (int i = 0; i < 1000; i++)
		put(get(100));
	return (!by_cpu || (before > 0 && mallocs_on(cpu) >= before + 1000)) && snap_good(&snap);
}

/*
 * The highest CPU that is allowed has a cache, and what it allocates is counted there. A
 * surrounding that moves threads may take this one away in the middle: then once more.
 */
static bool last_cpu_counts(bool by_cpu)
{
	int cpus[CPU_SETSIZE], n = allowed_cpus(cpus, CPU_SETSIZE);
	int cpu = n > 0 ? cpus[n - 1] : sched_getcpu(), tries = 0;

	while (!counts_on(cpu, by_cpu) && ++tries < TRIES)
		usleep(1000);
	ksft_print_msg("CPU %d of %u, after %d tries", cpu, snap.st.nr_possible_cpus, tries);
	return tries < TRIES && cpu < (int)snap.st.nr_possible_cpus;
}

int main(void)
{
	const char *mode = getenv("MATRIX_MODE"), *reason = getenv("MATRIX_REASON");

	ksft_print_header();
	ksft_set_plan(4);
	if (!mode || !*mode)
		expect(&mode, &reason);
	put(get(1000));
	if (lane_proc_read("heapinfo", text, sizeof(text)) <= 0)
		ksft_exit_fail_msg("heapinfo cannot be read");
	ksft_print_msg("mode %s", value_of("mode"));
	ksft_test_result(strcmp(value_of("mode"), mode) == 0, "the mode is %s", mode);
	ksft_print_msg("reason %s", value_of("mode_reason"));
	ksft_test_result(strstr(value_of("mode_reason"), reason) != NULL, "the reason: %s", reason);
	snap_read(&snap);
	ksft_test_result(snap.st.mode < ARRAY_SIZE(names) && names[snap.st.mode] &&
				 strcmp(names[snap.st.mode], mode) == 0,
			 "the statistics say the same as a number");
	ksft_test_result(last_cpu_counts(strcmp(mode, "rseq_cid") != 0),
			 "the last CPU that may be used has a cache, which counts");
	ksft_finished();
}
