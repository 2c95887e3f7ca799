// SPDX-License-Identifier: MIT
#include "background.h"

#include <time.h>

#include "bug.h"
#include "conf.h"
#include "os.h"
#include "release.h"
#include "stats_file.h"
#include "thread.h"

#define TICK_MS 100

static void write_stats_file(void)
{
	static bool complained;
	int err = stats_file_write();

	if (err && !complained)
		pr_err("cannot write the statistics file '%s' (error %d)", conf.stats_file, -err);
	complained |= err;
}

static void *background(void *arg)
{
	u64 last_stats = 0; /* ms; 0: none yet */

	(void)arg;
	thread_set_name("lane");
	if (conf.stats_file[0])
		thread_own_files(true);
	for (;;) {
		struct timespec ts = {.tv_nsec = TICK_MS * 1000000L};
		u64 now = os.now_ms();

		release_tick(now);
		if (conf.stats_file[0] &&
		    (!last_stats || now - last_stats >= READ_ONCE(conf.stats_interval_ms))) {
			write_stats_file();
			last_stats = now;
		}
		nanosleep(&ts, NULL);
	}
	return NULL;
}

static bool for_gc;

static bool wanted(void)
{
	return conf.background_thread == CONF_BACKGROUND_TRUE || conf.stats_file[0] ||
	       (for_gc && conf.background_thread == CONF_BACKGROUND_AUTO);
}

static void start(void)
{
	pthread_t thread;
	bool runs = wanted() && !thread_start(&thread, background, NULL);

	WRITE_ONCE(release_threaded, runs);
	if (runs)
		pthread_detach(thread);
	else if (wanted())
		pr_err("no background thread could be started; slow paths do its work");
}

void background_start(void)
{
	start();
}

void background_start_for_gc(void)
{
	for_gc = true;
	if (!READ_ONCE(release_threaded))
		start();
}

void background_after_fork(void)
{
	start();
}
