// SPDX-License-Identifier: MIT
/* LANE_CONF: what each text sets, and the exact line for each mistake. */
#include "unit.h"

#include "conf.h"

static void parse(void *text)
{
	conf_parse(text);
}

/* What the parser says of @text; "" for nothing. */
static bool says(const char *text, const char *want)
{
	char got[2048];
	int status = unit_stderr_of(parse, (void *)(uintptr_t)text, got, sizeof(got));

	if (!status && !strcmp(got, want))
		return true;
	ksft_print_msg("'%s' says '%s' and not '%s'", text, got, want);
	return false;
}

static bool numbers(void)
{
	conf_parse("cpu_cache_max:1,cpu_cache_total:2k,release_slack:3M,release_delay_ms:0");
	if (conf.cpu_cache_max != 1 || conf.cpu_cache_total != 2048 ||
	    conf.release_slack != MIB(3) || conf.release_delay_ms != 0)
		return false;
	conf_parse("cpu_cache_max:4G,cpu_cache_total:9223372036854775807");
	conf_parse(
		"prof_rate:512k,prof_rate:9223372036854775807"); /* too large: said, and ignored */
	if (conf.prof_rate != 512 << 10)
		return false;
	return conf.cpu_cache_max == 4ULL << 30 && conf.cpu_cache_total == INT64_MAX;
}

static bool choices(void)
{
	conf_parse("mode:lock,thp:never,numa:off,stats_print:true,verbose:true");
	if (conf.mode != CONF_MODE_LOCK || conf.thp != CONF_THP_NEVER ||
	    conf.numa != CONF_NUMA_OFF || !conf.stats_print || !conf.verbose)
		return false;
	conf_parse("mode:auto,thp:auto,numa:auto,stats_print:false,verbose:false");
	return conf.mode == CONF_MODE_AUTO && conf.thp == CONF_THP_AUTO &&
	       conf.numa == CONF_NUMA_AUTO && !conf.stats_print && !conf.verbose;
}

static bool paths(void)
{
	char text[600] = "stats_file:/tmp/a:b", want[1024];

	conf_parse(text);
	if (strcmp(conf.stats_file, "/tmp/a:b"))
		return false;
	memset(text + 11, 'x', 256);
	snprintf(want, sizeof(want),
		 "lane: LANE_CONF: bad value '%.127s' for key 'stats_file', ignored\n", text + 11);
	text[11 + 255] = '\0';
	conf_parse(text);
	if (strlen(conf.stats_file) != 255)
		return false;
	text[11 + 255] = 'x';
	/* A child would start to write there, and say that it cannot. */
	conf.stats_file[0] = '\0';
	return says(text, want);
}

static bool mistakes(void)
{
#define BAD(key, value) "lane: LANE_CONF: bad value '" value "' for key '" key "', ignored\n"
#define UNKNOWN(key) "lane: LANE_CONF: unknown key '" key "', ignored\n"
	static const struct {
		const char *text, *line;
	} cases[] = {
		{"", ""},
		{",", ""},
		{",,verbose:true,,", ""},
		{"foo:1", UNKNOWN("foo")},
		{"foo", UNKNOWN("foo")},
		{":", UNKNOWN("")},
		{"mod:lock", UNKNOWN("mod")},
		{"modes:lock", UNKNOWN("modes")},
		{"mode", BAD("mode", "")},
		{"mode:", BAD("mode", "")},
		{"mode:x", BAD("mode", "x")},
		{"mode:locks", BAD("mode", "locks")},
		{"mode:loc", BAD("mode", "loc")},
		{"mode: lock", BAD("mode", " lock")},
		{"verbose:2", BAD("verbose", "2")},
		{"verbose:TRUE", BAD("verbose", "TRUE")},
		{"cpu_cache_max:-1", BAD("cpu_cache_max", "-1")},
		{"cpu_cache_max:k", BAD("cpu_cache_max", "k")},
		{"cpu_cache_max:1.5m", BAD("cpu_cache_max", "1.5m")},
		{"cpu_cache_max:1kk", BAD("cpu_cache_max", "1kk")},
		{"cpu_cache_max:0x10", BAD("cpu_cache_max", "0x10")},
		{"cpu_cache_max:18446744073709551616",
		 BAD("cpu_cache_max", "18446744073709551616")},
		{"cpu_cache_max:99999999999g", BAD("cpu_cache_max", "99999999999g")},
		{"stats_file:", BAD("stats_file", "")},
		{"a:1,mode:y,b", UNKNOWN("a") BAD("mode", "y") UNKNOWN("b")},
	};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		good &= says(cases[i].text, cases[i].line);
	return good;
}

static bool last_one_wins(void)
{
	conf_parse("release_delay_ms:1,release_delay_ms:7,release_delay_ms:x");
	return conf.release_delay_ms == 7;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(6);
	conf_parse(NULL);
	ksft_test_result(numbers(), "numbers with and without a unit");
	ksft_test_result(choices(), "choices and booleans");
	ksft_test_result(paths(), "a path, up to its longest");
	conf.stats_file[0] = '\0'; /* children of fork would write it */
	ksft_test_result(mistakes(), "each mistake is named in one line");
	ksft_test_result(last_one_wins(), "the last good value counts");
	ksft_test_result(says("verbose:true", ""), "nothing is said of what is right");
	ksft_finished();
}
