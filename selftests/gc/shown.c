// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * What the collected heap shows of itself: gcinfo, its families of metrics, a line for each cycle
 * with gctrace, and that LANE_CONF goes before what the program asks for.
 */
#include "nodes.h"

#include "../api/rerun.h"

static char text[1 << 18];

/* The number behind @key at the beginning of a line of @from, or -1. */
static long long number_of(const char *from, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = from; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == ' ')
			return strtoll(line + len, NULL, 10);
	}
	return -1;
}

static bool has(const char *line)
{
	if (strstr(text, line))
		return true;
	ksft_print_msg("there is no:%s", line);
	return false;
}

static __attribute__((noinline)) void allocate(void)
{
	for (int i = 0; i < 1000; i++)
		gc_garbage(64);
	gc_garbage(MIB(1));
}

static void test_gcinfo(void)
{
	static const char *const keys[] = {"cycles",	 "forced",	 "threads",
					   "percent",	 "memory_limit", "allocated_objects",
					   "live",	 "heap_live",	 "heap_marked",
					   "goal",	 "trigger",	 "scan_work",
					   "spans",	 "bg_credit",	 "assist_ns",
					   "worker_ns",	 "sweep_ns",	 "cycle_ns",
					   "cached",	 "free",	 "tiny_allocs",
					   "finalizers", "limited_ns",	 "stack_copies"};
	struct lane_gc_stats st = gc_stats();
	bool right = lane_proc_read("gcinfo", text, sizeof(text)) > 0;
	const char *rows;

	right &= has("\nstate on\n") && has("\nphase ");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (number_of(text, keys[i]) < 0) {
			ksft_print_msg("no number for %s", keys[i]);
			right = false;
		}
	}
	right &= number_of(text, "allocated_objects") == (long long)st.allocated_objects &&
		 number_of(text, "forced") == (long long)st.forced && st.forced >= 2 &&
		 number_of(text, "threads") == st.threads;
	rows = strstr(text, "\nsize allocated freed live cached free in_transit spans\n");
	right &= rows && number_of(rows, "64") >= 1000 && number_of(rows, "0") >= 1;
	ksft_test_result(right,
			 "gcinfo says what lane_gc_stats_read() says, and a row for each size");
}

static void test_metrics(void)
{
	struct lane_gc_stats st = gc_stats();
	bool right = lane_proc_read("metrics", text, sizeof(text)) > 0;

	right &= has("\n# TYPE lane_gc_cycles counter\n") &&
		 has("\n# UNIT lane_gc_worker_seconds seconds\n");
	right &= number_of(text, "lane_gc_forced_total") == (long long)st.forced &&
		 number_of(text, "lane_gc_allocated_objects_total") ==
			 (long long)st.allocated_objects &&
		 number_of(text, "lane_gc_failed") == 0 &&
		 number_of(text, "lane_gc_cycle_seconds") >= 0;
	ksft_test_result(right, "metrics has the collected heap's families");
}

/* Two cycles that are asked for, and no other. */
static int traced(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1, .memory_limit = 0};

	gc_begin(&o);
	allocate();
	lane_gc_collect();
	lane_gc_collect();
	lane_proc_read("gcinfo", text, sizeof(text));
	fputs(text, stdout);
	return 0;
}

static struct rerun r;

static bool run_traced(const char *conf)
{
	const char *given = getenv("LANE_CONF");
	char env[256];
	const char *const list[] = {env, NULL};
	char *const argv[] = {"/proc/self/exe", "traced", NULL};

	snprintf(env, sizeof(env), "LANE_CONF=%s,%s", given ? given : "", conf);
	rerun(&r, argv, list);
	return rerun_ended(&r);
}

static void test_gctrace(void)
{
	bool right = run_traced("gctrace:true");
	unsigned int cycle, n = 0;
	double at;

	for (char *line = r.err; *line; line = strchr(line, '\n') + 1) {
		int end = 0;

		if (!strchr(line, '\n'))
			break;
		sscanf(line,
		       "lane: gc %u @%lfs forced: %*f ms mark, %*f ms sweep, %*u->%*u->%*u MB, goal "
		       "%*u MB, %*u stacks, worker %*f ms, assist %*f ms, limited %*f ms, %*u MB "
		       "scanned\n%n",
		       &cycle, &at, &end);
		right &= end > 0 && ++n == cycle;
	}
	/* The last one is traced when its sweep has ended, which nobody waited for. */
	if (!right || n < 1 || n > 2)
		ksft_print_msg("%s", r.err);
	ksft_test_result(right && n >= 1 && n <= 2, "gctrace: a line for each cycle");
}

static void test_conf(void)
{
	bool right = run_traced("gc_percent:50,gc_memory_limit:64m");

	right &= number_of(r.out, "percent") == 50 && number_of(r.out, "memory_limit") == 64 << 20;
	ksft_test_result(right && !*r.err, "LANE_CONF's gc_percent and gc_memory_limit go before");
}

int main(int argc, char **argv __attribute__((unused)))
{
	struct lane_gc_stats st = {.sz = 8};

	if (argc > 1)
		return traced();
	ksft_print_header();
	ksft_set_plan(5);
	gc_begin_small();
	allocate();
	lane_gc_collect();
	lane_gc_collect();
	test_gcinfo();
	test_metrics();
	ksft_test_result(lane_gc_stats_read(NULL) == -EINVAL && lane_gc_stats_read(&st) == -EINVAL,
			 "lane_gc_stats_read() of too short a struct: -EINVAL");
	test_gctrace();
	test_conf();
	ksft_finished();
}
