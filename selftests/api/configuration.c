// SPDX-License-Identifier: MIT
/*
 * LANE_CONF: unknown and malformed keys give one clear line each and are
 * ignored, the others work; stats_print prints heapinfo at the end.
 */
#include "rerun.h"

static struct rerun r;

static bool says(const char *conf, const char *want)
{
	char env[512];
	const char *const list[] = {env, NULL};
	char *const argv[] = {"/proc/self/exe", "child", NULL};
	bool good;

	snprintf(env, sizeof(env), "LANE_CONF=%s", conf);
	rerun(&r, argv, list);
	good = rerun_ended(&r) && strcmp(r.err, want) == 0 && strcmp(r.out, "done\n") == 0;
	if (!good)
		ksft_print_msg("LANE_CONF=%s: status %#x, stderr: %.400s", conf,
			       (unsigned int)r.status, r.err);
	return good;
}

struct line_case {
	const char *conf;
	const char *want;
};

static const struct line_case cases[] = {
	{"", ""},
	{"foo:bar", "lane: LANE_CONF: unknown key 'foo', ignored\n"},
	{"foo", "lane: LANE_CONF: unknown key 'foo', ignored\n"},
	{"mode:fast", "lane: LANE_CONF: bad value 'fast' for key 'mode', ignored\n"},
	{"mode:", "lane: LANE_CONF: bad value '' for key 'mode', ignored\n"},
	{"mode", "lane: LANE_CONF: bad value '' for key 'mode', ignored\n"},
	{"Mode:lock", "lane: LANE_CONF: unknown key 'Mode', ignored\n"},
	{"background_thread:2",
	 "lane: LANE_CONF: bad value '2' for key 'background_thread', ignored\n"},
	{"release_delay_ms:ten",
	 "lane: LANE_CONF: bad value 'ten' for key 'release_delay_ms', ignored\n"},
	{"release_delay_ms:10x",
	 "lane: LANE_CONF: bad value '10x' for key 'release_delay_ms', ignored\n"},
	{"release_delay_ms:-1",
	 "lane: LANE_CONF: bad value '-1' for key 'release_delay_ms', ignored\n"},
	{"cpu_cache_max:99999999999999999999999",
	 "lane: LANE_CONF: bad value '99999999999999999999999' for key 'cpu_cache_max', ignored\n"},
	{"thp:sometimes", "lane: LANE_CONF: bad value 'sometimes' for key 'thp', ignored\n"},
	{"numa:on", "lane: LANE_CONF: bad value 'on' for key 'numa', ignored\n"},
	{"foo:1,bar:2", "lane: LANE_CONF: unknown key 'foo', ignored\n"
			"lane: LANE_CONF: unknown key 'bar', ignored\n"},
	{"mode:auto", ""},
	{"background_thread:1,serve:0", ""},
	{"background_thread:0", ""},
	{"background_thread:auto", ""},
	{"mode:auto,numa:off,thp:never,background_thread:true,release_delay_ms:50", ""},
	{"cpu_cache_max:65536,cpu_cache_total:1048576", ""},
};

static bool malformed_lines_harmless(void)
{
	static const char *const odd[] = {
		",",	 ",,,", ":",	      ":,:",	    "::",	  ":x",
		"a:b:c", " ",	"mode:lock,", ",mode:lock", "mode :lock", "\x01\xff:\xfe"};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		char env[64];
		const char *const list[] = {env, NULL};
		char *const argv[] = {"/proc/self/exe", "child", NULL};

		snprintf(env, sizeof(env), "LANE_CONF=%s", odd[i]);
		rerun(&r, argv, list);
		if (!rerun_ended(&r) || count_lines(r.err) > 4) {
			ksft_print_msg("LANE_CONF=%s: status %#x", odd[i], (unsigned int)r.status);
			good = false;
		}
	}
	return good;
}

