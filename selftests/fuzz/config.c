// SPDX-License-Identifier: MIT
/*
 * config.c - libFuzzer target: any text as LANE_CONF. Whatever it says, the
 * settings stay within what they may be, and what is set last counts. And as
 * what is written to a running process: it counts as a whole or not at all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void must(bool cond, const char *what)
{
	if (cond)
		return;
	printf("config: %s\n", what);
	fflush(stdout);
	abort();
}

static void in_range(void)
{
	must(conf.mode <= CONF_MODE_LOCK, "mode out of range");
	must(conf.thp <= CONF_THP_NEVER, "thp out of range");
	must(conf.numa <= CONF_NUMA_OFF, "numa out of range");
	must(conf.background_thread <= CONF_BACKGROUND_FALSE, "background_thread out of range");
	must(memchr(conf.stats_file, 0, sizeof(conf.stats_file)) != NULL, "stats_file has no end");
	/* Read as bytes: a bool that is neither 0 nor 1 is what this looks for. */
	must(*(volatile u8 *)&conf.serve <= 1, "serve is neither true nor false");
	must(*(volatile u8 *)&conf.stats_print <= 1 && *(volatile u8 *)&conf.verbose <= 1,
	     "a switch is neither true nor false");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct conf start = conf;
	/* Its own block of the exact size, so that a read beyond it is seen. */
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = 0;
	conf_parse(text);
	in_range();
	conf_parse("mode:lock,cpu_cache_max:64k,stats_file:/x");
	must(conf.mode == CONF_MODE_LOCK && conf.cpu_cache_max == 65536 &&
		     !strcmp(conf.stats_file, "/x"),
	     "later keys do not count");
	conf = start;
	if (conf_write(text, size))
		must(!memcmp(&conf, &start, sizeof(conf)), "a bad line changed something");
	in_range();
	conf = start;
	free(text);
	return 0;
}