static bool very_long_harmless(void)
{
	static char env[100000];
	const char *const list[] = {env, NULL};
	char *const argv[] = {"/proc/self/exe", "child", NULL};

	strcpy(env, "LANE_CONF=");
	memset(env + 10, 'x', sizeof(env) - 12);
	rerun(&r, argv, list);
	if (!rerun_ended(&r) || count_lines(r.err) != 1)
		return false;
	for (size_t i = 10; i + 8 < sizeof(env); i += 8)
		memcpy(env + i, "key:val,", 8);
	rerun(&r, argv, list);
	return rerun_ended(&r);
}

static bool good_keys_survive_bad(void)
{
	const char *const list[] = {"LANE_CONF=foo:1,mode:nonsense,mode:lock", NULL};
	char *const argv[] = {"/proc/self/exe", "report", NULL};

	rerun(&r, argv, list);
	return rerun_ended(&r) && reported_mode(&r) == LANE_MODE_LOCK && count_lines(r.err) == 2;
}

static bool stats_are_printed(void)
{
	static const char *const keys[] = {"version ", "generation ", "mode ",	 "mallocs ",
					   "frees ",   "in_use ",     "mapped ", "reserved "};
	const char *const on[] = {"LANE_CONF=stats_print:true", NULL};
	const char *const off[] = {"LANE_CONF=stats_print:false", NULL};
	char *const argv[] = {"/proc/self/exe", "child", NULL};
	bool good;

	rerun(&r, argv, on);
	good = rerun_ended(&r) && strcmp(r.out, "done\n") == 0;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		good &= strstr(r.err, keys[i]) != NULL;
	if (!good)
		ksft_print_msg("stderr: %.400s", r.err);
	rerun(&r, argv, off);
	return good && r.err[0] == 0;
}

/* mallopt's parameters are ignored; with verbose:true each is named once. */
static bool mallopt_is_named(void)
{
	const char *const on[] = {"LANE_CONF=verbose:true", NULL};
	const char *const off[] = {"LANE_CONF=verbose:false", NULL};
	char *const argv[] = {"/proc/self/exe", "mallopt", NULL};
	const char *first;
	bool good;

	rerun(&r, argv, on);
	first = strstr(r.err, "lane: mallopt(");
	good = rerun_ended(&r) && first && !strstr(first + 1, "lane: mallopt(");
	rerun(&r, argv, off);
	return good && rerun_ended(&r) && r.err[0] == 0;
}

/* A file written by the service: whole, and of one snapshot. */
static bool stats_file_is_written(void)
{
	char path[64], env[160], text[16384] = "";
	const char *const list[] = {env, NULL};
	char *const argv[] = {"/proc/self/exe", "linger", NULL};
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/lane-stats-%d", (int)getpid());
	snprintf(env, sizeof(env), "LANE_CONF=stats_file:%s,stats_interval_ms:20", path);
	rerun(&r, argv, list);
	f = fopen(path, "r");
	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = 0;
		fclose(f);
	}
	unlink(path);
	return rerun_ended(&r) && r.err[0] == 0 && strncmp(text, "version ", 8) == 0 &&
	       strstr(text, "\n\nversion ") && strstr(text, "in_use ");
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "report") == 0) {
		report_mode();
		return 0;
	}
	if (argc > 1) {
		put(get(100));
		for (int i = 0; strcmp(argv[1], "mallopt") == 0 && i < 3; i++)
			mallopt(M_MMAP_THRESHOLD, 65536);
		if (strcmp(argv[1], "linger") == 0)
			usleep(300000);
		ksft_line("done");
		return 0;
	}
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(cases) + 6);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ksft_test_result(says(cases[i].conf, cases[i].want), "LANE_CONF='%s': %s",
				 cases[i].conf, *cases[i].want ? "says so" : "says nothing");
	ksft_test_result(malformed_lines_harmless(), "odd strings are ignored");
	ksft_test_result(very_long_harmless(), "very long strings are ignored");
	ksft_test_result(good_keys_survive_bad(), "good keys work beside bad ones");
	ksft_test_result(stats_are_printed(), "stats_print prints heapinfo at exit");
	ksft_test_result(mallopt_is_named(), "verbose names each parameter of mallopt once");
	ksft_test_result(stats_file_is_written(), "stats_file holds all files of a snapshot");
	ksft_finished();
}
